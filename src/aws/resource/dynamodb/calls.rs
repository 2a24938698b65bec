//! The requests to DynamoDB.
//!
//! Invariant: before anything is changed or deleted, the ARN is one that drill names, and its region and account are
//! those of the session (trap 30). Whether a table is protected is read and never inferred from an error: DynamoDB says
//! `ValidationException`, which means other things too (trap 23).

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{
    BillingMode, BillingModeSummary, ContinuousBackupsDescription, GlobalSecondaryIndexDescription, IndexStatus,
    PointInTimeRecoveryDescription, PointInTimeRecoveryStatus, RestoreSummary, SseDescription, SseType,
    StreamSpecification, TableClass, TableClassSummary, TableDescription, TableStatus, Tag,
};

use crate::aws::error::{cloud_error, unreadable};
use crate::aws::handle::Handle;
use crate::aws::paging::Pages;
use crate::aws::resource::dynamodb::leftovers;
use crate::aws::resource::dynamodb::readiness::phase;
use crate::aws::resource::shared::check::name_is_free;
use crate::aws::resource::shared::guard::Guard;
use crate::aws::resource::shared::network::key;
use crate::aws::session::Clients;
use crate::cloud::check::Check;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::leftover::{Leftover, Wanted};
use crate::cloud::resource::{Observation, Phase, Removal, ResourceCalls, Subject};
use crate::words::text::tame;

/// [`ResourceCalls`] of DynamoDB tables.
pub(super) struct DynamoDbCalls {
    guard: Guard,
    dynamodb: Handle<aws_sdk_dynamodb::Client>,
}

/// What the ARN of a table must say.
const ITS_ARN: (&str, &str) = ("dynamodb", "table/");

impl DynamoDbCalls {
    /// Over the destination's clients.
    pub(super) fn new(clients: &Clients) -> Self {
        Self { guard: Guard::new(clients), dynamodb: clients.dynamodb.clone() }
    }

    /// Whether point-in-time recovery is on. It is no more than a fact for the report: where it cannot be read, the
    /// fact says so, and only an error that passes is one.
    async fn recovery(&self, name: &str) -> Result<String, CloudError> {
        const OPERATION: &str = "dynamodb:DescribeContinuousBackups";
        let answer = self.dynamodb.describe_continuous_backups().table_name(name).send().await;
        match answer.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(answer) => {
                let status = answer
                    .continuous_backups_description()
                    .and_then(ContinuousBackupsDescription::point_in_time_recovery_description)
                    .and_then(PointInTimeRecoveryDescription::point_in_time_recovery_status);
                Ok(tame(status.map_or("DISABLED", PointInTimeRecoveryStatus::as_str)))
            }
            Err(error) if error.passes() => Err(error),
            Err(error) => Ok(format!("could not be read ({})", error.code)),
        }
    }
}

#[async_trait]
impl ResourceCalls for DynamoDbCalls {
    async fn observe(&self, subject: &Subject) -> Result<Observation, CloudError> {
        const OPERATION: &str = "dynamodb:DescribeTable";
        let expected = &subject.expected;
        let answer = self.dynamodb.describe_table().table_name(&expected.name).send().await;
        let answer = match answer.map_err(|error| cloud_error(OPERATION, &error)) {
            Ok(answer) => answer,
            Err(error) if is_gone(&error) => return Ok(Observation::absent()),
            Err(error) => return Err(error),
        };
        let Some(table) = answer.table() else {
            return Err(unreadable(OPERATION, "the answer holds no table and no error"));
        };
        if let (Some(seen), Some(arn)) = (table.table_arn(), &expected.arn)
            && seen != arn.as_str()
        {
            let message = format!("the session sees `{seen}` under the name of `{arn}`");
            return Err(CloudError::new(OPERATION, ErrorKind::Invalid, "wrong_session", &message, None));
        }
        let mut seen = observation(table);
        if seen.phase == Phase::Ready {
            let recovery = self.recovery(&expected.name).await?;
            seen.facts.insert("point_in_time_recovery".to_owned(), recovery);
        }
        Ok(seen)
    }

    async fn tags(&self, subject: &Subject) -> Result<BTreeMap<String, String>, CloudError> {
        const OPERATION: &str = "dynamodb:ListTagsOfResource";
        let arn = subject.arn().map(ToString::to_string).unwrap_or_default();
        let (mut found, mut pages, mut token) = (BTreeMap::new(), Pages::new(OPERATION), None);
        loop {
            let ask = self.dynamodb.list_tags_of_resource().resource_arn(&arn).set_next_token(token);
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
        const OPERATION: &str = "dynamodb:UntagResource";
        // Tags of AWS's own cannot be removed, and asking for one refuses the whole request.
        let keys: Vec<String> = keys.iter().filter(|key| !key.starts_with("aws:")).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let arn = self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let ask = self.dynamodb.untag_resource().resource_arn(arn.as_str()).set_tag_keys(Some(keys));
        ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    async fn tag(&self, subject: &Subject, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        const OPERATION: &str = "dynamodb:TagResource";
        if tags.is_empty() {
            return Ok(());
        }
        let arn = self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let tags: Result<Vec<Tag>, _> =
            tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tags = tags.map_err(|error| unsent(OPERATION, &error.to_string()))?;
        let ask = self.dynamodb.tag_resource().resource_arn(arn.as_str()).set_tags(Some(tags));
        ask.send().await.map(|_| ()).map_err(|error| cloud_error(OPERATION, &error))
    }

    async fn unprotect(&self, subject: &Subject) -> Result<(), CloudError> {
        const OPERATION: &str = "dynamodb:UpdateTable";
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let ask = self.dynamodb.update_table().table_name(&subject.expected.name).deletion_protection_enabled(false);
        match ask.send().await.map_err(|error| busy(cloud_error(OPERATION, &error))) {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// While it is still being made, DynamoDB refuses with `ResourceInUseException`, and the engine asks again.
    async fn remove(&self, subject: &Subject, _seen: &Observation) -> Result<Removal, CloudError> {
        const OPERATION: &str = "dynamodb:DeleteTable";
        self.guard.check(OPERATION, subject, ITS_ARN).await?;
        let answer = self.dynamodb.delete_table().table_name(&subject.expected.name).send().await;
        match answer.map_err(|error| busy(cloud_error(OPERATION, &error))) {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(Removal::Asked),
        }
    }

    async fn leftovers(&self, wanted: &Wanted) -> Result<Vec<Leftover>, CloudError> {
        leftovers::list(&self.dynamodb, wanted).await
    }

    /// Whether the advanced features of DynamoDB are on in the settings of AWS Backup shows in the recovery points.
    async fn preflight(&self, ground: &dyn Ground, subject: &Subject) -> Vec<Check> {
        let free = name_is_free(subject, "dynamodb:DescribeTable", self.observe(subject).await);
        let mut checks = vec![free];
        checks.extend(key(ground, subject).await);
        checks
    }
}

fn is_gone(error: &CloudError) -> bool {
    matches!(error.code.as_str(), "ResourceNotFoundException" | "TableNotFoundException")
}

/// What passes by itself: another change of the table, too many changes of tables at once, and a protection that was
/// switched off and still counts (facts 2.3, "Teardown").
fn busy(error: CloudError) -> CloudError {
    let passes = matches!(error.code.as_str(), "ResourceInUseException" | "LimitExceededException")
        || (error.code == "ValidationException" && error.message.to_lowercase().contains("protected against deletion"));
    if passes { CloudError { kind: ErrorKind::Busy, ..error } } else { error }
}

/// A request that the SDK refuses to build.
fn unsent(operation: &str, why: &str) -> CloudError {
    CloudError::new(operation, ErrorKind::Invalid, "construction", why, None)
}

/// What a look shows.
fn observation(table: &TableDescription) -> Observation {
    let status = tame(table.table_status().map_or("", TableStatus::as_str));
    let restoring = table.restore_summary().is_some_and(RestoreSummary::restore_in_progress);
    let indexes = indexes(table.global_secondary_indexes());
    let (phase, waits_for) = phase(&status, restoring, &indexes);
    let status = match waits_for {
        Some(what) => format!("{status}: {what}"),
        None => status,
    };
    let protected = table.deletion_protection_enabled().unwrap_or(false);
    let facts = report_facts(table, &indexes);
    Observation { phase, status, endpoint: None, protected, parts: Vec::new(), facts }
}

/// Each index with its status, sorted.
fn indexes(found: &[GlobalSecondaryIndexDescription]) -> Vec<(String, String)> {
    let mut indexes: Vec<(String, String)> = found
        .iter()
        .map(|index| {
            let status = index.index_status().map_or("without a status", IndexStatus::as_str);
            (tame(index.index_name().unwrap_or("without a name")), tame(status))
        })
        .collect();
    indexes.sort();
    indexes
}

fn report_facts(table: &TableDescription, indexes: &[(String, String)]) -> BTreeMap<String, String> {
    let keys: Vec<String> = table
        .key_schema()
        .iter()
        .map(|key| format!("{} ({})", key.attribute_name(), key.key_type().as_str()))
        .collect();
    let indexes: Vec<String> = indexes.iter().map(|(name, status)| format!("{name} ({status})")).collect();
    // DynamoDB leaves the summary out for a table that was always provisioned.
    let billing = table.billing_mode_summary().and_then(BillingModeSummary::billing_mode);
    let class = table.table_class_summary().and_then(TableClassSummary::table_class);
    let streams = table.stream_specification().is_some_and(StreamSpecification::stream_enabled);
    let protected = table.deletion_protection_enabled().unwrap_or(false);
    let encryption = table.sse_description().and_then(SseDescription::sse_type);
    let key = table.sse_description().and_then(SseDescription::kms_master_key_arn);
    [
        ("item_count", table.item_count().map(|count| count.to_string())),
        ("size_bytes", table.table_size_bytes().map(|size| size.to_string())),
        ("keys", Some(tame(&keys.join(", ")))),
        ("indexes", Some(indexes.join(", ")).filter(|text| !text.is_empty())),
        ("billing", Some(tame(billing.map_or("PROVISIONED", BillingMode::as_str)))),
        ("table_class", Some(tame(class.map_or("STANDARD", TableClass::as_str)))),
        ("stream", Some(String::from(if streams { "on" } else { "off" }))),
        ("deletion_protection", Some(String::from(if protected { "yes" } else { "no" }))),
        ("encryption", Some(tame(encryption.map_or("DynamoDB's own key", SseType::as_str)))),
        ("kms_key", key.map(tame)),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((key.to_owned(), value?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{GlobalSecondaryIndexDescription, IndexStatus, TableDescription, TableStatus};

    use super::{busy, observation};
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::resource::Phase;

    #[test]
    fn a_look_says_what_is_waited_for() {
        let index =
            |status| GlobalSecondaryIndexDescription::builder().index_name("by_date").index_status(status).build();
        let table = |status| {
            TableDescription::builder()
                .table_status(TableStatus::Active)
                .item_count(12)
                .deletion_protection_enabled(true)
                .global_secondary_indexes(index(status))
                .build()
        };
        let waiting = observation(&table(IndexStatus::Creating));
        assert_eq!((waiting.phase, waiting.status.as_str()), (Phase::Pending, "ACTIVE: index by_date is CREATING"));
        let ready = observation(&table(IndexStatus::Active));
        assert_eq!((ready.phase, ready.status.as_str(), ready.protected), (Phase::Ready, "ACTIVE", true));
        assert_eq!(ready.facts.get("item_count").map(String::as_str), Some("12"));
        assert_eq!(ready.facts.get("billing").map(String::as_str), Some("PROVISIONED"));
    }

    #[test]
    fn refusals_that_pass_are_told_from_those_that_do_not() {
        let kind = |code: &str, message: &str| {
            busy(CloudError::new("dynamodb:DeleteTable", ErrorKind::Invalid, code, message, None)).kind
        };
        assert_eq!(kind("ResourceInUseException", "being created"), ErrorKind::Busy);
        assert_eq!(kind("LimitExceededException", "too many"), ErrorKind::Busy);
        let protected = "Resource cannot be deleted as it is currently protected against deletion.";
        assert_eq!(kind("ValidationException", protected), ErrorKind::Busy);
        assert_eq!(kind("ValidationException", "a bad name"), ErrorKind::Invalid);
    }
}
