//! What the status of a cluster, and of an instance in it, means (facts 2.2; traps 15, 16, 21).
//!
//! The words are those of the user guides of Aurora, DocumentDB and Neptune, which overlap; one table serves all three.

use crate::cloud::resource::Phase;

/// The phase of a cluster's status, as `DescribeDBClusters` gives it in `Status`. `Ready` is about its storage and its
/// settings: without members nothing can connect to it.
pub(crate) fn cluster(status: &str) -> Phase {
    match status {
        "available" | "backing-up" | "modifying" | "storage-optimization" | "update-iam-db-auth" => Phase::Ready,
        configuring if configuring.starts_with("configuring-") => Phase::Ready,

        // `migrating` is a snapshot that is being restored. `-recoverable` heals by itself when the key comes back.
        "backtracking"
        | "creating"
        | "failing-over"
        | "inaccessible-encryption-credentials-recoverable"
        | "maintenance"
        | "migrating"
        | "preparing-data-migration"
        | "promoting"
        | "rebooting"
        | "renaming"
        | "resetting-master-credentials"
        | "starting"
        | "stopped"
        | "stopping"
        | "upgrading" => Phase::Pending,

        "cloning-failed" | "failed" | "incompatible-restore" | "migration-failed" | "restore-error" => Phase::Broken,

        "inaccessible-encryption-credentials"
        | "incompatible-create"
        | "incompatible-credentials"
        | "incompatible-network"
        | "incompatible-parameters"
        | "insufficient-capacity" => Phase::Hindered,

        "deleting" => Phase::Leaving,

        _ => Phase::Unknown,
    }
}

/// The phase of a member's status, as `DescribeDBInstances` gives it in `DBInstanceStatus`. An empty status is that of
/// a member that the cluster lists and nobody describes yet.
pub(crate) fn member(status: &str) -> Phase {
    match status {
        "available" | "backing-up" | "modifying" | "storage-initialization" | "storage-optimization" => Phase::Ready,
        configuring if configuring.starts_with("configuring-") => Phase::Ready,

        ""
        | "backtracking"
        | "creating"
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
        | "storage-config-upgrade"
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
    use super::{cluster, member};
    use crate::cloud::resource::Phase;

    #[test]
    fn a_cluster_s_status_has_its_phase() {
        for (wanted, statuses) in [
            (Phase::Ready, &["available", "backing-up", "modifying", "storage-optimization", "update-iam-db-auth"][..]),
            (
                Phase::Pending,
                &[
                    "backtracking",
                    "creating",
                    "failing-over",
                    "inaccessible-encryption-credentials-recoverable",
                    "maintenance",
                    "migrating",
                    "preparing-data-migration",
                    "promoting",
                    "renaming",
                    "resetting-master-credentials",
                    "starting",
                    "stopped",
                    "stopping",
                    "upgrading",
                ][..],
            ),
            (Phase::Broken, &["cloning-failed", "migration-failed"][..]),
            (Phase::Hindered, &["inaccessible-encryption-credentials", "incompatible-network"][..]),
            (Phase::Leaving, &["deleting"][..]),
            (Phase::Unknown, &["", "levitating", "Available"][..]),
        ] {
            for status in statuses {
                assert_eq!(cluster(status), wanted, "{status}");
            }
        }
    }

    #[test]
    fn a_member_s_status_has_its_phase() {
        for (wanted, statuses) in [
            (Phase::Ready, &["available", "backing-up", "configuring-log-exports", "modifying"][..]),
            (Phase::Pending, &["", "creating", "rebooting", "starting", "upgrading"][..]),
            (Phase::Broken, &["failed", "incompatible-restore"][..]),
            (Phase::Hindered, &["incompatible-network", "incompatible-parameters", "insufficient-capacity"][..]),
            (Phase::Leaving, &["delete-precheck", "deleting"][..]),
            (Phase::Unknown, &["levitating"][..]),
        ] {
            for status in statuses {
                assert_eq!(member(status), wanted, "{status}");
            }
        }
    }
}
