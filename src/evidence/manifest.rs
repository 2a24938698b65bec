//! `manifest.json`: what a bundle holds, and what run it is of. All but the files' hashes and the key follows from the
//! journal, so that a bundle that is written again is the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::evidence::key::PublicKey;
use crate::journal::chain::{Hash, sha256_hex};
use crate::journal::event::{Commit, Event, PreviousBundle, Recorded};
use crate::words::base64;
use crate::words::id::{DrillName, RunId};
use crate::words::kind::{Mode, Verdict};

/// Version of the manifest.
///
/// | version | since | change |
/// |---|---|---|
/// | 1 | 0.1.0 | first |
pub const VERSION: u32 = 1;

/// A bundle's table of contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// The run.
    pub run: RunId,
    /// The drill.
    pub drill: DrillName,
    /// What it talked to.
    pub mode: Mode,
    /// Whether it can be evidence at all: a rehearsal cannot.
    pub evidence: bool,
    /// How it ended.
    pub verdict: Verdict,
    /// The verdicts before that one, in order: after each the teardown was opened once more. Missing where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_verdicts: Vec<EarlierVerdict>,
    /// Version of drill that started the run.
    pub drill_version: String,
    /// Version of drill that wrote this bundle: only the same renders the same report.
    pub renderer: String,
    /// The journal.
    pub journal: JournalFacts,
    /// The definition.
    pub definition: DefinitionFacts,
    /// SHA-256 of each template and partial, as the journal holds them.
    pub templates: BTreeMap<String, String>,
    /// The bundle before, of the same drill and mode.
    pub previous: Option<PreviousBundle>,
    /// Whose signature is in `manifest.sig`; none for a bundle without one.
    pub signer: Option<SignedBy>,
    /// Every file but the manifest, its signature and addenda, by name.
    pub files: Vec<Listed>,
}

/// A verdict that was not the last of its run. A bundle with it may have been handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlierVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// When it was reached.
    pub at: Timestamp,
    /// How many records the journal had then.
    pub records: u64,
    /// Hash of the last of them: the head that the manifest of that bundle names.
    pub head: Hash,
}

/// What ties the bundle to its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalFacts {
    /// The journal's format.
    pub format: u32,
    /// How many records, up to the verdict.
    pub records: u64,
    /// Hash of the last of them.
    pub head: Hash,
}

/// What ties the bundle to its definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionFacts {
    /// SHA-256 of its text as compiled.
    pub sha256: String,
    /// The git commit of its folder when the run started; null where there was none.
    pub commit: Option<Commit>,
}

/// A key's public half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBy {
    /// SHA-256 of the key.
    pub key_id: String,
    /// Its `SubjectPublicKeyInfo`, in Base64.
    pub public_key: String,
}

impl SignedBy {
    /// The signer with this key.
    #[must_use]
    pub fn of(key: &PublicKey) -> Self {
        Self { key_id: key.id(), public_key: base64::encode(key.spki()) }
    }

    /// The key, if it is one and has that id.
    #[must_use]
    pub fn key(&self) -> Option<PublicKey> {
        let key = PublicKey::from_spki(&base64::decode(&self.public_key)?).ok()?;
        (key.id() == self.key_id).then_some(key)
    }
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its name in the bundle's folder.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// How many bytes.
    pub size: u64,
}

impl Listed {
    /// A file as it is.
    #[must_use]
    pub fn of(name: &str, bytes: &[u8]) -> Self {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self { name: name.to_owned(), sha256: sha256_hex(bytes), size }
    }
}

/// Why a text is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Another format.
    #[error("is of version {0}, and this version of drill reads version {VERSION}")]
    OtherVersion(u64),
    /// Not JSON, or with other fields.
    #[error("is no manifest: {0}")]
    NotOne(serde_json::Error),
    /// With other blanks or in another order.
    #[error("is not in the form in which drill writes it")]
    Form,
}

impl Manifest {
    /// The manifest of the records up to the verdict; nothing where they do not begin with a run and end with its verdict.
    #[must_use]
    pub fn of(records: &[Recorded], files: Vec<Listed>, signer: Option<SignedBy>, renderer: &str) -> Option<Self> {
        let (first, last) = (records.first()?, records.last()?);
        let (Event::RunStarted(started), Event::Concluded { conclusion }) = (&first.event, &last.event) else {
            return None;
        };
        let templates = started.templates.iter();
        Some(Self {
            version: VERSION,
            run: first.run,
            drill: started.drill.clone(),
            mode: started.mode,
            evidence: started.mode == Mode::Aws,
            verdict: conclusion.verdict,
            earlier_verdicts: earlier_verdicts(records),
            drill_version: started.version.clone(),
            renderer: renderer.to_owned(),
            journal: JournalFacts { format: started.format, records: last.seq, head: last.hash.clone() },
            definition: DefinitionFacts { sha256: started.definition_sha256.clone(), commit: started.commit.clone() },
            templates: templates.map(|(name, text)| (name.clone(), sha256_hex(text.as_bytes()))).collect(),
            previous: started.previous.clone(),
            signer,
            files,
        })
    }

    /// Its text. The same manifest gives the same bytes.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads what [`Manifest::text`] wrote, and nothing else.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let any: serde_json::Value = serde_json::from_slice(bytes).map_err(ManifestError::NotOne)?;
        if let Some(version) = any.get("version").and_then(serde_json::Value::as_u64)
            && version != u64::from(VERSION)
        {
            return Err(ManifestError::OtherVersion(version));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(ManifestError::NotOne)?;
        if manifest.text().as_bytes() == bytes { Ok(manifest) } else { Err(ManifestError::Form) }
    }
}

/// Every verdict of the records but the last.
fn earlier_verdicts(records: &[Recorded]) -> Vec<EarlierVerdict> {
    let verdict = |record: &Recorded| match &record.event {
        Event::Concluded { conclusion } => Some(EarlierVerdict {
            verdict: conclusion.verdict,
            at: record.at,
            records: record.seq,
            head: record.hash.clone(),
        }),
        _ => None,
    };
    let mut all: Vec<EarlierVerdict> = records.iter().filter_map(verdict).collect();
    all.pop();
    all
}
