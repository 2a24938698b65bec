//! The archive: a copy of the finished bundle in S3, which nobody deletes before its time.
//!
//! It is made when the manifest is signed, and journalled behind the verdict: nothing of it is in the bundle. Where it goes and
//! until when it stays follows from the journal, so that whoever repeats it asks for the same.
//!
//! Invariants: it writes below the definition's own prefix, in a bucket that is neither a source of the drill nor one that it
//! restored. What is there already, the same and locked as well, is not written again. Nothing is ever deleted.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::cloud::archive::{Archive, ArchiveBucket, Lock};
use crate::cloud::error::CloudError;
use crate::evidence::addendum::{Addendum, MOST};
use crate::evidence::bundle::ADDENDA;
use crate::journal::chain::sha256_hex;
use crate::journal::event::{Class, Event, ReportFile};
use crate::journal::private;
use crate::journal::state::{Archiving, State};
use crate::plan::step::Step;
use crate::run::call::{Call, Outcome, failed, nonsense};
use crate::run::decide::Next;
use crate::run::services::Services;
use crate::run::step::report::{explain, is_patient, is_reachable};
use crate::words::id::StepId;
use crate::words::kind::ResourceKind;

/// The largest file that is archived, in bytes: no larger one is verified either.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Where a run's bundle goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The bucket.
    pub bucket: ArchiveBucket,
    /// What the keys of the run begin with, without a slash at the end.
    pub prefix: String,
    /// How long it stays, and who may shorten that.
    pub lock: Lock,
}

impl Target {
    /// The place in one line.
    #[must_use]
    pub fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket.name, self.prefix)
    }

    /// The intent to copy something there.
    #[must_use]
    pub fn intent(&self) -> Event {
        Event::ArchiveIntended { place: self.place(), until: self.lock.until }
    }

    /// That it is there.
    #[must_use]
    pub fn done(&self, files: Vec<ReportFile>) -> Event {
        Event::Archived { place: self.place(), until: self.lock.until, files }
    }
}

/// Why a run's bundle goes nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// There is no bundle yet.
    #[error("the run has no verdict yet")]
    NoVerdict,
    /// The retention is beyond what can be counted.
    #[error("`retain` reaches beyond the times that can be counted")]
    Endless,
    /// The bucket is a part of what is drilled.
    #[error("the bucket `{0}` is one that the drill restores, or restores from: nothing else is ever written there")]
    Drilled(String),
}

/// Where the bundle of a run goes: a function of its journal. Nothing if the definition has no archive.
#[must_use]
pub fn target(state: &State) -> Option<Result<Target, NoTarget>> {
    let definition = &state.started.plan.definition;
    let archive = definition.report.archive.as_ref()?;
    let Some((at, _)) = &state.concluded else { return Some(Err(NoTarget::NoVerdict)) };
    let name = archive.s3.bucket();
    if is_drilled(state, name) {
        return Some(Err(NoTarget::Drilled(name.to_owned())));
    }
    let Some(until) = archive.retain.until(*at) else { return Some(Err(NoTarget::Endless)) };
    let destination = &definition.destination;
    Some(Ok(Target {
        bucket: ArchiveBucket {
            name: name.to_owned(),
            region: archive.region.clone().unwrap_or_else(|| destination.region.clone()),
            owner: destination.account.clone(),
        },
        prefix: archive.s3.key(&[definition.name.as_str(), &state.run.to_string()]),
        lock: Lock { mode: archive.mode, until },
    }))
}

/// Selections are resolved in a plan: here every source is known, and everything that the run may have made.
fn is_drilled(state: &State, bucket: &str) -> bool {
    let mut sources = state.started.plan.definition.restore.values();
    let is_source = sources.any(|one| one.kind == ResourceKind::S3 && one.resource.resource() == bucket);
    is_source || state.ledger.values().any(|entry| entry.intended.expected.name == bucket)
}

/// What is left to do of the archive; nothing if it is done, or nobody asked for one.
#[must_use]
pub fn next(state: &State, step: &Step) -> Option<Next> {
    let target = target(state)?;
    match &state.archive {
        Some(Archiving::Done { .. }) => None,
        Some(Archiving::Failed { message }) => {
            let advice = format!("mend that, then `drill report {} --archive` tries again", state.run);
            let message = format!("the report could not be archived: {message}");
            Some(Next::record(failed(&step.id, Class::Environment, message, Some(&advice))))
        }
        Some(Archiving::Intended) => Some(Next::call(Call::Archive)),
        None if !is_reachable(state) => {
            let message = "the simulated AWS ended with the process that held it".to_owned();
            Some(Next::record(Event::ArchiveFailed { message }))
        }
        None => Some(match target {
            Ok(target) => Next::intend(target.intent(), Call::Archive),
            Err(why) => Next::record(Event::ArchiveFailed { message: why.to_string() }),
        }),
    }
}

/// Copies the files of the report that was written.
pub fn copy(step: &StepId, state: &State, services: Arc<Services>) -> Outcome {
    let Some(Ok(target)) = target(state) else { return nonsense(step, "it archives what has no place") };
    let (step, patient, reachable) = (step.clone(), is_patient(state, step), is_reachable(state));
    let files = state.report.clone().unwrap_or_default();
    Box::pin(async move {
        let archive = services.cloud.archive.as_ref();
        vec![match copied(&services.evidence, &files, &target, archive).await {
            Ok(()) => target.done(files),
            Err(ArchiveError::Request(error)) if patient && reachable && error.passes() => {
                Event::Stumbled { step, error }
            }
            Err(error) => Event::ArchiveFailed { message: explain(error) },
        }]
    })
}

/// Why a bundle, or a part of it, is not in the archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file of the bundle cannot be read.
    #[error("`{name}` cannot be read")]
    Read {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("`{0}` is not what drill wrote; `drill report` writes it again")]
    Changed(String),
    /// S3 did not do what it was asked for.
    #[error(transparent)]
    Request(#[from] CloudError),
}

/// Copies files of a bundle, unless they are there. The first that cannot be copied ends it; a later try goes on there.
///
/// # Errors
/// Which, and why.
pub async fn copied(
    folder: &Path,
    files: &[ReportFile],
    target: &Target,
    archive: &dyn Archive,
) -> Result<(), ArchiveError> {
    for ReportFile { name, sha256 } in files {
        let failed = |source| ArchiveError::Read { name: name.clone(), source };
        let bytes = private::bytes(&folder.join(name), LARGEST).map_err(failed)?;
        if sha256_hex(&bytes) != *sha256 {
            return Err(ArchiveError::Changed(name.clone()));
        }
        let key = format!("{}/{name}", target.prefix);
        let kept = archive.kept(&target.bucket, &key).await?;
        let is_there = kept.is_some_and(|kept| kept.is_as_good_as(sha256, &target.lock));
        if !is_there {
            archive.keep(&target.bucket, &key, bytes, &target.lock).await?;
        }
    }
    Ok(())
}

/// The files of the addenda beside a bundle, with their signatures.
///
/// # Errors
/// When one is there and cannot be read.
pub fn addenda(folder: &Path) -> Result<Vec<ReportFile>, ArchiveError> {
    let mut found = Vec::new();
    for number in 1..=MOST {
        let before = found.len();
        for name in [Addendum::name(number), Addendum::signature_name(number)] {
            let name = format!("{ADDENDA}/{name}");
            match private::bytes(&folder.join(&name), LARGEST) {
                Ok(bytes) => found.push(ReportFile { sha256: sha256_hex(&bytes), name }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(ArchiveError::Read { name, source }),
            }
        }
        if found.len() == before {
            break;
        }
    }
    Ok(found)
}
