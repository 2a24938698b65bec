//! The requests to EFS. Permissions: [`crate::aws::resource::efs::facts::PERMISSIONS`] and `sts:GetCallerIdentity`.
//!
//! Invariant: before anything is changed or deleted, region and account are those of the session (trap 30), and the id
//! is one that the restore job names or that carries the run's creation token. Of a file system's mount targets only
//! those are removed that are in a subnet which the last look showed as the run's.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_efs::types::{
    FileSystemDescription, LifeCycleState, MountTargetDescription, PerformanceMode, Tag, ThroughputMode,
};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::resource::efs::readiness::{ACCESS_POINT, MOUNT_TARGET, is_leaving, phase};
use crate::aws::resource::efs::{leftovers, look, preflight};
use crate::aws::resource::shared::guard::{Guard, known_id};
use crate::aws::resource::shared::setting::{security_groups, texts};
use crate::aws::session::Clients;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Endpoint, Found, Observation, Part, Phase, Removal, ResourceCalls, Subject};
use crate::words::text::tame;

/// NFS.
const PORT: u16 = 2049;

/// What the ARN of a file system must say.
const ITS_ARN: (&str, &str) = ("elasticfilesystem", "file-system/fs-");

/// [`ResourceCalls`] of EFS file systems.
pub(crate) struct EfsCalls {
    guard: Guard,
    efs: Handle<aws_sdk_efs::Client>,
    ec2: Handle<aws_sdk_ec2::Client>,
}

impl EfsCalls {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        Self { guard: Guard::new(clients), efs: clients.efs.clone(), ec2: clients.ec2.clone() }
    }

    /// A change, which needs the id.
    async fn allowed<'a>(&self, operation: &str, subject: &'a Subject) -> Result<&'a str, CloudError> {
        self.guard.check(operation, subject, ITS_ARN).await?;
        known_id(operation, subject)
    }

    async fn make_mount_target(&self, id: &str, subnet: &str, groups: Vec<String>) -> Result<(), CloudError> {
        const OPERATION: &str = "elasticfilesystem:CreateMountTarget";
        let ask = self.efs.create_mount_target().file_system_id(id).subnet_id(subnet);
        let sent = ask.set_security_groups(Some(groups)).send().await;
        match sent.map_err(|error| passing(cloud_error(OPERATION, &error))) {
            // An earlier request made it and its answer was lost, or one in another subnet of the zone is in the way.
            Err(error) if error.code == "MountTargetConflict" => {
                let there = look::mount_targets(&self.efs, id).await?;
                if there.iter().any(|target| target.subnet_id() == subnet) { Ok(()) } else { Err(error) }
            }
            sent => sent.map(|_| ()),
        }
    }

    async fn remove_access_point(&self, id: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "elasticfilesystem:DeleteAccessPoint";
        let sent = self.efs.delete_access_point().access_point_id(id).send().await;
        gone_is_success(sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error)))
    }

    /// All mount targets of the run that are not on their way out yet.
    async fn remove_mount_targets(&self, id: &str, seen: &Observation) -> Result<(), CloudError> {
        const OPERATION: &str = "elasticfilesystem:DeleteMountTarget";
        let ours = |target: &&MountTargetDescription| {
            seen.parts.iter().any(|part| part.kind == MOUNT_TARGET && !part.foreign && part.id == target.subnet_id())
        };
        let staying = |target: &&MountTargetDescription| {
            !matches!(target.life_cycle_state(), LifeCycleState::Deleting | LifeCycleState::Deleted)
        };
        let targets = look::mount_targets(&self.efs, id).await?;
        for target in targets.iter().filter(ours).filter(staying) {
            let sent = self.efs.delete_mount_target().mount_target_id(target.mount_target_id()).send().await;
            gone_is_success(sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error)))?;
        }
        Ok(())
    }

    async fn remove_file_system(&self, id: &str) -> Result<(), CloudError> {
        const OPERATION: &str = "elasticfilesystem:DeleteFileSystem";
        let sent = self.efs.delete_file_system().file_system_id(id).send().await;
        gone_is_success(sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error)))
    }
}

#[async_trait]
impl ResourceCalls for EfsCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        let Some(found) = look::file_system(&self.efs, subject).await? else {
            return Ok(Observation::absent());
        };
        if *found.life_cycle_state() == LifeCycleState::Deleted {
            return Ok(Observation::absent());
        }
        let (id, subnets) = (found.file_system_id(), texts(&subject.with, "subnets"));
        let targets = look::mount_targets(&self.efs, id).await?;
        let parts = look::parts(&self.efs, id, &targets, &subnets).await?;
        Ok(observation(&found, &targets, parts, &subnets, subject))
    }

    /// By the creation token, which only this run gave.
    async fn find(&self, subject: &Subject) -> Result<Found, CloudError> {
        const OPERATION: &str = "elasticfilesystem:DescribeFileSystems";
        let Some(found) = look::file_system(&self.efs, subject).await? else { return Ok(Found::Nothing) };
        let arn = found.file_system_arn().and_then(|arn| arn.parse().ok());
        arn.map(Found::Marked).ok_or_else(|| unreadable(OPERATION, "the answer names no ARN of the file system"))
    }

    async fn finish(&self, subject: &Subject) -> Result<(), CloudError> {
        let id = self.allowed("elasticfilesystem:CreateMountTarget", subject).await?;
        let there = look::mount_targets(&self.efs, id).await?;
        for subnet in texts(&subject.with, "subnets") {
            if there.iter().all(|target| target.subnet_id() != subnet) {
                self.make_mount_target(id, &subnet, security_groups(&subject.with)).await?;
            }
        }
        Ok(())
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "elasticfilesystem:ListTagsForResource";
        let id = known_id(OPERATION, subject)?;
        let (mut found, mut pages, mut token) = (BTreeMap::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.efs.list_tags_for_resource().resource_id(id).set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            // Keys stay as they came, for a tag is removed by its key; AWS allows no control characters in them.
            found.extend(page.tags().iter().map(|tag| (tag.key().to_owned(), tame(tag.value()))));
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        const OPERATION: &str = "elasticfilesystem:UntagResource";
        // Tags of AWS's own cannot be removed, and asking for one refuses the whole request.
        let keys: Vec<String> = keys.iter().filter(|key| !key.starts_with("aws:")).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let id = self.allowed(OPERATION, subject).await?;
        let sent = self.efs.untag_resource().resource_id(id).set_tag_keys(Some(keys)).send().await;
        sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const OPERATION: &str = "elasticfilesystem:TagResource";
        let mut built = Vec::new();
        for (key, value) in tags.iter().filter(|(key, _)| !key.starts_with("aws:")) {
            let tag = Tag::builder().key(key).value(value).build();
            built.push(tag.map_err(|error| {
                CloudError::new(OPERATION, ErrorKind::Invalid, "construction", &error.to_string(), None)
            })?);
        }
        if built.is_empty() {
            return Ok(());
        }
        let id = self.allowed(OPERATION, subject).await?;
        let sent = self.efs.tag_resource().resource_id(id).set_tags(Some(built)).send().await;
        sent.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    /// EFS has no deletion protection: what it calls protection is against being overwritten by a replication.
    async fn unprotect(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    /// Access points, then mount targets, then the file system, which EFS keeps while it has any (trap 26).
    async fn remove(&self, subject: &Subject, seen: &Observation) -> Result<Removal, CloudError> {
        let id = self.allowed("elasticfilesystem:DeleteFileSystem", subject).await?;
        let staying = |kind: &str| -> Vec<&Part> {
            seen.parts.iter().filter(|part| part.kind == kind && !part.foreign && !is_leaving(part)).collect()
        };
        let points = staying(ACCESS_POINT);
        if !points.is_empty() {
            for point in points {
                self.remove_access_point(&point.id).await?;
            }
        } else if !staying(MOUNT_TARGET).is_empty() {
            self.remove_mount_targets(id, seen).await?;
        } else if seen.parts.is_empty() {
            self.remove_file_system(id).await?;
        }
        Ok(Removal::Asked)
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(&self.efs, wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        let mut checks = preflight::place(&self.ec2, ground, subject).await;
        checks.push(preflight::token_is_free(subject, self.observe(subject).await));
        checks
    }
}

/// Absence is proven by looks, never by this.
fn gone_is_success(sent: Result<(), CloudError>) -> Result<(), CloudError> {
    match sent.map_err(passing) {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        sent => sent,
    }
}

/// States that pass, by the codes that only EFS has: mount targets remain, or something is being made or removed.
fn passing(error: CloudError) -> CloudError {
    match error.code.as_str() {
        "DependencyTimeout" | "FileSystemInUse" | "IncorrectFileSystemLifeCycleState" | "IncorrectMountTargetState" => {
            CloudError { kind: ErrorKind::Busy, ..error }
        }
        _ => error,
    }
}

fn observation(
    found: &FileSystemDescription,
    targets: &[MountTargetDescription],
    parts: Vec<Part>,
    subnets: &[String],
    subject: &Subject,
) -> Observation {
    let status = tame(found.life_cycle_state().as_str());
    let phase = phase(&status, &parts, subnets);
    // In the order of the definition, so that the answer is the same at every look.
    let usable = |subnet: &String| {
        targets
            .iter()
            .find(|target| target.subnet_id() == subnet && *target.life_cycle_state() == LifeCycleState::Available)
            .and_then(MountTargetDescription::ip_address)
    };
    let endpoint = subnets.iter().find_map(usable).map(|address| Endpoint { host: tame(address), port: Some(PORT) });
    let phase = if phase == Phase::Ready && endpoint.is_none() { Phase::Pending } else { phase };
    Observation { phase, status, endpoint, protected: false, parts, facts: report_facts(found, subject) }
}

fn report_facts(found: &FileSystemDescription, subject: &Subject) -> BTreeMap<String, String> {
    let yes_or_no = |value: bool| String::from(if value { "yes" } else { "no" });
    let domain = if subject.expected.region.as_str().starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let dns = format!("{}.efs.{}.{domain}", tame(found.file_system_id()), subject.expected.region);
    [
        ("dns_name", Some(dns)),
        ("life_cycle", Some(tame(found.life_cycle_state().as_str()))),
        ("size_bytes", found.size_in_bytes().map(|size| size.value().to_string())),
        ("encrypted", found.encrypted().map(yes_or_no)),
        ("kms_key", found.kms_key_id().map(tame)),
        ("performance_mode", Some(tame(PerformanceMode::as_str(found.performance_mode())))),
        ("throughput_mode", found.throughput_mode().map(ThroughputMode::as_str).map(tame)),
        ("availability_zone", found.availability_zone_name().map(tame)),
        ("note", Some("data under aws-backup-restore_<time>".to_owned())),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{gone_is_success, passing};
    use crate::cloud::error::{CloudError, ErrorKind};

    #[test]
    fn what_passes_is_waited_for_and_what_is_gone_is_done() {
        let error = |code: &str, kind| CloudError::new("elasticfilesystem:DeleteFileSystem", kind, code, "no", None);
        for code in ["FileSystemInUse", "DependencyTimeout", "IncorrectFileSystemLifeCycleState"] {
            assert_eq!(passing(error(code, ErrorKind::Invalid)).kind, ErrorKind::Busy, "{code}");
        }
        assert!(gone_is_success(Err(error("FileSystemNotFound", ErrorKind::NotFound))).is_ok());
        assert!(gone_is_success(Err(error("BadRequest", ErrorKind::Invalid))).is_err());
    }
}
