//! The kinds of fault.

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use crate::sandbox::suggest::hint;
use crate::sandbox::thing::physics;
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

macro_rules! kinds {
    ($($(#[$doc:meta])* $item:ident = $word:literal,)+) => {
        /// What happens.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum What { $($(#[$doc])* $item,)+ }

        impl What {
            /// Every kind, in the order of docs/world.md.
            pub const ALL: &'static [Self] = &[$(Self::$item,)+];

            /// The word that world files use.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$item => $word,)+ }
            }
        }
    };
}

kinds!(
    /// `ThrottlingException` (AWS Backup), `Throttling` (RDS), …: nothing happens.
    Throttle = "throttle",
    /// HTTP 500: nothing happens.
    Error500 = "error_500",
    /// HTTP 403.
    AccessDenied = "access_denied",
    /// The credentials have expired.
    ExpiredToken = "expired_token",
    /// The connection is reset before anything happens.
    ResetBefore = "reset_before",
    /// It happens; then the connection is reset instead of an answer.
    ResetAfter = "reset_after",
    /// It happens; no answer ever comes.
    Timeout = "timeout",
    /// The answer takes `for` of world time.
    Slow = "slow",
    /// Connections for the region's calls are reset.
    Unreachable = "unreachable",
    /// Deleting what a restore made, such as `rds:DeleteDBInstance`, is denied.
    DenyDelete = "deny_delete",
    /// A job that was just started cannot be seen for some seconds (facts 1.4).
    StaleReads = "stale_reads",
    /// A read is answered as the same request was answered the last time.
    StaleAnswer = "stale_answer",
    /// A read is answered as the same request was answered the first time.
    OldAnswer = "old_answer",
    /// The recovery point expires just before its restore is asked for.
    PointExpired = "point_expired",
    /// The restore job fails.
    JobFailed = "job_failed",
    /// AWS stops the restore job.
    JobAborted = "job_aborted",
    /// The restore job stays `RUNNING`.
    JobStuck = "job_stuck",
    /// The restore job completes and never says what it made.
    JobWithoutArn = "job_without_arn",
    /// The restore job completes, and half of what it restores failed: its message says so (facts 2.8).
    JobPartial = "job_partial",
    /// The restore role may not use the key: its restores fail.
    MissingGrant = "missing_grant",
    /// The key of the destination vault is disabled: its restores fail.
    KeyDisabled = "key_disabled",
    /// The key of the destination vault has no grant, and its policy names nobody but its administrators: its restores
    /// fail.
    KeyNoGrants = "key_no_grants",
    /// The newest copy in the destination vault is `age` old.
    StaleCopy = "stale_copy",
    /// The destination has no default VPC.
    NoDefaultVpc = "no_default_vpc",
    /// All subnets of the region are in one zone: restores into a DB subnet group fail.
    SingleZone = "single_zone",
    /// The type is not opted in to AWS Backup: its restores are refused.
    NotOptedIn = "not_opted_in",
    /// The account has not enabled the region: calls to it are refused.
    RegionDisabled = "region_disabled",
    /// The vault's policy denies `backup:StartRestoreJob`.
    VaultDenies = "vault_denies",
    /// The restore role does not exist: restores are refused.
    RoleMissing = "role_missing",
    /// The restore role does not trust AWS Backup: restores are refused.
    RoleUntrusted = "role_untrusted",
    /// The restore role may not do `operation`, or anything without one: restores that need it fail.
    RolePowerless = "role_powerless",
    /// The caller may not pass the restore role: restores are refused.
    PassRoleDenied = "pass_role_denied",
    /// The parameter group that the definition names does not exist: its restores fail.
    ParameterGroupMissing = "parameter_group_missing",
    /// The option group that the definition names does not exist: its restores fail.
    OptionGroupMissing = "option_group_missing",
    /// The destination does not offer the instance class that the definition names: its restores fail.
    ClassNotOffered = "class_not_offered",
    /// The quota is what is in use: restores fail.
    QuotaFull = "quota_full",
    /// The `Date` of every answer is `by` ahead of the world's clock.
    ClockSkew = "clock_skew",
    /// A rule of the Recycle Bin keeps deleted volumes, which are billed on.
    RecycleBin = "recycle_bin",
    /// A backup plan of the destination selects everything: an hour after its restore, what was restored is backed up.
    BackupPlanSelectsAll = "backup_plan_selects_all",
);

impl<'de> Deserialize<'de> for What {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let words = || Self::ALL.iter().map(|what| what.word());
        Self::ALL.iter().find(|what| what.word() == text).copied().ok_or_else(|| {
            let known = words().collect::<Vec<_>>().join(", ");
            let text = tame(&text);
            de::Error::custom(format!("there is no fault `{text}`{}; known are: {known}", hint(&text, words())))
        })
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl What {
    /// It changes the world when it is added, and stays.
    pub(crate) fn stands(self) -> bool {
        match self {
            Self::KeyDisabled
            | Self::KeyNoGrants
            | Self::StaleCopy
            | Self::NoDefaultVpc
            | Self::SingleZone
            | Self::NotOptedIn
            | Self::RegionDisabled
            | Self::VaultDenies
            | Self::RoleMissing
            | Self::RoleUntrusted
            | Self::RolePowerless
            | Self::PassRoleDenied
            | Self::ParameterGroupMissing
            | Self::OptionGroupMissing
            | Self::ClassNotOffered
            | Self::QuotaFull
            | Self::ClockSkew
            | Self::RecycleBin
            | Self::BackupPlanSelectsAll => true,
            Self::Throttle
            | Self::Error500
            | Self::AccessDenied
            | Self::ExpiredToken
            | Self::ResetBefore
            | Self::ResetAfter
            | Self::Timeout
            | Self::Slow
            | Self::Unreachable
            | Self::DenyDelete
            | Self::StaleAnswer
            | Self::OldAnswer
            | Self::PointExpired
            | Self::StaleReads
            | Self::JobFailed
            | Self::JobAborted
            | Self::JobStuck
            | Self::JobWithoutArn
            | Self::JobPartial
            | Self::MissingGrant => false,
        }
    }

    /// It is decided for each request.
    pub(crate) fn is_of_wire(self) -> bool {
        matches!(
            self,
            Self::Throttle
                | Self::Error500
                | Self::ResetBefore
                | Self::ResetAfter
                | Self::Timeout
                | Self::Slow
                | Self::AccessDenied
                | Self::ExpiredToken
                | Self::Unreachable
                | Self::DenyDelete
                | Self::StaleAnswer
                | Self::OldAnswer
                | Self::PointExpired
        )
    }

    /// It is decided when a restore job is started.
    pub(crate) fn is_of_job(self) -> bool {
        matches!(
            self,
            Self::JobFailed
                | Self::JobAborted
                | Self::JobStuck
                | Self::JobWithoutArn
                | Self::JobPartial
                | Self::MissingGrant
        )
    }

    /// Whether a restore of this kind can meet it.
    #[must_use]
    pub fn befalls(self, kind: ResourceKind) -> bool {
        self != Self::JobPartial || physics(kind).completes_in_part()
    }
}

#[cfg(test)]
mod tests {
    use super::What;

    #[test]
    fn a_kind_is_read_as_it_is_written_and_a_slip_is_pointed_at() {
        for what in What::ALL {
            let written = serde_json::to_string(what).unwrap();
            assert_eq!(serde_json::from_str::<What>(&written).unwrap(), *what);
        }
        let error = serde_json::from_str::<What>("\"role_mising\"").unwrap_err().to_string();
        assert!(error.contains("did you mean `role_missing`?"), "{error}");
    }

    #[test]
    fn a_kind_stands_or_is_decided_later() {
        for what in What::ALL {
            let later = what.is_of_wire() || what.is_of_job() || *what == What::StaleReads;
            assert_ne!(what.stands(), later, "{what:?}");
        }
    }
}
