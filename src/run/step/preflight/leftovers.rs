//! What earlier runs of any drill left: it is billed on, takes quota, and may stand in the way.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;

use crate::cloud::check::Check;
use crate::cloud::error::CloudError;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::run::services::Services;
use crate::run::step::preflight::Looking;
use crate::words::kind::{CheckId, ResourceKind};

const ID: CheckId = CheckId::LeftoversEarlier;

/// Many runs that begin together ask once. What others left meanwhile is no worse than what they leave a moment later.
const RECENT: SignedDuration = SignedDuration::from_mins(10);

/// No more are named.
const MOST_NAMED: usize = 5;

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let kinds: BTreeSet<ResourceKind> = cx.definition.restore.values().map(|restore| restore.kind).collect();
    let mut checks = Vec::new();
    for kind in kinds.into_iter().filter(|kind| *kind != ResourceKind::Other) {
        checks.push(of_kind(cx, kind).await);
    }
    checks
}

async fn of_kind(cx: &Looking<'_>, kind: ResourceKind) -> Check {
    let what = format!("leftovers of earlier runs, {}", kind.word());
    let destination = &cx.definition.destination;
    let wanted = Wanted {
        account: destination.account.clone(),
        region: destination.region.clone(),
        partition: cx.partition().to_owned(),
        made: Vec::new(),
        kept: false,
    };
    let Services { cloud, clock, .. } = cx.services;
    let Some(calls) = (cloud.resources)(kind) else {
        return Check::not_checked(ID, &what, "nobody can list this type");
    };
    judge(&what, cloud.listings.recent(kind, clock.now(), RECENT, calls.leftovers(&wanted)).await)
}

fn judge(what: &str, found: Result<Arc<[Leftover]>, CloudError>) -> Check {
    let found = match found {
        Ok(found) => found,
        Err(error) => return Check::unanswered(ID, what, &error.operation, &error),
    };
    if found.is_empty() {
        return Check::ok(
            ID,
            what,
            "nothing bears a drill's name or tag; snapshots and backups of what is gone are for `drill sweep`",
        );
    }
    let named: Vec<String> = found.iter().take(MOST_NAMED).map(|one| format!("{} `{}`", one.what, one.arn)).collect();
    let more = found.len().saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let detail = format!("{}{more}: of a run under way, kept, or left behind", named.join(", "));
    Check::warning(ID, what, &detail).mended_by("`drill sweep` says whose they are, and removes what is a drill's")
}
