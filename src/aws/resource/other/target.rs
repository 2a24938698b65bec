//! What a restore would write into, from its metadata (facts 2.4 to 2.10; traps 32, 33).
//!
//! Keys and words are compared without case (facts 2.0, "Key case": unconfirmed, so the careful side).

use crate::cloud::vault::Metadata;

/// Something that exists and would be written into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// What makes it so.
    pub(super) why: &'static str,
    /// Its ARN, id or name, where the metadata say it.
    pub(super) name: Option<String>,
    /// What would make something new instead.
    pub(super) mend: &'static str,
}

/// A restore of a type that writes into an existing thing unless a key says otherwise.
struct Rule {
    /// AWS Backup's word for the type.
    backup_type: &'static str,
    /// The key that names the target; its presence alone makes the rule count, whatever the type.
    named_by: &'static str,
    /// The key that is `true` for something new; none where there is never anything new.
    new_if: Option<&'static str>,
    why: &'static str,
    mend: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        backup_type: "SAP HANA on Amazon EC2",
        named_by: "aws:backup:TargetDatabaseArn",
        new_if: None,
        why: "a restore of SAP HANA overwrites its target database",
        mend: "There is no restore of SAP HANA into something new",
    },
    Rule {
        backup_type: "EKS",
        named_by: "clusterName",
        new_if: Some("newCluster"),
        why: "a restore of EKS without `newCluster: \"true\"` adds to an existing cluster",
        mend: "Set `metadata.newCluster: \"true\"`",
    },
    Rule {
        backup_type: "EFS",
        named_by: "file-system-id",
        new_if: Some("newFileSystem"),
        why: "a restore of EFS without `newFileSystem: \"true\"` writes into an existing file system",
        mend: "Use `type: efs`",
    },
    Rule {
        backup_type: "S3",
        named_by: "DestinationBucketName",
        new_if: Some("NewBucket"),
        why: "a restore of S3 without `NewBucket: \"true\"` writes into an existing bucket",
        mend: "Use `type: s3`",
    },
    Rule {
        backup_type: "FSx",
        named_by: "storageVirtualMachineId",
        new_if: None,
        why: "a restore of a volume of FSx for ONTAP goes into an existing file system",
        mend: "Use `type: fsx`",
    },
];

/// The existing thing that this restore would write into, if it is known to.
pub(super) fn existing(backup_type: &str, raw: &Metadata) -> Option<Target> {
    RULES.iter().find_map(|rule| rule.target(backup_type, raw)).or_else(|| machine(raw)).or_else(|| part(raw))
}

impl Rule {
    fn target(&self, backup_type: &str, raw: &Metadata) -> Option<Target> {
        let name = get(raw, self.named_by);
        // FSx makes new file systems too: there only the key decides.
        let always = self.backup_type != "FSx" && self.backup_type.eq_ignore_ascii_case(backup_type.trim());
        let made_new = self.new_if.and_then(|key| get(raw, key)).is_some_and(|value| is(value, "true"));
        let concerned = (always || name.is_some()) && !made_new;
        concerned.then(|| Target { why: self.why, name: name.map(str::to_owned), mend: self.mend })
    }
}

/// A virtual machine goes to EC2 in a drill; anywhere else is somebody's hypervisor.
fn machine(raw: &Metadata) -> Option<Target> {
    let to = get(raw, "RestoreTo")?;
    let fresh = is(to, "EC2Instance") || is(to, "EBS");
    (!fresh).then(|| Target {
        why: "a virtual machine is restored onto an existing hypervisor",
        name: get(raw, "HypervisorArn").map(str::to_owned),
        mend: "Set `metadata.RestoreTo: EC2Instance`",
    })
}

/// Redshift restores tables into a cluster, and namespaces, that exist.
fn part(raw: &Metadata) -> Option<Target> {
    let restore = get(raw, "RestoreType")?;
    let key = if is(restore, "TABLE_RESTORE") {
        "ClusterIdentifier"
    } else if is(restore, "NAMESPACE_RESTORE") {
        "NamespaceIdentifier"
    } else {
        return None;
    };
    Some(Target {
        why: "a restore of a table or a namespace of Redshift goes into an existing one",
        name: get(raw, key).map(str::to_owned),
        mend: "Set `metadata.RestoreType: CLUSTER_RESTORE`",
    })
}

fn get<'a>(raw: &'a Metadata, key: &str) -> Option<&'a str> {
    raw.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
}

fn is(value: &str, word: &str) -> bool {
    value.trim().eq_ignore_ascii_case(word)
}
