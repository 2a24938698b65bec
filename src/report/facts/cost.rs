//! What a run cost, at the rates that its definition gives.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::cloud::resource::Types;
use crate::journal::spent::{held, size};
use crate::journal::state::State;
use crate::plan::estimate::{self, usd};
use crate::report::facts::Row;
use crate::words::id::Name;

/// The cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostFacts {
    /// What the run was estimated to cost, in US dollars.
    pub estimated: String,
    /// What it cost until its verdict.
    pub spent: String,
    /// The most that the definition allows; null without a bound.
    pub limit: Option<String>,
    /// What the estimate is made of, by restore.
    pub basis: Vec<Row>,
}

/// The cost of a run; nothing if no restore has rates.
#[must_use]
pub fn cost(state: &State, types: Types) -> Option<CostFacts> {
    let plan = &state.started.plan;
    let estimate = estimate::cost(plan, types, &|name| size(state, name));
    let whole = estimate.is_whole();
    let estimated = estimate.usd.map(|usd| format!("{usd:.2} USD{}", if whole { "" } else { ", for a part of it" }))?;
    let basis = estimate.restores.into_iter().map(|(name, one)| {
        let usd = one.usd.map(|usd| format!("{usd:.2} USD: ")).unwrap_or_default();
        Row { name: name.to_string(), value: usd + &one.basis }
    });
    Some(CostFacts {
        estimated,
        spent: format!("{:.2} USD", spent_usd(state)),
        limit: plan.definition.limits.max_cost_usd.map(|most| format!("{most:.2} USD")),
        basis: basis.collect(),
    })
}

/// What it cost until its verdict, or until its last record, in US dollars.
#[must_use]
pub fn spent_usd(state: &State) -> f64 {
    let end = state.concluded.as_ref().map_or(state.last_at, |(at, _)| *at);
    held(state, end).map(|one| usd(&one.rates, one.held, one.size)).sum()
}

/// What it cost until then, where any restore has rates.
#[must_use]
pub fn cost_until_verdict(state: &State) -> Option<String> {
    let definition = &state.started.plan.definition;
    let known = definition.restore.values().any(|restore| !definition.rates_of(restore).is_empty());
    known.then(|| format!("{:.2} USD", spent_usd(state)))
}

/// What one restored thing cost that was held for so long, where it has rates.
#[must_use]
pub fn cost_of(state: &State, name: &Name, held: SignedDuration) -> Option<String> {
    let definition = &state.started.plan.definition;
    let rates = definition.rates_of(definition.restore.get(name)?);
    (!rates.is_empty()).then(|| format!("{:.2} USD", usd(&rates, held, size(state, name))))
}

/// To whole cents: more would be made up.
#[must_use]
pub fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}
