//! Whether probes can prove anything: retries, expectations, measures, negative controls, the kinds' own checks.

use std::sync::LazyLock;

use jiff::SignedDuration;
use serde_json::{Map, Value as Json};

use crate::definition::check::Subject;
use crate::probe;
use crate::words::kind::{ProbeKind, ResourceKind};
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::yaml::shape::Need;

/// The keys that each kind requires, made once: the shapes of a kind are long, and probes are many.
static REQUIRED: LazyLock<Vec<(ProbeKind, Vec<&'static str>)>> = LazyLock::new(|| {
    let required = |kind: &ProbeKind| -> Vec<&'static str> {
        let fields = probe::kind(*kind).fields();
        fields.iter().filter(|field| field.need == Need::Required).map(|field| field.key).collect()
    };
    ProbeKind::ALL.iter().map(|kind| (*kind, required(kind))).collect()
});

/// Checks every probe.
pub fn check(subject: &Subject<'_>, problems: &mut Diagnostics) {
    for (name, probe) in subject.entries(&["probes"]) {
        retry(subject, name, probe, problems);
        expectations(subject, name, probe, problems);
        let Some((kind, settings)) = kind_of(probe) else { continue };
        settings_of(subject, name, kind, settings, problems);
        control(subject, name, kind, probe, problems);
        answer(subject, name, kind, probe, problems);
        controlled(subject, name, kind, probe, problems);
        compared(subject, name, kind, probe, problems);
    }
    for (name, action) in subject.entries(&["actions"]) {
        action_of(subject, name, action, problems);
    }
    for (name, restore) in subject.entries(&["restore"]) {
        questions(subject, name, restore, problems);
    }
    unmeasured(subject, problems);
}

/// What an action and its undo do must make sense to their kinds.
fn action_of(subject: &Subject<'_>, name: &str, action: &Json, problems: &mut Diagnostics) {
    let undo = action.get("undo");
    for (route, json) in [(vec!["actions", name], Some(action)), (vec!["actions", name, "undo"], undo)] {
        let Some((kind, settings)) = json.and_then(kind_of) else { continue };
        sensible(subject, &route, kind, settings, problems);
    }
}

/// `type: other`: `ready`, `teardown` and `gone` are questions to kinds that can do something.
fn questions(subject: &Subject<'_>, name: &str, restore: &Json, problems: &mut Diagnostics) {
    if restore.get("type").and_then(Json::as_str) != Some(ResourceKind::Other.word()) {
        return;
    }
    for question in ["ready", "teardown", "gone"] {
        let route = ["restore", name, "with", question];
        let Some(asked) = subject.at(&route) else { continue };
        if let Some((kind, settings)) = kind_of(asked) {
            sensible(subject, &route, kind, settings, problems);
        }
    }
}

/// The kind's own check of settings that the shapes let through whole.
fn sensible(
    subject: &Subject<'_>,
    route: &[&str],
    kind: ProbeKind,
    settings: &Map<String, Json>,
    problems: &mut Diagnostics,
) {
    let inner: Vec<&str> = route.iter().copied().chain([kind.word()]).collect();
    let Some(node) = subject.node(route) else { return };
    if problems.has_errors_in(node.span) {
        return;
    }
    if let Err(message) = probe::kind(kind).check(settings) {
        problems.push(Diagnostic::error(Code::BadValue, message).at(subject.key_span(&inner)));
    }
}

/// The kind of a probe and what the shapes let through of its settings.
pub(crate) fn kind_of(probe: &Json) -> Option<(ProbeKind, &Map<String, Json>)> {
    kind_in(probe.as_object()?)
}

/// The same of its entries. Where there are several, which is a problem, the first in the order of the kinds.
pub(crate) fn kind_in(probe: &Map<String, Json>) -> Option<(ProbeKind, &Map<String, Json>)> {
    let kinds = probe.iter().filter_map(|(key, value)| Some((ProbeKind::from_word(key)?, value.as_object()?)));
    kinds.min_by_key(|(kind, _)| *kind)
}

fn length(json: Option<&Json>) -> Option<SignedDuration> {
    json?.as_str()?.parse().ok()
}

fn retry(subject: &Subject<'_>, name: &str, probe: &Json, problems: &mut Diagnostics) {
    let Some(retry) = probe.get("retry") else { return };
    if let Some(backoff) = retry.get("backoff").and_then(Json::as_f64).filter(|factor| !(1.0..=10.0).contains(factor)) {
        let message = format!("`backoff` is a factor from 1 to 10, not {backoff}");
        let place = subject.value_span(&["probes", name, "retry", "backoff"]);
        problems.push(Diagnostic::error(Code::Retry, message).at(place));
    }
    let (Some(within), Some(every)) = (length(retry.get("for")), length(retry.get("every"))) else { return };
    if every > within {
        let place = subject.value_span(&["probes", name, "retry", "every"]);
        let diagnostic =
            Diagnostic::error(Code::Retry, "the pause between attempts is longer than all retries").at(place);
        problems.push(diagnostic.related(subject.value_span(&["probes", name, "retry", "for"]), "all retries"));
    }
}

fn expectations(subject: &Subject<'_>, name: &str, probe: &Json, problems: &mut Diagnostics) {
    for (value, expectation) in expected(probe) {
        let Some(expectation) = expectation.as_object() else { continue };
        let route = ["probes", name, "expect", value.as_str()];
        // What the shapes refused is left out of `expectation`; then it is not empty, it is wrong.
        let written = subject.node(&route).map_or(0, |node| node.entries().len());
        if written == 0 {
            let diagnostic =
                Diagnostic::error(Code::Expectation, "this expectation says nothing").at(subject.key_span(&route));
            problems.push(diagnostic.help("say what must hold, such as `{ at_least: 1 }` or `{ not_null: true }`"));
        }
        for message in contradictions(expectation) {
            problems.push(Diagnostic::error(Code::Expectation, message).at(subject.value_span(&route)));
        }
    }
}

/// What the shapes let through of a probe's expectations.
fn expected(probe: &Json) -> impl Iterator<Item = (&String, &Json)> {
    probe.get("expect").and_then(Json::as_object).into_iter().flatten()
}

fn contradictions(expectation: &Map<String, Json>) -> Vec<String> {
    let number = |key: &str| expectation.get(key).and_then(Json::as_f64);
    let mut found = Vec::new();
    if let (Some(low), Some(high)) = (number("at_least"), number("at_most"))
        && low > high
    {
        found.push(format!("nothing is at least {low} and at most {high}"));
    }
    if let Some(between) = expectation.get("between").and_then(Json::as_array) {
        match between.as_slice() {
            [low, high] if low.as_f64() > high.as_f64() => {
                found.push(format!("nothing is between {low} and {high}: the lower number comes first"));
            }
            [_, _] => {}
            _ => found.push("`between` takes two numbers, the lower first".to_owned()),
        }
    }
    if expectation.get("equals").is_some_and(Json::is_null) {
        found.push("`equals: null` never holds; write `not_null: false`".to_owned());
    }
    let others = expectation.keys().any(|key| key != "not_null");
    if expectation.get("not_null").is_some_and(|value| value == false) && others {
        found.push("a value that is not there cannot satisfy anything else".to_owned());
    }
    if let Some(wanted) = expectation.get("equals")
        && !is_plain(wanted)
    {
        found.push("`equals` takes text, a number, true or false, or a list of them".to_owned());
    }
    found
}

fn is_plain(wanted: &Json) -> bool {
    match wanted {
        Json::Object(_) => false,
        Json::Array(elements) => elements.iter().all(|element| !element.is_array() && !element.is_object()),
        _ => true,
    }
}

/// The kind's own check, if the shapes had nothing to say: it is about settings that belong together.
fn settings_of(
    subject: &Subject<'_>,
    name: &str,
    kind: ProbeKind,
    settings: &Map<String, Json>,
    problems: &mut Diagnostics,
) {
    let route = ["probes", name, kind.word()];
    if !complete(subject, &route, kind, settings, problems) {
        return;
    }
    if let Err(message) = probe::kind(kind).check(settings) {
        problems.push(Diagnostic::error(Code::BadValue, message).at(subject.key_span(&route)));
    }
}

fn complete(
    subject: &Subject<'_>,
    route: &[&str],
    kind: ProbeKind,
    settings: &Map<String, Json>,
    problems: &Diagnostics,
) -> bool {
    let Some(node) = subject.node(route) else { return false };
    if problems.has_errors_in(node.span) {
        return false;
    }
    let written = node.entries().len();
    let mut required = REQUIRED.iter().filter(|(of, _)| *of == kind).flat_map(|(_, keys)| keys);
    written == settings.len() && required.all(|key| settings.contains_key(*key))
}

fn control(subject: &Subject<'_>, name: &str, kind: ProbeKind, probe: &Json, problems: &mut Diagnostics) {
    let Some(control) = probe.get("negative_control") else { return };
    let route = ["probes", name, "negative_control"];
    let Some((control_kind, overlay)) = kind_of(control) else { return };
    if control_kind != kind {
        let message = format!("the control of a `{kind}` probe must be `{kind}` too, not `{control_kind}`");
        let place = subject.key_span(&[route[0], route[1], route[2], control_kind.word()]);
        problems.push(Diagnostic::error(Code::NegativeControl, message).at(place));
        return;
    }
    let Some(settings) = probe.get(kind.word()).and_then(Json::as_object) else { return };
    let inner = [route[0], route[1], route[2], kind.word()];
    let Some(node) = subject.node(&inner) else { return };
    if node.entries().len() != overlay.len() || problems.has_errors_in(node.span) {
        return;
    }
    if overlay.iter().all(|(key, value)| settings.get(key) == Some(value)) {
        let message = "this control is the probe itself: it changes nothing";
        let help = format!("change one of {}", crate::yaml::diagnostic::ticked(probe::kind(kind).control_keys()));
        problems.push(Diagnostic::error(Code::NegativeControl, message).at(subject.key_span(&inner)).help(help));
    } else if complete(subject, &["probes", name, kind.word()], kind, settings, problems)
        && let Err(message) = probe::kind(kind).check(&overlaid(settings, overlay))
    {
        problems.push(Diagnostic::error(Code::BadValue, message).at(subject.key_span(&inner)));
    }
    let predicted = control.get("fails_with").and_then(Json::as_str);
    let judged = probe::kind(kind).judges() || subject.node(&["probes", name, "expect"]).is_some();
    if predicted == Some("expectation") && !judged {
        let message = "this control is predicted to miss an expectation, and the probe has none";
        let place = subject.value_span(&[route[0], route[1], route[2], "fails_with"]);
        problems.push(Diagnostic::error(Code::NegativeControl, message).at(place));
    }
}

/// A probe's settings with a control's laid over them, key by key.
pub(crate) fn overlaid(settings: &Map<String, Json>, overlay: &Map<String, Json>) -> Map<String, Json> {
    let mut all = settings.clone();
    for (key, value) in overlay {
        all.insert(key.clone(), value.clone());
    }
    all
}

fn answer(subject: &Subject<'_>, name: &str, kind: ProbeKind, probe: &Json, problems: &mut Diagnostics) {
    if !probe::kind(kind).judges() && probe.get("expect").is_none() && probe.get("measures").is_none() {
        let message = format!("the probe `{name}` looks at no answer: any will do");
        let diagnostic = Diagnostic::warning(Code::NoExpectation, message).at(subject.key_span(&["probes", name]));
        problems.push(diagnostic.help("add `expect:` or `measures:`"));
    }
}

/// Whether somebody made sure that a probe of the data can fail.
fn controlled(subject: &Subject<'_>, name: &str, kind: ProbeKind, probe: &Json, problems: &mut Diagnostics) {
    let required = probe.get("severity").and_then(Json::as_str) != Some("advisory");
    if required && probe::kind(kind).reads_data() && probe.get("negative_control").is_none() {
        problems.push_made(Severity::Strict, || {
            let message = format!("nothing shows that the probe `{name}` can fail: it has no negative control");
            let help = "add `negative_control:` with another query, target or credential and how it must fail";
            Diagnostic::strict(Code::NoControl, message).at(subject.key_span(&["probes", name])).help(help)
        });
    }
}

/// What is compared with the last pass must have been recorded by it.
fn compared(subject: &Subject<'_>, name: &str, kind: ProbeKind, probe: &Json, problems: &mut Diagnostics) {
    let recorded: Vec<&str> =
        probe.get("record").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    for (value, expectation) in expected(probe) {
        let is_compared = expectation.get("not_less_than_last_pass").is_some();
        if is_compared && !recorded.contains(&value.as_str()) {
            let message = format!("`{value}` is compared with the last pass, and no run records it");
            let place = subject.key_span(&["probes", name, "expect", value, "not_less_than_last_pass"]);
            let help = format!("add `record: {value}` to the probe");
            problems.push(Diagnostic::error(Code::Expectation, message).at(place).help(help));
        }
    }
    let dials = matches!(
        kind,
        ProbeKind::Tcp | ProbeKind::Tls | ProbeKind::Http | ProbeKind::Sql | ProbeKind::SqlSchema | ProbeKind::Compare
    );
    if !dials && probe.pointer("/via/ssm_tunnel").is_some() {
        let message =
            format!("a probe of the kind `{kind}` connects to nothing by itself: a tunnel is of no use to it");
        let place = subject.key_span(&["probes", name, "via", "ssm_tunnel"]);
        problems.push(Diagnostic::error(Code::NoEffect, message).at(place).help("remove `via`"));
    }
    if kind == ProbeKind::Manual {
        for key in ["retry", "hold", "timeout", "via"].into_iter().filter(|key| probe.get(key).is_some()) {
            let message = format!("`{key}` means nothing for a probe that a person answers");
            let place = subject.key_span(&["probes", name, key]);
            problems.push(Diagnostic::error(Code::NoEffect, message).at(place).help("remove it"));
        }
    }
}

fn unmeasured(subject: &Subject<'_>, problems: &mut Diagnostics) {
    if subject.at(&["objectives", "data_age"]).is_none() {
        return;
    }
    let measured = subject.entries(&["probes"]).any(|(_, probe)| probe.pointer("/measures/data_age").is_some());
    if !measured {
        let message = "no probe measures the age of the data: this objective cannot be met";
        let place = subject.key_span(&["objectives", "data_age"]);
        problems.push(
            Diagnostic::warning(Code::Unmeasured, message)
                .at(place)
                .help("add `measures: { data_age: COLUMN }` to a probe"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::contradictions;
    use serde_json::json;

    #[test]
    fn expectations_that_cannot_hold_are_found() {
        for bad in [
            json!({"at_least": 2, "at_most": 1}),
            json!({"between": [2, 1]}),
            json!({"between": [1, 2, 3]}),
            json!({"equals": null}),
            json!({"not_null": false, "at_least": 1}),
        ] {
            assert_eq!(contradictions(bad.as_object().unwrap()).len(), 1, "{bad}");
        }
        assert!(contradictions(json!({"between": [1, 2], "not_null": true}).as_object().unwrap()).is_empty());
    }
}
