//! What a reader decides by: the verdict, why, the objectives, what was tested, and when.

use crate::report::facts::{Context, Objective};
use crate::report::html::gantt::{critical_path, gantt};
use crate::report::html::page::{Page, code, number, text, tone, word};

/// The verdict with its reasons, before anything else.
pub(super) fn header(page: &mut Page, context: &Context) {
    let (verdict, scope) = (&context.verdict, &context.scope);
    page.raw("<header>\n<p class=\"word ").raw(tone(&verdict.word)).raw("\">").text(&verdict.heading).raw("</p>\n<h1>");
    page.text(&scope.title).raw("</h1>\n");
    page.paragraph(&verdict.sentence);
    for reason in &verdict.reasons {
        page.raw("<div class=\"reason\"><p>");
        if let Some(step) = &reason.step {
            page.raw("<code>").text(step).raw("</code>: ");
        }
        page.text(&reason.text).raw("</p>\n");
        if let Some(advice) = &reason.advice {
            page.raw("<p class=\"note\">What to do next: ").text(advice).raw("</p>");
        }
        page.raw("</div>\n");
    }
    for earlier in &verdict.earlier {
        page.raw("<p class=\"note\">Before that the verdict was <strong>").text(&earlier.word).raw("</strong>, at ");
        page.text(&earlier.at).raw(", with the head of its journal <code>").text(&earlier.head).raw("</code>.");
        for reason in &earlier.reasons {
            page.raw(" ").text(reason).raw(".");
        }
        page.raw("</p>\n");
    }
    if !verdict.cautions.is_empty() {
        page.raw("<p>Beside the verdict, this should be known:</p>\n");
        page.list(&verdict.cautions);
    }
    page.raw("<p class=\"under\">Drill <code>").text(&scope.drill).raw("</code>, run <code>").text(&scope.run);
    page.raw("</code>, started ").text(&scope.started);
    if let Some(duration) = &scope.duration {
        page.raw(", took ").text(duration);
    }
    page.raw(". It talked to ").text(&scope.talked_to).raw(".</p>\n</header>\n");
}

/// The three numbers that decide, and targets against what was measured.
pub(super) fn objectives(page: &mut Page, context: &Context) {
    page.table(&["What counts", "Measured", "To hold it against"], |rows| {
        for one in &context.numbers {
            rows.row(&[text(&one.name), number(&one.value), text(&one.note)]);
        }
    });
    objectives_table(page, &context.objectives);
    page.raw("<p class=\"note\">A target that could not be measured counts as not met.</p>\n");
    if context.rto_phases.is_empty() {
        return;
    }
    page.raw("<h3>What the recovery time is made of, along its critical path</h3>\n");
    page.table(&["Phase", "Took"], |rows| {
        for phase in &context.rto_phases {
            rows.row(&[text(&phase.name), number(&phase.value)]);
        }
    });
}

/// A table of objectives: the run's, or those of one restore.
pub(super) fn objectives_table(page: &mut Page, objectives: &[Objective]) {
    page.table(&["What was aimed at", "Target", "Measured", "Met", "How it was measured"], |rows| {
        for one in objectives {
            let (target, measured) = (one.target.as_deref(), one.measured.as_deref());
            rows.row(&[
                text(&one.name),
                number(target.unwrap_or_default()),
                number(measured.unwrap_or_default()),
                word(&one.met),
                text(&one.how),
            ]);
        }
    });
}

/// What the run showed, beside what it did not look at.
pub(super) fn limits(page: &mut Page, context: &Context) {
    page.raw("<div class=\"two\">\n<div>\n<h3>Tested</h3>\n");
    if context.tested.is_empty() {
        page.raw("<p>Nothing.</p>\n");
    }
    page.list(&context.tested);
    page.raw("</div>\n<div>\n<h3>Not tested</h3>\n");
    page.list(&context.not_tested);
    page.raw("</div>\n</div>\n");
}

/// The picture, and the critical path in words.
pub(super) fn timeline(page: &mut Page, context: &Context) {
    let Some(timeline) = &context.timeline else { return };
    // A picture that is wider than the screen is moved by hand or by keys.
    page.raw("<div class=\"picture\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline\">\n");
    let left_out = gantt(page, timeline);
    page.raw(
        "</div>\n<p class=\"note\">One bar a step. A frame marks the critical path: the recovery had to wait for \
        that step. A hollow bar waited for a person. Every time is in the table of steps below.</p>\n",
    );
    if left_out > 0 {
        page.raw("<p class=\"note\">").text(&left_out.to_string());
        page.raw(" steps are not drawn: it shows the critical path, what did not pass, and what took longest.</p>\n");
    }
    let path = critical_path(timeline);
    if path.is_empty() {
        return;
    }
    page.raw("<p>Critical path: ");
    for (index, step) in path.iter().enumerate() {
        page.raw(if index == 0 { "<code>" } else { " → <code>" }).text(step).raw("</code>");
    }
    page.raw(".</p>\n");
    if let Some(waited) = &context.waited {
        page.raw("<p>For ").text(waited);
        page.raw(" everything waited for a person. That time is not part of the recovery time.</p>\n");
    }
}

/// Warnings of the run, in order.
pub(super) fn warnings(page: &mut Page, context: &Context) {
    if context.warnings.is_empty() {
        return;
    }
    page.raw("<h3>Warnings</h3>\n");
    page.table(&["At", "Step", "Warning"], |rows| {
        for warning in &context.warnings {
            rows.row(&[text(&warning.at), code(&warning.step), text(&warning.text)]);
        }
    });
}
