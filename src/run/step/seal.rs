//! Who signs a bundle: the key of this machine, or a key of AWS KMS.
//!
//! Invariant: a signature that cannot be had from KMS never costs the report. The bundle is unsigned then, and that is said. A
//! signature that is there already and fits is not asked for again: ECDSA signs the same twice in different bytes.

use std::io;
use std::path::{Path, PathBuf};

use crate::cloud::error::CloudError;
use crate::cloud::signature::Signatures;
use crate::evidence::bundle::{Draft, Files, MANIFEST, SIGNATURE, seal};
use crate::evidence::key::{KeyError, PublicKey, SigningKey};
use crate::evidence::manifest::Manifest;
use crate::journal::event::Recorded;
use crate::journal::private;
use crate::words::arn::Arn;

/// The largest manifest or signature of an earlier bundle that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Who signs.
#[derive(Clone, Copy)]
pub enum Sealer<'a> {
    /// The key in this file; nobody where there is no such file.
    File(&'a Path),
    /// A key of AWS KMS.
    Kms {
        /// Its ARN.
        key: &'a Arn,
        /// Who asks it; without a session only a signature that is there already counts.
        signatures: Option<&'a dyn Signatures>,
    },
}

/// The files that make a report a bundle.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Name and content.
    pub(crate) files: Files,
    /// Why the key that was to sign did not.
    pub(crate) unsigned: Option<Unsigned>,
}

/// Why a key of KMS did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] CloudError),
    /// Nobody can be asked.
    #[error("its key of AWS KMS cannot be asked here, and no signature that is there already is of this manifest")]
    NoSession,
    /// The key is none that evidence is signed with, or the signature is not its own.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The key of this machine that is there cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the evidence cannot be signed with `{}`", path.display())]
pub(crate) struct Unusable {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

/// Makes a bundle of the `rendered` files of a report, which will lie in `folder`.
///
/// # Errors
/// When the key of this machine cannot be used. A key of KMS that does not sign is no error.
pub(crate) async fn sealed(
    history: &[Recorded],
    rendered: &[(&str, &[u8])],
    folder: &Path,
    sealer: Sealer<'_>,
) -> Result<Sealed, Unusable> {
    match sealer {
        Sealer::File(path) => {
            let failed = |source| Unusable { path: path.to_owned(), source };
            let key = signing_key(path).map_err(failed)?;
            let files = seal(history, rendered, key.as_ref()).map_err(|error| failed(io::Error::other(error)))?;
            Ok(Sealed { files, unsigned: None })
        }
        Sealer::Kms { key, signatures } => {
            // Without a verdict there is nothing to sign.
            let Some(unsigned) = Draft::of(history, rendered, None) else {
                return Ok(Sealed { files: Vec::new(), unsigned: None });
            };
            let signed = match signatures {
                Some(signatures) => by_kms(history, rendered, folder, (key, signatures)).await,
                None => as_before(history, rendered, folder),
            };
            Ok(match signed {
                Ok(files) => Sealed { files, unsigned: None },
                Err(why) => Sealed { files: unsigned.unsigned(), unsigned: Some(why) },
            })
        }
    }
}

/// The key in a file, if there is one.
///
/// # Errors
/// When it cannot be read, or is no key.
pub fn signing_key(path: &Path) -> io::Result<Option<SigningKey>> {
    match private::read(path) {
        Ok(text) => SigningKey::from_pem(&text).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn by_kms(
    history: &[Recorded],
    rendered: &[(&str, &[u8])],
    folder: &Path,
    (key, signatures): (&Arn, &dyn Signatures),
) -> Result<Files, Unsigned> {
    let half = signatures.public_key(key).await?;
    let public = PublicKey::from_spki(&half.spki)?;
    let Some(draft) = Draft::of(history, rendered, Some(&public)) else { return Ok(Vec::new()) };
    if let Some((_, envelope)) = before(folder).filter(|(_, envelope)| draft.is_signed_by(envelope, &public)) {
        return Ok(draft.with_envelope(envelope));
    }
    let signature = signatures.sign(key, half.scheme, &draft.to_sign()).await?;
    Ok(draft.signed(&public, &signature)?)
}

/// With the signature that is there already, if it is of this very bundle.
fn as_before(history: &[Recorded], rendered: &[(&str, &[u8])], folder: &Path) -> Result<Files, Unsigned> {
    let (public, envelope) = before(folder).ok_or(Unsigned::NoSession)?;
    let Some(draft) = Draft::of(history, rendered, Some(&public)) else { return Ok(Vec::new()) };
    if draft.is_signed_by(&envelope, &public) { Ok(draft.with_envelope(envelope)) } else { Err(Unsigned::NoSession) }
}

/// Who signed the bundle that is there, and the envelope.
fn before(folder: &Path) -> Option<(PublicKey, String)> {
    let manifest = Manifest::read(&private::bytes(&folder.join(MANIFEST), LARGEST).ok()?).ok()?;
    let envelope = String::from_utf8(private::bytes(&folder.join(SIGNATURE), LARGEST).ok()?).ok()?;
    Some((manifest.signer?.key()?, envelope))
}
