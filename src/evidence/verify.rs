//! What a bundle proves. Pure: whoever reads the files hands them in; nothing is asked of anybody.
//!
//! A bundle is *broken* when anything in it does not fit the rest. It is *consistent* when everything fits, and *genuine*
//! when it is consistent and signed by a key that the reader trusts. A bundle that was made up as a whole by somebody
//! with a key of their own is consistent: that is why without a trusted key nothing is proved.

use std::collections::BTreeSet;

use crate::cloud::resource::Types;
use crate::evidence::addendum::{self, SeenAddendum};
use crate::evidence::bundle::{Before, Bundle, JOURNAL, MANIFEST, REQUIRED, SIGNATURE};
use crate::evidence::dsse;
use crate::evidence::key::PublicKey;
use crate::evidence::manifest::{Listed, Manifest, SignedBy};
use crate::evidence::recompute::recompute;
use crate::evidence::statement;
use crate::journal::chain::sha256_hex;
use crate::journal::event::{PreviousBundle, Recorded};
use crate::journal::lines::read_lines;
use crate::journal::measure::Measures;
use crate::words::text::tame;

/// Renders the report's files from the records up to the verdict.
pub type Render = fn(&[Recorded], Types) -> Result<Vec<(&'static str, String)>, String>;

/// What the verifier needs of the rest of drill.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'a> {
    /// The resource types, for the verdict and the report.
    pub types: Types,
    /// Renders the report.
    pub render: Render,
    /// Version of this drill: a report is only rendered again by the version that rendered it.
    pub version: &'a str,
}

/// A key that the reader trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// Where it came from, for the reader.
    pub name: String,
    /// The key.
    pub key: PublicKey,
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file in which it shows.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// A key that the reader trusts.
    Trusted {
        /// Its id.
        key_id: String,
        /// Where the reader has it from.
        name: String,
    },
    /// A key that the reader does not know.
    Unknown {
        /// Its id.
        key_id: String,
    },
    /// Nobody.
    Unsigned,
    /// The signature, or what it signs, is broken.
    Broken,
}

/// What the whole is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything fits, and a trusted key signed it.
    Genuine,
    /// Everything fits; who made it is not known.
    Consistent,
    /// Something does not fit.
    Broken,
}

/// The result.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// The manifest, if it could be read.
    pub manifest: Option<Manifest>,
    /// What was measured again, if the journal could be read.
    pub measures: Option<Measures>,
    /// Who signed the bundle.
    pub signer: Signer,
    /// What was found after the run.
    pub addenda: Vec<SeenAddendum>,
    /// What does not fit. Empty for a bundle that is whole.
    pub problems: Vec<Problem>,
    /// What could not be checked, or is worth knowing.
    pub notes: Vec<String>,
}

impl Verification {
    /// What the whole is worth. An addendum of nobody known makes the signer of the whole unknown.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let trusted = |signer: &Signer| matches!(signer, Signer::Trusted { .. });
        if !self.problems.is_empty() || self.manifest.is_none() {
            Standing::Broken
        } else if trusted(&self.signer) && self.addenda.iter().all(|seen| trusted(&seen.signer)) {
            Standing::Genuine
        } else {
            Standing::Consistent
        }
    }

    /// Whether it is evidence: genuine, and of a run that talked to AWS itself.
    #[must_use]
    pub fn is_evidence(&self) -> bool {
        self.standing() == Standing::Genuine && self.manifest.as_ref().is_some_and(|manifest| manifest.evidence)
    }
}

/// Problems and notes, while they are gathered.
#[derive(Debug, Default)]
pub struct Found {
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Found {
    /// Something does not fit.
    pub fn problem(&mut self, file: &str, what: impl AsRef<str>) {
        self.problems.push(Problem { file: tame(file), what: tame(what.as_ref()) });
    }

    /// Something could not be checked, or is worth knowing.
    pub fn note(&mut self, what: impl AsRef<str>) {
        self.notes.push(tame(what.as_ref()));
    }

    /// What does not fit.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Verifies a bundle.
#[must_use]
pub fn verify(bundle: &Bundle, trusted: &[TrustedKey], tools: &Tools<'_>) -> Verification {
    let mut found = Found::default();
    for (name, why) in &bundle.odd {
        found.problem(name, why);
    }
    let records = records(bundle, &mut found);
    let Some(manifest) = manifest(bundle, &mut found) else {
        let Found { problems, notes } = found;
        let (signer, addenda) = (Signer::Broken, Vec::new());
        return Verification { manifest: None, measures: None, signer, addenda, problems, notes };
    };
    files(bundle, &manifest, &mut found);
    let mut measures = None;
    if let Some(records) = &records {
        measures = recompute(records, &manifest, bundle, tools, &mut found);
        match chain(manifest.previous.as_ref(), bundle.before.as_ref()) {
            Ok(Some(note)) => found.note(note),
            Ok(None) => {}
            Err((file, what)) => found.problem(&file, what),
        }
    }
    let envelope = bundle.files.get(SIGNATURE).map(Vec::as_slice);
    let said = statement::of_bundle(&manifest);
    let signer = signer(SIGNATURE, (manifest.signer.as_ref(), envelope, said.as_str()), trusted, &mut found);
    let addenda = addendum::check(bundle, &manifest, records.as_deref().unwrap_or_default(), trusted, &mut found);
    let Found { problems, notes } = found;
    Verification { manifest: Some(manifest), measures, signer, addenda, problems, notes }
}

fn manifest(bundle: &Bundle, found: &mut Found) -> Option<Manifest> {
    let Some(bytes) = bundle.files.get(MANIFEST) else {
        found.problem(MANIFEST, "is missing: this is no bundle, or no longer one");
        return None;
    };
    Manifest::read(bytes).map_err(|error| found.problem(MANIFEST, error.to_string())).ok()
}

/// The records, each of which continues the one before.
fn records(bundle: &Bundle, found: &mut Found) -> Option<Vec<Recorded>> {
    // That it is missing is said where the files are gone through.
    let text = std::str::from_utf8(bundle.files.get(JOURNAL)?);
    let text = text.map_err(|_| found.problem(JOURNAL, "is no text")).ok()?;
    let read = read_lines(text).map_err(|error| {
        let why = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        found.problem(JOURNAL, format!("{error}{why}"));
    });
    read.ok()
}

/// What is listed is there as it was listed, and nothing else is there.
fn files(bundle: &Bundle, manifest: &Manifest, found: &mut Found) {
    let mut names = BTreeSet::new();
    for listed in &manifest.files {
        if [MANIFEST, SIGNATURE].contains(&listed.name.as_str()) || !names.insert(listed.name.as_str()) {
            found.problem(MANIFEST, format!("lists `{}`, which cannot be listed, or is so twice", listed.name));
            continue;
        }
        match bundle.files.get(&listed.name).map(|bytes| Listed::of(&listed.name, bytes)) {
            None => found.problem(&listed.name, "is missing"),
            Some(is) if is != *listed => {
                let what = format!(
                    "is not the file of the manifest: {} bytes with SHA-256 {}, and not {} bytes with SHA-256 {}",
                    is.size, is.sha256, listed.size, listed.sha256
                );
                found.problem(&listed.name, what);
            }
            Some(_) => {}
        }
    }
    for name in bundle.files.keys().map(String::as_str) {
        if !names.contains(name) && name != MANIFEST && name != SIGNATURE {
            found.problem(name, "does not belong here: the manifest does not list it");
        }
    }
    for name in REQUIRED.into_iter().filter(|name| !names.contains(name)) {
        found.problem(MANIFEST, format!("does not list `{name}`"));
    }
}

/// The chain to the bundle before: a note, or which of its files does not fit.
fn chain(previous: Option<&PreviousBundle>, before: Option<&Before>) -> Result<Option<String>, (String, String)> {
    let Some(previous) = previous else {
        return Ok(Some("there was no bundle of this drill and mode before it".to_owned()));
    };
    let run = previous.run;
    let Some(before) = before else {
        return Ok(Some(format!(
            "the bundle before it, of run {run}, is not at hand: the chain to it was not checked"
        )));
    };
    if sha256_hex(&before.manifest) == previous.manifest_sha256 {
        return Ok(None);
    }
    // Written again by another version, signed by another key, or reopened: its journal still goes through that record.
    let text = before.journal.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    let records = text.and_then(|text| read_lines(text).ok()).unwrap_or_default();
    if records.iter().any(|record| record.run == run && record.hash == previous.journal_head) {
        return Ok(Some(format!(
            "the bundle before it, of run {run}, was written again since; its journal is the same"
        )));
    }
    let what = "is not the bundle that this run was chained to, and its journal does not lead through that one's";
    Err((format!("../{run}/{MANIFEST}"), what.to_owned()))
}

/// Who signed: who is said to have, the envelope that is there, and what it must sign.
pub(crate) fn signer(
    file: &str,
    (said, envelope, statement): (Option<&SignedBy>, Option<&[u8]>, &str),
    trusted: &[TrustedKey],
    found: &mut Found,
) -> Signer {
    let (said, envelope) = match (said, envelope) {
        (None, None) => return Signer::Unsigned,
        (None, Some(_)) => {
            found.problem(file, "is there, and what it signs says that nobody signed it");
            return Signer::Broken;
        }
        (Some(said), None) => {
            found.problem(file, format!("is missing: key {} is said to have signed", said.key_id));
            return Signer::Broken;
        }
        (Some(said), Some(envelope)) => (said, envelope),
    };
    let Some(key) = said.key() else {
        found.problem(file, "cannot be checked: the key that is said to have signed is none, or has another id");
        return Signer::Broken;
    };
    if let Err(error) = dsse::check(envelope, statement, &key) {
        found.problem(file, error.to_string());
        return Signer::Broken;
    }
    let key_id = key.id();
    match trusted.iter().find(|trusted| trusted.key == key) {
        Some(trusted) => Signer::Trusted { key_id, name: trusted.name.clone() },
        None => Signer::Unknown { key_id },
    }
}
