//! Keys: Ed25519 to sign and to check, ECDSA on P-256 to check alone (what AWS KMS signs).
//!
//! A public key is known by its id: the SHA-256 of its `SubjectPublicKeyInfo` (RFC 5280), which is what
//! `openssl pkey -pubin -outform DER | sha256sum` prints.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey, VerificationAlgorithm,
};

use crate::journal::chain::sha256_hex;
use crate::words::base64;
use crate::words::secret::Secret;

/// What stands before the 32 bytes of an Ed25519 key (RFC 8410).
const ED25519_BEGIN: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What stands before the 65 bytes of an uncompressed point on P-256 (RFC 5480), whose first byte is 4.
const P256_BEGIN: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// Why something is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The machine has no randomness, or the cryptography fails.
    #[error("no key could be made")]
    Unmade,
    /// Not what `drill key new` writes.
    #[error("it is no Ed25519 key in the form PKCS#8 (PEM, `BEGIN PRIVATE KEY`); `drill key new` makes one")]
    NoPrivateKey,
    /// Neither Ed25519 nor P-256.
    #[error("it is no public key (PEM, `BEGIN PUBLIC KEY`) of Ed25519 or of ECDSA on P-256")]
    NoPublicKey,
    /// The cryptography fails.
    #[error("the key does not sign")]
    Unsigned,
    /// What came back as a signature is none, or another key's.
    #[error("what came back is not the key's signature")]
    AnothersSignature,
}

/// A key that signs. It cannot be shown.
pub struct SigningKey {
    pair: Ed25519KeyPair,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

impl SigningKey {
    /// A new key, and its PEM (PKCS#8 version 1, which OpenSSL reads too).
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn generate() -> Result<(Self, Secret), KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Unmade)?;
        let der = pair.to_pkcs8v1().map_err(|_| KeyError::Unmade)?;
        Ok((Self { pair }, Secret::new(armoured(PRIVATE, der.as_ref()))))
    }

    /// A key out of its PEM.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = bare(PRIVATE, text).ok_or(KeyError::NoPrivateKey)?;
        let pair = Ed25519KeyPair::from_pkcs8(&der).map_err(|_| KeyError::NoPrivateKey)?;
        Ok(Self { pair })
    }

    /// The key that checks what this one signs.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut spki = ED25519_BEGIN.to_vec();
        spki.extend_from_slice(self.pair.public_key().as_ref());
        PublicKey { spki }
    }

    /// The 64 bytes of a signature.
    ///
    /// # Errors
    /// When the cryptography fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.pair.try_sign(message).map_err(|_| KeyError::Unsigned)?;
        Ok(signature.as_ref().to_vec())
    }
}

/// A key that checks signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    spki: Vec<u8>,
}

impl PublicKey {
    /// A key out of its `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// When it is neither Ed25519 nor a point on P-256.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyError> {
        let key = Self { spki: spki.to_vec() };
        if key.parts().is_some() { Ok(key) } else { Err(KeyError::NoPublicKey) }
    }

    /// A key out of its PEM.
    ///
    /// # Errors
    /// Likewise.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        bare(PUBLIC, text).ok_or(KeyError::NoPublicKey).and_then(|spki| Self::from_spki(&spki))
    }

    /// Its PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        armoured(PUBLIC, &self.spki)
    }

    /// Its `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Its id: 64 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        sha256_hex(&self.spki)
    }

    /// Whether a signature is this key's, of this message. ECDSA: over the message's SHA-256, as ASN.1.
    #[must_use]
    pub fn checks(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parts()
            .is_some_and(|(algorithm, key)| UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok())
    }

    fn parts(&self) -> Option<(&'static dyn VerificationAlgorithm, &[u8])> {
        let (ed25519, p256): (&'static dyn VerificationAlgorithm, &'static dyn VerificationAlgorithm) =
            (&ED25519, &ECDSA_P256_SHA256_ASN1);
        if let Some(key) = self.spki.strip_prefix(&ED25519_BEGIN) {
            return (key.len() == 32).then_some((ed25519, key));
        }
        let point = self.spki.strip_prefix(&P256_BEGIN)?;
        (point.len() == 65 && point.first() == Some(&4)).then_some((p256, point))
    }
}

fn armoured(label: &str, der: &[u8]) -> String {
    let digits = base64::encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at.is_multiple_of(64) {
            text.push('\n');
        }
        text.push(digit);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

fn bare(label: &str, text: &str) -> Option<Vec<u8>> {
    let inner = text.trim().strip_prefix(&format!("-----BEGIN {label}-----"))?;
    let inner = inner.strip_suffix(&format!("-----END {label}-----"))?;
    base64::decode(&inner.split_ascii_whitespace().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::{KeyError, PublicKey, SigningKey};
    use crate::words::base64;

    #[test]
    fn a_key_survives_its_pem_and_checks_only_what_it_signed() {
        let (key, pem) = SigningKey::generate().unwrap();
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let read = SigningKey::from_pem(pem.expose()).unwrap();
        assert_eq!(read.public(), key.public());
        let public = PublicKey::from_pem(&key.public().pem()).unwrap();
        assert_eq!(public, key.public());
        assert_eq!(public.id().len(), 64);
        let signature = read.sign(b"message").unwrap();
        assert!(public.checks(b"message", &signature));
        assert!(!public.checks(b"massage", &signature));
        assert!(!public.checks(b"message", &signature[1..]));
        let (other, _) = SigningKey::generate().unwrap();
        assert!(!other.public().checks(b"message", &signature));
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    /// RFC 8032, section 7.1, test 1: the secret seed, its public key, and the signature of nothing.
    #[test]
    fn a_signature_is_the_one_of_the_standard() {
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
                         d25bf5f0595bbe24655141438e7a100b";
        let mut pkcs8 = bytes("302e020100300506032b657004220420");
        pkcs8.extend(bytes(seed));
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", base64::encode(&pkcs8));
        let key = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(key.public().spki()[12..], bytes(public)[..]);
        assert_eq!(key.sign(b"").unwrap(), bytes(signature));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(SigningKey::from_pem("").unwrap_err(), KeyError::NoPrivateKey);
        assert_eq!(
            SigningKey::from_pem(&SigningKey::generate().unwrap().0.public().pem()).unwrap_err(),
            KeyError::NoPrivateKey
        );
        let spki = SigningKey::generate().unwrap().0.public().spki().to_vec();
        for wrong in [&spki[1..], &spki[..43], &[], &[&spki[..], &[0]].concat()[..]] {
            assert_eq!(PublicKey::from_spki(wrong), Err(KeyError::NoPublicKey));
        }
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<char> = hex.chars().collect();
        let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }
}
