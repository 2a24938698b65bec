//! How long a run will take, and what it will cost: the critical path over usual times, and the definition's own rates.

use std::collections::{BTreeMap, HashMap};

use jiff::SignedDuration;

use crate::cloud::resource::Types;
use crate::definition::model::{Definition, Rates, Restore, TeardownWhen};
use crate::plan::step::{Plan, Step, Work};
use crate::words::id::{Name, StepId};
use crate::words::time::show_duration;

/// A month of AWS's price lists (facts 4.3).
pub const HOURS_OF_A_MONTH: f64 = 730.0;

/// The critical path, from what each step usually takes. A guess from the facts until a drill has a history.
#[must_use]
pub fn estimate(plan: &Plan, types: Types) -> SignedDuration {
    times(plan, types).into_values().map(|(_, end)| end).max().unwrap_or_default()
}

/// When each step usually begins and ends, from the start of the run.
fn times(plan: &Plan, types: Types) -> HashMap<&StepId, (SignedDuration, SignedDuration)> {
    let mut times: HashMap<&StepId, (SignedDuration, SignedDuration)> = HashMap::new();
    for step in &plan.steps {
        let needed = step.needs.iter().filter_map(|need| times.get(&need.step));
        let begins = needed.map(|(_, end)| *end).max().unwrap_or_default();
        times.insert(&step.id, (begins, begins + usual(plan, step, types)));
    }
    times
}

fn usual(plan: &Plan, step: &Step, types: Types) -> SignedDuration {
    match &step.work {
        Work::Restore(name) => plan
            .definition
            .restore
            .get(name)
            .map_or(SignedDuration::ZERO, |restore| SignedDuration::from_mins(types(restore.kind).usual_minutes())),
        Work::Finish(_) => SignedDuration::from_mins(8),
        Work::Ready(_) | Work::Probe(_) | Work::Action(_) | Work::Undo(_) => SignedDuration::from_secs(20),
        Work::Gate(_) => SignedDuration::ZERO,
        Work::Teardown(_) => SignedDuration::from_mins(4),
        Work::Preflight | Work::Pick(_) | Work::Report => SignedDuration::from_secs(2),
    }
}

/// What a run is estimated to cost, at the rates of its definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Each restore.
    pub restores: BTreeMap<Name, RestoreCost>,
    /// The sum of those that have rates, in US dollars; none if no restore has any.
    pub usd: Option<f64>,
}

impl Cost {
    /// Whether every restore has rates.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.restores.values().all(|restore| restore.usd.is_some())
    }
}

/// What one restore is estimated to cost.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreCost {
    /// In US dollars; none without rates.
    pub usd: Option<f64>,
    /// What it is made of, or why it is not estimated.
    pub basis: String,
}

/// The cost of a plan. `size` is the size of a restore's recovery point in bytes, where it is known. A restore that is
/// always kept costs for its lease too.
#[must_use]
pub fn cost(plan: &Plan, types: Types, size: &dyn Fn(&Name) -> Option<u64>) -> Cost {
    let times = times(plan, types);
    let one = |(name, restore): (&Name, &Restore)| {
        let held = held(plan, &times, name);
        (name.clone(), cost_of(&plan.definition, restore, held, size(name)))
    };
    let restores: BTreeMap<Name, RestoreCost> = plan.definition.restore.iter().map(one).collect();
    let known: Vec<f64> = restores.values().filter_map(|restore| restore.usd).collect();
    Cost { restores, usd: (!known.is_empty()).then(|| known.iter().sum()) }
}

/// From the start of the restore job to the end of the teardown or of the lease.
fn held(plan: &Plan, times: &HashMap<&StepId, (SignedDuration, SignedDuration)>, name: &Name) -> SignedDuration {
    let begins = times.get(&Work::Restore(name.clone()).id()).map(|(begins, _)| *begins).unwrap_or_default();
    let ends = times.get(&Work::Teardown(name.clone()).id()).map(|(_, ends)| *ends).unwrap_or_default();
    let teardown = &plan.definition.teardown;
    let always_kept = teardown.lease().filter(|_| teardown.when == TeardownWhen::Manual);
    ends - begins + always_kept.unwrap_or_default()
}

fn cost_of(definition: &Definition, restore: &Restore, held: SignedDuration, size: Option<u64>) -> RestoreCost {
    let rates = definition.rates_of(restore);
    if rates.is_empty() {
        return RestoreCost { usd: None, basis: "not estimated: it has no rates".to_owned() };
    }
    let size = size.filter(|bytes| *bytes > 0);
    let mut basis = Vec::new();
    if let Some(rate) = rates.hour {
        basis.push(format!("{rate} for each of {}", hours_words(held)));
    }
    for (rate, what) in [
        (rates.gb_month, format!("for each GB and month, {}", hours_words(held))),
        (rates.gb_restored, "for each GB that is restored".to_owned()),
    ] {
        match (rate, size) {
            (Some(rate), Some(bytes)) => basis.push(format!("{rate} {what}: {:.1} GB", gigabytes(bytes))),
            (Some(rate), None) => basis.push(format!("{rate} {what}: not estimated, the size is not known")),
            (None, _) => {}
        }
    }
    RestoreCost { usd: Some(usd(&rates, held, size)), basis: basis.join("; ") }
}

fn hours_words(held: SignedDuration) -> String {
    format!("{:.2} hours ({})", hours(held), show_duration(held))
}

/// What something of this size costs that exists for so long. What needs a size that is not known counts as nothing.
#[must_use]
pub fn usd(rates: &Rates, held: SignedDuration, size: Option<u64>) -> f64 {
    usd_at_once(rates, size) + usd_per_hour(rates, size) * hours(held)
}

/// What it costs as soon as it is restored.
#[must_use]
pub fn usd_at_once(rates: &Rates, size: Option<u64>) -> f64 {
    rates.gb_restored.unwrap_or_default() * size.map_or(0.0, gigabytes)
}

/// What it costs each hour.
#[must_use]
pub fn usd_per_hour(rates: &Rates, size: Option<u64>) -> f64 {
    let stored = rates.gb_month.unwrap_or_default() * size.map_or(0.0, gigabytes) / HOURS_OF_A_MONTH;
    rates.hour.unwrap_or_default() + stored
}

fn hours(held: SignedDuration) -> f64 {
    held.as_secs_f64() / 3_600.0
}

/// In whole MiB: below that no price counts.
fn gigabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX)) / 1_024.0
}

#[cfg(test)]
mod tests {
    use super::{Rates, SignedDuration, usd, usd_per_hour};

    #[test]
    fn a_cost_is_time_and_size_at_their_rates() {
        let rates = Rates { hour: Some(0.5), gb_month: Some(7.3), gb_restored: Some(0.02) };
        let size = Some(100 << 30);
        assert!((usd_per_hour(&rates, size) - 1.5).abs() < 1e-9);
        assert!((usd(&rates, SignedDuration::from_hours(2), size) - 5.0).abs() < 1e-9);
        assert!((usd(&rates, SignedDuration::from_hours(2), None) - 1.0).abs() < 1e-9);
        assert!(usd(&Rates::default(), SignedDuration::from_hours(2), size).abs() < 1e-9);
    }
}
