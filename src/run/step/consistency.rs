//! Recovery points of compatible moments: one choice for a whole group of restores.
//!
//! Among all sets that take one eligible recovery point of each restore and lie within the allowed span, the newest is
//! chosen. The first restore of the group, by name, chooses for all; the others take what it chose.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::cloud::Cloud;
use crate::cloud::error::CloudError;
use crate::cloud::resource::Types;
use crate::cloud::vault::{CopyEvidence, Picked, RecoveryPoint, Rejected};
use crate::definition::model::{Definition, Restore};
use crate::journal::event::{Class, Event, StepEnd};
use crate::journal::state::StepState;
use crate::plan::step::{Step, Work};
use crate::run::call::{failed, stumble_or_fail};
use crate::run::decide::{Next, Situation};
use crate::run::services::Services;
use crate::run::step::pick::{Window, choose_of, reject, shortlist, unusable};
use crate::words::id::{Name, StepId};
use crate::words::time::{show_duration, show_instant};

/// No more sets than this are looked at one by one.
const MOST_SETS: usize = 200;

/// The restores that are chosen for together.
fn members(definition: &Definition) -> Vec<&Name> {
    match &definition.consistency {
        None => Vec::new(),
        Some(group) if group.of.is_empty() => definition.restore.keys().collect(),
        Some(group) => definition.restore.keys().filter(|name| group.of.contains(*name)).collect(),
    }
}

/// Who chooses for this restore, if it belongs to a group of several.
#[must_use]
pub fn leader<'a>(definition: &'a Definition, name: &Name) -> Option<&'a Name> {
    let members = members(definition);
    if members.len() > 1 && members.contains(&name) { members.first().copied() } else { None }
}

/// The span that the group of this restore must lie in, if it chooses for one.
#[must_use]
pub(crate) fn group(definition: &Definition, name: &Name) -> Option<SignedDuration> {
    let leads = leader(definition, name) == Some(name);
    definition.consistency.as_ref().filter(|_| leads).map(|group| group.within)
}

/// Waits for whoever chooses.
#[must_use]
pub fn follow(situation: &Situation<'_>, step: &Step, leader: &Name) -> Next {
    match situation.state.step(&Work::Pick(leader.clone())) {
        StepState::Ended { end, .. } => {
            let class = if let StepEnd::Failed(failure) = end { failure.class } else { Class::Environment };
            let message = format!("`pick.{leader}` chooses for both, and chose none");
            Next::record(failed(&step.id, class, message, None))
        }
        StepState::Waiting | StepState::Running { .. } => Next::Idle,
    }
}

type Lists = BTreeMap<Name, (Vec<RecoveryPoint>, Vec<Rejected>)>;

/// Chooses for the whole group.
pub(crate) async fn choose(
    services: &Services,
    definition: &Definition,
    step: &StepId,
    within: SignedDuration,
    window: Window,
) -> Vec<Event> {
    match chosen(&services.cloud, services.types, definition, within, window).await {
        Ok(picks) => picks
            .into_iter()
            .flat_map(|(restore, (picked, warning))| {
                let warned = warning.map(|text| Event::Warned { step: step.clone(), text });
                [Some(Event::Picked { restore, picked: Box::new(picked) }), warned]
            })
            .flatten()
            .collect(),
        Err(error) => vec![stumble_or_fail(step, error)],
    }
}

/// Chooses for the whole group, as a run would. A group without a compatible set has no recovery point at all.
///
/// # Errors
/// When the vault cannot be read.
pub async fn chosen(
    cloud: &Cloud,
    types: Types,
    definition: &Definition,
    within: SignedDuration,
    window: Window,
) -> Result<BTreeMap<Name, (Picked, Option<String>)>, CloudError> {
    let restores: BTreeMap<&Name, &Restore> =
        members(definition).into_iter().filter_map(|name| Some((name, definition.restore.get(name)?))).collect();
    let mut lists = Lists::new();
    for (name, restore) in &restores {
        let listed = cloud.vault.recovery_points(&definition.destination.vault, &restore.resource).await?;
        lists.insert((*name).clone(), shortlist(listed, restore, types(restore.kind), window));
    }
    let mut set = BTreeMap::new();
    for _ in 0..MOST_SETS {
        let Some(candidate) = newest_set(&lists, within) else { break };
        match first_unusable(cloud, definition, &restores, &candidate).await? {
            None => {
                set = candidate;
                break;
            }
            Some((name, point, reason)) => {
                if let Some((eligible, rejected)) = lists.get_mut(&name) {
                    eligible.retain(|known| known.arn != point.arn);
                    rejected.push(reject(&point, reason));
                }
            }
        }
    }
    let mut picks = BTreeMap::new();
    for (name, (eligible, rejected)) in lists {
        let Some(restore) = restores.get(&name) else { continue };
        let picked = match set.remove(&name) {
            Some(point) => finish(cloud, definition, restore, (point, eligible, rejected), window).await?,
            None => (nothing(&eligible, rejected, within), None),
        };
        picks.insert(name, picked);
    }
    Ok(picks)
}

/// The newest set: for each moment, newest first, the newest point of each restore that is not newer; the first set
/// that lies within the span.
fn newest_set(lists: &Lists, within: SignedDuration) -> Option<BTreeMap<Name, RecoveryPoint>> {
    let mut moments: Vec<Timestamp> =
        lists.values().flat_map(|(eligible, _)| eligible.iter().filter_map(|point| point.created)).collect();
    moments.sort_unstable();
    moments.dedup();
    moments.into_iter().rev().find_map(|newest| {
        let oldest = newest.checked_sub(within).ok()?;
        let in_span = |point: &&RecoveryPoint| point.created.is_some_and(|at| at <= newest && at >= oldest);
        lists.iter().map(|(name, (eligible, _))| Some((name.clone(), eligible.iter().find(in_span)?.clone()))).collect()
    })
}

async fn first_unusable(
    cloud: &Cloud,
    definition: &Definition,
    restores: &BTreeMap<&Name, &Restore>,
    set: &BTreeMap<Name, RecoveryPoint>,
) -> Result<Option<(Name, RecoveryPoint, String)>, CloudError> {
    for (name, point) in set {
        let Some(restore) = restores.get(name) else { continue };
        if let Some(reason) = unusable(cloud, definition, &restore.recovery_point, point).await? {
            return Ok(Some((name.clone(), point.clone(), reason)));
        }
    }
    Ok(None)
}

async fn finish(
    cloud: &Cloud,
    definition: &Definition,
    restore: &Restore,
    (point, eligible, mut rejected): (RecoveryPoint, Vec<RecoveryPoint>, Vec<Rejected>),
    window: Window,
) -> Result<(Picked, Option<String>), CloudError> {
    let newer = eligible.iter().filter(|other| other.created > point.created);
    rejected.extend(newer.map(|other| reject(other, "no compatible set has it (`consistency`)".to_owned())));
    // Another one in its place could lie outside of the span.
    let candidates = vec![point];
    choose_of(cloud, definition, restore, (candidates, rejected), window).await
}

fn nothing(eligible: &[RecoveryPoint], mut rejected: Vec<Rejected>, within: SignedDuration) -> Picked {
    let reason = |point: &RecoveryPoint| {
        let at = point.created.map_or_else(|| "an unknown time".to_owned(), show_instant);
        format!("no set of recovery points within {} of each other holds it ({at})", show_duration(within))
    };
    rejected.extend(eligible.iter().map(|point| reject(point, reason(point))));
    rejected.sort_by_key(|point| std::cmp::Reverse((point.created, point.arn.to_string())));
    let copy = CopyEvidence::NotMeasured { because: "no recovery point was chosen".into() };
    Picked { chosen: None, rejected, older: 0, copy }
}
