//! The ledger: everything that a run may have made, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::resource::Observation;
use crate::cloud::vault::RestoreJob;
use crate::journal::event::{GoneProof, Intended, Witness};
use crate::words::id::JobId;

/// One thing that the run may have made.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What was written before it was asked for.
    pub intended: Intended,
    /// When.
    pub intended_at: Timestamp,
    /// The restore job, once it is known.
    pub job: Option<JobId>,
    /// When the job became known.
    pub accepted_at: Option<Timestamp>,
    /// A start was sent or may have been sent, and no answer is known.
    pub in_doubt: bool,
    /// It ever was: then a later refusal says nothing about the start in doubt.
    pub doubted: bool,
    /// AWS refused the start.
    pub refused: bool,
    /// How often the job was looked for and not found.
    pub not_found: u32,
    /// When it was last looked for and not found.
    pub not_found_at: Option<Timestamp>,
    /// The last look at the job that brought something new, and when.
    pub job_seen: Option<(Timestamp, RestoreJob)>,
    /// The last look at the resource that brought something new, and when.
    pub seen: Option<(Timestamp, Observation)>,
    /// When it was first seen to be usable.
    pub ready_at: Option<Timestamp>,
    /// The drill's tags are on it (`Some(true)`), were to be set (`Some(false)`), or not yet.
    pub stamped: Option<bool>,
    /// The drill's tags could not be set.
    pub stamp_failed: bool,
    /// What of it is inherited and was taken off; what was put on.
    pub stamp: Option<Stamp>,
    /// The tags that it carries, where they were needed as a witness.
    pub tags: Option<std::collections::BTreeMap<String, String>>,
    /// When deletion protection was last asked to be switched off.
    pub unprotected_at: Option<Timestamp>,
    /// Deletion was intended, on this witness.
    pub removal: Option<(Timestamp, Witness)>,
    /// Deletion was accepted.
    pub removal_accepted_at: Option<Timestamp>,
    /// First seen to be absent.
    pub absent_since: Option<Timestamp>,
    /// Nothing is left.
    pub gone: Option<(Timestamp, GoneProof)>,
}

/// Tags taken off and put on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Inherited tags, removed.
    pub remove: std::collections::BTreeMap<String, String>,
    /// The drill's tags, added.
    pub add: std::collections::BTreeMap<String, String>,
}

/// What is known of an entry's existence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existence {
    /// It is known to be gone, or never to have been made.
    Gone,
    /// It was seen and not yet seen to be gone.
    Present,
    /// Nobody knows.
    Unknown,
}

impl Entry {
    /// The entry at the moment of its intent.
    #[must_use]
    pub fn new(intended: Intended, at: Timestamp) -> Self {
        Self {
            intended,
            intended_at: at,
            job: None,
            accepted_at: None,
            in_doubt: false,
            doubted: false,
            refused: false,
            not_found: 0,
            not_found_at: None,
            job_seen: None,
            seen: None,
            ready_at: None,
            stamped: None,
            stamp_failed: false,
            stamp: None,
            tags: None,
            unprotected_at: None,
            removal: None,
            removal_accepted_at: None,
            absent_since: None,
            gone: None,
        }
    }

    /// The job as last seen, once it cannot change any more.
    #[must_use]
    pub fn terminal_job(&self) -> Option<&RestoreJob> {
        self.job_seen.as_ref().map(|(_, job)| job).filter(|job| job.status.is_terminal())
    }

    /// What is known of its existence.
    #[must_use]
    pub fn existence(&self) -> Existence {
        if self.gone.is_some() {
            Existence::Gone
        } else if self.seen.is_some() {
            Existence::Present
        } else {
            Existence::Unknown
        }
    }
}
