//! The ledger: everything that a run may have made, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::error::CloudError;
use crate::cloud::resource::{Endpoint, Observation, Part, Phase, Subject};
use crate::cloud::vault::RestoreJob;
use crate::definition::model::Restore;
use crate::journal::event::{GoneProof, Intended, Witness};
use crate::words::arn::Arn;
use crate::words::id::JobId;

/// One thing that the run may have made.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What was written before it was asked for.
    pub intended: Intended,
    /// When.
    pub intended_at: Timestamp,
    /// What the restore job needs was to be made (`Some(false)`), is there (`Some(true)`), or was never asked for.
    pub ground: Option<bool>,
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
    /// Jobs that may be the run's, and nothing says so.
    pub doubtful: Vec<JobId>,
    /// How often the job was looked for and not found.
    pub not_found: u32,
    /// When it was last looked for and not found.
    pub not_found_at: Option<Timestamp>,
    /// The last look at the job that brought something new, and when.
    pub job_seen: Option<(Timestamp, RestoreJob)>,
    /// The last look at the resource that brought something new, and when.
    pub seen: Option<(Timestamp, Observation)>,
    /// What a search found that carries the run's own mark.
    pub found: Option<Arn>,
    /// What a search found that may be it, and nothing says so.
    pub suspects: Vec<Arn>,
    /// A search was made and brought nothing, or only suspects.
    pub searched: bool,
    /// Where it answered when it last did.
    pub endpoint: Option<Endpoint>,
    /// Every part that was intended or seen, with its last state.
    pub parts: Vec<Part>,
    /// When what was missing was last asked for.
    pub finish_asked_at: Option<Timestamp>,
    /// When a new master password was last set on it.
    pub password_set_at: Option<Timestamp>,
    /// When it was first seen to be there, usable or not.
    pub there_at: Option<Timestamp>,
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
    /// It stays on purpose, as long as the lease is not ended.
    pub lease: Option<Lease>,
}

/// A restored thing that stays on purpose, until a moment that is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// When it began.
    pub since: Timestamp,
    /// When it ends: then the thing is owed its removal. Nothing removes it by itself.
    pub until: Timestamp,
    /// The thing can carry the tag `drill:expires`.
    pub wants_tag: bool,
    /// It carries it.
    pub tagged: bool,
    /// Why it does not.
    pub failed: Option<CloudError>,
}

impl Lease {
    /// Whether it may be relied on. A thing that should carry its end and does not counts as leaked: nobody but this
    /// journal knows when it must go.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.tagged || !self.wants_tag
    }
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
    /// It stays on purpose, under a lease that holds.
    Kept,
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
            ground: None,
            job: None,
            accepted_at: None,
            in_doubt: false,
            doubted: false,
            refused: false,
            doubtful: Vec::new(),
            not_found: 0,
            not_found_at: None,
            job_seen: None,
            seen: None,
            found: None,
            suspects: Vec::new(),
            searched: false,
            endpoint: None,
            parts: Vec::new(),
            finish_asked_at: None,
            password_set_at: None,
            there_at: None,
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
            lease: None,
        }
    }

    /// The job as last seen, once it cannot change any more.
    #[must_use]
    pub fn terminal_job(&self) -> Option<&RestoreJob> {
        self.job_seen.as_ref().map(|(_, job)| job).filter(|job| job.status.is_terminal())
    }

    /// When its restore job began, once there is one: the accepted start. Of a start whose answer was lost only the intent
    /// is known.
    #[must_use]
    pub fn began_at(&self) -> Option<Timestamp> {
        self.job.as_ref()?;
        let accepted = self.accepted_at.filter(|_| !self.doubted);
        Some(accepted.unwrap_or(self.intended_at))
    }

    /// What it made, as the restore job says or as a search found.
    #[must_use]
    pub fn made(&self) -> Option<&Arn> {
        let said = self.job_seen.as_ref().and_then(|(_, job)| job.created_resource.as_ref());
        said.or(self.found.as_ref())
    }

    /// Its ARN: as the name decides it, else as it became known.
    #[must_use]
    pub fn arn(&self) -> Option<&Arn> {
        self.intended.expected.arn.as_ref().or_else(|| self.made())
    }

    /// What to call it: its ARN, else the name under which it is in the ledger.
    #[must_use]
    pub fn label(&self) -> String {
        self.arn().map_or_else(|| self.intended.expected.name.clone(), ToString::to_string)
    }

    /// Its id within its service, once it is known.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.arn().map(|arn| arn.name().rsplit('/').next().unwrap_or_default())
    }

    /// What calls about it are given.
    #[must_use]
    pub fn subject(&self, restore: &Restore) -> Subject {
        Subject {
            expected: self.intended.expected.clone(),
            made: self.made().cloned(),
            point: Some(self.intended.point.clone()),
            since: self.intended_at,
            with: restore.with.clone(),
            parts: self.parts.clone(),
        }
    }

    /// Takes over what a look says.
    pub(crate) fn look(&mut self, at: Timestamp, observation: &Observation) {
        match observation.phase {
            Phase::Ready => {
                self.there_at.get_or_insert(at);
                self.ready_at.get_or_insert(at);
            }
            Phase::Unfinished => {
                self.there_at.get_or_insert(at);
            }
            _ => {}
        }
        self.absent_since = None;
        if observation.endpoint.is_some() {
            self.endpoint.clone_from(&observation.endpoint);
        }
        self.remember(&observation.parts);
        self.seen = Some((at, observation.clone()));
    }

    /// Keeps parts, so that what outlives the thing is not forgotten.
    pub(crate) fn remember(&mut self, parts: &[Part]) {
        for part in parts {
            match self.parts.iter_mut().find(|known| known.kind == part.kind && known.id == part.id) {
                Some(known) => known.clone_from(part),
                None => self.parts.push(part.clone()),
            }
        }
    }

    /// What is known of its existence.
    #[must_use]
    pub fn existence(&self) -> Existence {
        if self.gone.is_some() {
            Existence::Gone
        } else if self.lease.as_ref().is_some_and(Lease::holds) {
            Existence::Kept
        } else if self.seen.is_some() {
            Existence::Present
        } else {
            Existence::Unknown
        }
    }
}
