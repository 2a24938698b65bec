//! The requests to RDS. Permissions: [`crate::aws::resource::rds::facts::PERMISSIONS`] and `sts:GetCallerIdentity`.
//!
//! Invariant: before anything is changed or deleted, the ARN is one that drill names, and its region and account are
//! those of the session (trap 30). RDS takes an identifier and not an ARN: with the wrong credentials it would hit the
//! instance of that name in another account.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use aws_sdk_rds::types::{DbInstance, DbSubnetGroup, Tag};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::resource::rds::readiness::phase;
use crate::aws::resource::rds::{leftovers, preflight};
use crate::aws::resource::shared::check::name_is_free;
use crate::aws::resource::shared::guard::{Guard, without};
use crate::aws::session::Clients;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Endpoint, Observation, Phase, Removal, ResourceCalls, Subject};
use crate::cloud::vault::Metadata;
use crate::words::secret::Secret;
use crate::words::text::tame;

/// [`ResourceCalls`] of RDS DB instances.
pub struct RdsCalls {
    guard: Guard,
    rds: Handle<aws_sdk_rds::Client>,
}

/// What the ARN of a DB instance must say.
const ITS_ARN: (&str, &str) = ("rds", "db:");

impl RdsCalls {
    /// Over the destination's clients.
    #[must_use]
    pub fn new(clients: &Clients) -> Self {
        Self { guard: Guard::new(clients), rds: clients.rds.clone() }
    }

    /// The instance; nothing if RDS says that it does not exist.
    async fn instance(&self, subject: &Subject) -> Result<Option<DbInstance>, CloudError> {
        const OPERATION: &str = "rds:DescribeDBInstances";
        let expected = &subject.expected;
        let answer = self.rds.describe_db_instances().db_instance_identifier(&expected.name).send().await;
        let answer = match answer.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(answer) => answer,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        // An empty list is no proof of absence: RDS says `DBInstanceNotFound` for a name that does not exist.
        let Some(instance) = answer.db_instances().first() else {
            return Err(unreadable(OPERATION, "the answer holds no instance and no error"));
        };
        match (instance.db_instance_arn(), &expected.arn) {
            (Some(seen), Some(arn)) if seen != arn.as_str() => {
                let message = format!("the session sees `{seen}` under the name of `{arn}`");
                Err(CloudError::new(OPERATION, ErrorKind::Invalid, "wrong_session", &message, None))
            }
            _ => Ok(Some(instance.clone())),
        }
    }

    /// Automated backups that outlive the instance, by ARN or resource id.
    async fn automated_backups(&self, name: &str) -> Result<Vec<String>, CloudError> {
        const OPERATION: &str = "rds:DescribeDBInstanceAutomatedBackups";
        let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.rds.describe_db_instance_automated_backups().db_instance_identifier(name).set_marker(token);
            let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
                Ok(page) => page,
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
                Err(error) => return Err(error),
            };
            for backup in page.db_instance_automated_backups() {
                let id = backup.db_instance_automated_backups_arn().or(backup.dbi_resource_id()).unwrap_or(name);
                found.push(tame(&format!("automated backup {id} ({})", backup.status().unwrap_or("no status"))));
            }
            token = pages.next(page.marker())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Snapshots of the instance. Without a type RDS lists manual and automated ones, and leaves AWS Backup's out.
    async fn snapshots(&self, name: &str, kind: Option<&str>) -> Result<Vec<String>, CloudError> {
        const OPERATION: &str = "rds:DescribeDBSnapshots";
        let (mut found, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.rds.describe_db_snapshots().db_instance_identifier(name).set_marker(token);
            let ask = ask.set_snapshot_type(kind.map(ToOwned::to_owned));
            let page = match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
                Ok(page) => page,
                Err(error) if error.kind == ErrorKind::NotFound => return Ok(found),
                Err(error) => return Err(error),
            };
            for snapshot in page.db_snapshots() {
                let id = snapshot.db_snapshot_identifier().unwrap_or("without a name");
                found.push(tame(&format!("DB snapshot {id} ({})", snapshot.snapshot_type().unwrap_or("no type"))));
            }
            token = pages.next(page.marker())?;
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

#[async_trait]
impl ResourceCalls for RdsCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        Ok(self.instance(subject).await?.as_ref().map_or_else(Observation::absent, observation))
    }

    /// RDS sends the tags with the instance (`TagList`).
    async fn observe_with_tags(
        &self,
        subject: &Subject,
    ) -> Result<(Observation, Option<BTreeMap<String, String>>), CloudError> {
        let Some(instance) = self.instance(subject).await? else { return Ok((Observation::absent(), None)) };
        Ok((observation(&instance), instance.tag_list.as_deref().map(leftovers::tags)))
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "rds:ListTagsForResource";
        let arn = subject.arn().map(ToString::to_string).unwrap_or_default();
        let answer = self.rds.list_tags_for_resource().resource_name(arn).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        Ok(leftovers::tags(answer.tag_list()))
    }

    async fn untag(&self, subject: &Subject, keys: &[String]) -> Result<(), CloudError> {
        const OPERATION: &str = "rds:RemoveTagsFromResource";
        // Tags of AWS's own cannot be removed, and asking for one refuses the whole request.
        let keys: Vec<String> = keys.iter().filter(|key| !key.starts_with("aws:")).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let arn = self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let ask = self.rds.remove_tags_from_resource().resource_name(arn.as_str()).set_tag_keys(Some(keys));
        ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const OPERATION: &str = "rds:AddTagsToResource";
        if tags.is_empty() {
            return Ok(());
        }
        let arn = self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let ask = self.rds.add_tags_to_resource().resource_name(arn.as_str()).set_tags(Some(tags));
        ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    async fn unprotect(&self, subject: &Subject) -> Result<(), CloudError> {
        const OPERATION: &str = "rds:ModifyDBInstance";
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let ask = self.rds.modify_db_instance().db_instance_identifier(&subject.expected.name);
        let ask = ask.deletion_protection(false).apply_immediately(true);
        ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    /// RDS takes it at once and acts on it later: the status says `available` for some seconds, and then
    /// `resetting-master-credentials`.
    async fn set_master_password(&self, subject: &Subject, password: &Secret) -> Result<(), CloudError> {
        const OPERATION: &str = "rds:ModifyDBInstance";
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let ask = self.rds.modify_db_instance().db_instance_identifier(&subject.expected.name);
        let ask = ask.master_user_password(password.expose()).apply_immediately(true);
        ask.send().await.map(|_| ()).map_err(|error| without(password, cloud_error(OPERATION, &error)))
    }

    /// No final snapshot, and no identifier for one: RDS refuses the two together (trap 24).
    async fn remove(&self, subject: &Subject, _seen: &Observation) -> Result<Removal, CloudError> {
        const OPERATION: &str = "rds:DeleteDBInstance";
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let ask = self.rds.delete_db_instance().db_instance_identifier(&subject.expected.name);
        let ask = ask.skip_final_snapshot(true).delete_automated_backups(true);
        match ask.send().await.map_err(|error| cloud_error(OPERATION, &error)) {
            Err(error) if is_still_protected(&error) => Err(CloudError { kind: ErrorKind::Busy, ..error }),
            Err(error) if !is_gone(&error) && !is_leaving(&error) => Err(error),
            _ => Ok(Removal::Asked),
        }
    }

    /// The name carries the run's own digits, so whatever bears it is of this run.
    async fn remains(&self, subject: &Subject) -> Result<Vec<String>, CloudError> {
        let expected = &subject.expected;
        let mut found: BTreeSet<String> = self.automated_backups(&expected.name).await?.into_iter().collect();
        found.extend(self.snapshots(&expected.name, None).await?);
        // A backup plan that selects by inherited tags may have backed the restored instance up (trap 35).
        found.extend(self.snapshots(&expected.name, Some("awsbackup")).await?);
        Ok(found.into_iter().collect())
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(&self.rds, wanted).await
    }

    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        let with = &subject.with;
        let mut checks = preflight::network(&self.rds, ground, with).await;
        checks.extend(preflight::groups(&self.rds, with).await);
        checks.push(name_is_free(subject, "rds:DescribeDBInstances", self.observe(subject).await));
        checks
    }

    async fn preflight_of_point(&self, subject: &Subject, returned: Option<&Metadata>) -> Vec<Check> {
        vec![preflight::class(&self.rds, &subject.with, returned).await]
    }
}

/// The shape's name is `DBInstanceNotFoundFault`, the code on the wire has no `Fault` (trap 22).
fn is_gone(error: &CloudError) -> bool {
    matches!(error.code.as_str(), "DBInstanceNotFound" | "DBInstanceNotFoundFault")
}

/// The flag was switched off and the service does not act on it yet (facts 2.1: wait until it is available again).
fn is_still_protected(error: &CloudError) -> bool {
    error.code.contains("InvalidParameterCombination") && error.message.to_lowercase().contains("protected")
}

/// A second deletion is refused with a state that passes; the first one is what was asked for. Absence is proven by
/// looks, never by this.
fn is_leaving(error: &CloudError) -> bool {
    error.kind == ErrorKind::Busy && error.message.contains("already being deleted")
}

/// What a look shows. A usable instance that has no endpoint yet is still on its way.
fn observation(instance: &DbInstance) -> Observation {
    let status = tame(instance.db_instance_status().unwrap_or_default());
    let endpoint = instance.endpoint().and_then(|endpoint| {
        let port = u16::try_from(endpoint.port()?).ok()?;
        Some(Endpoint { host: tame(endpoint.address()?), port: Some(port) })
    });
    let phase = match phase(&status) {
        Phase::Ready if endpoint.is_none() => Phase::Pending,
        phase => phase,
    };
    let protected = instance.deletion_protection().unwrap_or(false);
    Observation { phase, status, endpoint, protected, parts: Vec::new(), facts: report_facts(instance) }
}

fn report_facts(instance: &DbInstance) -> BTreeMap<String, String> {
    let subnet_group = instance.db_subnet_group();
    let yes_or_no = |value: bool| String::from(if value { "yes" } else { "no" });
    let text = |value: Option<&str>| value.map(tame);
    [
        ("engine", text(instance.engine())),
        ("engine_version", text(instance.engine_version())),
        ("class", text(instance.db_instance_class())),
        ("storage_gib", instance.allocated_storage().map(|size| size.to_string())),
        ("storage_type", text(instance.storage_type())),
        ("multi_az", instance.multi_az().map(yes_or_no)),
        ("publicly_accessible", instance.publicly_accessible().map(yes_or_no)),
        ("vpc", text(subnet_group.and_then(DbSubnetGroup::vpc_id))),
        ("subnet_group", text(subnet_group.and_then(DbSubnetGroup::db_subnet_group_name))),
        ("ca_certificate", text(instance.ca_certificate_identifier())),
        ("deletion_protection", instance.deletion_protection().map(yes_or_no)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::{DbInstance, Endpoint};

    use super::observation;
    use crate::cloud::resource::Phase;

    #[test]
    fn a_usable_instance_is_ready_once_it_has_an_endpoint() {
        let creating = DbInstance::builder().db_instance_status("creating").build();
        assert_eq!(observation(&creating).phase, Phase::Pending);
        let early = DbInstance::builder().db_instance_status("backing-up").build();
        assert_eq!(observation(&early).phase, Phase::Pending);
        let endpoint = Endpoint::builder().address("db.example").port(5432).build();
        let ready = DbInstance::builder()
            .db_instance_status("available")
            .endpoint(endpoint)
            .engine("postgres")
            .allocated_storage(20)
            .deletion_protection(true)
            .build();
        let seen = observation(&ready);
        assert_eq!((seen.phase, seen.protected), (Phase::Ready, true));
        assert_eq!(seen.endpoint.unwrap().port, Some(5432));
        assert_eq!(seen.facts.get("storage_gib").map(String::as_str), Some("20"));
        assert_eq!(seen.facts.get("deletion_protection").map(String::as_str), Some("yes"));
    }
}
