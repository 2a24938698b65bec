//! The requests about a restored instance. Permissions: those of the type, and `sts:GetCallerIdentity`.
//!
//! Invariant: before anything is changed or deleted, region and account are those of the session (trap 30). Network
//! interfaces and addresses are only looked at: EC2 removes what it made with the instance.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, Instance, InstanceAttributeName, InstanceStatus, InstanceStatusSummary, Reservation,
    SummaryStatus,
};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::resource::ebs::preflight::recycle_bin;
use crate::aws::resource::ebs::tags;
use crate::aws::resource::ebs::volume::Volumes;
use crate::aws::resource::ec2::look::{is_leaving, left, observation, part, state};
use crate::aws::resource::ec2::readiness::{Checks, VOLUME};
use crate::aws::resource::ec2::{leftovers, preflight};
use crate::aws::resource::shared::guard::{Guard, known_id, refuse};
use crate::aws::session::Clients;
use crate::aws::time::made_since;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Found, Observation, Part, Removal, ResourceCalls, Subject};
use crate::words::arn::Arn;
use crate::words::text::tame;

/// [`ResourceCalls`] of EC2 instances.
pub(crate) struct Ec2Calls {
    guard: Guard,
    ec2: Handle<aws_sdk_ec2::Client>,
    volumes: Volumes,
    rbin: Handle<aws_sdk_rbin::Client>,
}

/// What the ARN of an instance must say.
const ITS_ARN: (&str, &str) = ("ec2", "instance/");

/// A terminated instance stays visible for about an hour; later EC2 does not know it.
const TERMINATED: &str = "terminated";
const NOT_FOUND: &str = "not found";

impl Ec2Calls {
    /// Over the destination's clients.
    pub(crate) fn new(clients: &Clients) -> Self {
        let (ec2, rbin) = (clients.ec2.clone(), clients.rbin.clone());
        Self { guard: Guard::new(clients), ec2, volumes: Volumes::new(clients), rbin }
    }

    /// `ec2:DescribeInstances` for one id; none if EC2 says that it does not exist.
    async fn instance(&self, id: &str) -> Result<Option<Instance>, CloudError> {
        const OPERATION: &str = "ec2:DescribeInstances";
        let answer = self.ec2.describe_instances().instance_ids(id).send().await;
        match answer.map_err(|error| cloud_error(OPERATION, &error)) {
            // An empty list is no proof of absence: EC2 says `InvalidInstanceID.NotFound`.
            Ok(answer) => match answer.reservations().iter().flat_map(Reservation::instances).next() {
                Some(instance) => Ok(Some(instance.clone())),
                None => Err(unreadable(OPERATION, "the answer holds no instance and no error")),
            },
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `ec2:DescribeInstanceStatus`: of a running instance; none while EC2 has none.
    async fn status(&self, id: &str) -> Result<Option<InstanceStatus>, CloudError> {
        const OPERATION: &str = "ec2:DescribeInstanceStatus";
        let answer = self.ec2.describe_instance_status().instance_ids(id).send().await;
        match answer.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(answer) => Ok(answer.instance_statuses().first().cloned()),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `ec2:DescribeInstanceAttribute`: whether termination is refused (trap 23: read, never guessed from an error).
    async fn protected(&self, id: &str) -> Result<bool, CloudError> {
        const OPERATION: &str = "ec2:DescribeInstanceAttribute";
        let ask = self.ec2.describe_instance_attribute().instance_id(id);
        let ask = ask.attribute(InstanceAttributeName::DisableApiTermination);
        match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(answer) => Ok(answer.disable_api_termination().and_then(AttributeBooleanValue::value).unwrap_or(false)),
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The volumes that are on it, and those that were and still exist (trap 27), by id.
    async fn parts(&self, id: &str, subject: &Subject) -> Result<Vec<Part>, CloudError> {
        let mut volumes = self.volumes.filtered("attachment.instance-id", &[id.to_owned()]).await?;
        let known = subject.parts.iter().filter(|part| part.kind == VOLUME && !part.foreign);
        let off: Vec<String> = known
            .filter(|part| volumes.iter().all(|volume| volume.volume_id() != Some(part.id.as_str())))
            .map(|part| part.id.clone())
            .collect();
        volumes.extend(self.volumes.filtered("volume-id", &off).await?);
        let mut parts: Vec<Part> = volumes.iter().filter_map(|volume| part(volume, id, subject.since)).collect();
        parts.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(parts)
    }

    /// The ids that carry the drill's tags: the instance's and those of the volumes that came with it.
    async fn taggable(&self, operation: &str, subject: &Subject) -> Result<Vec<String>, CloudError> {
        let id = known_id(operation, subject)?;
        self.guard.check(operation, subject, ITS_ARN).await?;
        let parts = self.parts(id, subject).await?;
        let volumes = parts.into_iter().filter(|part| !part.foreign).map(|part| part.id);
        Ok(std::iter::once(id.to_owned()).chain(volumes).collect())
    }
}

#[async_trait]
impl ResourceCalls for Ec2Calls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        let Some(id) = subject.id() else { return Ok(Observation::absent()) };
        let instance = self.instance(id).await?;
        let parts = self.parts(id, subject).await?;
        let Some(instance) = instance else { return Ok(left(NOT_FOUND, parts)) };
        let state = state(&instance);
        if state == TERMINATED {
            return Ok(left(TERMINATED, parts));
        }
        let protected = if state == "shutting-down" { false } else { self.protected(id).await? };
        let status = if state == "running" { self.status(id).await? } else { None };
        Ok(observation(&instance, status.as_ref().map(checks), protected, parts))
    }

    /// Instances of the recovery point's image. Nothing on them says which restore made them.
    async fn find(&self, subject: &Subject) -> Result<Found, CloudError> {
        const OPERATION: &str = "ec2:DescribeInstances";
        let Some(point) = subject.point.as_ref() else { return Ok(Found::Nothing) };
        let Some(image) = point.resource().strip_prefix("image/") else { return Ok(Found::Nothing) };
        let filter = Filter::builder().name("image-id").values(image).build();
        let (mut arns, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.ec2.describe_instances().filters(filter.clone()).set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            let instances = page.reservations().iter().flat_map(Reservation::instances);
            let recent = instances
                .filter(|instance| state(instance) != TERMINATED && made_since(instance.launch_time(), subject.since));
            arns.extend(recent.filter_map(|one| instance_arn(subject, point.partition(), one.instance_id()?)));
            token = pages.next(page.next_token())?;
            if token.is_none() {
                break;
            }
        }
        arns.sort();
        Ok(if arns.is_empty() { Found::Nothing } else { Found::Suspects(arns) })
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "ec2:DescribeInstances";
        let id = known_id(OPERATION, subject)?;
        match self.instance(id).await? {
            Some(instance) => Ok(tags::read(instance.tags())),
            // Only its volumes are left: their tags say whose they are.
            None => {
                let parts = self.parts(id, subject).await?;
                let first = parts.iter().find(|part| !part.foreign).map(|part| part.id.clone());
                let volumes = self.volumes.filtered("volume-id", &first.into_iter().collect::<Vec<_>>()).await?;
                Ok(volumes.first().map(|volume| tags::read(volume.tags())).unwrap_or_default())
            }
        }
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        let keys = tags::removable(keys);
        if keys.is_empty() {
            return Ok(());
        }
        let ids = self.taggable("ec2:DeleteTags", subject).await?;
        tags::remove(&self.ec2, ids, keys).await
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        if tags.is_empty() {
            return Ok(());
        }
        let ids = self.taggable("ec2:CreateTags", subject).await?;
        tags::add(&self.ec2, ids, tags).await
    }

    async fn unprotect(&self, subject: &Subject) -> Result<(), CloudError> {
        const OPERATION: &str = "ec2:ModifyInstanceAttribute";
        let id = known_id(OPERATION, subject)?;
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let off = AttributeBooleanValue::builder().value(false).build();
        let ask = self.ec2.modify_instance_attribute().instance_id(id).disable_api_termination(off);
        ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    /// Terminates; once it is terminated, deletes the volumes that outlived it.
    async fn remove(&self, subject: &Subject, seen: &Observation) -> Result<Removal, CloudError> {
        const OPERATION: &str = "ec2:TerminateInstances";
        let id = known_id(OPERATION, subject)?;
        if let Some(part) = seen.parts.iter().find(|part| part.foreign) {
            let why = format!("volume {} is not the run's and hangs on {id}; nothing was sent", part.id);
            return Err(refuse(OPERATION, &why));
        }
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        if is_over(&seen.status) {
            for part in seen.parts.iter().filter(|part| part.kind == VOLUME && !is_leaving(part)) {
                self.volumes.delete(&part.id).await?;
            }
            return Ok(Removal::Asked);
        }
        let ask = self.ec2.terminate_instances().instance_ids(id);
        match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            // Protection was switched off, and EC2 does not act on that yet.
            Err(error) if error.code == "OperationNotPermitted" => Err(CloudError { kind: ErrorKind::Busy, ..error }),
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(Removal::Asked),
        }
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(&self.ec2, wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        let mut checks = preflight::checks(&self.ec2, ground, subject).await;
        checks.push(recycle_bin(&self.rbin).await);
        checks
    }
}

/// EC2 says that there is no such instance. Just after it was made that may be a lag (facts 1.4): the engine knows.
fn is_gone(error: &CloudError) -> bool {
    error.code == "InvalidInstanceID.NotFound"
}

/// What a look called an instance that is gone, of which volumes are left.
fn is_over(status: &str) -> bool {
    [TERMINATED, NOT_FOUND].iter().any(|over| status.starts_with(over))
}

fn checks(status: &InstanceStatus) -> Checks<'_> {
    fn word(summary: Option<&InstanceStatusSummary>) -> &str {
        summary.and_then(InstanceStatusSummary::status).map_or("not there", SummaryStatus::as_str)
    }
    Checks { instance: word(status.instance_status()), system: word(status.system_status()) }
}

fn instance_arn(subject: &Subject, partition: &str, id: &str) -> Option<Arn> {
    let expected = &subject.expected;
    format!("arn:{partition}:ec2:{}:{}:instance/{}", expected.region, expected.account, tame(id)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{NOT_FOUND, TERMINATED, is_over};
    use crate::aws::resource::ec2::look::left;
    use crate::cloud::resource::Part;

    #[test]
    fn volumes_are_deleted_only_after_their_instance() {
        for status in [TERMINATED, NOT_FOUND] {
            assert!(is_over(&left(status, vec![Part::planned("volume", "vol-1")]).status));
        }
        for status in ["running", "stopped", "shutting-down", "running; instance check ok, system check impaired"] {
            assert!(!is_over(status), "{status}");
        }
    }
}
