//! Who signs a bundle: the key of this machine, a key of AWS KMS, or nobody where the run came by import.
//!
//! Invariant: a signature that cannot be had from KMS never costs the report. The bundle is unsigned then, and that is said. A
//! signature that is there already and fits is kept, whoever made it: ECDSA signs the same twice in different bytes, and the
//! signature of a key that was replaced cannot be had again. One that would be lost stops the writing.

use std::io;
use std::path::{Path, PathBuf};

use crate::cloud::error::CloudError;
use crate::cloud::signature::Signatures;
use crate::evidence::bundle::{Draft, Files, MANIFEST, SIGNATURE, seal};
use crate::evidence::dsse;
use crate::evidence::key::{KeyError, PublicKey, SigningKey};
use crate::evidence::manifest::Manifest;
use crate::evidence::statement;
use crate::journal::event::{Event, Recorded};
use crate::journal::private;
use crate::report::facts::until_verdict;
use crate::run::step::report::PDF;
use crate::words::arn::Arn;

/// The largest manifest or signature of an earlier bundle that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// The largest `report.pdf` of an earlier bundle that is read, in bytes.
const LARGEST_PDF: u64 = 256 * 1024 * 1024;

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
    /// Nobody: the run came by import. This machine did not see what it would sign.
    Imported,
}

/// The files that make a report a bundle.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Name and content.
    pub(crate) files: Files,
    /// Why the key that was to sign did not.
    pub(crate) unsigned: Option<Unsigned>,
    /// The printed report that a kept signature is of: it stays in the place of one that was printed now.
    pub(crate) pdf: Option<Vec<u8>>,
}

impl Sealed {
    fn new(files: Files, unsigned: Option<Unsigned>) -> Self {
        Self { files, unsigned, pdf: None }
    }
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
    /// The run came by import.
    #[error("the run came by `drill import`, and this machine signs only what it ran itself")]
    Imported,
}

/// Nothing may be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsealed {
    /// The key of this machine that is there cannot be used.
    #[error("the evidence cannot be signed with `{}`", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The signature that is there would be lost, and cannot be had again.
    #[error(
        "the bundle in `{}` is signed by key {key_id}, which does not sign here, and what would be written now is not what that \
         key signed; nothing was written. Keep that bundle; once its folder is moved away, the report is written anew",
        folder.display()
    )]
    Held {
        /// Where the bundle lies.
        folder: PathBuf,
        /// Whose signature it has.
        key_id: String,
    },
}

/// Makes a bundle of the `rendered` files of a report, which will lie in `folder`.
///
/// # Errors
/// When the key of this machine cannot be used, or another key's signature of the same records would be lost. A key of KMS
/// that does not sign is no error.
pub(crate) async fn sealed(
    history: &[Recorded],
    rendered: &[(&str, &[u8])],
    folder: &Path,
    sealer: Sealer<'_>,
) -> Result<Sealed, Unsealed> {
    // Without a verdict there is nothing to sign.
    if !has_verdict(history) {
        return Ok(Sealed::new(Vec::new(), None));
    }
    // A draft is the journal written and every file hashed: made only where it is taken.
    let unsigned = || Draft::of(history, rendered, None).map(Draft::unsigned).unwrap_or_default();
    let before = SignedBefore::in_folder(folder);
    match sealer {
        Sealer::File(path) => by_file(history, rendered, folder, (path, before)),
        Sealer::Kms { key, signatures } => {
            let signed = match signatures {
                Some(signatures) => by_kms(history, rendered, folder, (key, signatures), before).await,
                None => before.and_then(|before| before.kept(history, rendered, folder)).ok_or(Unsigned::NoSession),
            };
            Ok(signed.unwrap_or_else(|why| Sealed::new(unsigned(), Some(why))))
        }
        Sealer::Imported => {
            let Some(before) = before else { return Ok(Sealed::new(unsigned(), Some(Unsigned::Imported))) };
            if let Some(kept) = before.kept(history, rendered, folder) {
                return Ok(kept);
            }
            before.is_not_held(history, folder)?;
            Ok(Sealed::new(unsigned(), Some(Unsigned::Imported)))
        }
    }
}

fn has_verdict(history: &[Recorded]) -> bool {
    until_verdict(history).last().is_some_and(|last| matches!(last.event, Event::Concluded { .. }))
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

fn by_file(
    history: &[Recorded],
    rendered: &[(&str, &[u8])],
    folder: &Path,
    (path, before): (&Path, Option<SignedBefore>),
) -> Result<Sealed, Unsealed> {
    if let Some(kept) = before.as_ref().and_then(|before| before.kept(history, rendered, folder)) {
        return Ok(kept);
    }
    let failed = |source| Unsealed::Key { path: path.to_owned(), source };
    let key = signing_key(path).map_err(failed)?;
    let own = key.as_ref().map(SigningKey::public);
    if let Some(before) = before.filter(|before| own.as_ref() != Some(&before.key)) {
        before.is_not_held(history, folder)?;
    }
    let files = seal(history, rendered, key.as_ref()).map_err(|error| failed(io::Error::other(error)))?;
    Ok(Sealed::new(files, None))
}

async fn by_kms(
    history: &[Recorded],
    rendered: &[(&str, &[u8])],
    folder: &Path,
    (key, signatures): (&Arn, &dyn Signatures),
    before: Option<SignedBefore>,
) -> Result<Sealed, Unsigned> {
    let half = signatures.public_key(key).await?;
    let public = PublicKey::from_spki(&half.spki)?;
    let before = before.filter(|before| before.key == public);
    if let Some(kept) = before.and_then(|before| before.kept(history, rendered, folder)) {
        return Ok(kept);
    }
    let Some(draft) = Draft::of(history, rendered, Some(&public)) else { return Ok(Sealed::new(Vec::new(), None)) };
    let signature = signatures.sign(key, half.scheme, &draft.to_sign()).await?;
    Ok(Sealed::new(draft.signed(&public, &signature)?, None))
}

/// A bundle that is there already, with a signature that is of its manifest.
struct SignedBefore {
    manifest: Manifest,
    key: PublicKey,
    envelope: String,
}

impl SignedBefore {
    fn in_folder(folder: &Path) -> Option<Self> {
        let manifest = Manifest::read(&private::bytes(&folder.join(MANIFEST), LARGEST).ok()?).ok()?;
        let envelope = String::from_utf8(private::bytes(&folder.join(SIGNATURE), LARGEST).ok()?).ok()?;
        let key = manifest.signer.as_ref()?.key()?;
        dsse::check(envelope.as_bytes(), &statement::of_bundle(&manifest), &key).ok()?;
        Some(Self { manifest, key, envelope })
    }

    /// The files with that signature, if it is of this very bundle. What a browser printed is never the same twice: the one
    /// that was signed counts.
    fn kept(&self, history: &[Recorded], rendered: &[(&str, &[u8])], folder: &Path) -> Option<Sealed> {
        if let Some(files) = self.signed(history, rendered) {
            return Some(Sealed::new(files, None));
        }
        let printed = private::bytes(&folder.join(PDF), LARGEST_PDF).ok()?;
        let mut with: Vec<(&str, &[u8])> = rendered.iter().copied().filter(|(name, _)| *name != PDF).collect();
        with.push((PDF, printed.as_slice()));
        let files = self.signed(history, &with)?;
        Some(Sealed { files, unsigned: None, pdf: Some(printed) })
    }

    fn signed(&self, history: &[Recorded], rendered: &[(&str, &[u8])]) -> Option<Files> {
        let draft = Draft::of(history, rendered, Some(&self.key))?;
        draft.is_signed_by(&self.envelope, &self.key).then(|| draft.with_envelope(self.envelope.clone()))
    }

    /// Of the same records nobody else's signature is given up. Once the run went on, another bundle is owed, which names the
    /// verdict of this one.
    fn is_not_held(&self, history: &[Recorded], folder: &Path) -> Result<(), Unsealed> {
        let head = until_verdict(history).last().map(|record| &record.hash);
        if head == Some(&self.manifest.journal.head) {
            return Err(Unsealed::Held { folder: folder.to_owned(), key_id: self.key.id() });
        }
        Ok(())
    }
}
