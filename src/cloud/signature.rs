//! Signatures by keys of AWS KMS: the private half stays there.

use async_trait::async_trait;

use crate::cloud::error::CloudError;
use crate::words::arn::Arn;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `ECDSA_SHA_256` of a key of `ECC_NIST_P256`: ASN.1, of the message's SHA-256.
    EcdsaP256,
    /// `ED25519_SHA_512` of a key of `ECC_NIST_EDWARDS25519`: of the message itself, which KMS bounds to 4,096 bytes.
    Ed25519,
}

/// What everybody may know of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHalf {
    /// Its `SubjectPublicKeyInfo` (RFC 5280).
    pub spki: Vec<u8>,
    /// How it signs.
    pub scheme: Scheme,
}

/// Keys that sign. An ARN says in which region and account each is.
#[async_trait]
pub trait Signatures: Send + Sync {
    /// `kms:GetPublicKey`. A key that is there and cannot sign in one of the schemes is
    /// [`Invalid`](crate::cloud::error::ErrorKind::Invalid).
    async fn public_key(&self, key: &Arn) -> Result<PublicHalf, CloudError>;

    /// `kms:Sign`.
    async fn sign(&self, key: &Arn, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, CloudError>;
}
