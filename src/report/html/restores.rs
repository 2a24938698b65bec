//! Each restore: the recovery point with its rivals, the job, what was made, and the same by hand.

use crate::report::facts::restore::{JobFacts, Look, PointFacts, RestoreFacts};
use crate::report::facts::{Context, Row};
use crate::report::html::page::{Page, Rows, code, maybe, number, text};
use crate::report::html::summary::objectives_table;

/// Every restore.
pub(super) fn restores(page: &mut Page, context: &Context) {
    for restore in &context.restores {
        page.raw("<h3>Restore <code>").text(&restore.name).raw("</code></h3>\n");
        overview(page, restore);
        rivals(page, restore);
        moments(page, restore);
        if let Some(job) = &restore.job {
            course(page, job, &restore.looks);
        }
        settings(page, restore);
        tags(page, "Inherited tags that were removed, so that no regular backup picks it up", &restore.tags_removed);
        tags(page, "Tags that were added", &restore.tags_added);
        if !restore.measures.is_empty() {
            page.raw("<h4>Its own measures</h4>\n");
            objectives_table(page, &restore.measures);
        }
    }
}

fn overview(page: &mut Page, restore: &RestoreFacts) {
    page.pairs(|pairs| {
        pairs.pair("Type", code(&restore.kind));
        pairs.pair("Source resource", code(&restore.resource));
        pairs.pair("Recovery point wanted", text(&restore.rule));
        match &restore.point {
            Some(point) => {
                let PointFacts { arn, created, age, size, status, key, source_vault, arrived, lag } = point;
                pairs.pair("Recovery point", code(arn));
                pairs.pair("Created", text(created));
                pairs.pair("Age at the start of the run", maybe(age.as_ref()));
                pairs.pair("Arrival of the copy", text(arrived));
                pairs.pair_if("Copy lag", lag.as_ref(), text);
                pairs.pair("Size", text(size));
                pairs.pair("Status", code(status));
                pairs.pair_if("Encryption key", key.as_ref(), code);
                pairs.pair_if("Copied from vault", source_vault.as_ref(), code);
            }
            None => pairs.pair("Recovery point", text("none was chosen")),
        }
        if let Some(job) = &restore.job {
            pairs.pair("Restore job", code(&job.id));
            pairs.pair("Accepted by AWS", text(&job.accepted));
            pairs.pair("Restored with the role", code(&job.role));
            pairs.pair("Idempotency token", code(&job.token));
        }
        pairs.pair_if("Restored resource", restore.arn.as_ref(), code);
        pairs.pair_if("Endpoint", restore.endpoint.as_ref(), code);
        for fact in &restore.facts {
            pairs.pair(&fact.name, text(&fact.value));
        }
    });
}

fn rivals(page: &mut Page, restore: &RestoreFacts) {
    if !restore.rejected.is_empty() {
        page.raw("<h4>Recovery points that were not chosen</h4>\n");
        page.table(&["Created", "Recovery point", "Status", "Why not"], |rows| {
            for one in &restore.rejected {
                rows.row(&[text(&one.created), code(&one.arn), code(&one.status), text(&one.reason)]);
            }
        });
    }
    if !restore.older.is_empty() {
        page.raw("<p>").text(&restore.older).raw(" older ones were not needed.</p>\n");
    }
}

/// From the decision to the proof, and to the end.
fn moments(page: &mut Page, restore: &RestoreFacts) {
    page.raw("<h4>Its moments</h4>\n");
    page.table(&["Moment", "At", "After the start"], |rows| {
        for one in &restore.milestones {
            rows.row(&[text(&one.name), maybe(one.at.as_ref()), number(one.after.as_deref().unwrap_or_default())]);
        }
    });
}

fn course(page: &mut Page, job: &JobFacts, looks: &[Look]) {
    page.raw("<h4>How the restore went</h4>\n");
    page.table(&["At", "Seen on", "Status", "Note"], |rows| {
        seen(rows, "restore job", &job.statuses);
        seen(rows, "resource", looks);
    });
}

fn seen(rows: &mut Rows<'_>, on: &str, looks: &[Look]) {
    for look in looks {
        rows.row(&[text(&look.at), text(on), code(&look.status), text(&look.note)]);
    }
}

fn settings(page: &mut Page, restore: &RestoreFacts) {
    if restore.metadata.is_empty() {
        return;
    }
    page.raw("<h4>Settings that the restore was started with</h4>\n");
    page.table(&["Key", "Value"], |rows| {
        for one in &restore.metadata {
            rows.row(&[code(&one.key), code(&one.value)]);
        }
    });
    if let Some(note) = &restore.metadata_note {
        page.raw("<p class=\"note\">").text(note).raw("</p>\n");
    }
}

fn tags(page: &mut Page, heading: &'static str, tags: &[Row]) {
    if tags.is_empty() {
        return;
    }
    page.raw("<h4>").raw(heading).raw("</h4>\n");
    page.table(&["Tag", "Value"], |rows| {
        for tag in tags {
            rows.row(&[code(&tag.name), code(&tag.value)]);
        }
    });
}

/// The commands for a person in a disaster.
pub(super) fn by_hand(page: &mut Page, context: &Context) {
    page.raw(
        "<p>In a disaster, a person with the <code>aws</code> command line can do what this run did, in this order:</p>\n",
    );
    page.steps(&context.by_hand);
    page.raw(
        "<p>The commands are for a POSIX shell. An <code>aws … wait</code> that gives up has changed nothing: call it \
         again. A loop that looks until something is gone ends with the refusal that it does not exist.</p>\n",
    );
    for restore in &context.restores {
        page.raw("<h3><code>").text(&restore.name).raw("</code> by hand</h3>\n");
        page.list(&restore.fill_in);
        for step in &restore.by_hand {
            page.raw("<p>").text(&step.what).raw(":</p>\n");
            page.block(&step.command);
        }
    }
}
