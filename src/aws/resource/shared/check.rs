//! Checks of a preflight that several types make (facts 2.11, appendix B; trap 41). Reads only.
//!
//! Invariant: a check that could not be made is `NotChecked`, with the permission that was missing, and never `Ok`.

use crate::aws::resource::shared::name::quoted;
use crate::cloud::check::{Check, CheckResult};
use crate::cloud::error::{CloudError, ErrorKind};
use crate::cloud::ground::Ground;
use crate::cloud::resource::{Observation, Phase, Subject};
use crate::words::kind::CheckId;
use crate::words::text::tame;

/// A name that is taken makes the restore job fail. `permission` is the one that the look needs.
pub(crate) fn name_is_free(subject: &Subject, permission: &str, seen: Result<Observation, CloudError>) -> Check {
    let what = format!("name {}", subject.expected.name);
    match seen {
        Ok(seen) if seen.phase == Phase::Gone => Check::ok(CheckId::NameFree, &what, "nothing has it"),
        Ok(seen) => {
            let detail = format!("something in status `{}` has it; the restore would fail", seen.status);
            Check::failed(CheckId::NameFree, &what, &detail)
                .mended_by("remove it, or run the drill again: each run has a name of its own")
        }
        Err(error) => unchecked(CheckId::NameFree, &what, permission, &error),
    }
}

/// Security groups: that they exist, and in `vpc`.
pub(crate) async fn security_group_check(ground: &dyn Ground, wanted: &[String], vpc: Option<&str>) -> Check {
    const ID: CheckId = CheckId::NetworkSecurityGroups;
    if wanted.is_empty() {
        let detail = "`security_groups` is not set: the VPC's default group is taken, which may let what is restored \
                      reach production and be reached from it";
        return Check::warning(ID, "security groups", detail)
            .mended_by("set `security_groups` to a group that lets nothing out and only the probes in");
    }
    let what = format!("security groups {}", wanted.join(", "));
    let found = match ground.security_groups(wanted).await {
        Ok(found) => found,
        Err(error) => return unchecked(ID, &what, "ec2:DescribeSecurityGroups", &error),
    };
    let missing: Vec<&str> =
        wanted.iter().filter(|id| found.iter().all(|group| &group.id != *id)).map(String::as_str).collect();
    if !missing.is_empty() {
        let detail = format!("{} not found in the destination's region and account", missing.join(", "));
        return Check::failed(ID, &what, &detail)
            .mended_by("name groups of the destination in `security_groups` (`aws ec2 describe-security-groups`)");
    }
    let Some(vpc) = vpc else {
        let detail = "they exist; whether they are in the restored thing's VPC is not known";
        return Check::warning(ID, &what, detail);
    };
    match found.iter().find(|group| group.vpc.as_deref() != Some(vpc)) {
        Some(other) => {
            let theirs = other.vpc.as_deref().unwrap_or("no VPC");
            let detail = format!("{} is in {theirs}, the subnets are in {vpc}", other.id);
            let mend = format!("name a security group of {vpc} in the place of {}", other.id);
            Check::failed(ID, &what, &detail).mended_by(&mend)
        }
        None => Check::ok(ID, &what, &format!("they exist, in {vpc}")),
    }
}

/// The network of a database for which the definition names no subnet group: the region's default VPC, if there is one.
/// Its id comes along, for the security groups.
pub(crate) async fn default_vpc(ground: &dyn Ground) -> (Check, Option<String>) {
    const ID: CheckId = CheckId::NetworkDefaultVpc;
    const WHAT: &str = "subnet group";
    const MEND: &str = "make a DB subnet group with private subnets in two zones (`aws rds create-db-subnet-group`) \
                        and name it in `subnet_group`";
    match ground.default_vpc().await {
        Ok(Some(vpc)) => {
            let detail = format!(
                "`subnet_group` is not set: the region's default VPC {vpc} is taken, which leads to the internet"
            );
            (Check::warning(ID, WHAT, &detail).mended_by(MEND), Some(vpc))
        }
        Ok(None) => {
            let detail = "`subnet_group` is not set, and the region has no default VPC: the restore would fail";
            (Check::failed(ID, WHAT, detail).mended_by(MEND), None)
        }
        Err(error) => (unchecked(ID, WHAT, "ec2:DescribeVpcs", &error), None),
    }
}

/// Why a class cannot be looked up.
pub(crate) const ENGINE_UNKNOWN: &str =
    "the vault shows no recovery point that says class and engine; a class that is not offered there fails the job";

/// Whether a class is offered for an engine.
pub(crate) fn offered(what: &str, engine: &str, answer: Result<bool, CloudError>) -> Check {
    const ID: CheckId = CheckId::ComputeClass;
    let engine = tame(engine);
    match answer {
        Ok(true) => Check::ok(ID, what, &format!("it is offered for {engine}")),
        Ok(false) => {
            let detail = format!("it is not offered for {engine} in the destination's region");
            Check::failed(ID, what, &detail).mended_by(&format!(
                "set another `instance_class`: `aws rds describe-orderable-db-instance-options --engine {}` lists them",
                quoted(&engine)
            ))
        }
        Err(error) => unchecked(ID, what, "rds:DescribeOrderableDBInstanceOptions", &error),
    }
}

/// A subnet group with too few zones.
pub(crate) fn zones_wanted(what: &str, who: &str, zones: usize) -> Check {
    let detail = format!("it has subnets in {zones} zone(s); {who} wants at least two");
    Check::failed(CheckId::NetworkSubnets, what, &detail)
        .mended_by("add a subnet of another zone to it (`aws rds modify-db-subnet-group`)")
}

/// The check of something that either exists or does not.
pub(crate) fn existence(id: CheckId, what: &str, permission: &str, found: Result<String, CloudError>) -> Check {
    match found {
        Ok(detail) => Check::ok(id, what, &detail),
        Err(error) if error.kind == ErrorKind::NotFound => {
            Check::failed(id, what, "it does not exist in the destination's region and account")
                .mended_by(&format!("make {what} there, or name one that is there"))
        }
        Err(error) => unchecked(id, what, permission, &error),
    }
}

/// What could not be looked at, and why.
pub(crate) fn unchecked(id: CheckId, what: &str, permission: &str, error: &CloudError) -> Check {
    Check::unanswered(id, what, permission, error)
}

/// A check.
pub(crate) fn check(id: CheckId, what: &str, result: CheckResult, detail: &str) -> Check {
    Check::new(id, what, result, detail)
}

#[cfg(test)]
mod tests {
    use super::existence;
    use crate::cloud::check::CheckResult;
    use crate::cloud::error::{CloudError, ErrorKind};
    use crate::words::kind::CheckId;

    #[test]
    fn a_missing_permission_is_named_and_is_never_ok() {
        let failed = |kind| Err(CloudError::new("rds:DescribeOptionGroups", kind, "code", "no", None));
        let denied = existence(
            CheckId::DatabaseOptionGroup,
            "option group x",
            "rds:DescribeOptionGroups",
            failed(ErrorKind::Denied),
        );
        assert_eq!(denied.result, CheckResult::NotChecked);
        assert!(denied.detail.contains("permission `rds:DescribeOptionGroups` is missing"));
        let absent = existence(
            CheckId::DatabaseOptionGroup,
            "option group x",
            "rds:DescribeOptionGroups",
            failed(ErrorKind::NotFound),
        );
        assert_eq!(absent.result, CheckResult::Failed);
        let slow = existence(
            CheckId::DatabaseOptionGroup,
            "option group x",
            "rds:DescribeOptionGroups",
            failed(ErrorKind::Throttled),
        );
        assert_eq!(slow.result, CheckResult::NotChecked);
    }
}
