//! A bundle's files: made out of a journal, or as they were found.

use std::collections::BTreeMap;

use crate::evidence::dsse;
use crate::evidence::key::{KeyError, PublicKey, SigningKey};
use crate::evidence::manifest::{Listed, Manifest, SignedBy};
use crate::evidence::statement;
use crate::journal::event::{Event, Recorded};
use crate::journal::lines::write_lines;
use crate::report::facts::until_verdict;
use crate::words::both::both;

/// The records up to the verdict, one a line.
pub const JOURNAL: &str = "journal.jsonl";
/// The definition's text, as compiled.
pub const DEFINITION: &str = "definition.yaml";
/// See [`Manifest`].
pub const MANIFEST: &str = "manifest.json";
/// The signature; missing from an unsigned bundle.
pub const SIGNATURE: &str = "manifest.sig";
/// The folder of what was found afterwards.
pub const ADDENDA: &str = "addenda";
/// What a bundle cannot be without, besides the manifest.
pub const REQUIRED: [&str; 4] = ["report.md", "report.json", JOURNAL, DEFINITION];

/// From so many records on, the journal is written while the report's files are hashed: each takes a millisecond, and a thread
/// much less.
const LARGE: usize = 1_000;

/// A bundle as somebody found it: whatever is in its folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Its files, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Those of its folder [`ADDENDA`].
    pub addenda: BTreeMap<String, Vec<u8>>,
    /// What is there and is no file that can be read: name, and why.
    pub odd: Vec<(String, String)>,
    /// The bundle of the run before, if it is at hand.
    pub before: Option<Before>,
}

/// What is needed of the bundle before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Its `manifest.json`.
    pub manifest: Vec<u8>,
    /// Its `journal.jsonl`, if it is there.
    pub journal: Option<Vec<u8>>,
}

/// The files of a bundle besides those of its report: name and content.
pub type Files = Vec<(&'static str, String)>;

/// A bundle before somebody signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    files: Files,
    /// What is signed, but for its encoding.
    statement: String,
}

impl Draft {
    /// The draft of a bundle with the `rendered` files of its report: journal, definition, manifest. The manifest names who
    /// will sign it. Nothing while the run has no verdict.
    #[must_use]
    pub fn of(history: &[Recorded], rendered: &[(&str, &[u8])], signer: Option<&PublicKey>) -> Option<Self> {
        let records = until_verdict(history);
        let Some(Recorded { event: Event::RunStarted(started), .. }) = records.first() else { return None };
        let journal = || {
            let text = write_lines(records);
            let listed = Listed::of(JOURNAL, text.as_bytes());
            (text, listed)
        };
        let others = || -> Vec<Listed> {
            let definition = Listed::of(DEFINITION, started.definition.as_bytes());
            rendered.iter().map(|(name, bytes)| Listed::of(name, bytes)).chain([definition]).collect()
        };
        let is_large = records.len() >= LARGE;
        let ((journal, own), mut listed) = if is_large { both(journal, others) } else { (journal(), others()) };
        let mut files = vec![(JOURNAL, journal), (DEFINITION, started.definition.clone())];
        listed.push(own);
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        let manifest = Manifest::of(records, listed, signer.map(SignedBy::of), env!("CARGO_PKG_VERSION"))?;
        files.push((MANIFEST, manifest.text()));
        Some(Self { files, statement: statement::of_bundle(&manifest) })
    }

    /// The bytes to sign.
    #[must_use]
    pub fn to_sign(&self) -> Vec<u8> {
        dsse::encoded(dsse::PAYLOAD_TYPE, self.statement.as_bytes())
    }

    /// Whether an envelope is this key's signature of exactly this.
    #[must_use]
    pub fn is_signed_by(&self, envelope: &str, key: &PublicKey) -> bool {
        dsse::check(envelope.as_bytes(), &self.statement, key).is_ok()
    }

    /// The files of a bundle that nobody signs.
    #[must_use]
    pub fn unsigned(self) -> Files {
        self.files
    }

    /// The files with the envelope of an earlier signature.
    #[must_use]
    pub fn with_envelope(mut self, envelope: String) -> Files {
        self.files.push((SIGNATURE, envelope));
        self.files
    }

    /// The files with a signature of [`Draft::to_sign`].
    ///
    /// # Errors
    /// When it is not that key's signature.
    pub fn signed(self, key: &PublicKey, signature: &[u8]) -> Result<Files, KeyError> {
        let envelope = dsse::enveloped(&self.statement, key, signature)?;
        Ok(self.with_envelope(envelope))
    }
}

/// What a bundle holds besides the `rendered` files of its report: journal, definition, manifest, and a signature where
/// there is a key. Nothing while the run has no verdict.
///
/// # Errors
/// When the key does not sign.
pub fn seal(history: &[Recorded], rendered: &[(&str, &[u8])], key: Option<&SigningKey>) -> Result<Files, KeyError> {
    let public = key.map(SigningKey::public);
    let Some(draft) = Draft::of(history, rendered, public.as_ref()) else { return Ok(Vec::new()) };
    match key.zip(public) {
        Some((key, public)) => {
            let signature = key.sign(&draft.to_sign())?;
            draft.signed(&public, &signature)
        }
        None => Ok(draft.unsigned()),
    }
}
