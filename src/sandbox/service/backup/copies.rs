//! Copy jobs, listed where they ran: in the source region. Facts 1.8.

use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::service::backup::{Within, differs, listed, page, put, put_instant};
use crate::sandbox::spec::Place;
use crate::sandbox::world::{CopyJob, World};

pub(crate) fn list(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let (created, complete) = (Within::read(ask, "created")?, Within::read(ask, "complete")?);
    let fits = |job: &&CopyJob| {
        let hidden = differs(ask, "state", job.state)
            || differs(ask, "resourceType", job.source.backup_type())
            || differs(ask, "destinationVaultArn", &job.destination_vault)
            || differs(ask, "accountId", place.account.as_str())
            || differs(ask, "sourceRecoveryPointArn", &job.source_point)
            || ask.param("parentJobId").is_some();
        !hidden && created.holds(Some(job.created)) && complete.holds(job.completed)
    };
    let jobs = &world.site(place).copy_jobs;
    let found: Vec<&CopyJob> = match ask.param("resourceArn") {
        Some(resource) => jobs.of(resource).filter(fits).collect(),
        None => jobs.iter().filter(fits).collect(),
    };
    Ok(listed("CopyJobs", page(ask, found)?.map(|job| show(place, job))))
}

pub(crate) fn describe(world: &mut World, place: &Place, id: &str) -> Result<Value, Failure> {
    let job = world.site(place).copy_jobs.find(&id.to_ascii_uppercase());
    let job = job.ok_or_else(|| Failure::not_found(format!("Copy job {id} does not exist")))?;
    Ok(json!({ "CopyJob": show(place, job) }))
}

fn show(place: &Place, job: &CopyJob) -> Value {
    let mut shown = json!({
        "AccountId": place.account,
        "CopyJobId": job.id,
        "SourceBackupVaultArn": job.source_vault,
        "SourceRecoveryPointArn": job.source_point,
        "DestinationBackupVaultArn": job.destination_vault,
        "ResourceArn": job.source.arn,
        "ResourceName": job.source.arn.name(),
        "ResourceType": job.source.backup_type(),
        "CreationDate": instant(job.created),
        "State": job.state,
        "BackupSizeInBytes": job.source.point_bytes(),
        "IamRoleArn": format!("arn:aws:iam::{}:role/service-role/AWSBackupDefaultServiceRole", place.account),
        "IsParent": false,
    });
    put(&mut shown, "DestinationRecoveryPointArn", job.destination_point.clone());
    put(&mut shown, "StatusMessage", job.message);
    put_instant(&mut shown, "CompletionDate", job.completed);
    shown
}
