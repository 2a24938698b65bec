//! A report's context → `junit.xml`: a run as one test suite, for build servers.
//!
//! | case | passes | fails | errs | is skipped |
//! |---|---|---|---|---|
//! | `verdict` | `passed` | `failed` | any other verdict, or none | |
//! | a probe that is required | it held | it did not hold | it could not be measured | it did not run |
//! | a probe that is advisory | it held | | | anything else |
//! | an objective | it is met | it is not met, or was not measured | | it has no target |
//!
//! A run that did not pass therefore never looks green, even where every probe was skipped. All text is escaped, and a
//! character that XML does not know is replaced.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::report::facts::probe::ProbeFacts;
use crate::report::facts::timeline::{Bar, Timeline};
use crate::report::facts::{Context, Objective};
use crate::words::text::tame;

/// How a case ended.
enum End {
    Passed,
    Failed(String),
    Erred(String),
    Skipped(String),
}

/// One test case.
struct Case {
    class: String,
    name: String,
    seconds: f64,
    end: End,
}

/// The suite of a run. The same context gives the same bytes.
#[must_use]
pub fn junit(context: &Context) -> String {
    let mut cases = vec![verdict(context)];
    cases.extend(context.objectives.iter().map(|one| objective(context, one)));
    let bars: BTreeMap<&str, &Bar> = context
        .timeline
        .iter()
        .flat_map(|timeline| &timeline.lanes)
        .flat_map(|lane| lane.bars.iter().map(|bar| (bar.step.as_str(), bar)))
        .collect();
    cases.extend(context.probes.iter().map(|one| probe(context, one, &bars)));
    let seconds = context.timeline.as_ref().map_or(0.0, |timeline| length(timeline.start, timeline.end));
    let totals = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\"",
        cases.len(),
        cases.iter().filter(|case| matches!(case.end, End::Failed(_))).count(),
        cases.iter().filter(|case| matches!(case.end, End::Erred(_))).count(),
        cases.iter().filter(|case| matches!(case.end, End::Skipped(_))).count(),
    );
    let name = escaped(&format!("drill {}", context.scope.drill));
    let at = context.timeline.as_ref().map(|timeline| format!(" timestamp=\"{}\"", moment(timeline)));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"{name}\" {totals}>");
    let _ = writeln!(out, "<testsuite name=\"{name}\" {totals}{}>", at.unwrap_or_default());
    properties(&mut out, context);
    for case in &cases {
        write_case(&mut out, case);
    }
    out.push_str("</testsuite>\n</testsuites>\n");
    out
}

fn properties(out: &mut String, context: &Context) {
    let scope = &context.scope;
    let mut all = vec![
        ("run", scope.run.as_str()),
        ("mode", scope.mode.as_str()),
        ("verdict", context.verdict.word.as_str()),
        ("definition_sha256", scope.definition_sha256.as_str()),
        ("journal_head", context.seal.head.as_str()),
        ("drill_version", scope.tool_version.as_str()),
    ];
    all.extend(context.banner.as_deref().map(|banner| ("banner", banner)));
    out.push_str("<properties>\n");
    for (name, value) in all {
        let _ = writeln!(out, "<property name=\"{name}\" value=\"{}\"/>", escaped(value));
    }
    out.push_str("</properties>\n");
}

fn write_case(out: &mut String, case: &Case) {
    let (class, name) = (escaped(&case.class), escaped(&case.name));
    let _ = write!(out, "<testcase classname=\"{class}\" name=\"{name}\" time=\"{:.3}\"", case.seconds);
    let (tag, message) = match &case.end {
        End::Passed => {
            out.push_str("/>\n");
            return;
        }
        End::Failed(message) => ("failure", message),
        End::Erred(message) => ("error", message),
        End::Skipped(message) => ("skipped", message),
    };
    let _ = writeln!(out, "><{tag} message=\"{}\"/></testcase>", escaped(message));
}

fn verdict(context: &Context) -> Case {
    let verdict = &context.verdict;
    let reasons: Vec<&str> = verdict.reasons.iter().map(|reason| reason.text.as_str()).collect();
    let message =
        if reasons.is_empty() { verdict.sentence.clone() } else { format!("{}: {}", verdict.word, reasons.join("; ")) };
    let end = match verdict.word.as_str() {
        "passed" => End::Passed,
        "failed" => End::Failed(message),
        _ => End::Erred(message),
    };
    case(context, "run", "verdict", 0.0, end)
}

fn objective(context: &Context, objective: &Objective) -> Case {
    let measured = objective.measured.as_deref().unwrap_or("not measured");
    let end = match (objective.met.as_str(), &objective.target) {
        ("yes", _) => End::Passed,
        (_, Some(target)) => End::Failed(format!("target {target}, measured {measured}: {}", objective.how)),
        (_, None) => End::Skipped("no target".to_owned()),
    };
    case(context, "objectives", &objective.id, 0.0, end)
}

fn probe(context: &Context, probe: &ProbeFacts, bars: &BTreeMap<&str, &Bar>) -> Case {
    let bar = bars.get(format!("probe.{}", probe.name).as_str());
    let seconds = bar.map_or(0.0, |bar| length(bar.from, bar.until));
    let control = probe.control.as_ref().filter(|control| control.as_predicted == Some(false));
    let control = control.map(|control| format!("negative control: {}", control.result));
    let said: Vec<&str> = [&probe.miss, &probe.because, &control].into_iter().filter_map(Option::as_deref).collect();
    let message = if said.is_empty() { probe.outcome.clone() } else { said.join("; ") };
    let end = match (probe.status.as_str(), probe.required) {
        ("passed", _) => End::Passed,
        (_, false) => End::Skipped(format!("advisory, {}: {message}", probe.outcome)),
        ("failed", true) => End::Failed(message),
        ("not_measured", true) => End::Erred(message),
        (_, true) => End::Skipped(message),
    };
    case(context, &format!("probes.{}", probe.on), &probe.name, seconds, end)
}

fn case(context: &Context, class: &str, name: &str, seconds: f64, end: End) -> Case {
    Case { class: format!("drill.{}.{class}", context.scope.drill), name: name.to_owned(), seconds, end }
}

fn length(from: jiff::Timestamp, until: jiff::Timestamp) -> f64 {
    until.duration_since(from).as_secs_f64().max(0.0)
}

/// Build servers expect a date without a zone.
fn moment(timeline: &Timeline) -> String {
    timeline.start.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `text` as the value of an attribute. XML has no code for U+FFFE and U+FFFF.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in tame(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn an_attribute_stays_one() {
        assert_eq!(escaped("a\" b='<c>&\u{1b}\u{ffff}\n"), "a&quot; b=&apos;&lt;c&gt;&amp;\u{fffd}\u{fffd} ");
    }
}
