//! Where a run left the usual way.

use crate::journal::event::{CancelBy, Event, LeaseEnd, Recorded};
use crate::journal::state::{Reopened, State};
use crate::words::kind::Verdict;
use crate::words::time::show_instant;

/// One thing out of the ordinary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// In words.
    pub text: String,
    /// Whether somebody should look into it. What a person asked for needs no looking into.
    pub unasked: bool,
}

/// Everything out of the ordinary, in order.
#[must_use]
pub fn deviations(state: &State, events: &[Recorded]) -> Vec<Deviation> {
    let mut out = Vec::new();
    // What ended after the run had shown what it could is no deviation of it.
    if let Some((at, by)) = state.cancelled.as_ref().filter(|_| state.ended_early) {
        let unasked = !matches!(by, CancelBy::Signal | CancelBy::Command | CancelBy::Stopped);
        out.push(Deviation {
            text: format!("The run was ended early at {}: {}.", show_instant(*at), ended_by(by)),
            unasked,
        });
    }
    out.extend(state.reopened.iter().map(reopened));
    out.extend(events.iter().filter_map(deviation));
    out
}

/// A verdict that was not the last, with its reasons. A lease that ended as it should is no trouble.
fn reopened(earlier: &Reopened) -> Deviation {
    let (verdict, at) = (earlier.conclusion.verdict, show_instant(earlier.at));
    let reasons: Vec<&str> = earlier.conclusion.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
    Deviation {
        text: format!("At {at} the verdict was {verdict}, in a bundle of its own{why}."),
        unasked: verdict == Verdict::Leaked,
    }
}

fn ended_by(by: &CancelBy) -> &'static str {
    match by {
        CancelBy::Signal => "a person or the machine interrupted it (Ctrl-C or SIGTERM)",
        CancelBy::Command => "somebody cancelled it with drill cancel",
        CancelBy::NewerRun => "its process had died and a newer run ended it",
        CancelBy::Sweep => "its process had died and drill sweep tore it down",
        CancelBy::MaxDuration => "the longest duration that the definition allows was over",
        CancelBy::WorldLost => "the process that held the simulated AWS died",
        CancelBy::JournalLost => "its journal could not be written any more",
        CancelBy::Stopped => "everything was stopped (drill stop --all, or the parameter that stops)",
        CancelBy::MaxCost => "what it had cost reached the most that the definition allows",
    }
}

fn deviation(record: &Recorded) -> Option<Deviation> {
    // Of the many records few are deviations.
    let at = || show_instant(record.at);
    let (text, unasked) = match &record.event {
        Event::RunResumed { by } => (
            format!(
                "At {} another process went on with the run ({by}). \
                 The recovery time still counts from the first start.",
                at()
            ),
            true,
        ),
        Event::LeaseExtended { until, by } => {
            (format!("At {} {by} said that what is kept stays until {}.", at(), show_instant(*until)), false)
        }
        Event::LeaseEnded { by } => {
            (format!("At {} the lease of what was kept ended: {}.", at(), lease_end(*by)), false)
        }
        Event::TeardownReopened => (format!("At {} the teardown was opened once more.", at()), false),
        Event::RestoreAccepted { restore, found: true, job } => (
            format!(
                "At {} the restore job {job} of {restore} was found again: the answer to its start had been lost.",
                at()
            ),
            false,
        ),
        Event::RestoreRefused { restore, error } => {
            (format!("At {} AWS refused to start the restore of {restore}: {error}.", at()), true)
        }
        _ => return None,
    };
    Some(Deviation { text, unasked })
}

/// Why a lease ended, in words.
#[must_use]
pub fn lease_end(by: LeaseEnd) -> &'static str {
    match by {
        LeaseEnd::Expired => "its time was over",
        LeaseEnd::Resumed => "somebody resumed the run",
        LeaseEnd::Command => "somebody ended it",
        LeaseEnd::Sweep => "it was swept",
        LeaseEnd::WorldLost => "the process that held the simulated AWS died",
    }
}
