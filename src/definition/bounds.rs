//! What bounds a run and what it leaves: limits, the rates that a cost is made from, leases.

use jiff::SignedDuration;
use serde_json::Value as Json;

use crate::definition::check::Subject;
use crate::definition::model::LONGEST_LEASE;
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics};

/// What a rate may be of.
const RATES: [&str; 3] = ["per_hour", "per_gb_month", "per_gb_restored"];

/// Checks limits, rates and teardown against each other.
pub fn check(subject: &Subject<'_>, problems: &mut Diagnostics) {
    lease(subject, problems);
    for (kind, _) in subject.entries(&["rates"]) {
        rates(subject, &["rates", kind], problems);
    }
    for (restore, _) in subject.entries(&["restore"]) {
        rates(subject, &["restore", restore, "rates"], problems);
    }
    cost(subject, problems);
    policy(subject, problems);
}

/// Nothing can be proven all the time.
fn policy(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let route = ["policy", "proven_every"];
    let every = subject.text(&route).and_then(|text| text.parse::<SignedDuration>().ok());
    if every.is_some_and(|every| every.is_zero()) {
        let diagnostic = Diagnostic::error(Code::BadValue, "`proven_every` must be more than nothing");
        problems.push(diagnostic.at(subject.value_span(&route)).help("such as `proven_every: 92d`, once a quarter"));
    }
}

/// What is kept has an end, and an end is of something that is kept.
fn lease(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let (when, keep_for) = (["teardown", "when"], ["teardown", "keep_for"]);
    let written = |route: &[&str]| subject.node(route).is_some();
    let length = subject.text(&keep_for).and_then(|text| text.parse::<SignedDuration>().ok());
    if length.is_some_and(|length| length > LONGEST_LEASE) {
        let diagnostic = Diagnostic::error(Code::BadValue, "`keep_for` is at most 30d: what is kept is billed");
        let help = "keep it for less; `drill keep RUN --for 30d` makes the lease of a run longer";
        problems.push(diagnostic.at(subject.value_span(&keep_for)).help(help));
    }
    match subject.text(&when) {
        Some(word @ ("on_pass" | "manual")) if !written(&keep_for) => {
            let message = format!("`when: {word}` needs `keep_for`: how long what is kept may stay");
            let diagnostic = Diagnostic::error(Code::MissingKey, message).at(subject.value_span(&when));
            problems.push(diagnostic.help("such as `keep_for: 4h`; `drill keep RUN` makes it longer or ends it"));
        }
        None if written(&when) => {}
        None | Some("always") if written(&keep_for) => {
            let message = "`keep_for` keeps nothing: everything is removed at the end of every run";
            let diagnostic = Diagnostic::error(Code::ConflictingKeys, message).at(subject.key_span(&keep_for));
            problems.push(
                diagnostic.help("keep what was not proved with `when: on_pass`, or everything with `when: manual`"),
            );
        }
        _ => {}
    }
}

fn rates(subject: &Subject<'_>, route: &[&str], problems: &mut Diagnostics) {
    for rate in RATES {
        let route: Vec<&str> = route.iter().copied().chain([rate]).collect();
        if subject.at(&route).and_then(Json::as_f64).is_some_and(|rate| rate < 0.0) {
            let message = format!("`{rate}` must not be below zero");
            problems.push(Diagnostic::error(Code::BadValue, message).at(subject.value_span(&route)));
        }
    }
}

/// A bound on the cost bounds nothing unless every restore has a rate.
fn cost(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let limit = ["limits", "max_cost_usd"];
    let Some(most) = subject.at(&limit).and_then(Json::as_f64) else { return };
    if most <= 0.0 {
        let message = "`max_cost_usd` must be more than zero";
        problems.push(Diagnostic::error(Code::BadValue, message).at(subject.value_span(&limit)));
    }
    let has = |route: &[&str]| subject.at(route).and_then(Json::as_object).is_some_and(|rates| !rates.is_empty());
    for (restore, _) in subject.entries(&["restore"]) {
        let of_type = subject.text(&["restore", restore, "type"]).is_some_and(|kind| has(&["rates", kind]));
        if !of_type && !has(&["restore", restore, "rates"]) {
            let message = format!("`max_cost_usd` needs to know what `{restore}` costs, and it has no `rates`");
            let place = subject.key_span(&["restore", restore]);
            let diagnostic = Diagnostic::error(Code::MissingKey, message).at(place);
            let diagnostic = diagnostic.related(subject.key_span(&limit), "the bound");
            problems.push(
                diagnostic.help("such as `rates: { per_hour: 0.10 }`, or the same below `rates:` for the whole type"),
            );
        }
    }
}
