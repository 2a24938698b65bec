//! Checks of a preflight that several types make (facts 2.11, appendix B; trap 41). Reads only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Check, CheckResult, Observation, Phase, Subject};

/// A name that is taken makes the restore job fail. `permission` is the one that the look needs.
pub(crate) fn name_is_free(subject: &Subject, permission: &str, seen: Result<Observation, CloudError>) -> Check {
    let what = format!("name {}", subject.expected.name);
    match seen {
        Ok(seen) if seen.phase == Phase::Gone => check(&what, CheckResult::Ok, "nothing has it"),
        Ok(seen) => {
            let detail = format!("something in status `{}` has it; the restore would fail", seen.status);
            check(&what, CheckResult::Failed, &detail)
        }
        Err(error) => unchecked(&what, permission, &error),
    }
}

/// Security groups: that they exist, and in `vpc`.
pub(crate) async fn security_group_check(ground: &dyn Ground, wanted: &[String], vpc: Option<&str>) -> Check {
    if wanted.is_empty() {
        let detail = "`security_groups` is not set: the VPC's default group is taken, which may let what is restored \
                      reach production and be reached from it";
        return check("security groups", CheckResult::Warning, detail);
    }
    let what = format!("security groups {}", wanted.join(", "));
    let found = match ground.security_groups(wanted).await {
        Ok(found) => found,
        Err(error) => return unchecked(&what, "ec2:DescribeSecurityGroups", &error),
    };
    let missing: Vec<&str> =
        wanted.iter().filter(|id| found.iter().all(|group| &group.id != *id)).map(String::as_str).collect();
    if !missing.is_empty() {
        let detail = format!("{} not found in the destination's region and account", missing.join(", "));
        return check(&what, CheckResult::Failed, &detail);
    }
    let Some(vpc) = vpc else {
        let detail = "they exist; whether they are in the restored thing's VPC is not known";
        return check(&what, CheckResult::Warning, detail);
    };
    match found.iter().find(|group| group.vpc.as_deref() != Some(vpc)) {
        Some(other) => {
            let theirs = other.vpc.as_deref().unwrap_or("no VPC");
            let detail = format!("{} is in {theirs}, the subnets are in {vpc}", other.id);
            check(&what, CheckResult::Failed, &detail)
        }
        None => check(&what, CheckResult::Ok, &format!("they exist, in {vpc}")),
    }
}

/// The check of something that either exists or does not.
pub(crate) fn existence(what: &str, permission: &str, found: Result<String, CloudError>) -> Check {
    match found {
        Ok(detail) => check(what, CheckResult::Ok, &detail),
        Err(error) if error.kind == ErrorKind::NotFound => {
            check(what, CheckResult::Failed, "it does not exist in the destination's region and account")
        }
        Err(error) => unchecked(what, permission, &error),
    }
}

/// What could not be looked at, and why.
pub(crate) fn unchecked(what: &str, permission: &str, error: &CloudError) -> Check {
    let detail = match error.kind {
        ErrorKind::Denied => format!("permission `{permission}` is missing: {error}"),
        _ => error.to_string(),
    };
    check(what, CheckResult::NotChecked, &detail)
}

/// A check.
pub(crate) fn check(what: &str, result: CheckResult, detail: &str) -> Check {
    Check { what: what.to_owned(), result, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::existence;
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::cloud::resource::CheckResult;

    #[test]
    fn a_missing_permission_is_named_and_is_never_ok() {
        let failed = |kind| Err(CloudError::new("rds:DescribeOptionGroups", kind, "code", "no", None));
        let denied = existence("option group x", "rds:DescribeOptionGroups", failed(ErrorKind::Denied));
        assert_eq!(denied.result, CheckResult::NotChecked);
        assert!(denied.detail.contains("permission `rds:DescribeOptionGroups` is missing"));
        let absent = existence("option group x", "rds:DescribeOptionGroups", failed(ErrorKind::NotFound));
        assert_eq!(absent.result, CheckResult::Failed);
        let slow = existence("option group x", "rds:DescribeOptionGroups", failed(ErrorKind::Throttled));
        assert_eq!(slow.result, CheckResult::NotChecked);
    }
}
