//! Tags of EC2's things. `CreateTags` and `DeleteTags` take several ids at once.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Tag;

use crate::aws::error::cloud_error;
use crate::cloud::error::CloudError;
use crate::words::text::tame;

/// Tags as a describe call gave them. Keys stay as they came, for a tag is removed by its key.
pub(crate) fn read(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tame(tag.value().unwrap_or_default())))).collect()
}

/// `ec2:CreateTags`; those that are not named stay.
pub(crate) async fn add(
    ec2: &aws_sdk_ec2::Client,
    ids: Vec<String>,
    tags: &BTreeMap<String, String>,
) -> Result<(), CloudError> {
    const OPERATION: &str = "ec2:CreateTags";
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let ask = ec2.create_tags().set_resources(Some(ids)).set_tags(Some(tags));
    ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
}

/// `ec2:DeleteTags`, whatever their values are; a key that is not there is no error.
pub(crate) async fn remove(ec2: &aws_sdk_ec2::Client, ids: Vec<String>, keys: Vec<String>) -> Result<(), CloudError> {
    const OPERATION: &str = "ec2:DeleteTags";
    let tags = keys.into_iter().map(|key| Tag::builder().key(key).build()).collect();
    let ask = ec2.delete_tags().set_resources(Some(ids)).set_tags(Some(tags));
    ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
}

/// The keys that can be removed: those of AWS's own cannot, and asking for one refuses the whole request.
pub(crate) fn removable(keys: &[String]) -> Vec<String> {
    keys.iter().filter(|key| !key.starts_with("aws:")).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::removable;

    #[test]
    fn tags_of_awss_own_are_left_alone() {
        assert_eq!(removable(&["aws:backup:source".to_owned(), "team".to_owned()]), ["team"]);
    }
}
