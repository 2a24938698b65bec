//! What follows from a run: findings with who answers for them, the controls that it is evidence for, and how it compares
//! with the runs before.

use crate::report::controls::ControlMapping;
use crate::report::facts::Context;
use crate::report::facts::trend::TrendFacts;
use crate::report::html::page::{Page, code, maybe, number, text, word};

/// Every finding with its owner and its date.
pub(super) fn findings(page: &mut Page, context: &Context) {
    if context.findings.is_empty() {
        page.raw("<p>None: nothing was missed, left out or out of the ordinary.</p>\n");
        return;
    }
    page.table(&["Id", "Severity", "About", "Finding", "What to do", "Owner", "Due", "Shown mended by"], |rows| {
        for one in &context.findings {
            rows.row(&[
                code(&one.id),
                word(&one.severity),
                code(one.about.as_deref().unwrap_or_default()),
                text(&one.text),
                maybe(one.advice.as_ref()),
                text(&one.owner),
                text(&one.due),
                text(&one.retest),
            ]);
        }
    });
    page.raw(
        "<p class=\"note\">These follow from the run itself. Owner and date are a proposal: the definition's owner, and so \
         many days by severity. Nobody has agreed to them here. What somebody finds later is added to the run's evidence, and \
         does not change this report.</p>\n",
    );
}

/// What the run evidences of each control, and what it does not.
pub(super) fn controls(page: &mut Page, context: &Context) {
    page.raw(
        "<p>The mapping is the owner's, and this section is advice: it says what this run does and does not show of each \
         control, in our words. The auditor's copy of the standard decides.</p>\n",
    );
    for control in &context.controls {
        let ControlMapping { id, framework, about, evidences, would_evidence, does_not, .. } = control;
        page.raw("<h3><code>").text(id).raw("</code></h3>\n<p>");
        if let Some(framework) = framework {
            page.text(framework).raw(": ");
        }
        page.text(about).raw(".</p>\n");
        listed(page, "This run evidences:", evidences);
        listed(page, "It does not evidence:", does_not);
        listed(page, "The same run against AWS itself would evidence:", would_evidence);
    }
}

fn listed(page: &mut Page, heading: &'static str, items: &[String]) {
    if !items.is_empty() {
        page.raw("<p>").raw(heading).raw("</p>\n");
        page.list(items);
    }
}

/// This run beside those before it.
pub(super) fn trend(page: &mut Page, context: &Context) {
    let Some(TrendFacts { notes, measures, runs }) = &context.trend else { return };
    page.list(notes);
    page.table(&["Measure", "This run", "Median of earlier passes", "Spread", "Passes", "Unusually long"], |rows| {
        for one in measures {
            let passes = one.passes.to_string();
            rows.row(&[
                text(&one.name),
                number(one.measured.as_deref().unwrap_or_default()),
                number(one.median.as_deref().unwrap_or_default()),
                number(one.spread.as_deref().unwrap_or_default()),
                number(&passes),
                text(if one.regression { "yes" } else { "no" }),
            ]);
        }
    });
    page.raw("<p class=\"note\">The spread is the median of the distances from the median.</p>\n");
    page.table(
        &["Earlier run", "Started", "Verdict", "Recovery time", "Recovery point", "Copy", "Newest data"],
        |rows| {
            for run in runs {
                rows.row(&[
                    code(&run.run),
                    text(&run.at),
                    word(&run.verdict),
                    number(run.rto.as_deref().unwrap_or_default()),
                    number(run.rpo.as_deref().unwrap_or_default()),
                    number(run.copy_lag.as_deref().unwrap_or_default()),
                    number(run.data_age.as_deref().unwrap_or_default()),
                ]);
            }
        },
    );
}
