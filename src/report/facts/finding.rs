//! What follows from a run: findings, each with an owner and a date.
//!
//! A function of the journal up to the verdict. The owner is the definition's; the date is the verdict's plus the days of
//! the severity, or the end of a lease. What somebody finds later is no part of the report: it is an addendum.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::cloud::check::{Check, CheckResult};
use crate::definition::model::{Probe, Severity};
use crate::journal::event::{Recorded, StepEnd};
use crate::journal::state::{State, StepState};
use crate::journal::verdict::Reason;
use crate::plan::step::{Step, Work};
use crate::report::facts::deviation::deviations;
use crate::words::id::Name;
use crate::words::kind::{CheckId, Verdict};
use crate::words::time::show_instant;

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingFacts {
    /// `F-1`, `F-2`, …: by severity, then in the order of the run.
    pub id: String,
    /// `critical`, `high`, `medium` or `low`.
    pub severity: String,
    /// What was found.
    pub text: String,
    /// The step that it is about; null if it is about the run.
    pub about: Option<String>,
    /// What to do; null where nobody knows more than the text says.
    pub advice: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// By when, as a date in UTC.
    pub due: String,
    /// What shows that it is mended.
    pub retest: String,
}

/// How much it matters. The order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Something costs money or is in danger now.
    Critical,
    /// The backup did not prove itself.
    High,
    /// Something is not known that should be.
    Medium,
    /// Worth knowing.
    Low,
}

impl Weight {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Days after the verdict until it is due. docs/report.md says the same.
    #[must_use]
    pub fn days(self) -> i64 {
        match self {
            Self::Critical => 1,
            Self::High => 14,
            Self::Medium => 30,
            Self::Low => 90,
        }
    }
}

/// One thing that follows, before it has a number.
pub(crate) struct Found {
    weight: Weight,
    text: String,
    about: Option<String>,
    advice: Option<String>,
    due: Option<Timestamp>,
}

impl Found {
    fn new(weight: Weight, text: String) -> Self {
        Self { weight, text, about: None, advice: None, due: None }
    }
}

/// What is known to follow from a run at its verdict, with what [`beside`] found; nothing before there is one.
#[must_use]
pub(crate) fn findings(state: &State, beside: Vec<Found>) -> Vec<FindingFacts> {
    let Some((at, conclusion)) = &state.concluded else { return Vec::new() };
    let mut found: Vec<Found> = conclusion.reasons.iter().map(of_reason).collect();
    found.extend(beside);
    found.sort_by_key(|one| one.weight);
    let owner = &state.started.plan.definition.owner;
    let drill = &state.started.plan.definition.name;
    found
        .into_iter()
        .enumerate()
        .map(|(index, one)| FindingFacts {
            id: format!("F-{}", index + 1),
            severity: one.weight.word().to_owned(),
            text: one.text,
            about: one.about,
            advice: one.advice,
            owner: owner.clone(),
            due: date(one.due.unwrap_or_else(|| after(*at, one.weight.days()))),
            retest: match one.weight {
                Weight::Critical => format!("drill resume {} proves that it is gone", state.run),
                _ => format!("the next run of {drill}"),
            },
        })
        .collect()
}

/// What a reader should know beside the verdict and its reasons: the findings that do not wait for a quarter.
#[must_use]
pub(crate) fn cautions(state: &State, beside: &[Found]) -> Vec<String> {
    if state.concluded.is_none() {
        return Vec::new();
    }
    let mut found: Vec<&Found> = beside.iter().filter(|one| one.weight < Weight::Low).collect();
    found.sort_by_key(|one| one.weight);
    found.into_iter().map(|one| one.text.clone()).collect()
}

/// What follows from a run besides the reasons of its verdict.
pub(crate) fn beside(state: &State, events: &[Recorded]) -> Vec<Found> {
    let mut found = kept(state);
    found.extend(advisory(state));
    found.extend(left_out(state));
    found.extend(without_control(state));
    found.extend(checks(state));
    found.extend(state.warnings.iter().map(|warning| Found {
        about: Some(warning.step.to_string()),
        ..Found::new(Weight::Low, format!("A warning: {}", warning.text))
    }));
    let unasked = deviations(state, events).into_iter().filter(|deviation| deviation.unasked);
    found.extend(unasked.map(|deviation| Found::new(Weight::Low, deviation.text)));
    found
}

fn after(at: Timestamp, days: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(at)
}

fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn of_reason(reason: &Reason) -> Found {
    let weight = match reason.makes {
        Verdict::Leaked => Weight::Critical,
        Verdict::Failed => Weight::High,
        Verdict::Inconclusive | Verdict::Passed => Weight::Medium,
    };
    Found {
        about: reason.step.as_ref().map(ToString::to_string),
        advice: reason.advice.clone(),
        ..Found::new(weight, reason.text.clone())
    }
}

/// What stays on purpose must go when its lease ends.
fn kept(state: &State) -> Vec<Found> {
    let holding = state.kept().filter(|(_, _, lease)| lease.holds());
    let one = holding.map(|(name, _, lease)| {
        let text = format!("What was restored for {name} is kept until {} and costs money.", show_instant(lease.until));
        Found {
            advice: Some(format!("drill keep {} --end removes it", state.run)),
            due: Some(lease.until),
            ..Found::new(Weight::Medium, text)
        }
    });
    one.collect()
}

fn advisory(state: &State) -> Vec<Found> {
    let probes = state.started.plan.definition.probes.iter();
    let one = |(name, probe): (&Name, &Probe)| {
        if probe.severity != Severity::Advisory {
            return None;
        }
        let id = Work::Probe(name.clone()).id();
        let why = match state.step(&Work::Probe(name.clone())).end()? {
            StepEnd::Failed(failure) => failure.message.clone(),
            StepEnd::NotMeasured { because } => format!("it could not be measured: {because}"),
            StepEnd::Passed | StepEnd::Skipped { .. } | StepEnd::Unneeded { .. } => return None,
        };
        let text = format!("The advisory probe {name} did not hold: {why}");
        Some(Found { about: Some(id.to_string()), ..Found::new(Weight::Medium, text) })
    };
    probes.filter_map(one).collect()
}

fn left_out(state: &State) -> Vec<Found> {
    let one = |(step, now): (&Step, &StepState)| match now.end() {
        Some(StepEnd::Unneeded { because }) => Some(Found {
            about: Some(step.id.to_string()),
            ..Found::new(Weight::Low, format!("It was left out: {because}"))
        }),
        _ => None,
    };
    state.in_order().filter_map(one).collect()
}

/// A probe that reads data and has no control: nobody saw that it can fail.
fn without_control(state: &State) -> Option<Found> {
    let probes = state.started.plan.definition.probes.iter();
    let names: Vec<String> = probes
        .filter(|(name, probe)| {
            probe.severity == Severity::Required
                && probe.negative_control.is_none()
                && crate::probe::kind(probe.kind).reads_data()
                && state.step(&Work::Probe((*name).clone())).end() == Some(&StepEnd::Passed)
        })
        .map(|(name, _)| name.to_string())
        .collect();
    let count = names.len();
    let (subject, have) = if count == 1 { ("probe that reads", "has") } else { ("probes that read", "have") };
    let text = format!(
        "{count} {subject} data {have} no negative control, so it was not shown that {} can fail: {}.",
        if count == 1 { "it" } else { "they" },
        names.join(", ")
    );
    let advice = "give each a negative_control; drill validate --strict names them".to_owned();
    (count > 0).then(|| Found { advice: Some(advice), ..Found::new(Weight::Low, text) })
}

fn checks(state: &State) -> Vec<Found> {
    let all = || state.checks.iter().flatten();
    let odd = all().filter(|check| check.result == CheckResult::Warning).map(|check| Found {
        about: Some("preflight".to_owned()),
        advice: check.mend.clone(),
        ..Found::new(weight(check), format!("Before the start, {} was odd: {}", check.what, check.detail))
    });
    let unseen: Vec<&Check> = all().filter(|check| check.result == CheckResult::NotChecked).collect();
    let blind = (!unseen.is_empty()).then(|| {
        let why = unseen.iter().map(|check| format!("{} ({})", check.what, check.detail.trim_end_matches('.')));
        let mends: BTreeSet<&str> = unseen.iter().filter_map(|check| check.mend.as_deref()).collect();
        Found {
            about: Some("preflight".to_owned()),
            advice: (!mends.is_empty()).then(|| mends.into_iter().collect::<Vec<_>>().join("; ")),
            ..Found::new(
                Weight::Low,
                format!("Before the start, this could not be looked at: {}.", why.collect::<Vec<_>>().join("; ")),
            )
        }
    });
    odd.chain(blind).collect()
}

/// What may let the restored thing reach production does not wait for a quarter.
fn weight(check: &Check) -> Weight {
    match check.id {
        CheckId::NetworkSecurityGroups if check.mend.is_some() => Weight::High,
        CheckId::NetworkDefaultVpc => Weight::Medium,
        _ => Weight::Low,
    }
}
