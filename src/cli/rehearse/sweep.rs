//! What a person does whose journal is refused: a sweep of the destination, and the typed ARN of everything that it offers
//! to remove.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::aws::resource::facts;
use crate::cli::rehearse::script::Script;
use crate::cli::sweep::look::{Site, look};
use crate::cloud::Cloud;
use crate::run::sweep::remove::remove;
use crate::run::sweep::{Fate, Grounds, judge};
use crate::words::time::Clock;

/// A sweep trusts a thing without a tag only a day after its restore job.
const LATER: SignedDuration = SignedDuration::from_hours(30);

/// Sweeps, and answers what the sweep showed and did not remove.
pub(crate) async fn sweep(script: &Script, cloud: &Cloud, clock: &Arc<dyn Clock>, began: Timestamp) -> Vec<String> {
    let definition = script.definition();
    let destination = &definition.destination;
    let later = clock.now().saturating_add(LATER).unwrap_or(Timestamp::MAX);
    clock.sleep_until(later).await;
    let partition = destination.restore_role.partition().to_owned();
    let place = (destination.account.clone(), destination.region.clone(), partition);
    let mut site = Site::of(cloud.clone(), Arc::clone(clock), place);
    let mut unseen = Vec::new();
    let found = look(&mut site, began, &mut unseen).await;
    let definitions = std::slice::from_ref(definition);
    let grounds = Grounds { known: &[], definitions, types: facts, now: clock.now() };
    let mut shown = Vec::new();
    for row in judge(&found, &grounds) {
        let calls = |target: &crate::run::sweep::Target| (cloud.resources)(target.leftover.kind);
        if let Fate::Typed(target) = &row.fate
            && let Some(calls) = calls(target)
            && remove(target, calls.as_ref(), clock.as_ref()).await.is_ok()
        {
            continue;
        }
        shown.extend(row.arn.map(|arn| arn.to_string()));
        shown.extend(row.name);
    }
    shown.extend(unseen.into_iter().map(|unseen| format!("not looked at: {}", unseen.what)));
    shown
}
