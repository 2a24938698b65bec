//! What became of what the run made, what it cost, where it left the usual way, and what ties all of it to the journal.

use crate::report::facts::Context;
use crate::report::facts::teardown::{EntryFacts, TeardownFacts};
use crate::report::html::page::{Page, code, maybe, number, text, word};
use crate::report::html::summary::warnings;

/// Everything that the run may have made, with the proof that it is gone.
pub(super) fn teardown(page: &mut Page, context: &Context) {
    let teardown = &context.teardown;
    page.paragraph(&teardown.summary);
    left(page, teardown);
    kept(page, teardown);
    for entry in &teardown.entries {
        entry_in_full(page, entry);
    }
    if !teardown.entries.is_empty() {
        page.raw(
            "<p class=\"note\">Only things that this run wrote down before it asked for them are ever removed.</p>\n",
        );
    }
}

fn left(page: &mut Page, teardown: &TeardownFacts) {
    for one in &teardown.left {
        page.raw("<h3 class=\"bad\">May still exist: <code>").text(&one.arn).raw("</code></h3>\n");
        page.paragraph(&one.why);
        if !one.command.is_empty() {
            page.raw("<p>Remove it with:</p>\n");
            page.block(&one.command);
        }
        page.raw("<p>Let drill try again, and prove that it is gone:</p>\n");
        page.block(&one.resume);
    }
}

fn kept(page: &mut Page, teardown: &TeardownFacts) {
    for one in &teardown.kept {
        page.raw("<h3 class=\"doubt\">Kept until ").text(&one.until).raw(": <code>").text(&one.arn);
        page.raw("</code></h3>\n<p>That is written ").text(&one.noted);
        page.raw(". It costs money until it is removed. Keep it longer, or remove it now:</p>\n");
        page.block(&one.extend);
        page.block(&one.end);
    }
}

fn entry_in_full(page: &mut Page, entry: &EntryFacts) {
    page.raw("<h3>What was restored for <code>").text(&entry.restore).raw("</code></h3>\n");
    page.pairs(|pairs| {
        pairs.pair("State", word(&entry.state));
        pairs.pair("Resource", code(&entry.arn));
        pairs.pair("Type", code(&entry.kind));
        pairs.pair("Written down before it was asked for", text(&entry.noted));
        pairs.pair("What proves that it is the run's own", text(&entry.witness));
        pairs.pair("Removal asked for", maybe(entry.asked.as_ref()));
        pairs.pair("Removal accepted", maybe(entry.accepted.as_ref()));
        pairs.pair("Tries", number(&entry.tries.to_string()));
        for failed in &entry.failed {
            pairs.pair("A try that failed", text(failed));
        }
        pairs.pair("Known to be gone", maybe(entry.gone.as_ref()));
        pairs.pair("How that is known", text(&entry.proof));
        pairs.pair("Held for", text(&entry.held));
    });
}

/// How long things were held, and what that cost as far as the definition knows.
pub(super) fn cost(page: &mut Page, context: &Context) {
    if context.teardown.entries.is_empty() {
        page.raw("<p>Nothing was held.</p>\n");
    } else {
        page.table(&["Restore", "Resource", "Held for", "Hours", "Estimated cost"], |rows| {
            for entry in &context.teardown.entries {
                rows.row(&[
                    code(&entry.restore),
                    code(&entry.arn),
                    number(&entry.held),
                    number(entry.hours.as_deref().unwrap_or_default()),
                    number(entry.cost.as_deref().unwrap_or("no rates")),
                ]);
            }
        });
        page.raw("<p>Held in all: ").text(&context.teardown.held).raw(" (").text(&context.teardown.hours).raw(")");
        if let Some(cost) = &context.teardown.cost {
            page.raw(", at an estimated ").text(cost);
        }
        page.raw(".</p>\n");
    }
    let Some(cost) = &context.cost else {
        page.raw("<p>The definition gives no rates, so no cost is estimated.</p>\n");
        return;
    };
    page.pairs(|pairs| {
        pairs.pair("Estimated before the start", text(&cost.estimated));
        pairs.pair("Cost until the verdict, at the definition's rates", text(&cost.spent));
        pairs.pair_if("Most that it may cost", cost.limit.as_ref(), text);
        for one in &cost.basis {
            pairs.pair(&format!("Basis for {}", one.name), text(&one.value));
        }
    });
}

/// Where the run left the usual way, and its warnings.
pub(super) fn deviations(page: &mut Page, context: &Context) {
    if context.deviations.is_empty() && context.warnings.is_empty() {
        let odd = context.checks.iter().filter(|check| ["warning", "not checked"].contains(&check.result.as_str()));
        page.raw(match odd.count() {
            0 => "<p>Nothing: the run went as planned, without a warning.</p>\n",
            _ => {
                "<p>Nothing while it ran. Before it, something was odd or could not be looked at: see \
                  <a href=\"#checks\">Before the start</a>.</p>\n"
            }
        });
    }
    page.list(&context.deviations);
    warnings(page, context);
}

/// Who, what, where, when.
pub(super) fn scope(page: &mut Page, context: &Context) {
    let scope = &context.scope;
    page.pairs(|pairs| {
        pairs.pair("Drill", code(&scope.drill));
        pairs.pair("Title", text(&scope.title));
        for label in &scope.labels {
            pairs.pair(&format!("Label {}", label.name), code(&label.value));
        }
        pairs.pair("Controls that the owner maps it to", text(&scope.controls.join(", ")));
        let from = format!("{}, account {}", scope.source_region, scope.source_account);
        let to = format!("{}, account {}", scope.destination_region, scope.destination_account);
        pairs.pair("From (source)", text(&from));
        pairs.pair("To (destination)", text(&to));
        pairs.pair("Vault", code(&scope.vault));
        pairs.pair("Role that AWS Backup restores with", code(&scope.restore_role));
        pairs.pair_if("Role of the drill, destination", scope.access_role.as_ref(), code);
        pairs.pair_if("Role of the drill, source", scope.source_role.as_ref(), code);
        pairs.pair("Talked to", text(&scope.talked_to));
        pairs.pair_if("Seed of the simulation", scope.seed.as_ref(), code);
        for one in &scope.vars {
            pairs.pair(&format!("Variable {}", one.name), code(&one.value));
        }
        pairs.pair("Run", code(&scope.run));
        pairs.pair_if("Run whose evidence came before", scope.previous.as_ref(), code);
        pairs.pair_if("Asked for", scope.asked.as_ref(), text);
        pairs.pair("Started", text(&scope.started));
        pairs.pair("Ended", maybe(scope.ended.as_ref()));
        pairs.pair("Took", maybe(scope.duration.as_ref()));
    });
    page.raw(
        "<p class=\"note\">The controls are the owner's own mapping: this report is evidence for them, not a judgement of \
         them.</p>\n",
    );
}

/// What was looked at before anything was started.
pub(super) fn checks(page: &mut Page, context: &Context) {
    page.table(&["Check", "Looked at", "Result", "Seen", "What mends it"], |rows| {
        for check in &context.checks {
            rows.row(&[
                code(&check.id),
                text(&check.what),
                word(&check.result),
                text(&check.detail),
                maybe(check.mend.as_ref()),
            ]);
        }
    });
}

/// Every step of the plan.
pub(super) fn steps(page: &mut Page, context: &Context) {
    page.table(&["Step", "Critical", "Began", "Took", "Tries", "Requests repeated", "Outcome", "Why"], |rows| {
        for step in &context.steps {
            let (tries, repeated) = (step.attempts.to_string(), step.stumbles.to_string());
            rows.row(&[
                code(&step.id),
                text(if step.critical { "yes" } else { "no" }),
                maybe(step.started.as_ref()),
                number(step.duration.as_deref().unwrap_or_default()),
                number(&tries),
                number(&repeated),
                word(&step.outcome),
                maybe(step.detail.as_ref()),
            ]);
        }
    });
}

/// What ties the report to its journal.
pub(super) fn seal(page: &mut Page, context: &Context) {
    page.raw(
        "<p>This report is made from the run's journal alone. The journal is a list of records. Each record carries the hash \
         of the one before, so a record that was changed, removed or moved no longer fits. That chain has no key: whoever \
         changes a record can make all later hashes anew. What shows that, too, is the signature in \
         <code>manifest.sig</code>, for those who trust its key. <code>drill verify</code> with the folder of this report \
         checks hashes, chain and signature, judges the run again from the journal, and says whose key signed. A folder \
         without <code>manifest.sig</code> is signed by nobody: it is at most consistent with itself.</p>\n",
    );
    let records = context.seal.records.to_string();
    page.pairs(|pairs| {
        pairs.pair("Records that this report is made from", number(&records));
        pairs.pair("Written until", text(&context.seal.last));
        pairs.pair("Hash of the last of them (SHA-256)", code(&context.seal.head));
        pairs.pair("Hash of the definition (SHA-256)", code(&context.scope.definition_sha256));
        pairs.pair_if("Git commit of the definition", context.scope.commit.as_ref(), text);
        pairs.pair("Version of drill", code(&context.scope.tool_version));
        pairs.pair("To be signed by", text(&context.seal.signer));
        let archive = context.seal.archive.as_deref().unwrap_or("the definition asks for none");
        pairs.pair("Copy that nobody may change", text(archive));
        pairs.pair("What CloudTrail has of it", text(&context.seal.cloudtrail));
    });
    if !context.requests.is_empty() {
        page.raw("<p>Requests that AWS refused or failed, by AWS's own ids:</p>\n");
        page.table(&["At", "Operation", "Code", "Request"], |rows| {
            for one in &context.requests {
                rows.row(&[text(&one.at), code(&one.operation), code(&one.code), code(&one.id)]);
            }
        });
    }
    if !context.hidden.is_empty() {
        page.raw("<p>Left out of this report, as the definition says, and kept in the journal:</p>\n");
        page.list(&context.hidden);
    }
    page.raw(
        "<p>Where the journal is kept, <code>drill report</code> with the run's id checks every hash and makes this report \
         again, the same to the byte. <code>drill logs</code> with the run's id shows the records.</p>\n",
    );
}
