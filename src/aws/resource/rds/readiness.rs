//! What the status of a DB instance means (facts 2.1, "Ready"; traps 15, 19, 21).

use crate::cloud::resource::Phase;

/// The phase of a status, as `DescribeDBInstances` gives it in `DBInstanceStatus`.
///
/// "Usable" covers more than `available`: an instance that is being backed up, optimised or configured answers queries,
/// and one in `storage-initialization` does so while blocks are still being loaded. A usable instance without an
/// endpoint is not ready yet; that is for the caller, which sees both.
#[must_use]
pub fn phase(status: &str) -> Phase {
    match status {
        "available"
        | "backing-up"
        | "modifying"
        | "storage-optimization"
        | "storage-initialization"
        | "storage-config-upgrade" => Phase::Ready,
        configuring if configuring.starts_with("configuring-") => Phase::Ready,

        // `-recoverable` heals by itself when the key comes back.
        "creating"
        | "converting-to-vpc"
        | "inaccessible-encryption-credentials-recoverable"
        | "maintenance"
        | "moving-to-vpc"
        | "rebooting"
        | "renaming"
        | "resetting-master-credentials"
        | "starting"
        | "stopped"
        | "stopping"
        | "upgrading" => Phase::Pending,

        "failed" | "incompatible-restore" | "restore-error" | "storage-full" => Phase::Broken,

        "inaccessible-encryption-credentials"
        | "incompatible-create"
        | "incompatible-credentials"
        | "incompatible-network"
        | "incompatible-option-group"
        | "incompatible-parameters"
        | "insufficient-capacity" => Phase::Hindered,

        "delete-precheck" | "deleting" => Phase::Leaving,

        _ => Phase::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::phase;
    use crate::cloud::resource::Phase;

    #[test]
    fn every_status_has_its_phase() {
        for (wanted, statuses) in [
            (
                Phase::Ready,
                &[
                    "available",
                    "backing-up",
                    "configuring-associated-roles",
                    "configuring-enhanced-monitoring",
                    "configuring-iam-database-auth",
                    "configuring-log-exports",
                    "modifying",
                    "storage-config-upgrade",
                    "storage-initialization",
                    "storage-optimization",
                ][..],
            ),
            (
                Phase::Pending,
                &[
                    "creating",
                    "converting-to-vpc",
                    "inaccessible-encryption-credentials-recoverable",
                    "maintenance",
                    "moving-to-vpc",
                    "rebooting",
                    "renaming",
                    "resetting-master-credentials",
                    "starting",
                    "stopped",
                    "stopping",
                    "upgrading",
                ][..],
            ),
            (Phase::Broken, &["failed", "incompatible-restore", "restore-error", "storage-full"][..]),
            (
                Phase::Hindered,
                &[
                    "inaccessible-encryption-credentials",
                    "incompatible-create",
                    "incompatible-credentials",
                    "incompatible-network",
                    "incompatible-option-group",
                    "incompatible-parameters",
                    "insufficient-capacity",
                ][..],
            ),
            (Phase::Leaving, &["deleting", "delete-precheck"][..]),
            (Phase::Unknown, &["", "levitating", "Available"][..]),
        ] {
            for status in statuses {
                assert_eq!(phase(status), wanted, "{status}");
            }
        }
    }
}
