//! Roles of IAM: who may assume one, and what it may do.

use jiff::Timestamp;

use crate::sandbox::spec::ResourceSpec;
use crate::sandbox::world::World;
use crate::words::kind::ResourceKind;

/// The managed policies of a restore role. Restoring to S3 is in the second alone (facts 1.11).
pub(crate) const RESTORES: &str = "AWSBackupServiceRolePolicyForRestores";
/// See [`RESTORES`].
pub(crate) const S3_RESTORE: &str = "AWSBackupServiceRolePolicyForS3Restore";

/// A policy of the account's own: what is left of [`RESTORES`] when something was taken away.
pub(crate) const OWN: &str = "restores-but-not-all";

/// The services whose actions [`RESTORES`] allows, as far as restores need them.
const OF_RESTORES: &[&str] = &[
    "backup",
    "cloudformation",
    "ds",
    "dsql",
    "dynamodb",
    "ec2",
    "eks",
    "elasticfilesystem",
    "fsx",
    "kms",
    "rds",
    "redshift",
    "redshift-serverless",
    "storagegateway",
    "timestream",
];

/// The same for [`S3_RESTORE`].
const OF_S3_RESTORE: &[&str] = &["kms", "s3"];

/// A role.
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) trusts: Trust,
    /// The policies that are attached to it, by name.
    pub(crate) policies: Vec<&'static str>,
    /// What it may not do whatever its policies allow: actions, `rds:*`, `*`.
    pub(crate) denied: Vec<String>,
}

/// Who may assume a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// AWS Backup.
    Backup,
    /// EC2, and so not AWS Backup.
    Ec2,
}

impl Trust {
    /// The service in the trust policy.
    pub(crate) fn service(self) -> &'static str {
        match self {
            Self::Backup => "backup.amazonaws.com",
            Self::Ec2 => "ec2.amazonaws.com",
        }
    }
}

impl Role {
    /// What stands after the last slash of its ARN.
    pub(crate) fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// `/`, or `/service-role/`.
    pub(crate) fn path(&self) -> String {
        let rest = self.arn.split_once(":role/").map_or("", |(_, rest)| rest);
        rest.rsplit_once('/').map_or_else(|| "/".to_owned(), |(path, _)| format!("/{path}/"))
    }

    /// Whether it may do this anywhere.
    pub(crate) fn may(&self, action: &str) -> bool {
        if self.denied.iter().any(|pattern| fits(pattern, action)) {
            return false;
        }
        let service = action.split_once(':').map_or(action, |(service, _)| service);
        self.policies.iter().any(|policy| match *policy {
            RESTORES | OWN => OF_RESTORES.contains(&service) || action.eq_ignore_ascii_case("iam:PassRole"),
            S3_RESTORE => OF_S3_RESTORE.contains(&service),
            _ => false,
        })
    }

    /// Takes an action, `rds:*` or `*` away. The rest of what AWS's own policy allows is then in one of the account's.
    pub(crate) fn lose(&mut self, action: &str) {
        let service = action.split_once(':').map_or(action, |(service, _)| service);
        match service {
            "*" => self.policies.clear(),
            "s3" => self.policies.retain(|policy| *policy != S3_RESTORE),
            _ => self.policies.iter_mut().filter(|policy| **policy == RESTORES).for_each(|policy| *policy = OWN),
        }
        self.denied.push(action.to_owned());
    }

    /// The first action that a restore of this source needs and that was taken away.
    fn lacks(&self, source: &ResourceSpec) -> Option<&str> {
        let service = source.arn.service();
        self.denied.iter().map(String::as_str).find(|pattern| {
            let of = pattern.split_once(':').map_or(*pattern, |(of, _)| of);
            let passes = fits(pattern, "iam:PassRole") && source.kind == ResourceKind::Ec2;
            of == "*" || of == service || of == "kms" || passes
        })
    }
}

impl World {
    /// Why a restore of this source by this role fails, if the role may not do what the restore needs.
    pub(crate) fn powerless(&self, role: &str, source: &ResourceSpec) -> Option<String> {
        let action = self.roles.get(role)?.lacks(source)?;
        if fits(action, "iam:PassRole") && action != "*" {
            let mut stream = self.seed.stream(&format!("authorization message {role}"));
            let code = stream.word(80);
            return Some(format!(
                "You are not authorized to perform this operation. Encoded authorization failure message: {code} \
                 (Service: AmazonEC2; Status Code: 403; Error Code: UnauthorizedOperation)"
            ));
        }
        let action = if action == "*" { format!("{}:*", source.arn.service()) } else { action.to_owned() };
        Some(format!("Access Denied. The IAM role {role} is not authorized to perform: {action}"))
    }
}

/// Whether an action is meant by a pattern; IAM compares without case.
pub(crate) fn fits(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => action.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)),
        None => pattern.eq_ignore_ascii_case(action),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{RESTORES, Role, S3_RESTORE, Trust};

    fn role() -> Role {
        Role {
            arn: "arn:aws:iam::123456789012:role/backup/drill-restore".to_owned(),
            id: "AROA".to_owned(),
            created: Timestamp::UNIX_EPOCH,
            trusts: Trust::Backup,
            policies: vec![RESTORES, S3_RESTORE],
            denied: Vec::new(),
        }
    }

    #[test]
    fn a_name_has_a_path() {
        assert_eq!((role().name(), role().path().as_str()), ("drill-restore", "/backup/"));
    }

    #[test]
    fn what_is_taken_away_is_gone_and_nothing_else() {
        let mut role = role();
        assert!(role.may("rds:AddTagsToResource") && role.may("iam:PassRole") && role.may("s3:PutObject"));
        assert!(!role.may("iam:CreateUser"));
        role.lose("rds:AddTagsToResource");
        assert!(!role.may("rds:AddTagsToResource") && role.may("rds:CreateDBInstance"));
        role.lose("s3:*");
        assert!(!role.may("s3:PutObject") && !role.policies.contains(&S3_RESTORE) && role.may("kms:Decrypt"));
        role.lose("*");
        assert!(!role.may("kms:Decrypt") && role.policies.is_empty());
    }
}
