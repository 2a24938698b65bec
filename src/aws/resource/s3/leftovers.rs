//! Buckets that a drill may have left. A list shows names alone, so only names and restore jobs lead here. Permissions:
//! [`crate::aws::permissions::SWEEP`].

use std::collections::BTreeMap;

use crate::aws::buckets::s3_error;
use crate::aws::paging::Pages;
use crate::aws::resource::shared::listed::{arn_of, thing};
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, Wanted, digits_in};
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// A page's most buckets; without a number S3 gives all of the account in one piece, whatever their region.
const PAGE_SIZE: i32 = 1_000;

/// Every bucket of the region with a drill's name, or that a restore job of a drill restored into.
pub(super) async fn list(s3: &aws_sdk_s3::Client, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
    const OPERATION: &str = "s3:ListAllMyBuckets";
    let made = |name: &str| wanted.made.iter().any(|arn| arn.service() == "s3" && arn.name() == name);
    let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
    loop {
        let ask = s3.list_buckets().bucket_region(wanted.region.as_str()).max_buckets(PAGE_SIZE);
        let page = ask.set_continuation_token(token).send().await.map_err(|error| s3_error(OPERATION, &error))?;
        for bucket in page.buckets() {
            let Some(name) = bucket.name().filter(|name| digits_in(name).is_some() || made(name)) else { continue };
            // A service that passes over the filter lists the buckets of other regions too.
            if bucket.bucket_region().is_some_and(|region| region != wanted.region.as_str()) {
                continue;
            }
            let arn = arn_of(OPERATION, Some(&format!("arn:{}:s3:::{name}", wanted.partition)))?;
            let listed = thing(ResourceKind::S3, "bucket", arn, Some("exists"), bucket.creation_date());
            let tags = tags(s3, name, wanted).await?;
            found.push(Leftover { name: Some(tame(name)), tags, ..listed });
        }
        token = pages.next(page.continuation_token())?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

async fn tags(s3: &aws_sdk_s3::Client, name: &str, wanted: &Wanted) -> Result<BTreeMap<String, String>, CloudError> {
    const OPERATION: &str = "s3:GetBucketTagging";
    let ask = s3.get_bucket_tagging().bucket(name).expected_bucket_owner(wanted.account.as_str());
    match ask.send().await.map_err(|error| s3_error(OPERATION, &error)) {
        Ok(answer) => Ok(answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tame(tag.value()))).collect()),
        Err(error) if matches!(error.code.as_str(), "NoSuchTagSet" | "NoSuchBucket") => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}
