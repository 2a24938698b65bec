//! [`Signatures`] over KMS. Permissions: [`crate::aws::permissions::SIGNING`], on the key alone.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use aws_smithy_types::Blob;

use crate::aws::elsewhere::Elsewhere;
use crate::aws::error::{cloud_error, unreadable};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::signature::{PublicHalf, Scheme, Signatures};
use crate::words::arn::Arn;

/// No longer message is signed whole.
const LONGEST_RAW: usize = 4_096;

/// [`Signatures`] over KMS, in the region of each key.
pub struct AwsSignatures {
    elsewhere: Elsewhere,
}

impl AwsSignatures {
    /// With the destination's credentials.
    #[must_use]
    pub fn new(elsewhere: Elsewhere) -> Self {
        Self { elsewhere }
    }

    fn client(&self, operation: &str, key: &Arn) -> Result<aws_sdk_kms::Client, CloudError> {
        let region = key.region().ok_or_else(|| unusable(operation, key, "its ARN has no region"))?;
        Ok(self.elsewhere.kms(&region))
    }
}

#[async_trait]
impl Signatures for AwsSignatures {
    async fn public_key(&self, key: &Arn) -> Result<PublicHalf, CloudError> {
        const OPERATION: &str = "kms:GetPublicKey";
        let answer = self.client(OPERATION, key)?.get_public_key().key_id(key.as_str()).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        let scheme = match (answer.key_usage(), answer.key_spec()) {
            (Some(KeyUsageType::SignVerify), Some(KeySpec::EccNistP256)) => Scheme::EcdsaP256,
            (Some(KeyUsageType::SignVerify), Some(KeySpec::EccNistEdwards25519)) => Scheme::Ed25519,
            (usage, spec) => {
                let usage = usage.map_or("unknown", KeyUsageType::as_str);
                let spec = spec.map_or("unknown", KeySpec::as_str);
                let why = format!("its usage is {usage} and its spec {spec}");
                return Err(unusable(OPERATION, key, &why));
            }
        };
        let spki = answer.public_key().ok_or_else(|| unreadable(OPERATION, "the answer holds no key"))?;
        Ok(PublicHalf { spki: spki.as_ref().to_vec(), scheme })
    }

    async fn sign(&self, key: &Arn, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, CloudError> {
        const OPERATION: &str = "kms:Sign";
        let (algorithm, kind, message) = match scheme {
            Scheme::EcdsaP256 => {
                (SigningAlgorithmSpec::EcdsaSha256, MessageType::Digest, digest(&SHA256, message).as_ref().to_vec())
            }
            Scheme::Ed25519 if message.len() > LONGEST_RAW => {
                let why =
                    format!("KMS signs no more than {LONGEST_RAW} bytes with it, and these are {}", message.len());
                return Err(unusable(OPERATION, key, &why));
            }
            Scheme::Ed25519 => (SigningAlgorithmSpec::Ed25519Sha512, MessageType::Raw, message.to_vec()),
        };
        let ask = self.client(OPERATION, key)?.sign().key_id(key.as_str()).signing_algorithm(algorithm);
        let answer = ask.message_type(kind).message(Blob::new(message)).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        let signature = answer.signature().ok_or_else(|| unreadable(OPERATION, "the answer holds no signature"))?;
        Ok(signature.as_ref().to_vec())
    }
}

fn unusable(operation: &str, key: &Arn, why: &str) -> CloudError {
    let message = format!(
        "the key `{key}` cannot sign evidence: {why}; it needs the usage SIGN_VERIFY and the spec ECC_NIST_P256 (or \
         ECC_NIST_EDWARDS25519)"
    );
    CloudError::new(operation, ErrorKind::Invalid, "unusable_key", &message, None)
}
