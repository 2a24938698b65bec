//! `pick`: which recovery point. Facts 1.5.3.
//!
//! The listing has no documented order and no filter by status: it is read to its end and sorted here. Storage class is
//! only in DescribeRecoveryPoint, so candidates are looked at one by one, newest first, until one is eligible.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use crate::cloud::Cloud;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::resource::ResourceFacts;
use crate::cloud::vault::{CopyEvidence, Picked, Rejected};
use crate::cloud::vault::{CopyJob, RecoveryPoint};
use crate::definition::model::{Definition, Pick, PickRule, Restore};
use crate::journal::event::{Class, Event};
use crate::journal::state::{State, StepState};
use crate::plan::step::Step;
use crate::run::call::{Call, Outcome, failed, nonsense, passed, stumble_or_fail};
use crate::run::decide::{Next, Situation};
use crate::run::services::Services;
use crate::run::step::consistency;
use crate::words::id::{Name, StepId};
use crate::words::time::{show_duration, show_instant};

/// At most so many candidates are described one by one before the pick gives up.
const MOST_DESCRIBED: usize = 50;
const NO_MOMENT: &str = "it is continuous, and neither `metadata:` nor `with:` names the moment to restore";
/// After so many failed requests a source region that does not list its copy jobs is taken to be down.
const MOST_STUMBLES: u32 = 5;

/// Looks once, then judges. Nothing eligible is a failure of the data: there is nothing to restore.
#[must_use]
pub fn next(situation: &Situation<'_>, step: &Step, name: &Name) -> Next {
    let Some(picked) = situation.state.picked.get(name) else {
        return match consistency::leader(situation.definition(), name) {
            Some(leader) if leader != name => consistency::follow(situation, step, leader),
            _ => Next::call(Call::Pick(name.clone())),
        };
    };
    if picked.chosen.is_some() {
        return Next::record(passed(&step.id));
    }
    let message = match picked.rejected.as_slice() {
        [] => format!("vault `{}` holds no recovery point of the resource", situation.definition().destination.vault),
        [_, ..] => nothing_eligible(&picked.rejected),
    };
    let advice =
        Some("see whether the copy jobs into the vault succeed (the report lists every rejected recovery point)");
    Next::record(failed(&step.id, Class::Data, message, advice))
}

/// What rules most of them out, by the newest of those. Where reasons differ in a time or an id alone, they are one.
fn nothing_eligible(rejected: &[Rejected]) -> String {
    let mut alike: BTreeMap<String, Vec<&Rejected>> = BTreeMap::new();
    for point in rejected {
        let kind = point.reason.chars().filter(|c| !c.is_ascii_digit()).collect();
        alike.entry(kind).or_default().push(point);
    }
    let most = alike.values().max_by_key(|points| (points.len(), points.first().map(|newest| newest.created)));
    let Some((most, newest)) = most.and_then(|points| Some((points.len(), *points.first()?))) else {
        return "no recovery point is eligible".into();
    };
    format!(
        "no recovery point is eligible: {} rejected, {most} of them for this: {} (the newest is from {})",
        rejected.len(),
        newest.reason,
        newest.created.map_or_else(|| "an unknown time".to_owned(), show_instant),
    )
}

/// Lists, sorts, describes, chooses, and asks the source region for the copy job.
pub fn pick(step: &StepId, name: &Name, state: &State, services: Arc<Services>) -> Outcome {
    let definition = &state.started.plan.definition;
    let Some(restore) = definition.restore.get(name).cloned() else {
        return nonsense(step, "a pick without a restore");
    };
    let (step, name, definition) = (step.clone(), name.clone(), definition.clone());
    let group = consistency::group(&definition, &name);
    let window = Window {
        now: services.clock.now(),
        ends_by: state.started_at + definition.limits.max_duration,
        patient: failed_so_far(state, &step) < MOST_STUMBLES,
    };
    Box::pin(async move {
        if let Some(within) = group {
            return consistency::choose(&services, &definition, &step, within, window).await;
        }
        let facts = (services.types)(restore.kind);
        match choose(&services.cloud, &definition, &restore, facts, window).await {
            Ok((picked, warning)) => {
                let mut events = vec![Event::Picked { restore: name, picked: Box::new(picked) }];
                events.extend(warning.map(|text| Event::Warned { step, text }));
                events
            }
            Err(error) => vec![stumble_or_fail(&step, error)],
        }
    })
}

fn failed_so_far(state: &State, step: &StepId) -> u32 {
    match state.steps.get(step) {
        Some(StepState::Running { stumbled_in_all, .. }) => *stumbled_in_all,
        _ => 0,
    }
}

/// The time that a recovery point must fit.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Now: ages are counted from here.
    pub now: Timestamp,
    /// When the run must be over: a recovery point must live longer.
    pub ends_by: Timestamp,
    /// Whether a source region that fails in a way that passes is asked again, or counts as not measured.
    pub patient: bool,
}

/// Chooses a recovery point as a run would. `drill plan` calls this too.
///
/// # Errors
/// When the vault cannot be read.
pub async fn choose(
    cloud: &Cloud,
    definition: &Definition,
    restore: &Restore,
    facts: &dyn ResourceFacts,
    window: Window,
) -> Result<(Picked, Option<String>), CloudError> {
    let vault = &definition.destination.vault;
    let listed = cloud.vault.recovery_points(vault, &restore.resource).await?;
    let (eligible, rejected) = shortlist(listed, restore, facts, window);
    choose_of(cloud, definition, restore, (eligible, rejected), window).await
}

/// Chooses out of what the listing left, looking at the candidates one by one.
pub(crate) async fn choose_of(
    cloud: &Cloud,
    definition: &Definition,
    restore: &Restore,
    (eligible, mut rejected): (Vec<RecoveryPoint>, Vec<Rejected>),
    window: Window,
) -> Result<(Picked, Option<String>), CloudError> {
    let mut candidates: VecDeque<RecoveryPoint> = eligible.into();
    let mut chosen = None;
    for _ in 0..MOST_DESCRIBED {
        let Some(candidate) = candidates.pop_front() else { break };
        match unusable(cloud, definition, &restore.recovery_point, &candidate).await? {
            Some(reason) => rejected.push(reject(&candidate, reason)),
            None => {
                chosen = Some(candidate);
                break;
            }
        }
    }
    let older = candidates.len() + forget_too_old(&mut rejected, chosen.as_ref(), &restore.recovery_point, window);
    let older = u32::try_from(older).unwrap_or(u32::MAX);
    rejected.sort_by_key(|point| std::cmp::Reverse((point.created, point.arn.to_string())));
    let (copy, warning) = match &chosen {
        Some(point) => copy_of(cloud, definition, restore, point, window.patient).await?,
        None => (CopyEvidence::NotMeasured { because: "no recovery point was chosen".into() }, None),
    };
    Ok((Picked { chosen, rejected, older, copy }, warning))
}

/// What is older than the chosen one and was rejected for its age alone is no rival: it is counted, not listed.
fn forget_too_old(
    rejected: &mut Vec<Rejected>,
    chosen: Option<&RecoveryPoint>,
    rule: &PickRule,
    window: Window,
) -> usize {
    let Some(chosen) = chosen else { return 0 };
    let before = rejected.len();
    rejected.retain(|point| {
        let for_age_alone =
            point.created.and_then(|created| too_old(created, rule, window)).as_ref() == Some(&point.reason);
        point.created >= chosen.created || !for_age_alone
    });
    before - rejected.len()
}

/// The eligible ones, newest first and then by ARN, and the others with their reasons. Pure.
#[must_use]
pub fn shortlist(
    points: Vec<RecoveryPoint>,
    restore: &Restore,
    facts: &dyn ResourceFacts,
    window: Window,
) -> (Vec<RecoveryPoint>, Vec<Rejected>) {
    let mut eligible = Vec::new();
    let mut rejected = Vec::new();
    for point in points {
        match ineligible(&point, restore, facts, window) {
            Some(reason) => rejected.push(reject(&point, reason)),
            None => eligible.push(point),
        }
    }
    eligible.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.arn.cmp(&b.arn)));
    (eligible, rejected)
}

pub(crate) fn reject(point: &RecoveryPoint, reason: String) -> Rejected {
    Rejected { arn: point.arn.clone(), created: point.created, status: point.status.clone(), reason }
}

/// Why the listing alone rules a recovery point out.
fn ineligible(point: &RecoveryPoint, restore: &Restore, facts: &dyn ResourceFacts, window: Window) -> Option<String> {
    let rule = &restore.recovery_point;
    if let Some(reason) = wrong_status(&point.status, rule) {
        return Some(reason);
    }
    if point.resource.as_ref().is_some_and(|resource| *resource != restore.resource) {
        return Some("it is of another resource".into());
    }
    let wanted = facts.backup_type(&restore.with);
    if point.resource_type.as_ref().is_some_and(|found| *found != wanted) {
        return Some(format!("it is of type {}, not {wanted}", point.resource_type.as_deref().unwrap_or("?")));
    }
    if let Err(reason) = facts.eligible(point) {
        return Some(reason);
    }
    if is_continuous(point) && !names_a_moment(restore) {
        return Some(NO_MOMENT.into());
    }
    if point.delete_after_copy {
        return Some("it is a temporary copy that vanishes once it is copied on (DELETE_AFTER_COPY)".into());
    }
    if point.is_parent {
        return Some("it is the parent of a composite and cannot be restored by itself".into());
    }
    if point.malware {
        return Some("a scan found malware in it".into());
    }
    let Some(created) = point.created else { return Some("it has no creation date".into()) };
    if let Some(delete_at) = point.delete_at
        && delete_at <= window.ends_by
    {
        return Some(format!("its retention ends at {}, which may be before the drill does", show_instant(delete_at)));
    }
    wrong_moment(point, created, rule, window)
}

/// Continuous recovery points restore to a moment, which the metadata must name (facts 2.1, "PITR").
fn is_continuous(point: &RecoveryPoint) -> bool {
    point.status == "STOPPED" || point.arn.resource().contains("continuous:")
}

fn names_a_moment(restore: &Restore) -> bool {
    let raw = restore.metadata.keys().any(|key| key == "RestoreTime" || key == "UseLatestRestorableTime");
    raw || restore.with.contains_key("restore_time")
}

fn wrong_status(status: &str, rule: &PickRule) -> Option<String> {
    match status {
        "COMPLETED" | "AVAILABLE" => None,
        "STOPPED" if rule.allow_stopped => None,
        "STOPPED" => Some("its continuous backup was stopped (`allow_stopped: true` admits it)".into()),
        "PARTIAL" => Some("it is partial: nested recovery points are missing".into()),
        "EXPIRED" => Some("it is past its retention and AWS Backup could not delete it: a clean-up problem".into()),
        "CREATING" => Some("it is still being created".into()),
        "DELETING" => Some("it is being deleted".into()),
        other => Some(format!("its status `{other}` is not one that can be restored")),
    }
}

fn wrong_moment(point: &RecoveryPoint, created: Timestamp, rule: &PickRule, window: Window) -> Option<String> {
    match &rule.pick {
        Pick::Latest => {}
        Pick::Before(moment) if created > *moment => {
            return Some(format!("it is newer than {}, which `pick` asks for", show_instant(*moment)));
        }
        Pick::Before(_) => {}
        Pick::Arn(arn) if point.arn != *arn => return Some("`pick` names another one".into()),
        Pick::Arn(_) => {}
    }
    too_old(created, rule, window)
}

fn too_old(created: Timestamp, rule: &PickRule, window: Window) -> Option<String> {
    let age = window.now.duration_since(created);
    let allowed = rule.max_age?;
    (age > allowed).then(|| {
        let over = show_duration(age - allowed);
        format!(
            "it is {} old, {over} more than the {} that `max_age` allows",
            show_duration(age),
            show_duration(allowed)
        )
    })
}

/// Why a look at one candidate rules it out.
pub(crate) async fn unusable(
    cloud: &Cloud,
    definition: &Definition,
    rule: &PickRule,
    point: &RecoveryPoint,
) -> Result<Option<String>, CloudError> {
    let detail = match cloud.vault.describe_point(&definition.destination.vault, &point.arn).await {
        Ok(detail) => detail,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Some("it was gone when it was looked at".into())),
        Err(error) => return Err(error),
    };
    if let Some(reason) = wrong_status(&detail.status, rule) {
        return Ok(Some(reason));
    }
    match detail.storage_class.as_deref() {
        None | Some("WARM") => {}
        Some("COLD") if rule.allow_cold => {}
        Some("COLD") => return Ok(Some("it is in cold storage, hours away (`allow_cold: true` admits it)".into())),
        Some(other) => return Ok(Some(format!("its storage class is `{other}`"))),
    }
    let Some(key) = &point.encryption_key else { return Ok(None) };
    match cloud.ground.key(key).await {
        Ok(key_state) if key_state.state == "Enabled" => Ok(None),
        Ok(key_state) => Ok(Some(format!("its key {key} is {}: it cannot be decrypted", key_state.state))),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Some(format!("its key {key} does not exist"))),
        // Being forbidden to look at a key says nothing about the key.
        Err(error) if error.kind == ErrorKind::Denied => Ok(None),
        Err(error) => Err(error),
    }
}

/// When the copy arrived, from the source region's copy jobs. A source region that cannot be reached is no reason to
/// stop: in a disaster it is gone.
async fn copy_of(
    cloud: &Cloud,
    definition: &Definition,
    restore: &Restore,
    point: &RecoveryPoint,
    patient: bool,
) -> Result<(CopyEvidence, Option<String>), CloudError> {
    let not_measured = |because: String| CopyEvidence::NotMeasured { because };
    let Some(created) = point.created else {
        return Ok((not_measured("the recovery point has no creation date".into()), None));
    };
    let source = &definition.source;
    let foreign = source.account != definition.destination.account;
    if foreign && source.access_role.is_none() && source.profile.is_none() {
        let because = "the source is another account, and the definition names neither `source.access_role` nor `source.profile` to read its copy jobs with";
        return Ok((not_measured(because.into()), None));
    }
    let jobs = match cloud.copies.copy_jobs(&restore.resource, created).await {
        Ok(jobs) => jobs,
        Err(error)
            if patient && matches!(error.kind, ErrorKind::Throttled | ErrorKind::Busy | ErrorKind::Unavailable) =>
        {
            return Err(error);
        }
        Err(error) => {
            return Ok((not_measured(format!("the source region did not list its copy jobs ({error})")), None));
        }
    };
    let arrived = jobs
        .iter()
        .filter(|job| job.state == "COMPLETED" && job.destination_point.as_ref() == Some(&point.arn))
        .find_map(|job| job.completed);
    let evidence = arrived.map_or_else(
        || not_measured("the source region lists no completed copy job for this recovery point".into()),
        |arrived| CopyEvidence::Seen { arrived },
    );
    Ok((evidence, failed_copies(&jobs)))
}

fn failed_copies(jobs: &[CopyJob]) -> Option<String> {
    let failed: Vec<&CopyJob> = jobs.iter().filter(|job| job.state == "FAILED").collect();
    let newest = failed.iter().max_by_key(|job| job.created)?;
    Some(format!(
        "{} copy job(s) failed in the source region since the chosen recovery point was made; the last one: {}",
        failed.len(),
        newest.message.as_deref().unwrap_or("no message")
    ))
}
