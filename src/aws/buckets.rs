//! Reading restored buckets, and what everything that speaks to S3 needs: its error codes, and keys as they are.
//!
//! Permissions of [`Buckets`]: `s3:ListBucket`, `s3:GetObject`, and `kms:Decrypt` where a KMS key encrypts the objects.

use std::error::Error;

use async_trait::async_trait;
use aws_sdk_s3::types::{EncodingType, Object as Listed};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::time::instant;
use crate::cloud::data::{Buckets, Object, Objects};
use crate::cloud::error::{CloudError, ErrorKind};

/// Keys on one page of a listing.
const PAGE_KEYS: i32 = 1_000;

/// [`Buckets`] over S3.
pub struct AwsBuckets {
    client: Handle<aws_sdk_s3::Client>,
}

impl AwsBuckets {
    /// Over the destination's client.
    #[must_use]
    pub fn new(client: Handle<aws_sdk_s3::Client>) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Buckets for AwsBuckets {
    async fn list(&self, bucket: &str, prefix: Option<&str>, from: Option<&str>) -> Result<Objects, CloudError> {
        const OPERATION: &str = "s3:ListObjectsV2";
        let ask = self.client.list_objects_v2().bucket(bucket).max_keys(PAGE_KEYS).encoding_type(EncodingType::Url);
        let ask = ask.set_prefix(prefix.map(ToOwned::to_owned)).set_continuation_token(from.map(ToOwned::to_owned));
        let page = ask.send().await.map_err(|error| s3_error(OPERATION, &error))?;
        let objects = page.contents().iter().filter_map(|listed| object(listed, page.encoding_type())).collect();
        let next = page.next_continuation_token().filter(|token| !token.is_empty()).map(ToOwned::to_owned);
        match next {
            Some(token) if from == Some(token.as_str()) => {
                Err(unreadable(OPERATION, "the list gave the same page's token twice"))
            }
            next => Ok(Objects { objects, next }),
        }
    }

    async fn read(&self, bucket: &str, key: &str, most: u64) -> Result<Option<Vec<u8>>, CloudError> {
        const OPERATION: &str = "s3:GetObject";
        // The whole object is asked for and no range of it: then the SDK checks the checksum that S3 has of it.
        let answer = self.client.get_object().bucket(bucket).key(key).send().await;
        match answer.map_err(|error| s3_error(OPERATION, &error)) {
            Ok(answer) => body(OPERATION, answer.body, most).await.map(Some),
            Err(error) if error.code == "NoSuchKey" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn object(listed: &Listed, encoding: Option<&EncodingType>) -> Option<Object> {
    Some(Object {
        key: plain_key(listed.key()?, encoding),
        size: u64::try_from(listed.size().unwrap_or(0)).unwrap_or(0),
        modified: instant(listed.last_modified()),
    })
}

/// The first `most` bytes; what comes after them is not read.
async fn body(operation: &str, mut stream: ByteStream, most: u64) -> Result<Vec<u8>, CloudError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while bytes.len() < most {
        match stream.try_next().await {
            Ok(Some(chunk)) => {
                let room = (most - bytes.len()).min(chunk.len());
                bytes.extend_from_slice(chunk.get(..room).unwrap_or_default());
            }
            Ok(None) => break,
            Err(error) => {
                let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
                let text = format!("{error}{cause}");
                // What does not have the checksum that S3 keeps of it will not have it the next time either.
                let (kind, code) = if text.to_lowercase().contains("checksum") {
                    (ErrorKind::Invalid, "checksum")
                } else {
                    (ErrorKind::Unavailable, "body")
                };
                return Err(CloudError::new(operation, kind, code, &text, None));
            }
        }
    }
    Ok(bytes)
}

/// S3's error, with the codes that only S3 has: its names for absence do not end like those of other services.
pub(crate) fn s3_error<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let error = cloud_error(operation, error);
    let kind = match error.code.as_str() {
        "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchUpload"
        | "NoSuchVersion"
        | "NoSuchTagSet"
        | "NoSuchPublicAccessBlockConfiguration"
        | "OwnershipControlsNotFoundError" => ErrorKind::NotFound,
        "BucketNotEmpty" => ErrorKind::Busy,
        _ => error.kind,
    };
    CloudError { kind, ..error }
}

/// A key of a listing as it is. A listing is asked for in URL encoding, because XML cannot hold every character that a
/// key may have; whether it came so is in the answer.
pub(crate) fn plain_key(key: &str, encoding: Option<&EncodingType>) -> String {
    if encoding != Some(&EncodingType::Url) {
        return key.to_owned();
    }
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut ahead = rest.clone();
                match (ahead.next().and_then(digit), ahead.next().and_then(digit)) {
                    (Some(high), Some(low)) => {
                        rest = ahead;
                        high * 16 + low
                    }
                    _ => b'%',
                }
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::EncodingType;
    use aws_smithy_types::byte_stream::ByteStream;

    use super::{body, plain_key};

    #[test]
    fn keys_are_read_as_they_are() {
        let url = Some(&EncodingType::Url);
        for (written, key) in [
            ("a/b.txt", "a/b.txt"),
            ("a+b%2Bc", "a b+c"),
            ("%C3%BC%01", "ü\u{1}"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
        ] {
            assert_eq!(plain_key(written, url), key);
            assert_eq!(plain_key(written, None), written);
        }
    }

    #[tokio::test]
    async fn no_more_is_read_than_asked_for() {
        let read = |most| body("s3:GetObject", ByteStream::from_static(b"abcdef"), most);
        assert_eq!(read(4).await.unwrap(), b"abcd");
        assert_eq!(read(100).await.unwrap(), b"abcdef");
        assert!(read(0).await.unwrap().is_empty());
    }
}
