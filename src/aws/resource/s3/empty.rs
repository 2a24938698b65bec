//! What is in a bucket, removed a page at a time (facts 2.8, "Teardown"; trap 28).
//!
//! A versioned bucket is empty when its versions *and* its delete markers are gone. DeleteObjects says 200 also when it
//! deleted nothing: what it could not delete stands in the answer.

use aws_sdk_s3::types::{Delete, EncodingType, Error as Refusal, ObjectIdentifier};

use crate::aws::buckets::{plain_key, s3_error};
use crate::aws::error::classify;
use crate::aws::resource::s3::lay::unsent;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::words::text::tame;

/// Versions and delete markers on one page; DeleteObjects takes no more.
const PAGE_VERSIONS: i32 = 1_000;
/// Unfinished uploads on one page. Each is a request of its own, and a restore leaves none.
const PAGE_UPLOADS: i32 = 50;

/// A version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    key: String,
    id: Option<String>,
}

/// The bucket of a subject, and whose it must be.
pub(super) struct Bucket<'a> {
    pub(super) s3: &'a aws_sdk_s3::Client,
    pub(super) name: &'a str,
    pub(super) owner: &'a str,
}

impl Bucket<'_> {
    /// Removes the first page of versions and delete markers, or else of unfinished uploads. False: there was nothing.
    ///
    /// # Errors
    /// When something cannot be listed or deleted. A bucket that does not exist is `NotFound`.
    pub(super) async fn empty(&self) -> Result<bool, CloudError> {
        let versions = self.versions().await?;
        if !versions.is_empty() {
            self.delete(versions).await?;
            return Ok(true);
        }
        let uploads = self.uploads().await?;
        for (key, upload) in &uploads {
            self.abort(key, upload).await?;
        }
        Ok(!uploads.is_empty())
    }

    async fn versions(&self) -> Result<Vec<Version>, CloudError> {
        const OPERATION: &str = "s3:ListObjectVersions";
        let ask = self.s3.list_object_versions().bucket(self.name).expected_bucket_owner(self.owner);
        let ask = ask.max_keys(PAGE_VERSIONS).encoding_type(EncodingType::Url);
        let page = ask.send().await.map_err(|error| s3_error(OPERATION, &error))?;
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let found = versions.chain(markers).filter_map(|(key, id)| {
            Some(Version { key: plain_key(key?, page.encoding_type()), id: id.map(ToOwned::to_owned) })
        });
        Ok(found.collect())
    }

    async fn delete(&self, versions: Vec<Version>) -> Result<(), CloudError> {
        const OPERATION: &str = "s3:DeleteObjects";
        let (fit, odd): (Vec<Version>, Vec<Version>) =
            versions.into_iter().partition(|version| version.key.chars().all(fits_xml));
        for version in odd {
            self.delete_one(version).await?;
        }
        if fit.is_empty() {
            return Ok(());
        }
        let mut objects = Vec::with_capacity(fit.len());
        for version in fit {
            let object = ObjectIdentifier::builder().key(version.key).set_version_id(version.id).build();
            objects.push(object.map_err(|error| unsent(OPERATION, &error.to_string()))?);
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
        let delete = delete.map_err(|error| unsent(OPERATION, &error.to_string()))?;
        let ask = self.s3.delete_objects().bucket(self.name).expected_bucket_owner(self.owner).delete(delete);
        let answer = ask.send().await.map_err(|error| s3_error(OPERATION, &error))?;
        refused(OPERATION, answer.errors())
    }

    /// A key that XML cannot hold goes into the request's path.
    async fn delete_one(&self, version: Version) -> Result<(), CloudError> {
        const OPERATION: &str = "s3:DeleteObject";
        let ask = self.s3.delete_object().bucket(self.name).expected_bucket_owner(self.owner);
        let answer = ask.key(version.key).set_version_id(version.id).send().await;
        answer.map(|_| ()).map_err(|error| s3_error(OPERATION, &error))
    }

    /// Key and id of unfinished uploads.
    async fn uploads(&self) -> Result<Vec<(String, String)>, CloudError> {
        const OPERATION: &str = "s3:ListMultipartUploads";
        let ask = self.s3.list_multipart_uploads().bucket(self.name).expected_bucket_owner(self.owner);
        let ask = ask.max_uploads(PAGE_UPLOADS).encoding_type(EncodingType::Url);
        let page = ask.send().await.map_err(|error| s3_error(OPERATION, &error))?;
        let pair = |key: Option<&str>, id: Option<&str>| Some((plain_key(key?, page.encoding_type()), id?.to_owned()));
        Ok(page.uploads().iter().filter_map(|upload| pair(upload.key(), upload.upload_id())).collect())
    }

    async fn abort(&self, key: &str, upload: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "s3:AbortMultipartUpload";
        let ask = self.s3.abort_multipart_upload().bucket(self.name).expected_bucket_owner(self.owner);
        match ask.key(key).upload_id(upload).send().await.map_err(|error| s3_error(OPERATION, &error)) {
            Err(error) if error.kind != ErrorKind::NotFound || error.code == "NoSuchBucket" => Err(error),
            _ => Ok(()),
        }
    }
}

/// What XML 1.0 can hold at all, however it is written.
fn fits_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// The first key that was not deleted, with S3's own code and words.
fn refused(operation: &str, errors: &[Refusal]) -> Result<(), CloudError> {
    let Some(first) = errors.first() else { return Ok(()) };
    let code = first.code().unwrap_or("InternalError");
    let key = tame(first.key().unwrap_or("without a name"));
    let words = first.message().unwrap_or("S3 gave no message");
    let message = format!("`{key}` cannot be deleted: {words} ({} of this page could not)", errors.len());
    Err(CloudError::new(operation, classify(Some(code), 400), code, &message, None))
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::Error as Refusal;

    use super::{fits_xml, refused};
    use crate::cloud::error::ErrorKind;

    #[test]
    fn an_answer_of_200_may_refuse_all_the_same() {
        assert!(refused("s3:DeleteObjects", &[]).is_ok());
        let refusal = |code: &str| Refusal::builder().key("a/b.txt").code(code).message("no").build();
        let denied = refused("s3:DeleteObjects", &[refusal("AccessDenied"), refusal("InternalError")]).unwrap_err();
        assert_eq!((denied.kind, denied.code.as_str()), (ErrorKind::Denied, "AccessDenied"));
        assert_eq!(denied.message, "`a/b.txt` cannot be deleted: no (2 of this page could not)");
        assert!(refused("s3:DeleteObjects", &[refusal("InternalError")]).unwrap_err().passes());
    }

    #[test]
    fn keys_that_xml_cannot_hold_are_told_apart() {
        assert!("a b/ü\r\n\u{1f600}".chars().all(fits_xml));
        assert!(!fits_xml('\u{1}') && !fits_xml('\u{0}') && !fits_xml('\u{ffff}'));
    }
}
