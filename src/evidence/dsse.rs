//! The signature's envelope: DSSE, version 1 (`secure-systems-lab/dsse`, `protocol.md` and `envelope.md`).

use serde::{Deserialize, Serialize};

use crate::evidence::key::{KeyError, PublicKey, SigningKey};
use crate::words::base64;

/// What is signed: an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The signed envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Envelope {
    /// What is signed, in Base64.
    payload: String,
    /// [`PAYLOAD_TYPE`].
    payload_type: String,
    /// drill writes one.
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// The id of the key.
    keyid: String,
    /// Over the encoding that [`encoded`] makes, in Base64.
    sig: String,
}

/// Why an envelope proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DsseError {
    /// Not in the form in which drill writes it.
    #[error("is no signature in the form in which drill writes it")]
    Form,
    /// Of something else.
    #[error("signs something else than what is here")]
    OtherPayload,
    /// It names another key than the one that is said to have signed.
    #[error("names another key than the one that is said to have signed")]
    OtherKey,
    /// The cryptography says no.
    #[error("is not the signature of the key that it names")]
    Wrong,
}

/// The bytes that are signed: "pre-authentication encoding".
#[must_use]
pub fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The text of a signed envelope.
///
/// # Errors
/// When the key does not sign.
pub fn sign(payload: &str, key: &SigningKey) -> Result<String, KeyError> {
    let signature = key.sign(&encoded(PAYLOAD_TYPE, payload.as_bytes()))?;
    enveloped(payload, &key.public(), &signature)
}

/// The text of an envelope around a signature that somebody else made, over what [`encoded`] makes of the payload.
///
/// # Errors
/// When it is not that key's signature of this payload.
pub fn enveloped(payload: &str, key: &PublicKey, signature: &[u8]) -> Result<String, KeyError> {
    if !key.checks(&encoded(PAYLOAD_TYPE, payload.as_bytes()), signature) {
        return Err(KeyError::AnothersSignature);
    }
    let envelope = Envelope {
        payload: base64::encode(payload.as_bytes()),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![Signature { keyid: key.id(), sig: base64::encode(signature) }],
    };
    Ok(written(&envelope))
}

/// Checks that `envelope` is the signature of `payload` by `key`, and nothing but that.
///
/// # Errors
/// What is not so.
pub fn check(envelope: &[u8], payload: &str, key: &PublicKey) -> Result<(), DsseError> {
    let read: Envelope = serde_json::from_slice(envelope).map_err(|_| DsseError::Form)?;
    let [signature] = read.signatures.as_slice() else { return Err(DsseError::Form) };
    if read.payload_type != PAYLOAD_TYPE || written(&read).as_bytes() != envelope {
        return Err(DsseError::Form);
    }
    if base64::decode(&read.payload).as_deref() != Some(payload.as_bytes()) {
        return Err(DsseError::OtherPayload);
    }
    if signature.keyid != key.id() {
        return Err(DsseError::OtherKey);
    }
    let bytes = base64::decode(&signature.sig).ok_or(DsseError::Form)?;
    if key.checks(&encoded(PAYLOAD_TYPE, payload.as_bytes()), &bytes) { Ok(()) } else { Err(DsseError::Wrong) }
}

fn written(envelope: &Envelope) -> String {
    serde_json::to_string_pretty(envelope).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::{DsseError, check, encoded, enveloped, sign};
    use crate::evidence::key::{KeyError, SigningKey};

    /// The example of the protocol's own page.
    #[test]
    fn what_is_signed_is_encoded_as_the_protocol_says() {
        let bytes = encoded("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn nothing_but_the_keys_own_signature_is_put_into_an_envelope() {
        let (key, _) = SigningKey::generate().unwrap();
        let (other, _) = SigningKey::generate().unwrap();
        let signature = key.sign(&encoded(super::PAYLOAD_TYPE, b"{}")).unwrap();
        assert_eq!(enveloped("{}", &key.public(), &signature), sign("{}", &key));
        assert_eq!(enveloped("{}", &other.public(), &signature), Err(KeyError::AnothersSignature));
        assert_eq!(enveloped("{ }", &key.public(), &signature), Err(KeyError::AnothersSignature));
    }

    #[test]
    fn an_envelope_proves_its_payload_and_key_and_nothing_else() {
        let (key, _) = SigningKey::generate().unwrap();
        let (other, _) = SigningKey::generate().unwrap();
        let text = sign("{}", &key).unwrap();
        assert_eq!(check(text.as_bytes(), "{}", &key.public()), Ok(()));
        assert_eq!(check(text.as_bytes(), "{ }", &key.public()), Err(DsseError::OtherPayload));
        assert_eq!(check(text.as_bytes(), "{}", &other.public()), Err(DsseError::OtherKey));
        let renamed = text.replace(&key.public().id(), &other.public().id());
        assert_eq!(check(renamed.as_bytes(), "{}", &other.public()), Err(DsseError::Wrong));
        assert_eq!(check(text.trim_end().as_bytes(), "{}", &key.public()), Err(DsseError::Form));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(check(&bytes, "{}", &key.public()).is_err(), "byte {at}");
        }
    }
}
