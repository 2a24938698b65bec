//! A bundle's files: made out of a journal, or as they were found.

use std::collections::BTreeMap;

use crate::evidence::dsse;
use crate::evidence::key::{KeyError, SigningKey};
use crate::evidence::manifest::{Listed, Manifest, SignedBy};
use crate::evidence::statement;
use crate::journal::event::{Event, Recorded};
use crate::journal::lines::write_lines;
use crate::report::facts::until_verdict;

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

/// What a bundle holds besides the `rendered` files of its report: journal, definition, manifest, and a signature where
/// there is a key. Nothing while the run has no verdict.
///
/// # Errors
/// When the key does not sign.
pub fn seal(
    history: &[Recorded],
    rendered: &[(&str, &[u8])],
    key: Option<&SigningKey>,
) -> Result<Vec<(&'static str, String)>, KeyError> {
    let records = until_verdict(history);
    let Some(Recorded { event: Event::RunStarted(started), .. }) = records.first() else { return Ok(Vec::new()) };
    let mut files = vec![(JOURNAL, write_lines(records)), (DEFINITION, started.definition.clone())];
    let made = files.iter().map(|(name, text)| Listed::of(name, text.as_bytes()));
    let mut listed: Vec<Listed> = rendered.iter().map(|(name, bytes)| Listed::of(name, bytes)).chain(made).collect();
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    let signer = key.map(|key| SignedBy::of(&key.public()));
    let Some(manifest) = Manifest::of(records, listed, signer, env!("CARGO_PKG_VERSION")) else {
        return Ok(Vec::new());
    };
    let signature = key.map(|key| dsse::sign(&statement::of_bundle(&manifest), key)).transpose()?;
    files.push((MANIFEST, manifest.text()));
    files.extend(signature.map(|text| (SIGNATURE, text)));
    Ok(files)
}
