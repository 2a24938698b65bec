//! The requests about a restored volume. Permissions: those of the type, and `sts:GetCallerIdentity`.
//!
//! Invariant: before anything is changed or deleted, region and account are those of the session (trap 30). Of the
//! probe instance nothing is changed but that the restored volume is attached to it, mounted, unmounted and detached.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Volume, VolumeAttachment, VolumeAttachmentState, VolumeState, VolumeType};

use crate::aws::handle::Handle;
use crate::aws::resource::ebs::mount::Mounts;
use crate::aws::resource::ebs::readiness::{ATTACHMENT, phase};
use crate::aws::resource::ebs::settings::{Attach, attach};
use crate::aws::resource::ebs::volume::Volumes;
use crate::aws::resource::ebs::{leftovers, preflight, tags};
use crate::aws::resource::shared::guard::{Guard, known_id, refuse};
use crate::aws::resource::shared::network;
use crate::aws::session::Clients;
use crate::aws::time::made_since;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Found, Observation, Part, Removal, ResourceCalls, Subject};
use crate::words::arn::Arn;
use crate::words::text::tame;

/// [`ResourceCalls`] of EBS volumes.
pub(crate) struct EbsCalls {
    guard: Guard,
    ec2: Handle<aws_sdk_ec2::Client>,
    rbin: Handle<aws_sdk_rbin::Client>,
    volumes: Volumes,
    mounts: Mounts,
}

/// What the ARN of a volume must say.
const ITS_ARN: (&str, &str) = ("ec2", "volume/");

impl EbsCalls {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        Self {
            guard: Guard::new(clients),
            ec2: clients.ec2.clone(),
            rbin: clients.rbin.clone(),
            volumes: Volumes::new(clients),
            mounts: Mounts::new(clients),
        }
    }

    /// Attaches the volume unless it is.
    async fn attach(&self, id: &str, wanted: Attach<'_>) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:AttachVolume";
        let Some(volume) = self.volumes.one(id).await? else {
            return Err(CloudError::new(OPERATION, ErrorKind::NotFound, "not_found", &format!("{id} is gone"), None));
        };
        let seen = observation(&volume, Some(wanted.instance));
        match seen.parts.iter().find(|part| part.foreign || part.status != "attached") {
            Some(part) if part.foreign => {
                let message = format!("{id} is attached to {}, which the definition does not name", part.id);
                Err(CloudError::new(OPERATION, ErrorKind::Invalid, "attached_elsewhere", &message, None))
            }
            Some(part) if part.status != "attaching" => {
                let message = format!("the attachment of {id} to {} is `{}`", part.id, part.status);
                Err(CloudError::new(OPERATION, ErrorKind::Busy, "attachment", &message, None))
            }
            Some(_) => Ok(()),
            None if seen.parts.is_empty() => self.volumes.attach(id, wanted.instance, wanted.device).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl ResourceCalls for EbsCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        let Some(id) = subject.id() else { return Ok(Observation::absent()) };
        let wanted = attach(&subject.with).map(|attach| attach.instance);
        let volume = self.volumes.one(id).await?;
        // A volume may be listed as `deleted` for a moment.
        let there = volume.filter(|volume| volume.state() != Some(&VolumeState::Deleted));
        Ok(there.map_or_else(Observation::absent, |volume| observation(&volume, wanted)))
    }

    /// Volumes of the recovery point's snapshot. Nothing on them says which restore made them.
    async fn find(&self, subject: &Subject) -> Result<Found, CloudError> {
        let Some(point) = subject.point.as_ref() else { return Ok(Found::Nothing) };
        let Some(snapshot) = point.resource().strip_prefix("snapshot/") else { return Ok(Found::Nothing) };
        let volumes = self.volumes.filtered("snapshot-id", &[snapshot.to_owned()]).await?;
        let recent = volumes.iter().filter(|volume| made_since(volume.create_time(), subject.since));
        let mut arns: Vec<Arn> =
            recent.filter_map(|volume| volume_arn(subject, point.partition(), volume.volume_id()?)).collect();
        arns.sort();
        Ok(if arns.is_empty() { Found::Nothing } else { Found::Suspects(arns) })
    }

    /// Success means that it is attached, or about to be, and mounted where that is wanted.
    async fn finish(&self, subject: &Subject) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:AttachVolume";
        let Some(wanted) = attach(&subject.with) else { return Ok(()) };
        let id = known_id(OPERATION, subject)?;
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        self.attach(id, wanted).await?;
        match wanted.mount {
            Some(at) => self.mounts.mount(wanted.instance, id, at).await,
            None => Ok(()),
        }
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "ec2:DescribeVolumes";
        let id = known_id(OPERATION, subject)?;
        match self.volumes.one(id).await? {
            Some(volume) => Ok(tags::read(volume.tags())),
            None => {
                let message = format!("{id} does not exist");
                Err(CloudError::new(OPERATION, ErrorKind::NotFound, "not_found", &message, None))
            }
        }
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:DeleteTags";
        let keys = tags::removable(keys);
        if keys.is_empty() {
            return Ok(());
        }
        let id = known_id(OPERATION, subject)?;
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        tags::remove(&self.ec2, vec![id.to_owned()], keys).await
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:CreateTags";
        if tags.is_empty() {
            return Ok(());
        }
        let id = known_id(OPERATION, subject)?;
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        tags::add(&self.ec2, vec![id.to_owned()], tags).await
    }

    /// Volumes have no deletion protection.
    async fn unprotect(&self, _subject: &Subject) -> Result<(), CloudError> {
        Ok(())
    }

    /// Unmounts and detaches, and once it is detached, deletes.
    async fn remove(&self, subject: &Subject, seen: &Observation) -> Result<Removal, CloudError> {
        const OPERATION: &str = "ec2:DeleteVolume";
        let id = known_id(OPERATION, subject)?;
        if let Some(part) = seen.parts.iter().find(|part| part.foreign) {
            let why = format!("{id} is attached to {}, which the definition does not name; nothing was sent", part.id);
            return Err(refuse(OPERATION, &why));
        }
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let Some(part) = seen.parts.iter().find(|part| part.kind == ATTACHMENT) else {
            self.volumes.delete(id).await?;
            return Ok(Removal::Asked);
        };
        if part.status != "detaching" {
            if let Some(at) = attach(&subject.with).and_then(|attach| attach.mount) {
                self.mounts.unmount(&part.id, id, at).await?;
            }
            self.volumes.detach(id, &part.id).await?;
        }
        Ok(Removal::Asked)
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(&self.volumes, wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        let with = &subject.with;
        let mut checks = vec![preflight::zone(&self.ec2, with).await];
        if let Some(wanted) = attach(with) {
            checks.push(preflight::probe_instance(&self.ec2, with, wanted).await);
        }
        checks.extend(network::key(ground, subject).await);
        checks.push(preflight::recycle_bin(&self.rbin).await);
        checks
    }
}

fn volume_arn(subject: &Subject, partition: &str, id: &str) -> Option<Arn> {
    let expected = &subject.expected;
    format!("arn:{partition}:ec2:{}:{}:volume/{}", expected.region, expected.account, tame(id)).parse().ok()
}

/// What a look shows. `wanted` is the instance that it shall be attached to.
fn observation(volume: &Volume, wanted: Option<&str>) -> Observation {
    let status = tame(volume.state().map_or("", VolumeState::as_str));
    let attached = volume.attachments().iter().filter(|one| one.state() != Some(&VolumeAttachmentState::Detached));
    let mut parts: Vec<Part> = attached.map(|attachment| part(attachment, wanted)).collect();
    parts.sort_by(|a, b| a.id.cmp(&b.id));
    let phase = phase(&status, &parts, wanted);
    Observation { phase, status, endpoint: None, protected: false, parts, facts: report_facts(volume) }
}

/// An attachment to another instance than the definition's is somebody else's.
fn part(attachment: &VolumeAttachment, wanted: Option<&str>) -> Part {
    let to = attachment.instance_id().or(attachment.associated_resource()).unwrap_or("something without an id");
    let status = tame(attachment.state().map_or("", VolumeAttachmentState::as_str));
    Part { kind: ATTACHMENT.to_owned(), id: tame(to), status, foreign: wanted != Some(to) }
}

fn report_facts(volume: &Volume) -> BTreeMap<String, String> {
    let number = |value: Option<i32>| value.map(|value| value.to_string());
    [
        ("availability_zone", volume.availability_zone().map(tame)),
        ("encrypted", volume.encrypted().map(|value| String::from(if value { "yes" } else { "no" }))),
        ("iops", number(volume.iops())),
        ("kms_key", volume.kms_key_id().map(tame)),
        ("size_gib", number(volume.size())),
        ("snapshot", volume.snapshot_id().map(tame)),
        ("throughput", number(volume.throughput())),
        ("volume_type", volume.volume_type().map(VolumeType::as_str).map(tame)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Volume, VolumeAttachment, VolumeAttachmentState, VolumeState};

    use super::observation;
    use crate::cloud::resource::Phase;

    fn volume(to: &[(&str, VolumeAttachmentState)]) -> Volume {
        let attachment = |(instance, state): &(&str, VolumeAttachmentState)| {
            VolumeAttachment::builder().instance_id(*instance).state(state.clone()).build()
        };
        let attachments = to.iter().map(attachment).collect();
        let state = if to.is_empty() { VolumeState::Available } else { VolumeState::InUse };
        Volume::builder().volume_id("vol-1").state(state).size(8).set_attachments(Some(attachments)).build()
    }

    #[test]
    fn only_the_attachment_that_the_definition_wants_is_ours() {
        let ours = observation(&volume(&[("i-1", VolumeAttachmentState::Attached)]), Some("i-1"));
        assert_eq!((ours.phase, ours.parts.iter().any(|part| part.foreign)), (Phase::Ready, false));
        for wanted in [None, Some("i-1")] {
            let theirs = observation(&volume(&[("i-9", VolumeAttachmentState::Attached)]), wanted);
            assert_eq!((theirs.phase, theirs.parts.iter().all(|part| part.foreign)), (Phase::Hindered, true));
        }
        let over = observation(&volume(&[("i-1", VolumeAttachmentState::Detached)]), Some("i-1"));
        assert!(over.parts.is_empty());
    }

    #[test]
    fn facts_are_what_the_service_said() {
        let seen = observation(&volume(&[]), None);
        assert_eq!((seen.phase, seen.status.as_str()), (Phase::Ready, "available"));
        assert_eq!(seen.facts.get("size_gib").map(String::as_str), Some("8"));
        assert_eq!(seen.facts.get("throughput"), None);
    }
}
