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

/// What came of a sweep.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// What it showed and left alone.
    pub(crate) shown: Vec<String>,
    /// What it offered to remove and could not.
    pub(crate) stuck: Vec<String>,
}

/// Sweeps, and types the ARN of everything that may be removed.
pub(crate) async fn sweep(script: &Script, cloud: &Cloud, clock: &Arc<dyn Clock>, began: Timestamp) -> Swept {
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
    let grounds = Grounds { known: &[], definitions, types: facts, drills: &[], now: clock.now() };
    let mut swept = Swept::default();
    for row in judge(&found, &grounds) {
        let Fate::Typed(target) = &row.fate else {
            swept.shown.push(row.what);
            swept.shown.extend(row.arn.map(|arn| arn.to_string()));
            swept.shown.extend(row.name);
            continue;
        };
        let Some(calls) = (cloud.resources)(target.leftover.kind) else { continue };
        if let Err(stuck) = remove(target, calls.as_ref(), clock.as_ref()).await {
            swept.stuck.push(format!("{}: {stuck}", target.leftover.arn));
        }
    }
    swept.shown.extend(unseen.into_iter().map(|unseen| format!("not looked at: {}", unseen.what)));
    swept
}
