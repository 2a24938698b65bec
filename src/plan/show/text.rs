//! A plan for a terminal.

use std::fmt::Write as _;

use crate::cloud::check::{Check, CheckResult};
use crate::cloud::vault::{CopyEvidence, Picked};
use crate::definition::model::TeardownWhen;
use crate::plan::show::{View, show_size};
use crate::plan::step::{Step, Until};
use crate::words::id::Name;
use crate::words::text::tame;
use crate::words::time::{show_duration, show_instant};

/// How many rejected recovery points are listed for each restore.
const MOST_REJECTED: usize = 10;

/// The plan as plain text, ending in a newline.
#[must_use]
pub fn text(view: &View<'_>) -> String {
    let mut out = String::new();
    head(view, &mut out);
    steps(view, &mut out);
    if let Some(points) = view.points {
        for (restore, picked) in points {
            point(restore, picked, &mut out);
        }
    }
    if let Some(checks) = view.checks {
        preflight(checks, &mut out);
    }
    cost(view, &mut out);
    permissions(view, &mut out);
    out
}

fn head(view: &View<'_>, out: &mut String) {
    let definition = &view.plan.definition;
    let (source, destination) = (&definition.source, &definition.destination);
    let _ = writeln!(out, "{}: {}", definition.name, tame(&definition.title));
    let _ = writeln!(
        out,
        "  from {} in {}, to {} in {}, vault {}",
        source.region, source.account, destination.region, destination.account, destination.vault
    );
    let _ = writeln!(out, "  owner {}", tame(&definition.owner));
    if let Some(estimate) = view.estimate {
        let _ = writeln!(out, "  about {} from start to end", show_duration(estimate));
    }
    if let Some(lease) = definition.teardown.lease() {
        let what = if definition.teardown.when == TeardownWhen::OnPass { "what is not proved" } else { "everything" };
        let _ = writeln!(out, "  keeps {what} for {}", show_duration(lease));
    }
}

fn steps(view: &View<'_>, out: &mut String) {
    let steps = &view.plan.steps;
    let id_width = steps.iter().map(|step| step.id.as_str().len()).max().unwrap_or(0).max(4);
    let limits: Vec<String> = steps.iter().map(|step| show_duration(step.timeout)).collect();
    let limit_width = limits.iter().map(|limit| limit.chars().count()).max().unwrap_or(0).max(7);
    let number_width = steps.len().to_string().len();
    let _ = writeln!(out, "\nSteps");
    let _ = writeln!(out, "  {:>number_width$}  {:<id_width$}  {:<limit_width$}  after", "#", "step", "at most");
    for (index, (step, limit)) in steps.iter().zip(&limits).enumerate() {
        let number = index + 1;
        let needs = needs(step);
        let line = format!("  {number:>number_width$}  {:<id_width$}  {limit:<limit_width$}  {needs}", step.id);
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if steps.iter().any(|step| step.needs.iter().any(|need| need.until == Until::Settled)) {
        let _ =
            writeln!(out, "  <- waits until these have ended, however they ended: teardown runs against the arrows");
    }
}

fn needs(step: &Step) -> String {
    let list = |until: Until| {
        let ids: Vec<&str> =
            step.needs.iter().filter(|need| need.until == until).map(|need| need.step.as_str()).collect();
        ids.join(", ")
    };
    let (passed, settled) = (list(Until::Passed), list(Until::Settled));
    match (passed.is_empty(), settled.is_empty()) {
        (true, true) => "-".to_owned(),
        (false, true) => passed,
        (true, false) => format!("<- {settled}"),
        (false, false) => format!("{passed} <- {settled}"),
    }
}

fn point(restore: &Name, picked: &Picked, out: &mut String) {
    let _ = writeln!(out, "\nRecovery point for {restore}");
    match &picked.chosen {
        Some(point) => {
            let created = point.created.map_or_else(|| "at an unknown time".to_owned(), show_instant);
            let size = point.size_bytes.map_or_else(|| "size unknown".to_owned(), show_size);
            let _ = writeln!(out, "  {}", point.arn);
            let _ = writeln!(out, "  created {created}, {size}, {}", tame(&point.status));
            match &picked.copy {
                CopyEvidence::Seen { arrived } => {
                    let _ = writeln!(out, "  copy arrived {}", show_instant(*arrived));
                }
                CopyEvidence::NotMeasured { because } => {
                    let _ = writeln!(out, "  arrival of the copy not known: {}", tame(because));
                }
            }
        }
        None => {
            let _ = writeln!(out, "  none is eligible: the run would end as failed");
        }
    }
    for rejected in picked.rejected.iter().take(MOST_REJECTED) {
        let created = rejected.created.map_or_else(|| "unknown time".to_owned(), show_instant);
        let _ = writeln!(out, "  not {} ({created}): {}", rejected.arn, tame(&rejected.reason));
    }
    let more = picked.rejected.len().saturating_sub(MOST_REJECTED);
    if more > 0 {
        let _ = writeln!(out, "  and {more} more; `--output json` lists all");
    }
    if picked.older > 0 {
        let _ = writeln!(out, "  {} older ones are not needed", picked.older);
    }
}

fn cost(view: &View<'_>, out: &mut String) {
    let Some(cost) = view.cost else { return };
    let _ = writeln!(out, "\nCost");
    let Some(usd) = cost.usd else {
        let _ = writeln!(out, "  not estimated: the definition has no `rates`");
        return;
    };
    for (name, one) in &cost.restores {
        let usd = one.usd.map_or_else(String::new, |usd| format!("{usd:.2} USD: "));
        let _ = writeln!(out, "  {name}  {usd}{}", tame(&one.basis));
    }
    let part = if cost.is_whole() { "" } else { ", without what has no rates" };
    let most = view.plan.definition.limits.max_cost_usd;
    let most = most.map_or_else(String::new, |most| format!(", of {most:.2} USD allowed"));
    let _ = writeln!(out, "  about {usd:.2} USD in all{part}{most}");
}

/// What is as it should be is only counted.
fn preflight(checks: &[Check], out: &mut String) {
    let _ = writeln!(out, "\nPreflight");
    let fine = checks.iter().filter(|check| check.result == CheckResult::Ok).count();
    let _ = writeln!(out, "  {fine} of {} checks are as they should be", checks.len());
    for result in [CheckResult::Failed, CheckResult::Warning, CheckResult::NotChecked] {
        for check in checks.iter().filter(|check| check.result == result) {
            let _ = writeln!(out, "  {}: {}: {}", result.word(), tame(&check.what), tame(&check.detail));
            if let Some(mend) = &check.mend {
                let _ = writeln!(out, "    -> {}", tame(mend));
            }
        }
    }
}

fn permissions(view: &View<'_>, out: &mut String) {
    if view.permissions.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nPermissions");
    for action in view.permissions {
        let _ = writeln!(out, "  {}", tame(action));
    }
}
