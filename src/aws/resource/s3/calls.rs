//! The requests to S3, as far as they look, tag and delete the empty bucket.
//!
//! Invariant: every request names the account that the bucket must belong to, so that the name alone never leads to
//! somebody else's. Before anything is changed or deleted, the ARN is one that drill names, and region and account are
//! those of the session (trap 30).

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketVersioningStatus, OwnershipControls, PublicAccessBlockConfiguration, Tag, Tagging};

use crate::aws::buckets::s3_error;
use crate::aws::handle::Handle;
use crate::aws::resource::s3::empty::Bucket;
use crate::aws::resource::s3::lay::{lay, unsent};
use crate::aws::resource::s3::{leftovers, preflight};
use crate::aws::resource::shared::guard::Guard;
use crate::aws::session::Clients;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Expected, Observation, Phase, Removal, ResourceCalls, Subject};
use crate::words::text::tame;

/// [`ResourceCalls`] of S3 buckets.
pub(super) struct S3Calls {
    guard: Guard,
    s3: Handle<aws_sdk_s3::Client>,
}

/// What the ARN of a bucket of drill's must say.
const ITS_ARN: (&str, &str) = ("s3", "drill-");

impl S3Calls {
    /// Over the destination's clients.
    pub(super) fn new(clients: &Clients) -> Self {
        Self { guard: Guard::new(clients), s3: clients.s3.clone() }
    }

    /// The bucket's region; none where there is no bucket.
    async fn head(&self, expected: &Expected) -> Result<Option<String>, CloudError> {
        const OPERATION: &str = "s3:HeadBucket";
        let ask = self.s3.head_bucket().bucket(&expected.name).expected_bucket_owner(expected.account.as_str());
        let refused = |code: &str, why: &str| {
            Err(CloudError::new(OPERATION, ErrorKind::Invalid, code, &format!("`{}` {why}", expected.name), None))
        };
        match ask.send().await {
            Ok(answer) => Ok(Some(answer.bucket_region().map_or_else(String::new, tame))),
            // A HEAD has no body, and so no code: the status is all there is.
            Err(error) => match error.raw_response().map(|answer| answer.status().as_u16()) {
                Some(404) => Ok(None),
                Some(403) => refused("not_ours", "exists and belongs to somebody else, or may not be looked at"),
                Some(301) => refused("elsewhere", "exists, in another region"),
                _ => Err(s3_error(OPERATION, &error)),
            },
        }
    }

    async fn versioning(&self, expected: &Expected) -> Result<String, CloudError> {
        const OPERATION: &str = "s3:GetBucketVersioning";
        let ask = self.s3.get_bucket_versioning().bucket(&expected.name);
        let answer = ask.expected_bucket_owner(expected.account.as_str()).send().await;
        let answer = answer.map_err(|error| s3_error(OPERATION, &error))?;
        Ok(tame(answer.status().map_or("never on", BucketVersioningStatus::as_str)))
    }

    async fn public_access(&self, expected: &Expected) -> Result<String, CloudError> {
        const OPERATION: &str = "s3:GetPublicAccessBlock";
        let ask = self.s3.get_public_access_block().bucket(&expected.name);
        let answer = ask.expected_bucket_owner(expected.account.as_str()).send().await;
        match answer.map_err(|error| s3_error(OPERATION, &error)) {
            Ok(answer) => Ok(blocked(answer.public_access_block_configuration()).to_owned()),
            Err(error) if error.code == "NoSuchPublicAccessBlockConfiguration" => Ok("not blocked".to_owned()),
            Err(error) => Err(error),
        }
    }

    async fn ownership(&self, expected: &Expected) -> Result<String, CloudError> {
        const OPERATION: &str = "s3:GetBucketOwnershipControls";
        let ask = self.s3.get_bucket_ownership_controls().bucket(&expected.name);
        let answer = ask.expected_bucket_owner(expected.account.as_str()).send().await;
        match answer.map_err(|error| s3_error(OPERATION, &error)) {
            Ok(answer) => {
                let rule = answer.ownership_controls().map(OwnershipControls::rules).and_then(<[_]>::first);
                Ok(rule.map_or_else(|| "none".to_owned(), |rule| tame(rule.object_ownership().as_str())))
            }
            Err(error) if error.code == "OwnershipControlsNotFoundError" => Ok("none".to_owned()),
            Err(error) => Err(error),
        }
    }

    /// The tags as they are; writing them replaces all of them.
    async fn tag_set(&self, expected: &Expected) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "s3:GetBucketTagging";
        let ask = self.s3.get_bucket_tagging().bucket(&expected.name);
        let answer = ask.expected_bucket_owner(expected.account.as_str()).send().await;
        match answer.map_err(|error| s3_error(OPERATION, &error)) {
            Ok(answer) => {
                Ok(answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
            }
            Err(error) if error.code == "NoSuchTagSet" => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    async fn put_tag_set(&self, expected: &Expected, tags: BTreeMap<String, String>) -> Result<(), CloudError> {
        const OPERATION: &str = "s3:PutBucketTagging";
        if tags.is_empty() {
            let ask = self.s3.delete_bucket_tagging().bucket(&expected.name);
            let answer = ask.expected_bucket_owner(expected.account.as_str()).send().await;
            return answer.map(|_| ()).map_err(|error| s3_error("s3:DeleteBucketTagging", &error));
        }
        let tags: Result<Vec<Tag>, _> =
            tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build());
        let tagging = tagging.map_err(|error| unsent(OPERATION, &error.to_string()))?;
        let ask = self.s3.put_bucket_tagging().bucket(&expected.name).tagging(tagging);
        let answer = ask.expected_bucket_owner(expected.account.as_str()).send().await;
        answer.map(|_| ()).map_err(|error| s3_error(OPERATION, &error))
    }
}

#[async_trait]
impl ResourceCalls for S3Calls {
    /// A bucket is usable as soon as it is there: the engine looks for that only after the restore job.
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        let expected = &subject.expected;
        let Some(region) = self.head(expected).await? else { return Ok(Observation::absent()) };
        if !region.is_empty() && region != expected.region.as_str() {
            let message = format!("`{}` is in {region}, and the restore is in {}", expected.name, expected.region);
            return Err(CloudError::new("s3:HeadBucket", ErrorKind::Invalid, "elsewhere", &message, None));
        }
        let looks = [
            ("versioning", self.versioning(expected).await),
            ("public_access", self.public_access(expected).await),
            ("object_ownership", self.ownership(expected).await),
        ];
        let mut facts = BTreeMap::from([("region".to_owned(), expected.region.to_string())]);
        for (name, look) in looks {
            match look {
                Ok(text) => facts.insert(name.to_owned(), text),
                Err(error) if error.code == "NoSuchBucket" => return Ok(Observation::absent()),
                Err(error) if error.passes() => return Err(error),
                // It is a fact for the report: a missing permission is no reason to stop.
                Err(error) => facts.insert(name.to_owned(), format!("could not be read ({})", error.code)),
            };
        }
        Ok(Observation {
            phase: Phase::Ready,
            status: "exists".to_owned(),
            endpoint: None,
            protected: false,
            parts: Vec::new(),
            facts,
        })
    }

    async fn lay(&self, subject: &Subject) -> Result<(), CloudError> {
        self.guard.check("s3:CreateBucket", subject, ITS_ARN).await?;
        lay(&self.s3, subject).await
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        // Keys stay as they came, for a tag is removed by its key.
        let tags = self.tag_set(&subject.expected).await?;
        Ok(tags.into_iter().map(|(key, value)| (key, tame(&value))).collect())
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        let before = self.tag_set(&subject.expected).await?;
        let after = without(&before, keys);
        if after == before {
            return Ok(());
        }
        self.guard.check("s3:PutBucketTagging", subject, ITS_ARN).await?;
        self.put_tag_set(&subject.expected, after).await
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        let before = self.tag_set(&subject.expected).await?;
        let mut after = before.clone();
        after.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        if after == before {
            return Ok(());
        }
        self.guard.check("s3:PutBucketTagging", subject, ITS_ARN).await?;
        self.put_tag_set(&subject.expected, after).await
    }

    /// A bucket of drill's has no protection: it is made without Object Lock.
    async fn unprotect(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    /// At most a page of what is in it; the bucket itself once a listing shows nothing. A bucket that is not empty all
    /// the same is `Busy`: listed anew, it shows what is left.
    async fn remove(&self, subject: &Subject, _seen: &Observation) -> Result<Removal, CloudError> {
        const OPERATION: &str = "s3:DeleteBucket";
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let (name, owner) = (subject.expected.name.as_str(), subject.expected.account.as_str());
        match (Bucket { s3: &self.s3, name, owner }).empty().await {
            Ok(true) => return Ok(Removal::More),
            Ok(false) => {}
            Err(error) if is_gone(&error) => return Ok(Removal::Asked),
            Err(error) => return Err(error),
        }
        let answer = self.s3.delete_bucket().bucket(name).expected_bucket_owner(owner).send().await;
        match answer.map_err(|error| s3_error(OPERATION, &error)) {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(Removal::Asked),
        }
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(&self.s3, wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        preflight::checks(ground, subject, self.observe(subject).await).await
    }
}

fn is_gone(error: &CloudError) -> bool {
    error.code == "NoSuchBucket"
}

/// Tags of AWS's own stay: a set without them is refused.
fn without(tags: &BTreeMap<String, String>, keys: &[String]) -> BTreeMap<String, String> {
    let stays = |key: &String| key.starts_with("aws:") || !keys.contains(key);
    tags.iter().filter(|(key, _)| stays(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn blocked(block: Option<&PublicAccessBlockConfiguration>) -> &'static str {
    let Some(block) = block else { return "not blocked" };
    let all = [
        block.block_public_acls(),
        block.ignore_public_acls(),
        block.block_public_policy(),
        block.restrict_public_buckets(),
    ];
    match all.iter().filter(|set| **set == Some(true)).count() {
        4 => "blocked",
        0 => "not blocked",
        _ => "blocked in part",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_s3::types::PublicAccessBlockConfiguration;

    use super::{blocked, without};

    #[test]
    fn only_all_four_blocks_block() {
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true);
        assert_eq!(blocked(Some(&all.clone().build())), "blocked in part");
        assert_eq!(blocked(Some(&all.restrict_public_buckets(true).build())), "blocked");
        assert_eq!(blocked(None), "not blocked");
    }

    #[test]
    fn tags_of_awss_own_are_left_alone() {
        let tags = BTreeMap::from(["aws:x", "drill:run", "team"].map(|key| (key.to_owned(), String::new())));
        let left = without(&tags, &["aws:x".to_owned(), "team".to_owned()]);
        assert_eq!(left.keys().map(String::as_str).collect::<Vec<_>>(), ["aws:x", "drill:run"]);
    }
}
