//! The space of scenarios of a drill: everything that can go wrong once, at every place of an undisturbed run; and
//! combinations, from a seed.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::rehearse::played::{Played, PlayedRun};
use crate::cli::rehearse::stage::Asked;
use crate::cli::rehearse::trouble::{
    Crash, Damage, Job, Jump, LeaseEnd, Lie, Runner, Scenario, Takeover, Trouble, Wire,
};
use crate::definition::model::{Definition, TeardownWhen};
use crate::journal::state::State;
use crate::run::decide::is_forward;
use crate::sandbox::What;
use crate::words::id::StepId;
use crate::words::kind::ProbeKind;

/// Faults that may last.
const LASTING: [Wire; 4] = [Wire::Throttle, Wire::Error500, Wire::AccessDenied, Wire::ResetBefore];

/// What an undisturbed run is like: the places where something can go wrong.
pub(crate) struct Places {
    /// Operation, how often it was called before, and the kind of the step.
    calls: Vec<(String, u32, String)>,
    /// The same from the moment on at which the time of what was kept is over.
    lease_calls: Vec<(String, u32, String)>,
    /// The kind of the step of each record, from the first.
    records: Vec<String>,
    /// The last record of each append.
    appends: Vec<u64>,
    /// Those after which something is there that costs, and something is still to be done with it.
    dear: Vec<u64>,
    /// The last record before each look whether everything is stopped.
    looks: Vec<u64>,
}

impl Places {
    /// Of a run that nobody disturbed.
    pub(crate) fn of(played: &Played) -> Self {
        let run = played.runs.first();
        let records = run.map(|run| kinds(&run.records)).unwrap_or_default();
        let appends = run.map(|run| run.appends.clone()).unwrap_or_default();
        let lease = run.and_then(|run| run.asked_until_lease).unwrap_or(played.asked.len());
        let (before, after) = played.asked.split_at(lease.min(played.asked.len()));
        let dear = run.map(dear).unwrap_or_default();
        let looks = run.map(|run| run.looks.clone()).unwrap_or_default();
        Self { calls: calls(before), lease_calls: calls(after), records, appends, dear, looks }
    }

    /// The kind of step that a trouble falls on: the column of the table.
    pub(crate) fn column(&self, trouble: &Trouble) -> String {
        let at = |record: u64| {
            let index = usize::try_from(record.saturating_sub(1)).unwrap_or(usize::MAX);
            self.records.get(index).cloned()
        };
        let of_call = |calls: &[(String, u32, String)], operation: &str, nth: u32| {
            calls.iter().find(|(one, count, _)| one == operation && *count == nth).map(|call| call.2.clone())
        };
        let found = match trouble {
            Trouble::Wire { operation, nth, .. } => of_call(&self.calls, operation, *nth),
            Trouble::LeaseEnd { operation, nth, .. } => of_call(&self.lease_calls, operation, *nth),
            Trouble::Job { .. } | Trouble::Stranger { .. } => Some("restore".to_owned()),
            Trouble::Crash { records, .. }
            | Trouble::Damage { records, .. }
            | Trouble::Clock { records, .. }
            | Trouble::Takeover { records, .. }
            | Trouble::MaxCost { records }
            | Trouble::Interrupt { records, .. } => at(*records),
            Trouble::Stop { look } => {
                let index = usize::try_from(look.saturating_sub(1)).unwrap_or(usize::MAX);
                self.looks.get(index).and_then(|record| at(*record))
            }
            Trouble::DiskFull { append } => {
                let index = usize::try_from(append.saturating_sub(1)).unwrap_or(usize::MAX);
                self.appends.get(index).and_then(|record| at(*record))
            }
            Trouble::Probe { .. } => Some("probe".to_owned()),
            Trouble::Runner(_) => None,
        };
        found.unwrap_or_else(|| "run".to_owned())
    }

    /// Everything that can go wrong once.
    pub(crate) fn singles(&self, definition: &Definition) -> Vec<Trouble> {
        let mut all = self.wire();
        for (restore, spec) in &*definition.restore {
            // Whose restore it is cannot be seen in a request: the first one's point expires.
            let first = definition.restore.keys().next() == Some(restore);
            let in_part = What::JobPartial.befalls(spec.kind);
            let jobs = Job::ALL.iter().filter(|how| match how {
                Job::PointExpired => first,
                Job::Partial => in_part,
                _ => true,
            });
            all.extend(jobs.map(|how| Trouble::Job { how: *how, restore: restore.clone() }));
        }
        for record in &self.appends {
            all.extend(Crash::ALL.iter().map(|how| Trouble::Crash { records: *record, how: *how }));
            all.extend(Jump::ALL.iter().map(|how| Trouble::Clock { records: *record, how: *how }));
            all.extend(Damage::ALL.iter().map(|how| Trouble::Damage { records: *record, how: *how }));
            all.extend([false, true].map(|twice| Trouble::Interrupt { records: *record, twice }));
            all.extend(Takeover::ALL.iter().map(|how| Trouble::Takeover { records: *record, how: *how }));
        }
        let looks = u32::try_from(self.looks.len()).unwrap_or(0);
        all.extend((1..=looks).map(|look| Trouble::Stop { look }));
        // What is kept on purpose costs for all its time, and the bound allows for that.
        if definition.teardown.when != TeardownWhen::Manual {
            all.extend(self.dear.iter().map(|records| Trouble::MaxCost { records: *records }));
        }
        all.extend(self.lease_ends());
        let appends = u64::try_from(self.appends.len()).unwrap_or(0);
        all.extend((1..=appends).map(|append| Trouble::DiskFull { append }));
        for (name, probe) in definition.probes.iter().filter(|(_, probe)| probe.kind != ProbeKind::Manual) {
            let controlled = |how: &&Lie| **how != Lie::ControlHolds || probe.negative_control.is_some();
            all.extend(Lie::ALL.iter().filter(controlled).map(|how| Trouble::Probe { how: *how, probe: name.clone() }));
        }
        all.extend(Runner::ALL.iter().map(|runner| Trouble::Runner(*runner)));
        let starts = u32::try_from(definition.restore.len()).unwrap_or(0);
        all.extend((1..=starts).map(|nth| Trouble::Stranger { nth }));
        all
    }

    /// Every fault of a request that changes something while what was kept is removed: the first and the last of each
    /// operation.
    pub(crate) fn lease_ends(&self) -> Vec<Trouble> {
        let mut places: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (operation, nth, _) in self.lease_calls.iter().filter(|(operation, ..)| !reads(operation)) {
            places.entry(operation).or_default().insert(*nth);
        }
        let mut all = Vec::new();
        for (operation, nths) in places {
            let ends: BTreeSet<u32> = [nths.first(), nths.last()].into_iter().flatten().copied().collect();
            for nth in ends {
                let fault = |how: &LeaseEnd| Trouble::LeaseEnd { how: *how, operation: operation.to_owned(), nth };
                all.extend(LeaseEnd::ALL.iter().map(fault));
            }
        }
        all
    }

    /// Every fault of a request, at the first and the last call of each operation in each kind of step.
    fn wire(&self) -> Vec<Trouble> {
        let mut places: BTreeMap<(&str, &str), BTreeSet<u32>> = BTreeMap::new();
        for (operation, nth, kind) in &self.calls {
            places.entry((operation, kind)).or_default().insert(*nth);
        }
        let mut all = Vec::new();
        for ((operation, _), nths) in places {
            let ends: BTreeSet<u32> = [nths.first(), nths.last()].into_iter().flatten().copied().collect();
            for nth in ends {
                let fault =
                    |how: &Wire, lasting| Trouble::Wire { how: *how, operation: operation.to_owned(), nth, lasting };
                all.extend(Wire::ALL.iter().filter(|how| is_sensible(**how, operation)).map(|how| fault(how, false)));
                all.extend(LASTING.iter().map(|how| fault(how, true)));
            }
        }
        all
    }
}

/// Only what reads can be stale.
fn is_sensible(how: Wire, operation: &str) -> bool {
    !matches!(how, Wire::StaleRead | Wire::OldRead) || reads(operation)
}

fn reads(operation: &str) -> bool {
    let verb = operation.split_once(':').map_or(operation, |(_, verb)| verb);
    ["Describe", "List", "Get", "Head"].iter().any(|reads| verb.starts_with(reads))
}

/// See [`Places::dear`].
fn dear(run: &PlayedRun) -> Vec<u64> {
    let mut records = run.records.iter();
    let begun = records.next().and_then(|first| State::begin(first.run, first.at, &first.event).ok());
    let Some(mut state) = begun else { return Vec::new() };
    let mut dear = Vec::new();
    for record in records {
        if state.apply(record.at, &record.event).is_err() {
            break;
        }
        let held = state.ledger.values().any(|entry| entry.job.is_some() && entry.gone.is_none());
        let goes_on = state.in_order().any(|(step, known)| is_forward(&step.work) && known.end().is_none());
        if held && goes_on && run.appends.contains(&record.seq) {
            dear.push(record.seq);
        }
    }
    dear
}

/// Each call with its number among those of its operation, and the kind of its step.
fn calls(asked: &[Asked]) -> Vec<(String, u32, String)> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut calls = Vec::new();
    for (operation, step) in asked {
        let count = counts.entry(operation).or_default();
        *count += 1;
        calls.push((operation.clone(), *count, step.as_ref().map_or_else(|| "run".to_owned(), kind_of)));
    }
    calls
}

fn kind_of(step: &StepId) -> String {
    let text = step.as_str();
    text.split_once('.').map_or(text, |(kind, _)| kind).to_owned()
}

/// The kind of the step that began last before each record.
fn kinds(records: &[crate::journal::event::Recorded]) -> Vec<String> {
    let mut kind = "run".to_owned();
    let mut kinds = Vec::new();
    for record in records {
        if let crate::journal::event::Event::StepStarted { step } = &record.event {
            kind = kind_of(step);
        }
        kinds.push(kind.clone());
    }
    kinds
}

/// Combinations of two and three troubles, without end and without repetition of one kind of process trouble.
pub(crate) struct Combinations {
    singles: Vec<Trouble>,
    state: u64,
}

impl Combinations {
    pub(crate) fn new(singles: Vec<Trouble>, seed: u64) -> Self {
        Self { singles, state: seed ^ 0x5EED_CAFE_0000_0001 }
    }

    /// A small generator (splitmix64): the same choices for the same seed, on every machine.
    fn next_number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn pick(&mut self) -> Option<Trouble> {
        let count = u64::try_from(self.singles.len()).ok().filter(|count| *count > 0)?;
        let index = usize::try_from(self.next_number() % count).ok()?;
        self.singles.get(index).cloned()
    }
}

impl Iterator for Combinations {
    type Item = Scenario;

    fn next(&mut self) -> Option<Scenario> {
        let wanted = 2 + self.next_number() % 2;
        let mut troubles: Vec<Trouble> = Vec::new();
        for _ in 0..wanted {
            let one = self.pick()?;
            if troubles.iter().all(|known| goes_with(known, &one)) {
                troubles.push(one);
            }
        }
        Some(Scenario(troubles))
    }
}

/// Whether two troubles can both come: a process dies once, and its disk is full or damaged, not both.
fn goes_with(one: &Trouble, other: &Trouble) -> bool {
    let of_process = |trouble: &Trouble| {
        matches!(
            trouble,
            Trouble::Crash { .. } | Trouble::DiskFull { .. } | Trouble::Damage { .. } | Trouble::Takeover { .. }
        )
    };
    // A process that is paused takes no signal and sees no clock.
    let pauses = |trouble: &Trouble| matches!(trouble, Trouble::Takeover { .. });
    let is_watched = |trouble: &Trouble| {
        matches!(trouble, Trouble::Interrupt { .. } | Trouble::Clock { .. } | Trouble::MaxCost { .. })
    };
    let alone = |trouble: &Trouble| matches!(trouble, Trouble::Runner(_) | Trouble::Stranger { .. });
    let same = std::mem::discriminant(one) == std::mem::discriminant(other);
    !(of_process(one) && of_process(other)
        || alone(one)
        || alone(other)
        || (pauses(one) && is_watched(other))
        || (pauses(other) && is_watched(one))
        || same && !matches!(one, Trouble::Wire { .. }))
}
