//! Key pairs of the simulated KMS. They are real ones: what they sign, anybody can check.
//!
//! They follow from the world's seed and the key's ARN, so the same seed gives the same keys. Whoever knows a seed can sign in
//! their name: they are good for rehearsals and for nothing else.

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::digest::{Digest, SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde::Deserialize;

use crate::sandbox::seed::Seed;

/// What kind of key it is, in KMS's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum KeySpec {
    /// It encrypts.
    #[default]
    #[serde(rename = "SYMMETRIC_DEFAULT")]
    Symmetric,
    /// It signs: ECDSA on P-256.
    #[serde(rename = "ECC_NIST_P256")]
    P256,
    /// It signs: Ed25519.
    #[serde(rename = "ECC_NIST_EDWARDS25519")]
    Ed25519,
}

/// The two halves of a key that signs.
pub(crate) enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl KeySpec {
    /// KMS's word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Symmetric => "SYMMETRIC_DEFAULT",
            Self::P256 => "ECC_NIST_P256",
            Self::Ed25519 => "ECC_NIST_EDWARDS25519",
        }
    }

    /// The algorithm that such a key signs with, as far as it is simulated.
    pub(crate) fn algorithm(self) -> Option<&'static str> {
        match self {
            Self::Symmetric => None,
            Self::P256 => Some("ECDSA_SHA_256"),
            Self::Ed25519 => Some("ED25519_SHA_512"),
        }
    }

    /// The pair of the key with this ARN; none for a key that does not sign.
    pub(crate) fn pair(self, seed: Seed, arn: &str) -> Option<Pair> {
        let private = private(seed, arn);
        match self {
            Self::Symmetric => None,
            Self::P256 => {
                let public = agreement::PrivateKey::from_private_key(&ECDH_P256, &private).ok()?;
                let public = public.compute_public_key().ok()?;
                let signing = &ECDSA_P256_SHA256_ASN1_SIGNING;
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &private, public.as_ref());
                pair.ok().map(Pair::P256)
            }
            Self::Ed25519 => Ed25519KeyPair::from_seed_unchecked(&private).ok().map(Pair::Ed25519),
        }
    }
}

/// 32 bytes. The first bit is never set: so the number is below the order of P-256.
fn private(seed: Seed, arn: &str) -> [u8; 32] {
    let mut stream = seed.stream(&format!("private half of {arn}"));
    let mut bytes = [0; 32];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&stream.bits().to_be_bytes());
    }
    bytes[0] &= 0x7f;
    bytes
}

impl Pair {
    /// The public half's `SubjectPublicKeyInfo`.
    pub(crate) fn public(&self) -> Option<Vec<u8>> {
        let der: PublicKeyX509Der<'static> = match self {
            Self::P256(pair) => pair.public_key().as_der().ok()?,
            Self::Ed25519(pair) => pair.public_key().as_der().ok()?,
        };
        Some(der.as_ref().to_vec())
    }

    /// A signature; none of a digest that is no SHA-256, or of any digest with a key that signs messages alone.
    pub(crate) fn sign(&self, message: &[u8], is_digest: bool) -> Option<Vec<u8>> {
        match self {
            Self::P256(pair) => {
                let digest =
                    if is_digest { Digest::import_less_safe(message, &SHA256).ok()? } else { digest(&SHA256, message) };
                pair.sign_digest(&digest).ok().map(|signature| signature.as_ref().to_vec())
            }
            Self::Ed25519(_) if is_digest => None,
            Self::Ed25519(pair) => pair.try_sign(message).ok().map(|signature| signature.as_ref().to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};

    use super::KeySpec;
    use crate::sandbox::seed::Seed;

    const ARN: &str = "arn:aws:kms:eu-west-1:123456789012:key/1";

    #[test]
    fn pairs_follow_from_the_seed_and_sign() {
        for spec in [KeySpec::P256, KeySpec::Ed25519] {
            let public = |seed: u64, arn: &str| spec.pair(Seed::new(seed), arn).unwrap().public().unwrap();
            assert_eq!(public(7, ARN), public(7, ARN));
            assert_ne!(public(7, ARN), public(8, ARN));
            assert_ne!(public(7, ARN), public(7, "arn:aws:kms:eu-west-1:123456789012:key/2"));
        }
        let pair = KeySpec::P256.pair(Seed::new(7), ARN).unwrap();
        let (spki, hash) = (pair.public().unwrap(), digest(&SHA256, b"message"));
        // Behind the head of 26 bytes stands the point.
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &spki[26..]);
        key.verify(b"message", &pair.sign(b"message", false).unwrap()).unwrap();
        key.verify(b"message", &pair.sign(hash.as_ref(), true).unwrap()).unwrap();
        assert!(pair.sign(b"no digest", true).is_none());

        let pair = KeySpec::Ed25519.pair(Seed::new(7), ARN).unwrap();
        let spki = pair.public().unwrap();
        let key = UnparsedPublicKey::new(&ED25519, &spki[12..]);
        key.verify(b"message", &pair.sign(b"message", false).unwrap()).unwrap();
        assert!(pair.sign(hash.as_ref(), true).is_none());
        assert!(KeySpec::Symmetric.pair(Seed::new(7), ARN).is_none());
    }
}
