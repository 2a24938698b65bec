//! What the account may have: Service Quotas, and RDS's own count.

use std::collections::BTreeMap;

use aws_sdk_servicequotas::types::MetricInfo;

use crate::aws::error::{cloud_error, unreadable};
use crate::cloud::error::CloudError;
use crate::cloud::surroundings::{DatabaseQuota, QuotaState, UsageMetric};
use crate::words::text::tame;

/// `servicequotas:GetServiceQuota`.
pub(super) async fn service(
    quotas: &aws_sdk_servicequotas::Client,
    service: &str,
    code: &str,
) -> Result<QuotaState, CloudError> {
    const OPERATION: &str = "servicequotas:GetServiceQuota";
    let answer = quotas.get_service_quota().service_code(service).quota_code(code).send().await;
    let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
    let quota = answer.quota().ok_or_else(|| unreadable(OPERATION, "the answer holds no quota"))?;
    let value = quota.value().ok_or_else(|| unreadable(OPERATION, "the answer holds no value"))?;
    Ok(QuotaState { value, usage: quota.usage_metric().and_then(usage) })
}

/// Half a metric is none: without its dimensions CloudWatch finds nothing.
fn usage(metric: &MetricInfo) -> Option<UsageMetric> {
    let dimensions: BTreeMap<String, String> =
        metric.metric_dimensions()?.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    Some(UsageMetric {
        namespace: metric.metric_namespace()?.to_owned(),
        name: metric.metric_name()?.to_owned(),
        dimensions,
        statistic: metric.metric_statistic_recommendation().unwrap_or("Maximum").to_owned(),
    })
}

/// `rds:DescribeAccountAttributes`.
pub(super) async fn databases(rds: &aws_sdk_rds::Client) -> Result<Vec<DatabaseQuota>, CloudError> {
    const OPERATION: &str = "rds:DescribeAccountAttributes";
    let answer = rds.describe_account_attributes().send().await;
    let answer = answer.map_err(|error| cloud_error(OPERATION, &error))?;
    let quotas = answer.account_quotas().iter().filter_map(|quota| {
        Some(DatabaseQuota { name: tame(quota.account_quota_name()?), used: quota.used()?, max: quota.max()? })
    });
    Ok(quotas.collect())
}
