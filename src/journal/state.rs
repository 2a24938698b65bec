//! `apply(state, event)`: the fold. One match; an event that cannot follow is an error.
//!
//! Live view, resume, status and report all come from here. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::check::Check;
use crate::cloud::error::CloudError;
use crate::cloud::ground::Identity;
use crate::cloud::resource::Found;
use crate::cloud::vault::Picked;
use crate::journal::event::{
    CancelBy, Event, FORMAT, Failure, GateAnswer, LeaseEnd, Recorded, ReportFile, RunStarted, StepEnd, Tried,
};
use crate::journal::ledger::{Entry, Lease, Stamp};
use crate::journal::verdict::Conclusion;
use crate::plan::step::{Step, Work};
use crate::words::id::{Name, RunId, StepId};
use crate::words::kind::{ProbeKind, Verdict};

/// Requests that fail in a row: after this long without one, the row starts anew.
const ROW_ENDS_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Everything that is known about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The run.
    pub run: RunId,
    /// The first record.
    pub started: Box<RunStarted>,
    /// When it started.
    pub started_at: Timestamp,
    /// When the last record was written.
    pub last_at: Timestamp,
    /// Position of the last record.
    pub seq: u64,
    /// Every step of the plan.
    pub steps: BTreeMap<StepId, StepState>,
    /// What each restore picked.
    pub picked: BTreeMap<Name, Picked>,
    /// The ledger: at most one entry a restore in this version.
    pub ledger: BTreeMap<Name, Entry>,
    /// Attempts of probes.
    pub probes: BTreeMap<Name, ProbeState>,
    /// Attempts of actions and of their undoing.
    pub actions: BTreeMap<Name, ActionState>,
    /// What people said at gates and to manual probes.
    pub gates: BTreeMap<Name, (Timestamp, GateAnswer)>,
    /// Who the caller was.
    pub identity: Option<Identity>,
    /// What the preflight found.
    pub checks: Option<Vec<Check>>,
    /// The last request of each step that failed in a way that passes.
    pub last_errors: BTreeMap<StepId, CloudError>,
    /// Warnings, in order.
    pub warnings: Vec<Warning>,
    /// When and by whom the end was asked for.
    pub cancelled: Option<(Timestamp, CancelBy)>,
    /// The end was asked for before the run had shown what it could: not so for a run whose lease was over.
    pub ended_early: bool,
    /// When and why the leases were ended.
    pub lease_ended: Option<(Timestamp, LeaseEnd)>,
    /// Takeovers by other processes.
    pub resumed_at: Vec<Timestamp>,
    /// The verdict, once there is one.
    pub concluded: Option<(Timestamp, Conclusion)>,
    /// Position of the record with the verdict.
    pub concluded_seq: Option<u64>,
    /// Every earlier verdict, in order: after each the teardown was opened once more.
    pub reopened: Vec<Reopened>,
    /// The report's files, once written.
    pub report: Option<Vec<ReportFile>>,
    /// The report could not be written.
    pub report_failed: bool,
    /// What became of the copy of the bundle, if one was asked for.
    pub archive: Option<Archiving>,
}

/// A verdict that was not the last of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Reopened {
    /// When it was reached.
    pub at: Timestamp,
    /// Position of its record.
    pub seq: u64,
    /// The verdict.
    pub conclusion: Conclusion,
    /// The steps that had failed by then and were done once more, with the time and the reason.
    pub failed: BTreeMap<StepId, (Timestamp, Failure)>,
}

/// The copy of the bundle in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Archiving {
    /// It may be there, all of it or some.
    Intended,
    /// It is there.
    Done {
        /// Where: `s3://` and what the keys begin with.
        place: String,
        /// Until when nobody may delete it.
        until: Timestamp,
        /// What was copied.
        files: Vec<ReportFile>,
    },
    /// It is not there, or not all of it.
    Failed {
        /// Why.
        message: String,
    },
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq)]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Under way.
    Running {
        /// Since when; a resumed step keeps its first start.
        since: Timestamp,
        /// Requests that failed in a row in a way that passes.
        stumbles: u32,
        /// The last of them.
        stumbled_at: Option<Timestamp>,
        /// Requests that failed in all.
        stumbled_in_all: u32,
    },
    /// Over.
    Ended {
        /// When it began; none if it never did.
        since: Option<Timestamp>,
        /// When it ended.
        at: Timestamp,
        /// How.
        end: StepEnd,
        /// Requests that failed in all.
        stumbled_in_all: u32,
    },
}

impl StepState {
    /// How it ended, if it did.
    #[must_use]
    pub fn end(&self) -> Option<&StepEnd> {
        match self {
            Self::Ended { end, .. } => Some(end),
            Self::Waiting | Self::Running { .. } => None,
        }
    }

    /// When it began, if it did.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Waiting => None,
            Self::Running { since, .. } => Some(*since),
            Self::Ended { since, .. } => *since,
        }
    }

    /// When it ended, if it did.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Ended { at, .. } => Some(*at),
            Self::Waiting | Self::Running { .. } => None,
        }
    }
}

/// The attempts of one probe.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProbeState {
    /// Every attempt: number, when, result.
    pub tried: Vec<(u32, Timestamp, Tried)>,
    /// Every attempt of its negative control.
    pub control: Vec<(u32, Timestamp, Tried)>,
}

/// The attempts of one action.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ActionState {
    /// It may have been done.
    pub intended: bool,
    /// When an attempt began whose end nobody saw.
    pub begun: Option<Timestamp>,
    /// Every attempt: number, when, result.
    pub tried: Vec<(u32, Timestamp, Tried)>,
    /// Every attempt of its undo.
    pub undone: Vec<(u32, Timestamp, Tried)>,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// When.
    pub at: Timestamp,
    /// About which step.
    pub step: StepId,
    /// In words.
    pub text: String,
}

/// An event that cannot follow what happened before: the journal is not of this run, or of another version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} of the journal cannot be: {why}")]
pub struct Illegal {
    /// Position of the record.
    pub seq: u64,
    /// Why.
    pub why: String,
}

impl State {
    /// The state after the first record.
    ///
    /// # Errors
    /// When it is not a run's first record, or is of a format that this version cannot read.
    pub fn begin(run: RunId, at: Timestamp, event: &Event) -> Result<Self, Illegal> {
        Self::begin_with(run, at, event.clone())
    }

    /// The same for whoever needs the event no more.
    ///
    /// # Errors
    /// As [`State::begin`].
    pub fn begin_with(run: RunId, at: Timestamp, event: Event) -> Result<Self, Illegal> {
        let Event::RunStarted(started) = event else {
            return Err(Illegal { seq: 1, why: "a journal begins with `run_started`".into() });
        };
        if started.format != FORMAT {
            let why = format!(
                "it is of format {}, and drill {} reads format {FORMAT}; use drill {}",
                started.format,
                env!("CARGO_PKG_VERSION"),
                started.version
            );
            return Err(Illegal { seq: 1, why });
        }
        Ok(Self {
            run,
            steps: started.plan.steps.iter().map(|step| (step.id.clone(), StepState::Waiting)).collect(),
            started,
            started_at: at,
            last_at: at,
            seq: 1,
            picked: BTreeMap::new(),
            ledger: BTreeMap::new(),
            probes: BTreeMap::new(),
            actions: BTreeMap::new(),
            gates: BTreeMap::new(),
            identity: None,
            checks: None,
            last_errors: BTreeMap::new(),
            warnings: Vec::new(),
            cancelled: None,
            ended_early: false,
            lease_ended: None,
            resumed_at: Vec::new(),
            concluded: None,
            concluded_seq: None,
            reopened: Vec::new(),
            report: None,
            report_failed: false,
            archive: None,
        })
    }

    /// Folds a whole journal.
    ///
    /// # Errors
    /// When it is empty, or a record cannot follow.
    pub fn replay(records: &[Recorded]) -> Result<Self, Illegal> {
        let Some((first, rest)) = records.split_first() else {
            return Err(Illegal { seq: 0, why: "it is empty".into() });
        };
        let mut state = Self::begin(first.run, first.at, &first.event)?;
        for record in rest {
            state.apply(record.at, &record.event)?;
        }
        Ok(state)
    }

    /// The step of a piece of work.
    #[must_use]
    pub fn step(&self, work: &Work) -> &StepState {
        self.steps.get(&work.id()).unwrap_or(&StepState::Waiting)
    }

    /// The step that asks a person under this name: a gate, or a manual probe.
    #[must_use]
    pub fn asks(&self, name: &Name) -> Option<Work> {
        let definition = &self.started.plan.definition;
        if definition.gates.contains_key(name) {
            return Some(Work::Gate(name.clone()));
        }
        let probe = definition.probes.get(name)?;
        (probe.kind == ProbeKind::Manual).then(|| Work::Probe(name.clone()))
    }

    /// Everything that asks a person, in the order of names.
    #[must_use]
    pub fn questions(&self) -> Vec<Name> {
        let definition = &self.started.plan.definition;
        let names = definition.gates.keys().chain(definition.probes.keys());
        names.filter(|name| self.asks(name).is_some()).cloned().collect()
    }

    /// The plan's steps with their states, in the order of the plan.
    pub fn in_order(&self) -> impl Iterator<Item = (&Step, &StepState)> {
        // Steps of a kind stand beside each other in the order of ids, too: the next one is mostly right behind the last.
        let mut near = self.steps.range::<StepId, _>(..);
        self.started.plan.steps.iter().filter_map(move |step| {
            if let Some((id, state)) = near.next()
                && *id == step.id
            {
                return Some((step, state));
            }
            near = self.steps.range::<StepId, _>(&step.id..);
            near.next().filter(|(id, _)| **id == step.id).map(|(_, state)| (step, state))
        })
    }

    /// Applies one more event.
    ///
    /// # Errors
    /// When it cannot follow.
    pub fn apply(&mut self, at: Timestamp, event: &Event) -> Result<(), Illegal> {
        let seq = self.seq + 1;
        self.fold(at, seq, event).map_err(|why| Illegal { seq, why })?;
        self.seq = seq;
        self.last_at = at;
        Ok(())
    }

    fn fold(&mut self, at: Timestamp, seq: u64, event: &Event) -> Result<(), String> {
        match event {
            Event::RunStarted(_) => return Err("a run starts once".into()),
            Event::RunResumed { .. } => self.resumed(at),
            Event::CancelRequested { by } => {
                // The loss of the world wins: after it there is nothing left to ask.
                // A run that once had a verdict had shown what it could, or had been ended early before.
                self.ended_early |= self.lease_ended.is_none() && self.concluded.is_none() && self.reopened.is_empty();
                if self.cancelled.is_none() || *by == CancelBy::WorldLost {
                    self.cancelled = Some((at, by.clone()));
                }
            }
            Event::TeardownReopened => self.reopen()?,
            Event::StepStarted { step } => self.start(at, step)?,
            Event::StepEnded { step, end } => self.end(at, step, end)?,
            Event::Stumbled { step, error } => {
                self.stumble(at, step)?;
                self.last_errors.insert(step.clone(), error.clone());
                self.doubt(step, error.may_have_happened() && error.operation == "backup:StartRestoreJob");
            }
            Event::Warned { step, text } => {
                self.warnings.push(Warning { at, step: step.clone(), text: text.clone() });
            }
            Event::Preflighted { identity, checks } => {
                self.identity.clone_from(identity);
                self.checks = Some(checks.clone());
            }
            Event::Picked { restore, picked } => {
                self.picked.insert(restore.clone(), (**picked).clone());
            }
            Event::ProbeTried { probe, attempt, result } => {
                self.probe(probe)?.tried.push((*attempt, at, result.clone()));
            }
            Event::ControlTried { probe, attempt, result } => {
                self.probe(probe)?.control.push((*attempt, at, result.clone()));
            }
            Event::ActionIntended { action, .. } => {
                let state = self.action(action)?;
                state.intended = true;
                state.begun = Some(at);
            }
            Event::ActionTried { action, attempt, result } => {
                let state = self.action(action)?;
                state.begun = None;
                state.tried.push((*attempt, at, result.clone()));
            }
            Event::UndoIntended { action, .. } => {
                self.action(action)?;
            }
            Event::UndoTried { action, attempt, result } => {
                self.action(action)?.undone.push((*attempt, at, result.clone()));
            }
            Event::GateAnswered { gate, answer } => {
                if self.asks(gate).is_none() {
                    return Err(format!("the plan asks nobody at `{gate}`"));
                }
                self.gates.entry(gate.clone()).or_insert((at, answer.clone()));
            }
            Event::Concluded { conclusion } => {
                if self.concluded.is_some() {
                    return Err("a run concludes once".into());
                }
                self.concluded = Some((at, (**conclusion).clone()));
                self.concluded_seq = Some(seq);
            }
            Event::ReportWritten { files } => self.report = Some(files.clone()),
            Event::ReportFailed { .. } => self.report_failed = true,
            Event::ArchiveIntended { .. } => self.archive = Some(Archiving::Intended),
            Event::Archived { place, until, files } => {
                self.archive = Some(Archiving::Done { place: place.clone(), until: *until, files: files.clone() });
            }
            Event::ArchiveFailed { message } => self.archive = Some(Archiving::Failed { message: message.clone() }),
            Event::RestoreIntended { restore, entry } => {
                if self.ledger.get(restore).is_some_and(|entry| entry.gone.is_none()) {
                    return Err(format!("`{restore}` is in the ledger already"));
                }
                self.ledger.insert(restore.clone(), Entry::new((**entry).clone(), at));
            }
            Event::Kept { .. }
            | Event::LeaseTagged { .. }
            | Event::LeaseTagFailed { .. }
            | Event::LeaseExtended { .. }
            | Event::LeaseEnded { .. } => self.fold_lease(at, event)?,
            of_entry => self.fold_entry(at, of_entry)?,
        }
        Ok(())
    }

    /// The events about one entry of the ledger.
    fn fold_entry(&mut self, at: Timestamp, event: &Event) -> Result<(), String> {
        match event {
            Event::RestoreAccepted { restore, job, .. } => {
                let entry = self.entry(restore)?;
                if entry.job.as_ref().is_some_and(|known| known != job) {
                    return Err(format!("`{restore}` has a restore job already"));
                }
                entry.job = Some(job.clone());
                entry.doubtful.clear();
                entry.accepted_at.get_or_insert(at);
                entry.in_doubt = false;
            }
            Event::RestoreNotFound { restore } => {
                let entry = self.entry(restore)?;
                entry.in_doubt = false;
                entry.not_found += 1;
                entry.not_found_at = Some(at);
            }
            Event::RestoreDoubtful { restore, jobs } => {
                let entry = self.entry(restore)?;
                entry.in_doubt = false;
                entry.doubtful.clone_from(jobs);
            }
            Event::RestoreRefused { restore, .. } => {
                let entry = self.entry(restore)?;
                entry.in_doubt = false;
                entry.refused = true;
            }
            Event::JobSeen { restore, job } => self.entry(restore)?.job_seen = Some((at, job.clone())),
            Event::GroundIntended { restore } => {
                self.entry(restore)?.ground.get_or_insert(false);
            }
            Event::GroundLaid { restore } => self.entry(restore)?.ground = Some(true),
            Event::Searched { restore, found } => {
                let entry = self.entry(restore)?;
                entry.searched = true;
                match found {
                    Found::Nothing => entry.suspects.clear(),
                    Found::Marked(arn) => {
                        entry.found = Some(arn.clone());
                        entry.absent_since = None;
                    }
                    Found::Suspects(arns) => {
                        entry.suspects.clone_from(arns);
                        entry.absent_since = None;
                    }
                }
            }
            Event::FinishIntended { restore, parts } => self.entry(restore)?.remember(parts),
            Event::FinishAsked { restore } => self.entry(restore)?.finish_asked_at = Some(at),
            Event::ResourceSeen { restore, observation } => self.entry(restore)?.look(at, observation),
            Event::StampIntended { restore, remove, add } => {
                let entry = self.entry(restore)?;
                entry.stamp = Some(Stamp { remove: remove.clone(), add: add.clone() });
                entry.stamped = Some(false);
            }
            Event::Stamped { restore } => self.entry(restore)?.stamped = Some(true),
            Event::StampFailed { restore, error } => {
                let entry = self.entry(restore)?;
                entry.stamp_failed = true;
                let step = Work::Ready(restore.clone()).id();
                let text = format!("the drill's tags could not be set: {error}");
                self.warnings.push(Warning { at, step, text });
            }
            Event::PasswordIntended { restore } => {
                self.entry(restore)?;
            }
            Event::PasswordSet { restore } => self.entry(restore)?.password_set_at = Some(at),
            Event::TagsSeen { restore, tags } => self.entry(restore)?.tags = Some(tags.clone()),
            Event::UnprotectIntended { restore } => {
                self.entry(restore)?;
            }
            Event::Unprotected { restore } => self.entry(restore)?.unprotected_at = Some(at),
            Event::RemovalIntended { restore, witness } => {
                self.entry(restore)?.removal.get_or_insert((at, witness.clone()));
            }
            Event::RemovalAccepted { restore } => self.entry(restore)?.removal_accepted_at = Some(at),
            Event::AbsenceSeen { restore } => {
                self.entry(restore)?.absent_since.get_or_insert(at);
            }
            Event::Gone { restore, proof } => {
                let entry = self.entry(restore)?;
                if entry.gone.is_some() {
                    return Err(format!("`{restore}` is gone already"));
                }
                entry.gone = Some((at, proof.clone()));
            }
            _ => return Err("this version does not know it".into()),
        }
        Ok(())
    }

    /// The events about what is kept.
    fn fold_lease(&mut self, at: Timestamp, event: &Event) -> Result<(), String> {
        match event {
            Event::Kept { restore, until, tag } => {
                let entry = self.entry(restore)?;
                if entry.gone.is_some() || entry.lease.is_some() {
                    return Err(format!("`{restore}` is gone or kept already"));
                }
                entry.lease = Some(Lease { since: at, until: *until, wants_tag: *tag, tagged: false, failed: None });
            }
            Event::LeaseTagged { restore } => {
                let lease = self.lease_of(restore)?;
                lease.tagged = true;
                lease.failed = None;
            }
            Event::LeaseTagFailed { restore, error } => self.lease_of(restore)?.failed = Some(error.clone()),
            Event::LeaseExtended { until, .. } => {
                if self.lease().is_none() {
                    return Err("nothing is kept that could be kept longer".into());
                }
                for lease in self.ledger.values_mut().filter_map(|entry| entry.lease.as_mut()) {
                    lease.until = *until;
                    lease.tagged = false;
                    lease.failed = None;
                }
            }
            Event::LeaseEnded { by } => {
                if self.lease_ended.is_some() {
                    return Err("leases end once".into());
                }
                self.lease_ended = Some((at, *by));
                self.ledger.values_mut().for_each(|entry| entry.lease = None);
            }
            _ => return Err("this version does not know it".into()),
        }
        Ok(())
    }

    fn lease_of(&mut self, restore: &Name) -> Result<&mut Lease, String> {
        self.entry(restore)?.lease.as_mut().ok_or_else(|| format!("`{restore}` is not kept"))
    }

    /// What the run keeps on purpose: each with its lease, whether the lease can be relied on or not.
    pub fn kept(&self) -> impl Iterator<Item = (&Name, &Entry, &Lease)> {
        let there = self.ledger.iter().filter(|(_, entry)| entry.gone.is_none());
        there.filter_map(|(name, entry)| Some((name, entry, entry.lease.as_ref()?)))
    }

    /// When the run's leases end: nothing if it keeps nothing.
    #[must_use]
    pub fn lease(&self) -> Option<Timestamp> {
        self.kept().map(|(_, _, lease)| lease.until).max()
    }

    /// Whether something is left to do for the run at `now`, which is of the run's own clock: it is not over, it leaked, or
    /// what it keeps has stayed for its time. `drill run` and `drill sweep` ask this.
    #[must_use]
    pub fn owes_at(&self, now: Timestamp) -> bool {
        let Some((_, conclusion)) = &self.concluded else { return true };
        conclusion.verdict == Verdict::Leaked || self.lease().is_some_and(|until| until <= now)
    }

    fn entry(&mut self, restore: &Name) -> Result<&mut Entry, String> {
        self.ledger.get_mut(restore).ok_or_else(|| format!("`{restore}` is not in the ledger"))
    }

    fn probe(&mut self, probe: &Name) -> Result<&mut ProbeState, String> {
        if self.started.plan.definition.probes.contains_key(probe) {
            Ok(self.probes.entry(probe.clone()).or_default())
        } else {
            Err(format!("the plan has no probe `{probe}`"))
        }
    }

    fn action(&mut self, action: &Name) -> Result<&mut ActionState, String> {
        if self.started.plan.definition.actions.contains_key(action) {
            Ok(self.actions.entry(action.clone()).or_default())
        } else {
            Err(format!("the plan has no action `{action}`"))
        }
    }

    fn start(&mut self, at: Timestamp, step: &StepId) -> Result<(), String> {
        let state = self.steps.get_mut(step).ok_or_else(|| format!("the plan has no step `{step}`"))?;
        if *state != StepState::Waiting {
            return Err(format!("step `{step}` began already"));
        }
        *state = StepState::Running { since: at, stumbles: 0, stumbled_at: None, stumbled_in_all: 0 };
        Ok(())
    }

    fn end(&mut self, at: Timestamp, step: &StepId, end: &StepEnd) -> Result<(), String> {
        let state = self.steps.get_mut(step).ok_or_else(|| format!("the plan has no step `{step}`"))?;
        let (since, stumbled_in_all) = match state {
            StepState::Ended { .. } => return Err(format!("step `{step}` ended already")),
            StepState::Waiting if matches!(end, StepEnd::Passed | StepEnd::Failed(_)) => {
                return Err(format!("step `{step}` never began"));
            }
            StepState::Waiting => (None, 0),
            StepState::Running { since, stumbled_in_all, .. } => (Some(*since), *stumbled_in_all),
        };
        *state = StepState::Ended { since, at, end: end.clone(), stumbled_in_all };
        Ok(())
    }

    fn stumble(&mut self, at: Timestamp, step: &StepId) -> Result<(), String> {
        let Some(StepState::Running { stumbles, stumbled_at, stumbled_in_all, .. }) = self.steps.get_mut(step) else {
            return Err(format!("step `{step}` is not under way"));
        };
        let row_goes_on = stumbled_at.is_some_and(|last| at.duration_since(last) < ROW_ENDS_AFTER);
        *stumbles = if row_goes_on { stumbles.saturating_add(1) } else { 1 };
        *stumbled_at = Some(at);
        *stumbled_in_all = stumbled_in_all.saturating_add(1);
        Ok(())
    }

    /// A start whose answer never came may have started a job.
    fn doubt(&mut self, step: &StepId, maybe_started: bool) {
        let restore = step.as_str().strip_prefix("restore.").filter(|_| maybe_started);
        if let Some(Ok(name)) = restore.map(str::parse::<Name>)
            && let Some(entry) = self.ledger.get_mut(&name)
            && entry.job.is_none()
        {
            entry.in_doubt = true;
            entry.doubted = true;
            entry.not_found = 0;
        }
    }

    /// Another process takes over: it cannot know what the last one sent.
    fn resumed(&mut self, at: Timestamp) {
        self.resumed_at.push(at);
        for entry in self.ledger.values_mut().filter(|entry| entry.job.is_none() && (entry.doubted || !entry.refused)) {
            entry.in_doubt = true;
            entry.doubted = true;
            entry.not_found = 0;
        }
        for state in self.steps.values_mut() {
            if let StepState::Running { stumbles, stumbled_at, .. } = state {
                *stumbles = 0;
                *stumbled_at = None;
            }
        }
    }

    /// Whether what an action did is gone with the thing that it did it to: a script on the restored instance itself.
    #[must_use]
    pub fn is_undone_by_removal(&self, name: &Name) -> bool {
        let Some(action) = self.started.plan.definition.actions.get(name) else { return false };
        let own_instance = action.kind == ProbeKind::Ssm && !action.settings.contains_key("instance");
        let gone = |on: &Name| self.ledger.get(on).is_some_and(|entry| entry.gone.is_some());
        own_instance && action.on.as_ref().is_some_and(gone)
    }

    /// The undo steps of actions that may have been done and are not known to be undone.
    pub fn owed_undos(&self) -> Vec<StepId> {
        let world_is_gone = self.cancelled.as_ref().is_some_and(|(_, by)| *by == CancelBy::WorldLost);
        let owed = |(name, action): (&Name, &ActionState)| {
            let undone = action.undone.iter().any(|(_, _, tried)| matches!(tried, Tried::Held { .. }));
            let has_undo = self.started.plan.definition.actions.get(name).is_some_and(|action| action.undo.is_some());
            let removed = self.is_undone_by_removal(name);
            (has_undo && action.intended && !undone && !removed && !world_is_gone)
                .then(|| Work::Undo(name.clone()).id())
        };
        self.actions.iter().filter_map(owed).collect()
    }

    /// After a leak, or for the sake of a lease, the teardown of what is left runs once more.
    fn reopen(&mut self) -> Result<(), String> {
        let Some((at, conclusion)) = self.concluded.take() else {
            return Err("only a concluded run can be reopened".into());
        };
        let seq = self.concluded_seq.take().unwrap_or_default();
        self.report = None;
        self.report_failed = false;
        self.archive = None;
        // What could not be tagged is tried again.
        self.ledger.values_mut().filter_map(|entry| entry.lease.as_mut()).for_each(|lease| lease.failed = None);
        let left: Vec<StepId> = self
            .ledger
            .iter()
            .filter(|(_, entry)| entry.gone.is_none())
            .map(|(name, _)| Work::Teardown(name.clone()).id())
            .chain(self.owed_undos())
            .chain([Work::Report.id()])
            .collect();
        let mut failed = BTreeMap::new();
        for step in left {
            let was = self.steps.insert(step.clone(), StepState::Waiting);
            if let Some(StepState::Ended { at, end: StepEnd::Failed(failure), .. }) = was {
                failed.insert(step, (at, failure));
            }
        }
        self.reopened.push(Reopened { at, seq, conclusion, failed });
        Ok(())
    }
}
