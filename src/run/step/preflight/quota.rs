//! What the account may have, against what the drill takes.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::cloud::check::Check;
use crate::cloud::data::MetricAsked;
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::surroundings::{DatabaseQuota, Quota, UsageMetric};
use crate::run::step::preflight::Looking;
use crate::words::kind::CheckId;

const ID: CheckId = CheckId::QuotaHeadroom;

/// Usage is reported every few minutes.
const PERIOD: SignedDuration = SignedDuration::from_mins(5);

/// How far back a report of usage still counts.
const RECENT: SignedDuration = SignedDuration::from_hours(3);

pub(super) async fn check(cx: &Looking<'_>) -> Vec<Check> {
    let needed = needed(cx);
    let mut databases = None;
    if needed.iter().any(|quota| quota.attribute.is_some()) {
        databases = Some(cx.surroundings().database_quotas().await);
    }
    let mut checks = Vec::new();
    for quota in needed {
        checks.push(match (quota.attribute, &databases) {
            (Some(attribute), Some(answer)) => of_databases(cx, quota, attribute, answer),
            _ => of_service(cx, quota).await,
        });
    }
    checks
}

/// Each quota once, with what all restores take of it together: they are there at the same time.
fn needed(cx: &Looking<'_>) -> Vec<Quota> {
    let mut all: BTreeMap<&'static str, Quota> = BTreeMap::new();
    for (_, restore, expected) in cx.restores() {
        for quota in cx.facts(restore).quotas(&restore.with, &expected) {
            all.entry(quota.code).and_modify(|known| known.needed += quota.needed).or_insert(quota);
        }
    }
    all.into_values().collect()
}

fn what(quota: Quota) -> String {
    format!("quota of {}", quota.name)
}

fn of_databases(
    cx: &Looking<'_>,
    quota: Quota,
    attribute: &str,
    answer: &Result<Vec<DatabaseQuota>, CloudError>,
) -> Check {
    match answer {
        Ok(listed) => match listed.iter().find(|one| one.name == attribute) {
            Some(one) => judge(cx.definition.destination.region.as_str(), quota, number(one.used), number(one.max)),
            None => Check::not_checked(ID, &what(quota), "RDS does not say it"),
        },
        Err(error) => Check::unanswered(ID, &what(quota), "rds:DescribeAccountAttributes", error),
    }
}

/// Counts of things are small: what is larger is as good as endless.
fn number(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}

async fn of_service(cx: &Looking<'_>, quota: Quota) -> Check {
    let what = what(quota);
    let state = match cx.surroundings().quota(quota.service, quota.code).await {
        Ok(state) => state,
        Err(error) if error.kind == ErrorKind::NotFound => {
            return Check::not_checked(ID, &what, "Service Quotas does not know it in this region");
        }
        Err(error) => return Check::unanswered(ID, &what, "servicequotas:GetServiceQuota", &error),
    };
    let region = cx.definition.destination.region.as_str();
    // Less than the drill takes is too little however much is in use.
    if state.value < f64::from(quota.needed) || state.value <= 0.0 {
        return judge(region, quota, 0.0, state.value);
    }
    let unknown = format!("it is {}; how much of it is in use is not known", state.value);
    let Some(metric) = state.usage else { return Check::not_checked(ID, &what, &unknown) };
    match used(cx, &metric).await {
        Ok(Some(used)) => judge(region, quota, used, state.value),
        Ok(None) => Check::not_checked(ID, &what, &unknown),
        Err(error) => Check::unanswered(ID, &what, "cloudwatch:GetMetricStatistics", &error),
    }
}

/// The newest report.
async fn used(cx: &Looking<'_>, metric: &UsageMetric) -> Result<Option<f64>, CloudError> {
    let to = cx.services.clock.now();
    let asked = MetricAsked {
        namespace: metric.namespace.clone(),
        name: metric.name.clone(),
        dimensions: metric.dimensions.clone(),
        statistic: metric.statistic.clone(),
        period: PERIOD,
        from: to.saturating_sub(RECENT).unwrap_or(to),
        to,
    };
    let points = cx.services.cloud.metrics.metric(&asked).await?;
    Ok(points.last().map(|point| point.value))
}

fn judge(region: &str, quota: Quota, used: f64, max: f64) -> Check {
    let (what, needed) = (what(quota), f64::from(quota.needed));
    let detail = format!("{used} of {max} in use, and the drill takes {}", taken(quota));
    // A restore whose size is not known takes something all the same.
    if used + needed > max || used >= max {
        let wanted = (used + needed.max(1.0)).ceil();
        return Check::failed(ID, &what, &format!("{detail}: the restore would fail")).mended_by(&format!(
            "`aws service-quotas request-service-quota-increase --region {region} --service-code {} --quota-code {} \
             --desired-value {wanted}`, or remove what is not needed",
            quota.service, quota.code
        ));
    }
    Check::ok(ID, &what, &detail)
}

fn taken(quota: Quota) -> String {
    if quota.needed == 0 { "an amount that only the recovery point tells".to_owned() } else { quota.needed.to_string() }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::cloud::check::CheckResult;
    use crate::cloud::surroundings::Quota;

    #[test]
    fn what_is_in_use_and_what_is_taken_must_fit() {
        let quota =
            |needed| Quota { name: "DB instances", service: "rds", code: "L-7B6409FD", attribute: None, needed };
        let judged = |needed, used, max| judge("eu-west-1", quota(needed), used, max);
        assert_eq!(judged(1, 39.0, 40.0).result, CheckResult::Ok);
        assert_eq!(judged(0, 39.5, 40.0).result, CheckResult::Ok);
        assert_eq!(judged(0, 40.0, 40.0).result, CheckResult::Failed);
        let full = judged(2, 39.0, 40.0);
        assert_eq!(full.result, CheckResult::Failed);
        assert!(full.detail.starts_with("39 of 40 in use"), "{}", full.detail);
        assert!(full.mend.unwrap().contains("--quota-code L-7B6409FD --desired-value 41`"));
    }
}
