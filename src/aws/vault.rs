//! AWS Backup: recovery points, restore jobs, copy jobs. Facts 1.5 to 1.8. Permissions:
//! [`crate::aws::permissions::VAULT`] in the destination, [`crate::aws::permissions::COPIES`] in the source.
//!
//! Invariant: a list is whole or an error. Words of AWS that this version does not know pass through as they are.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_backup::types::{
    AggregatedScanResult, CalculatedLifecycle, CopyJobState, Lifecycle, RecoveryPointByBackupVault,
    RecoveryPointCreator, RecoveryPointStatus, RestoreJobCreator, RestoreJobStatus, RestoreJobsListMember,
    StorageClass,
};
use jiff::Timestamp;

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::nulls::DropNulls;
use crate::aws::paging::Pages;
use crate::aws::time::{CLOCK_TOLERANCE, date_time, instant};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::vault::{
    CopyHistory, CopyJob, FoundJob, JobStatus, Metadata, PointDetail, RecoveryPoint, RestoreJob, StartRestore, Vault,
    VaultState,
};
use crate::words::arn::Arn;
use crate::words::id::{JobId, VaultName};
use crate::words::text::{is_hostile, tame};

/// The largest page that AWS Backup gives.
const PAGE_SIZE: i32 = 1_000;

/// [`Vault`] over AWS Backup in the destination.
pub struct AwsVault {
    client: Handle<aws_sdk_backup::Client>,
}

/// [`CopyHistory`] over AWS Backup in the source.
pub struct AwsCopyHistory {
    client: Handle<aws_sdk_backup::Client>,
}

impl AwsVault {
    /// Over the destination's client.
    #[must_use]
    pub fn new(client: Handle<aws_sdk_backup::Client>) -> Self {
        Self { client }
    }

    /// The restore jobs of a type that were created since, but for those of native restore testing.
    async fn jobs_since(
        &self,
        resource_type: Option<&str>,
        since: Timestamp,
    ) -> Result<Vec<RestoreJobsListMember>, CloudError> {
        const OPERATION: &str = "backup:ListRestoreJobs";
        let (mut jobs, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self
                .client
                .list_restore_jobs()
                .set_by_resource_type(resource_type.map(ToOwned::to_owned))
                .by_created_after(date_time(since))
                .max_results(PAGE_SIZE)
                .set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            let ordinary = page.restore_jobs().iter().filter(|job| !is_restore_testing(job.created_by()));
            jobs.extend(ordinary.cloned());
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(jobs);
            }
        }
    }

    /// The recovery points of a vault, of one resource or of one type, to the end of the list.
    async fn points(
        &self,
        vault: &VaultName,
        resource: Option<&Arn>,
        resource_type: Option<&str>,
    ) -> Result<Vec<RecoveryPoint>, CloudError> {
        const OPERATION: &str = "backup:ListRecoveryPointsByBackupVault";
        let (mut points, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self
                .client
                .list_recovery_points_by_backup_vault()
                .backup_vault_name(vault.as_str())
                .set_by_resource_arn(resource.map(ToString::to_string))
                .set_by_resource_type(resource_type.map(ToOwned::to_owned))
                .max_results(PAGE_SIZE)
                .set_next_token(token);
            let page = ask.send().await.map_err(|error| about_vault(vault, cloud_error(OPERATION, &error)))?;
            for point in page.recovery_points() {
                points.push(recovery_point(point)?);
            }
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(points);
            }
        }
    }

    /// Whether a restore job was started with this mark in its metadata. None: its metadata are not there (yet), or do
    /// not show that key.
    async fn job_carries(&self, id: &JobId, (mark, value): (&str, &str)) -> Result<Option<bool>, CloudError> {
        let metadata = self.job_metadata(id).await?.into_iter().flatten();
        let mut found = metadata.filter(|(key, _)| key.eq_ignore_ascii_case(mark)).map(|(_, found)| found == value);
        Ok(found.next())
    }

    /// What a restore job was started with, as it came. None: it is not there (yet).
    async fn job_metadata(&self, id: &JobId) -> Result<Option<HashMap<String, String>>, CloudError> {
        const OPERATION: &str = "backup:GetRestoreJobMetadata";
        match self.client.get_restore_job_metadata().restore_job_id(id.as_str()).send().await {
            Ok(answer) => Ok(answer.metadata().cloned()),
            Err(error) => match cloud_error(OPERATION, &error) {
                error if error.kind == ErrorKind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }
}

#[async_trait]
impl Vault for AwsVault {
    async fn describe_vault(&self, vault: &VaultName) -> Result<VaultState, CloudError> {
        const OPERATION: &str = "backup:DescribeBackupVault";
        let answer = self.client.describe_backup_vault().backup_vault_name(vault.as_str()).send().await;
        let answer = answer.map_err(|error| about_vault(vault, cloud_error(OPERATION, &error)))?;
        let arn = answer.backup_vault_arn().and_then(|arn| arn.parse().ok());
        let arn = arn.ok_or_else(|| unreadable(OPERATION, "the answer names no ARN of the vault"))?;
        let key = answer.encryption_key_arn().and_then(|key| key.parse().ok());
        Ok(VaultState { arn, points: u64::try_from(answer.number_of_recovery_points()).unwrap_or(0), key })
    }

    async fn recovery_points(&self, vault: &VaultName, resource: &Arn) -> Result<Vec<RecoveryPoint>, CloudError> {
        self.points(vault, Some(resource), None).await
    }

    async fn points_of_type(&self, vault: &VaultName, resource_type: &str) -> Result<Vec<RecoveryPoint>, CloudError> {
        // A word with a space does not fit the filter's pattern (facts 1.6): then all are listed.
        let filter = Some(resource_type).filter(|word| !word.contains(' '));
        let mut points = self.points(vault, None, filter).await?;
        points.retain(|point| point.resource_type.as_deref() == Some(resource_type));
        Ok(points)
    }

    async fn point_tags(&self, point: &Arn) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "backup:ListTags";
        let (mut tags, mut pages, mut token) = (BTreeMap::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.client.list_tags().resource_arn(point.as_str()).set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            let found = page.tags().into_iter().flatten();
            tags.extend(found.map(|(key, value)| (key.clone(), tame(value))));
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(tags);
            }
        }
    }

    async fn describe_point(&self, vault: &VaultName, point: &Arn) -> Result<PointDetail, CloudError> {
        const OPERATION: &str = "backup:DescribeRecoveryPoint";
        let ask = self.client.describe_recovery_point();
        let answer = ask.backup_vault_name(vault.as_str()).recovery_point_arn(point.as_str()).send().await;
        let answer = answer.map_err(|error| about_vault(vault, cloud_error(OPERATION, &error)))?;
        Ok(PointDetail {
            status: tame(answer.status().map_or("", RecoveryPointStatus::as_str)),
            storage_class: answer.storage_class().map(StorageClass::as_str).map(tame),
        })
    }

    async fn restore_metadata(&self, vault: &VaultName, point: &Arn) -> Result<Metadata, CloudError> {
        const OPERATION: &str = "backup:GetRecoveryPointRestoreMetadata";
        let ask = self.client.get_recovery_point_restore_metadata();
        let ask = ask.backup_vault_name(vault.as_str()).recovery_point_arn(point.as_str());
        let answer = ask.customize().interceptor(DropNulls).send().await;
        let answer = answer.map_err(|error| about_vault(vault, cloud_error(OPERATION, &error)))?;
        let Some(metadata) = answer.restore_metadata() else {
            return Ok(Metadata::new());
        };
        // Kept as it came but for what a terminal would obey: values go back to AWS.
        Ok(metadata.iter().map(|(key, value)| (tame(key), tame_value(value))).collect())
    }

    async fn start_restore(&self, ask: &StartRestore) -> Result<JobId, CloudError> {
        const OPERATION: &str = "backup:StartRestoreJob";
        let answer = self
            .client
            .start_restore_job()
            .recovery_point_arn(ask.point.as_str())
            .iam_role_arn(ask.role.as_str())
            .idempotency_token(ask.token.as_str())
            .set_resource_type(ask.resource_type.clone())
            .copy_source_tags_to_restored_resource(false)
            .set_metadata(Some(ask.metadata.clone().into_iter().collect()))
            .send()
            .await
            .map_err(|error| cloud_error(OPERATION, &error))?;
        let id = answer.restore_job_id().and_then(|id| id.parse().ok());
        id.ok_or_else(|| unreadable(OPERATION, "the answer names no restore job"))
    }

    async fn restore_job(&self, job: &JobId) -> Result<RestoreJob, CloudError> {
        const OPERATION: &str = "backup:DescribeRestoreJob";
        let answer = self.client.describe_restore_job().restore_job_id(job.as_str()).send().await;
        let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
        Ok(RestoreJob {
            id: job.clone(),
            status: job_status(answer.status()),
            message: answer.status_message().map(tame),
            point: arn(answer.recovery_point_arn()),
            created_resource: arn(answer.created_resource_arn()),
            created: instant(answer.creation_date()),
            completed: instant(answer.completion_date()),
            from_restore_testing: is_restore_testing(answer.created_by()),
        })
    }

    async fn find_restore_job(
        &self,
        resource_type: Option<&str>,
        point: &Arn,
        mark: (&str, &str),
        since: Timestamp,
    ) -> Result<FoundJob, CloudError> {
        let since = since.checked_sub(CLOCK_TOLERANCE).unwrap_or(since);
        let mut jobs = self.jobs_since(resource_type, since).await?;
        jobs.retain(|job| job.recovery_point_arn() == Some(point.as_str()));
        // The oldest first, so that the answer does not depend on AWS's order.
        jobs.sort_by_key(|job| (instant(job.creation_date()), job.restore_job_id().map(ToOwned::to_owned)));
        let mut unmarked = Vec::new();
        for job in jobs {
            let Some(id) = job.restore_job_id().and_then(|id| id.parse::<JobId>().ok()) else {
                continue;
            };
            match self.job_carries(&id, mark).await? {
                Some(true) => return Ok(FoundJob::Ours(Box::new(listed_job(id, &job)))),
                Some(false) => {}
                None => unmarked.push(id),
            }
        }
        Ok(if unmarked.is_empty() { FoundJob::Nothing } else { FoundJob::Perhaps(unmarked) })
    }

    async fn restore_jobs(&self, since: Timestamp) -> Result<Vec<RestoreJob>, CloudError> {
        const OPERATION: &str = "backup:ListRestoreJobs";
        let jobs = self.jobs_since(None, since).await?;
        let known = jobs.iter().map(|job| {
            let id: Option<JobId> = job.restore_job_id().and_then(|id| id.parse().ok());
            id.map(|id| listed_job(id, job)).ok_or_else(|| unreadable(OPERATION, "a job in the list has no usable id"))
        });
        known.collect()
    }

    async fn restore_job_metadata(&self, job: &JobId) -> Result<Option<Metadata>, CloudError> {
        let metadata = self.job_metadata(job).await?;
        Ok(metadata.map(|found| found.iter().map(|(key, value)| (tame(key), tame_value(value))).collect()))
    }
}

impl AwsCopyHistory {
    /// Over the source's client.
    #[must_use]
    pub fn new(client: Handle<aws_sdk_backup::Client>) -> Self {
        Self { client }
    }
}

#[async_trait]
impl CopyHistory for AwsCopyHistory {
    async fn copy_jobs(&self, resource: &Arn, since: Timestamp) -> Result<Vec<CopyJob>, CloudError> {
        const OPERATION: &str = "backup:ListCopyJobs";
        let (mut jobs, mut pages, mut token) = (Vec::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self
                .client
                .list_copy_jobs()
                .by_resource_arn(resource.as_str())
                .by_created_after(date_time(since))
                .max_results(PAGE_SIZE)
                .set_next_token(token);
            let page = ask.send().await.map_err(|error| cloud_error(OPERATION, &error))?;
            jobs.extend(page.copy_jobs().iter().map(|job| CopyJob {
                state: tame(job.state().map_or("", CopyJobState::as_str)),
                destination_point: arn(job.destination_recovery_point_arn()),
                created: instant(job.creation_date()),
                completed: instant(job.completion_date()),
                message: job.status_message().map(tame),
            }));
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(jobs);
            }
        }
    }
}

/// A vault that does not exist may answer like one that is not permitted (facts 1.2): the message says both.
fn about_vault(vault: &VaultName, mut error: CloudError) -> CloudError {
    if error.kind == ErrorKind::Denied {
        error.message = tame(&format!("vault `{vault}` is missing or not permitted: {}", error.message));
    }
    error
}

/// An entry without a usable ARN makes the list unusable: the newest recovery point could be the one that is missing.
fn recovery_point(point: &RecoveryPointByBackupVault) -> Result<RecoveryPoint, CloudError> {
    let Some(own) = arn(point.recovery_point_arn()) else {
        let what = "a recovery point in the list has no usable ARN";
        return Err(unreadable("backup:ListRecoveryPointsByBackupVault", what));
    };
    let delete_after_event = point.lifecycle().and_then(Lifecycle::delete_after_event);
    let findings = point.aggregated_scan_result().map_or(&[][..], AggregatedScanResult::findings);
    Ok(RecoveryPoint {
        arn: own,
        resource: arn(point.resource_arn()),
        resource_type: point.resource_type().map(tame),
        status: tame(point.status().map_or("", RecoveryPointStatus::as_str)),
        created: instant(point.creation_date()),
        size_bytes: point.backup_size_in_bytes().and_then(|bytes| u64::try_from(bytes).ok()),
        source_vault: arn(point.source_backup_vault_arn()),
        delete_at: instant(point.calculated_lifecycle().and_then(CalculatedLifecycle::delete_at)),
        delete_after_copy: delete_after_event.is_some_and(|event| event.as_str() == "DELETE_AFTER_COPY"),
        is_parent: point.is_parent(),
        encryption_key: arn(point.encryption_key_arn()),
        malware: findings.iter().any(|finding| finding.as_str() == "MALWARE"),
        plan: point.created_by().and_then(RecoveryPointCreator::backup_plan_id).map(tame),
    })
}

fn listed_job(id: JobId, job: &RestoreJobsListMember) -> RestoreJob {
    RestoreJob {
        id,
        status: job_status(job.status()),
        message: job.status_message().map(tame),
        point: arn(job.recovery_point_arn()),
        created_resource: arn(job.created_resource_arn()),
        created: instant(job.creation_date()),
        completed: instant(job.completion_date()),
        from_restore_testing: is_restore_testing(job.created_by()),
    }
}

fn job_status(status: Option<&RestoreJobStatus>) -> JobStatus {
    JobStatus::from_word(status.map_or("", RestoreJobStatus::as_str))
}

fn is_restore_testing(creator: Option<&RestoreJobCreator>) -> bool {
    creator.and_then(RestoreJobCreator::restore_testing_plan_arn).is_some()
}

fn arn(text: Option<&str>) -> Option<Arn> {
    text.and_then(|text| text.parse().ok())
}

/// Metadata may be longer than any message, and a value that is cut would be wrong: only hostile characters go.
fn tame_value(value: &str) -> String {
    value.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_backup::types::{RecoveryPointByBackupVault, RecoveryPointStatus};
    use aws_smithy_types::DateTime;

    use super::{about_vault, recovery_point};
    use crate::cloud::error::{CloudError, ErrorKind};

    #[test]
    fn a_listed_recovery_point_keeps_words_that_are_not_known() {
        let point = RecoveryPointByBackupVault::builder()
            .recovery_point_arn("arn:aws:rds:eu-central-1:111122223333:snapshot:awsbackup:copyjob-1")
            .resource_arn("arn:aws:rds:eu-west-1:111122223333:db:orders")
            .status(RecoveryPointStatus::from("SHINY"))
            .creation_date(DateTime::from_secs(1_767_225_600))
            .build();
        let point = recovery_point(&point).unwrap();
        assert_eq!(point.status, "SHINY");
        assert_eq!(point.resource.unwrap().name(), "orders");
        assert_eq!(point.created.unwrap().as_second(), 1_767_225_600);
        assert!(!point.malware && !point.delete_after_copy && !point.is_parent);
    }

    #[test]
    fn a_listed_recovery_point_without_an_arn_spoils_the_list() {
        let error = recovery_point(&RecoveryPointByBackupVault::builder().build()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreadable);
    }

    #[test]
    fn a_denied_vault_may_be_a_missing_vault() {
        let error = CloudError::new("backup:DescribeBackupVault", ErrorKind::Denied, "AccessDenied", "no", None);
        let error = about_vault(&"dr-vault".parse().unwrap(), error);
        assert_eq!(error.message, "vault `dr-vault` is missing or not permitted: no");
    }
}
