//! The bound on what a run may cost, `limits.max_cost_usd`. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::journal::spent::{held, size};
use crate::journal::state::State;
use crate::plan::estimate::{cost, usd, usd_per_hour};
use crate::plan::step::Work;
use crate::run::decide::Situation;

/// Whatever would be reached later than this is not going to be reached.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 3_650);

/// Whether the restores of a run may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affordable {
    /// The sizes are not known before every recovery point was picked.
    NotYet,
    /// They may.
    Yes,
    /// They may not, for this reason.
    No(String),
}

/// Holds the estimate of the whole run against the bound.
#[must_use]
pub fn affordable(situation: &Situation<'_>) -> Affordable {
    let (state, definition) = (situation.state, situation.definition());
    let Some(most) = definition.limits.max_cost_usd else { return Affordable::Yes };
    if definition.restore.keys().any(|name| state.step(&Work::Pick(name.clone())).end().is_none()) {
        return Affordable::NotYet;
    }
    let estimate = cost(&state.started.plan, situation.types, &|name| size(state, name));
    match estimate.usd.filter(|usd| *usd > most) {
        None => Affordable::Yes,
        Some(usd) => {
            let parts = estimate.restores.iter().map(|(name, one)| format!("`{name}`: {}", one.basis));
            Affordable::No(format!(
                "the run is estimated to cost {usd:.2} USD, and `limits.max_cost_usd` allows {most:.2} ({})",
                parts.collect::<Vec<String>>().join("; ")
            ))
        }
    }
}

/// When what the run has cost reaches the bound, if it goes on like this. Nothing without a bound or a cost.
#[must_use]
pub fn reached_at(state: &State) -> Option<Timestamp> {
    let most = state.started.plan.definition.limits.max_cost_usd?;
    let (mut spent, mut per_hour) = (0.0, 0.0);
    for one in held(state, state.last_at) {
        spent += usd(&one.rates, one.held, one.size);
        if one.goes_on {
            per_hour += usd_per_hour(&one.rates, one.size);
        }
    }
    if spent >= most {
        return Some(state.last_at);
    }
    if per_hour <= 0.0 {
        return None;
    }
    let left = SignedDuration::try_from_secs_f64((most - spent) / per_hour * 3_600.0).ok()?;
    (left < LONGEST).then(|| state.last_at + left)
}
