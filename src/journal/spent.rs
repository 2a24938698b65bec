//! What a run has cost so far, at the rates of its definition. A fold over the ledger.

use jiff::{SignedDuration, Timestamp};

use crate::definition::model::Rates;
use crate::journal::event::GoneProof;
use crate::journal::ledger::Entry;
use crate::journal::state::State;
use crate::words::id::Name;

/// One thing that costs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(clippy::struct_field_names, reason = "the plain word for it")]
pub struct Held {
    /// At these rates.
    pub rates: Rates,
    /// The size of its recovery point in bytes, where it is known.
    pub size: Option<u64>,
    /// For so long until now.
    pub held: SignedDuration,
    /// It still exists, or may.
    pub goes_on: bool,
}

/// Everything that the run has paid for, at `now`: from the accepted start, or the intent, until it is gone.
pub fn held(state: &State, now: Timestamp) -> impl Iterator<Item = Held> {
    let one = move |(name, entry): (&Name, &Entry)| {
        let definition = &state.started.plan.definition;
        let restore = definition.restore.get(name)?;
        let refused = entry.refused && entry.job.is_none() && !entry.doubted;
        if refused || matches!(entry.gone, Some((_, GoneProof::NeverStarted))) {
            return None;
        }
        let from = entry.accepted_at.unwrap_or(entry.intended_at);
        let to = entry.gone.as_ref().map_or(now, |(at, _)| *at);
        Some(Held {
            rates: definition.rates_of(restore),
            size: size(state, name),
            held: to.duration_since(from).max(SignedDuration::ZERO),
            goes_on: entry.gone.is_none(),
        })
    };
    state.ledger.iter().filter_map(one)
}

/// The size of the recovery point that a restore chose, in bytes, where AWS says one.
#[must_use]
pub fn size(state: &State, name: &Name) -> Option<u64> {
    let chosen = state.picked.get(name).and_then(|picked| picked.chosen.as_ref());
    chosen.and_then(|point| point.size_bytes).filter(|bytes| *bytes > 0)
}
