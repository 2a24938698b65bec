//! Restore jobs. Facts 1.6 and 1.7.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::clock::later;
use crate::sandbox::physics::Order;
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::restore::RestoreJob;
use crate::sandbox::role::Trust;
use crate::sandbox::service::backup::{Within, differs, listed, page, put, put_instant};
use crate::sandbox::service::sts::SELF;
use crate::sandbox::spec::Place;
use crate::sandbox::world::{Point, World};
use crate::words::arn::Arn;
use crate::words::kind::ResourceKind;

/// `StartRestoreJob`. A missing or foreign recovery point, a missing value, and what AWS Backup itself is denied refuse
/// the call; whatever else is wrong fails the job later.
pub(crate) fn start(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let missing = |what: &str| Failure::bad("MissingParameterValueException", format!("{what} is required"));
    let point_arn = ask.text("RecoveryPointArn").ok_or_else(|| missing("RecoveryPointArn"))?.to_owned();
    let metadata = read_metadata(ask.body.get("Metadata").ok_or_else(|| missing("Metadata"))?)?;
    let token = ask.text("IdempotencyToken").map(str::to_owned);
    if let Some(id) = known_token(world, place, (token.as_deref(), &point_arn), &metadata)? {
        return Ok(json!({ "RestoreJobId": id }));
    }
    let point = find_point(world, place, &point_arn)?;
    if ask.text("ResourceType").is_some_and(|kind| !fits(kind, point.source.backup_type())) {
        return Err(Failure::invalid("ResourceType does not fit the recovery point"));
    }
    let role = ask.text("IamRoleArn").ok_or_else(|| missing("IamRoleArn"))?.to_owned();
    check_leave(world, place, &point, &role)?;
    check_places(world, place, point.source.kind)?;
    if let Some(key) = point.source.physics().missing(&point.source, &metadata) {
        return Err(missing(&format!("Restore metadata {key}")));
    }
    if !matches!(point.status, "COMPLETED" | "AVAILABLE" | "STOPPED") {
        return Err(Failure::bad(
            "InvalidRequestException",
            format!("Recovery point is {} and cannot be restored", point.status),
        ));
    }
    let vault_arn = world.site(place).vaults.get(&point.vault).map(|vault| vault.arn.clone()).unwrap_or_default();
    let id = world.start_restore(place, Order { point, vault_arn, metadata, role, token });
    Ok(json!({ "RestoreJobId": id }))
}

/// Whether everybody lets the restore begin: the vault, the caller's policies, the role, the region's settings.
fn check_leave(world: &mut World, place: &Place, point: &Point, role: &str) -> Result<(), Failure> {
    let user = format!("User: arn:aws:iam::{}:user/{SELF} is not authorized to perform", place.account);
    let denied = |message: String| Failure::new(403, "AccessDeniedException", message);
    if world.site(place).vaults.get(&point.vault).is_some_and(|vault| vault.denies) {
        return Err(denied(format!(
            "{user}: backup:StartRestoreJob on resource: {} with an explicit deny in a resource-based policy",
            point.arn
        )));
    }
    if world.denies("iam:PassRole") {
        return Err(denied(format!(
            "{user}: iam:PassRole on resource: {role} because no identity-based policy allows the iam:PassRole action"
        )));
    }
    if world.roles.get(role).is_none_or(|known| known.trusts != Trust::Backup) {
        return Err(Failure::invalid(format!("IAM Role {role} cannot be assumed by AWS Backup")));
    }
    let kind = point.source.backup_type();
    if world.site(place).not_opted_in.contains(kind) {
        return Err(Failure::bad(
            "InvalidRequestException",
            format!("The resource type {kind} is not opted in to AWS Backup in this account and Region"),
        ));
    }
    Ok(())
}

/// Whether one more restore of a type may be under way, where the world file bounds that.
fn check_places(world: &mut World, place: &Place, kind: ResourceKind) -> Result<(), Failure> {
    let Some(most) = world.profile.places(kind) else { return Ok(()) };
    let under_way = |job: &&RestoreJob| job.source.kind == kind && matches!(job.status, "PENDING" | "RUNNING");
    if world.site(place).restore_jobs.iter().filter(under_way).count() < most {
        return Ok(());
    }
    let message = format!("The quota of {most} restore jobs at a time is reached for this resource type");
    Err(Failure::bad("LimitExceededException", message))
}

/// A recovery point of a Storage Gateway volume may be restored as an EBS volume (facts 2.12).
fn fits(asked: &str, point: &str) -> bool {
    asked == point || (point == "Storage Gateway" && asked == "EBS")
}

fn read_metadata(value: &Value) -> Result<BTreeMap<String, String>, Failure> {
    let wrong = || Failure::bad("SerializationException", "Metadata must be a map of strings to strings");
    let map = value.as_object().ok_or_else(wrong)?;
    map.iter().map(|(key, value)| Ok((key.clone(), value.as_str().ok_or_else(wrong)?.to_owned()))).collect()
}

/// The job that an earlier request with the same token started.
fn known_token(
    world: &mut World,
    place: &Place,
    (token, point): (Option<&str>, &str),
    metadata: &BTreeMap<String, String>,
) -> Result<Option<String>, Failure> {
    let Some(token) = token else { return Ok(None) };
    let (now, quotas) = (world.now, world.quotas);
    let remembered = |job: &&RestoreJob| later(job.created, quotas.token_lifetime) >= now;
    let Some(job) = world.site(place).restore_jobs.with_token(token).find(remembered) else { return Ok(None) };
    if quotas.silent_token_reuse || (job.point == point && job.metadata == *metadata) {
        return Ok(Some(job.id.clone()));
    }
    Err(Failure::invalid("The idempotency token was used before with other parameters"))
}

fn find_point(world: &mut World, place: &Place, arn: &str) -> Result<Point, Failure> {
    let parsed: Arn = arn.parse().map_err(|_| Failure::invalid("Invalid recovery point ARN"))?;
    if parsed.region().is_some_and(|region| region != place.region) {
        let message = format!("Invalid recovery point ARN: it belongs to another region than {}", place.region);
        return Err(Failure::invalid(message));
    }
    let found = world.site(place).points.find(arn).cloned();
    found.ok_or_else(|| Failure::not_found(format!("Recovery point {arn} does not exist")))
}

pub(crate) fn describe(world: &mut World, place: &Place, id: &str) -> Result<Value, Failure> {
    find(world, place, id).map(|job| show(place, job))
}

pub(crate) fn list(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    let (created, complete) = (Within::read(ask, "created")?, Within::read(ask, "complete")?);
    let nothing = differs(ask, "accountId", place.account.as_str())
        || ask.param("restoreTestingPlanArn").is_some()
        || ask.param("parentJobId").is_some();
    let (kind, status) = (ask.param("resourceType"), ask.param("status"));
    let fits = |job: &&RestoreJob| {
        !nothing
            && job.timetable.visible <= now
            && created.holds(Some(job.created))
            && complete.holds(job.completed)
            && kind.is_none_or(|kind| kind == job.source.backup_type())
            && status.is_none_or(|status| status == job.status)
    };
    let found: Vec<&RestoreJob> = world.site(place).restore_jobs.iter().filter(fits).collect();
    Ok(listed("RestoreJobs", page(ask, found)?.map(|job| show(place, job))))
}

pub(crate) fn metadata(world: &mut World, place: &Place, id: &str) -> Result<Value, Failure> {
    find(world, place, id).map(|job| json!({ "RestoreJobId": job.id, "Metadata": job.metadata }))
}

fn find<'a>(world: &'a mut World, place: &Place, id: &str) -> Result<&'a RestoreJob, Failure> {
    let now = world.now;
    let job = world.site(place).restore_jobs.find(id).filter(|job| job.timetable.visible <= now);
    job.ok_or_else(|| Failure::not_found(format!("Restore job {id} does not exist")))
}

fn show(place: &Place, job: &RestoreJob) -> Value {
    let mut shown = json!({
        "AccountId": place.account,
        "RestoreJobId": job.id,
        "RecoveryPointArn": job.point,
        "SourceResourceArn": job.source.arn,
        "BackupVaultArn": job.vault_arn,
        "CreationDate": instant(job.created),
        "Status": job.status,
        // AWS may show 0 % at the end too (facts 1.7): of no use as progress.
        "PercentDone": "0.00%",
        "BackupSizeInBytes": job.source.point_bytes(),
        "IamRoleArn": job.role,
        "ResourceType": job.source.backup_type(),
        "RecoveryPointCreationDate": instant(job.point_created),
        "IsParent": false,
    });
    put_instant(&mut shown, "CompletionDate", job.completed);
    put(&mut shown, "StatusMessage", job.message.clone());
    put(&mut shown, "CreatedResourceArn", job.shown_arn.clone());
    shown
}
