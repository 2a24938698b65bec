//! What was asked of the restored world and what came back; what was done to it; what people said.

use crate::report::facts::action::ActionFacts;
use crate::report::facts::people::ApprovalFacts;
use crate::report::facts::probe::{ControlFacts, ProbeFacts};
use crate::report::facts::{Context, Row};
use crate::report::html::page::{Page, Rows, code, maybe, number, text, tone, word};
use crate::words::kind::ProbeKind;

/// Every probe: a table of all, then each in full.
pub(super) fn probes(page: &mut Page, context: &Context) {
    page.raw(
        "<p>A probe is a question to the restored resource. A negative control is a variant of it that must fail: it shows \
         that the probe can tell good from bad.</p>\n",
    );
    page.table(&["Probe", "Asked of", "Kind", "Counts", "Tries", "Outcome", "Negative control"], |rows| {
        for probe in &context.probes {
            let tries = probe.attempts.to_string();
            rows.row(&[
                code(&probe.name),
                code(&probe.on),
                code(&probe.kind),
                text(counts(probe)),
                number(&tries),
                word(&probe.outcome),
                word(controlled(probe)),
            ]);
        }
    });
    for probe in &context.probes {
        in_full(page, probe);
    }
}

fn counts(probe: &ProbeFacts) -> &'static str {
    if probe.required { "yes" } else { "no, advisory" }
}

fn controlled(probe: &ProbeFacts) -> &'static str {
    match probe.control.as_ref().map(|control| control.as_predicted) {
        None => "none",
        Some(None) => "not run",
        Some(Some(true)) => "failed as predicted",
        Some(Some(false)) => "did not fail as predicted",
    }
}

fn in_full(page: &mut Page, probe: &ProbeFacts) {
    page.raw("<h3>Probe <code>").text(&probe.name).raw("</code>: <span class=\"").raw(tone(&probe.outcome)).raw("\">");
    page.text(&probe.outcome).raw("</span></h3>\n");
    if let Some(because) = &probe.because {
        page.raw("<p>It did not run: ").text(because).raw("</p>\n");
    }
    if let Some(miss) = &probe.miss {
        page.raw("<p>The last try did not hold: ").text(miss).raw("</p>\n");
    }
    page.table(&["What", "Name", "Value"], |rows| {
        values(rows, "asked", &probe.settings);
        values(rows, "expected", &probe.expected);
        values(rows, "observed", &probe.observed);
        values(rows, "fact", &probe.facts);
        let tries = probe.attempts.to_string();
        rows.row(&[text("tries"), number(&tries), text(&probe.retry)]);
        rows.row(&[text("last try"), text("ended"), maybe(probe.last.as_ref())]);
    });
    page.list(&probe.explained);
    if let Some(control) = &probe.control {
        negative_control(page, control);
    }
}

fn values(rows: &mut Rows<'_>, what: &str, values: &[Row]) {
    for value in values {
        rows.row(&[text(what), code(&value.name), code(&value.value)]);
    }
}

fn negative_control(page: &mut Page, control: &ControlFacts) {
    page.raw("<p>Negative control: ").text(&control.result).raw("</p>\n");
    page.table(&["What", "Name", "Value"], |rows| {
        values(rows, "changed", &control.changed);
        rows.row(&[text("must fail with"), text("reason"), text(&control.predicted)]);
        let tries = control.attempts.to_string();
        rows.row(&[text("tries"), number(&tries), text("")]);
    });
}

/// How what was restored stood apart: what a probe showed, then what settings and places say.
pub(super) fn isolation(page: &mut Page, context: &Context) {
    let isolation = &context.isolation;
    page.paragraph(&isolation.summary);
    page.table(&["Of", "What", "What is known", "From"], |rows| {
        for one in &isolation.known {
            rows.row(&[code(&one.of), text(&one.what), text(&one.value), text(&one.source)]);
        }
    });
    let mut of_isolation = context.probes.iter().filter(|probe| probe.kind == ProbeKind::Isolation.word()).peekable();
    if of_isolation.peek().is_none() {
        page.raw("<p class=\"note\">A probe of the kind <code>isolation</code> tries what must not be reached.</p>\n");
        return;
    }
    page.table(&["Probe", "Asked of", "Outcome", "What came of it"], |rows| {
        for probe in of_isolation {
            let held = probe.explained.join("; ");
            let said = probe.miss.as_deref().or(probe.because.as_deref()).unwrap_or(&held);
            rows.row(&[code(&probe.name), code(&probe.on), word(&probe.outcome), text(said)]);
        }
    });
}

/// What was done to the restored world.
pub(super) fn actions(page: &mut Page, context: &Context) {
    page.table(&["Action", "Kind", "Tries", "Outcome", "What came of it", "Undo"], |rows| {
        for ActionFacts { name, kind, outcome, attempts, result, undo, .. } in &context.actions {
            let tries = attempts.to_string();
            rows.row(&[code(name), code(kind), number(&tries), word(outcome), text(result), maybe(undo.as_ref())]);
        }
    });
    for action in context.actions.iter().filter(|action| !action.observed.is_empty()) {
        page.raw("<h3>What <code>").text(&action.name).raw("</code> observed</h3>\n");
        page.pairs(|pairs| {
            for fact in &action.observed {
                pairs.pair(&fact.name, code(&fact.value));
            }
        });
    }
}

/// Who started it, who answers for it, and what people were asked.
pub(super) fn people(page: &mut Page, context: &Context) {
    let people = &context.people;
    page.pairs(|pairs| {
        pairs.pair("Owner", text(&people.owner));
        pairs.pair("Started by", text(&people.initiated_by));
        pairs.pair("Credentials used", code(people.credentials.as_deref().unwrap_or_default()));
        pairs.pair_if("Waited for people", people.waited.as_ref(), text);
    });
    page.paragraph(&people.separation);
    if people.approvals.is_empty() {
        return;
    }
    page.table(&["Question", "Asked", "Answer", "By", "Login", "At", "Waited", "Note"], |rows| {
        for ApprovalFacts { name, asked, answer, by, login, at, note, waited } in &people.approvals {
            rows.row(&[
                code(name),
                text(asked),
                word(answer),
                maybe(by.as_ref()),
                maybe(login.as_ref()),
                maybe(at.as_ref()),
                maybe(waited.as_ref()),
                maybe(note.as_ref()),
            ]);
        }
    });
    page.raw("<p class=\"note\">A name is as it was typed; a login is as the machine knows it.</p>\n");
}
