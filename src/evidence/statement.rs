//! What is signed: an in-toto statement, version 1, whose subjects are the files.
//!
//! It follows from the manifest, so that whoever has the manifest can make it again and compare it with the payload that
//! was signed.

use serde::Serialize;

use crate::evidence::bundle::MANIFEST;
use crate::evidence::manifest::Manifest;
use crate::journal::chain::{Hash, sha256_hex};
use crate::words::id::{DrillName, RunId};
use crate::words::kind::{Mode, Verdict};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";
const BUNDLE: &str = "urn:restore-drill:evidence:v1";
const ADDENDUM: &str = "urn:restore-drill:addendum:v1";

#[derive(Serialize)]
struct Statement<'a, P> {
    #[serde(rename = "_type")]
    kind: &'static str,
    subject: Vec<Subject<'a>>,
    #[serde(rename = "predicateType")]
    predicate_type: &'static str,
    predicate: P,
}

#[derive(Serialize)]
struct Subject<'a> {
    name: &'a str,
    digest: Digest<'a>,
}

#[derive(Serialize)]
struct Digest<'a> {
    sha256: &'a str,
}

#[derive(Serialize)]
struct OfBundle<'a> {
    run: RunId,
    drill: &'a DrillName,
    mode: Mode,
    evidence: bool,
    verdict: Verdict,
    journal_head: &'a Hash,
}

#[derive(Serialize)]
struct OfAddendum {
    run: RunId,
}

/// The statement about a bundle: that these files, the manifest among them, are of this run.
#[must_use]
pub fn of_bundle(manifest: &Manifest) -> String {
    let of_manifest = sha256_hex(manifest.text().as_bytes());
    let files = manifest.files.iter().map(|file| subject(&file.name, &file.sha256));
    text(&Statement {
        kind: STATEMENT,
        subject: files.chain([subject(MANIFEST, &of_manifest)]).collect(),
        predicate_type: BUNDLE,
        predicate: OfBundle {
            run: manifest.run,
            drill: &manifest.drill,
            mode: manifest.mode,
            evidence: manifest.evidence,
            verdict: manifest.verdict,
            journal_head: &manifest.journal.head,
        },
    })
}

/// The statement about one addendum of a run.
#[must_use]
pub fn of_addendum(run: RunId, name: &str, bytes: &[u8]) -> String {
    let sha256 = sha256_hex(bytes);
    text(&Statement {
        kind: STATEMENT,
        subject: vec![subject(name, &sha256)],
        predicate_type: ADDENDUM,
        predicate: OfAddendum { run },
    })
}

fn subject<'a>(name: &'a str, sha256: &'a str) -> Subject<'a> {
    Subject { name, digest: Digest { sha256 } }
}

fn text(statement: &impl Serialize) -> String {
    serde_json::to_string(statement).unwrap_or_default()
}
