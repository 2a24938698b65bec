//! What a drill must never do stands nowhere in its code path: neither among the permissions that it asks for, nor among
//! the requests that `src/aws` can send.
//!
//! Two lists, each with its reasons. Whoever adds a request that changes something adds a line here and says why it cannot
//! hurt production.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use restore_drill::aws::resource::facts;
use restore_drill::probe::kind;
use restore_drill::words::kind::{ProbeKind, ResourceKind};

/// Parts of IAM actions that no drill asks for, whatever the service.
const FORBIDDEN_ACTIONS: &[&str] = &[
    "BackupPlan",
    "BackupSelection",
    "BackupVault",
    "Cancel",
    "ChangeResourceRecordSets",
    "Copy",
    "Disassociate",
    "Failover",
    "GlobalCluster",
    "Promote",
    "PutKeyPolicy",
    "Reboot",
    "RecoveryPoint",
    "ReplaceRoute",
    "ReplicationConfiguration",
    "RestoreDB",
    "RestoreTable",
    "ScheduleKeyDeletion",
    "StopBackupJob",
    "StopDB",
    "StopInstances",
    "Switchover",
];

/// The same in the names of the SDK's requests.
const FORBIDDEN_REQUESTS: &[&str] = &[
    "backup_plan",
    "backup_selection",
    "backup_vault",
    "cancel_",
    "change_resource_record_sets",
    "copy_",
    "disassociate_",
    "failover",
    "global_cluster",
    "promote",
    "put_key_policy",
    "reboot_",
    "recovery_point",
    "replace_route",
    "replication_configuration",
    "restore_db",
    "restore_table",
    "schedule_key_deletion",
    "stop_",
    "switchover",
];

/// First words of actions that only read.
const READS: &[&str] = &["Describe", "Get", "List", "Scan", "Simulate"];

/// Every action that changes something or hands something on, and why a drill may ask for it.
const CHANGES: &[(&str, &str)] = &[
    ("backup:StartRestoreJob", "makes the restored thing; nothing else makes anything"),
    ("dynamodb:DeleteTable", "removes the restored table"),
    ("dynamodb:TagResource", "stamps the restored table"),
    ("dynamodb:UntagResource", "takes inherited tags off the restored table"),
    ("dynamodb:UpdateTable", "switches deletion protection of the restored table off"),
    ("ec2:AttachVolume", "puts the restored volume on the probe host that the definition names"),
    ("ec2:CreateNetworkInterface", "EFS makes one for the mount target of the restored file system"),
    ("ec2:CreateTags", "stamps the restored volume or instance"),
    ("ec2:DeleteNetworkInterface", "EFS removes the mount target's with it"),
    ("ec2:DeleteTags", "takes inherited tags off the restored volume or instance"),
    ("ec2:DeleteVolume", "removes the restored volume"),
    ("ec2:DetachVolume", "takes the restored volume off the probe host again; never another volume"),
    ("ec2:ModifyInstanceAttribute", "switches termination protection of the restored instance off"),
    ("ec2:TerminateInstances", "removes the restored instance"),
    ("elasticfilesystem:CreateMountTarget", "adds a mount target to the restored file system"),
    ("elasticfilesystem:DeleteAccessPoint", "removes those of the restored file system"),
    ("elasticfilesystem:DeleteFileSystem", "removes the restored file system"),
    ("elasticfilesystem:DeleteMountTarget", "removes those of the restored file system"),
    ("elasticfilesystem:TagResource", "stamps the restored file system"),
    ("elasticfilesystem:UntagResource", "takes inherited tags off the restored file system"),
    ("fsx:DeleteFileSystem", "removes the restored file system, without a final backup"),
    ("fsx:DeleteVolume", "removes the restored volume, without a final backup"),
    ("fsx:TagResource", "stamps the restored file system or volume"),
    ("fsx:UntagResource", "takes inherited tags off the restored file system or volume"),
    ("iam:PassRole", "hands the restore role to AWS Backup, and to nobody else by the policy's condition"),
    (
        "kms:Sign",
        "signs the hash of the evidence, with the key that the definition names; it decrypts and changes nothing",
    ),
    ("lambda:InvokeFunction", "only the function that the definition names"),
    ("rds-db:connect", "logs in to a restored database"),
    ("rds:AddTagsToResource", "stamps the restored instance or cluster"),
    ("rds:CreateDBInstance", "adds an instance to the restored cluster"),
    ("rds:DeleteDBCluster", "removes the restored cluster, without a final snapshot"),
    ("rds:DeleteDBInstance", "removes the restored instance, without a final snapshot"),
    ("rds:ModifyDBCluster", "switches protection off or sets a master password, of the restored cluster"),
    ("rds:ModifyDBInstance", "switches protection off or sets a master password, of the restored instance"),
    ("rds:RemoveTagsFromResource", "takes inherited tags off the restored instance or cluster"),
    ("s3:AbortMultipartUpload", "empties the bucket that the run made"),
    ("s3:CreateBucket", "makes the bucket that is restored into"),
    ("s3:DeleteBucket", "removes the bucket that the run made"),
    ("s3:DeleteObject", "empties the bucket that the run made"),
    ("s3:DeleteObjectVersion", "empties the bucket that the run made"),
    ("s3:PutBucketOwnershipControls", "prepares the bucket that the run made"),
    ("s3:PutBucketPublicAccessBlock", "closes the bucket that the run made"),
    ("s3:PutBucketTagging", "stamps the bucket that the run made"),
    ("s3:PutBucketVersioning", "prepares the bucket that the run made"),
    ("s3:PutEncryptionConfiguration", "prepares the bucket that the run made"),
    (
        "s3:PutObject",
        "archives the evidence below the prefix that the definition names, never in a bucket that is drilled",
    ),
    ("s3:PutObjectRetention", "locks what it archives, at the moment that it is written; nothing else"),
    ("ssm:SendCommand", "runs the scripts that the definition's probes and actions are"),
    ("ssm:StartSession", "opens the way that a probe names"),
    ("ssm:TerminateSession", "closes the way that the run opened"),
    ("ssmmessages:OpenDataChannel", "is that way"),
    ("storagegateway:AddTagsToResource", "stamps the restored volume"),
    ("storagegateway:DeleteVolume", "removes the restored volume"),
    ("storagegateway:RemoveTagsFromResource", "takes inherited tags off the restored volume"),
    ("sts:AssumeRole", "only the role that the definition names"),
];

/// Every request of `src/aws` that changes something, by the SDK's name, and the action above that permits it.
const REQUESTS: &[(&str, &str)] = &[
    ("abort_multipart_upload", "s3:AbortMultipartUpload"),
    ("add_tags_to_resource", "rds:AddTagsToResource"),
    ("attach_volume", "ec2:AttachVolume"),
    ("create_bucket", "s3:CreateBucket"),
    ("create_db_instance", "rds:CreateDBInstance"),
    ("create_mount_target", "elasticfilesystem:CreateMountTarget"),
    ("create_tags", "ec2:CreateTags"),
    ("delete_access_point", "elasticfilesystem:DeleteAccessPoint"),
    ("delete_bucket", "s3:DeleteBucket"),
    ("delete_bucket_tagging", "s3:PutBucketTagging"),
    ("delete_db_cluster", "rds:DeleteDBCluster"),
    ("delete_db_instance", "rds:DeleteDBInstance"),
    ("delete_file_system", "elasticfilesystem:DeleteFileSystem"),
    ("delete_mount_target", "elasticfilesystem:DeleteMountTarget"),
    ("delete_object", "s3:DeleteObject"),
    ("delete_objects", "s3:DeleteObject"),
    ("delete_table", "dynamodb:DeleteTable"),
    ("delete_tags", "ec2:DeleteTags"),
    ("delete_volume", "ec2:DeleteVolume"),
    ("detach_volume", "ec2:DetachVolume"),
    ("invoke", "lambda:InvokeFunction"),
    ("modify_db_cluster", "rds:ModifyDBCluster"),
    ("modify_db_instance", "rds:ModifyDBInstance"),
    ("modify_instance_attribute", "ec2:ModifyInstanceAttribute"),
    ("put_bucket_encryption", "s3:PutEncryptionConfiguration"),
    ("put_bucket_ownership_controls", "s3:PutBucketOwnershipControls"),
    ("put_bucket_tagging", "s3:PutBucketTagging"),
    ("put_bucket_versioning", "s3:PutBucketVersioning"),
    ("put_object", "s3:PutObject"),
    ("put_public_access_block", "s3:PutBucketPublicAccessBlock"),
    ("remove_tags_from_resource", "rds:RemoveTagsFromResource"),
    ("send_command", "ssm:SendCommand"),
    ("start_restore_job", "backup:StartRestoreJob"),
    ("start_session", "ssm:StartSession"),
    ("tag_resource", "dynamodb:TagResource"),
    ("terminate_instances", "ec2:TerminateInstances"),
    ("terminate_session", "ssm:TerminateSession"),
    ("untag_resource", "dynamodb:UntagResource"),
    ("update_table", "dynamodb:UpdateTable"),
];

/// First words of requests that change something.
const CHANGING: &[&str] = &[
    "abort",
    "accept",
    "add",
    "allocate",
    "apply",
    "associate",
    "attach",
    "authorize",
    "cancel",
    "change",
    "copy",
    "create",
    "delete",
    "deregister",
    "detach",
    "disable",
    "disassociate",
    "enable",
    "execute",
    "export",
    "failover",
    "import",
    "invoke",
    "modify",
    "move",
    "promote",
    "put",
    "reboot",
    "register",
    "reject",
    "release",
    "remove",
    "replace",
    "reset",
    "resize",
    "restore",
    "resume",
    "revoke",
    "rotate",
    "run",
    "schedule",
    "send",
    "set",
    "start",
    "stop",
    "suspend",
    "switchover",
    "tag",
    "terminate",
    "transfer",
    "unassign",
    "untag",
    "update",
    "upgrade",
    "upload",
    "write",
];

/// Calls whose names begin so and that are no requests: what an answer holds, or what Rust has.
const NO_REQUESTS: &[&str] = &[
    "accept",
    "copy_jobs",
    "create_time",
    "delete_markers",
    "delete_on_termination",
    "disable_api_termination",
    "restore_job_id",
    "restore_jobs",
    "restore_metadata",
    "restore_summary",
    "send",
    "tag_list",
    "tag_set",
    "upload_id",
    "write",
];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a folder of sources can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source can be read");
                found.push((path, code(&text)));
            }
        }
    }
    assert!(found.len() > 4, "the sources of {folder} were not found");
    found
}

/// Without comments and tests.
fn code(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]\nmod tests").unwrap_or(text.len());
    text[..end].lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code)).collect::<Vec<_>>().join("\n")
}

/// Every IAM action that anything of drill asks for: of the types, of the probes, and of the lists beside the requests.
fn actions() -> BTreeSet<String> {
    let mut all: BTreeSet<String> = BTreeSet::new();
    for one in ResourceKind::ALL {
        all.extend(facts(*one).permissions().iter().map(|action| (*action).to_owned()));
    }
    for one in ProbeKind::ALL {
        all.extend(kind(*one).permissions().iter().map(|action| (*action).to_owned()));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws/permissions.rs");
    let lists = code(&fs::read_to_string(path).expect("the lists are there"));
    let (needed, never) = lists.split_once("pub const NEVER").expect("what is never needed stands last");
    assert!(!never.contains("pub const "), "a list stands behind `NEVER`, and is not read here");
    let quoted = needed.split('"').skip(1).step_by(2);
    all.extend(quoted.filter(|text| text.contains(':')).map(str::to_owned));
    all
}

fn operation(action: &str) -> &str {
    action.split_once(':').map_or(action, |(_, operation)| operation)
}

fn is_read(action: &str) -> bool {
    READS.iter().any(|verb| operation(action).starts_with(verb))
}

#[test]
fn no_permission_could_hurt_production() {
    let asked = actions();
    assert!(asked.len() > 80, "only {} actions were found", asked.len());
    let reasons: BTreeMap<&str, &str> = CHANGES.iter().copied().collect();
    assert_eq!(reasons.len(), CHANGES.len(), "an action stands twice in the list");
    for action in asked.iter().filter(|action| !is_read(action)) {
        assert!(
            reasons.get(action.as_str()).is_some_and(|why| !why.is_empty()),
            "`{action}` changes something: say in CHANGES why it cannot hurt production"
        );
        let forbidden = FORBIDDEN_ACTIONS.iter().find(|part| operation(action).contains(*part));
        assert_eq!(forbidden, None, "`{action}`: a drill never does that");
        // Detaching is one of the actions that hurt; the one that is needed is named.
        assert!(!operation(action).starts_with("Detach") || action == "ec2:DetachVolume", "{action}");
        assert!(!action.contains('*'), "`{action}` permits more than it says");
    }
    let unused: Vec<&&str> = reasons.keys().filter(|action| !asked.contains(**action)).collect();
    assert!(unused.is_empty(), "nothing asks for {unused:?} any more");
}

/// Every `.word()` of the code that begins like a request that changes something.
fn requests() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (path, code) in sources("src/aws") {
        for (at, _) in code.match_indices("()") {
            let before = &code[..at];
            let start = before.rfind(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_').unwrap_or(0);
            let Some(word) = before.get(start..).and_then(|word| word.strip_prefix('.')) else { continue };
            let verb = word.split('_').next().unwrap_or_default();
            if CHANGING.contains(&verb) && !NO_REQUESTS.contains(&word) {
                found.insert(word.to_owned(), path.display().to_string());
            }
        }
    }
    found
}

#[test]
fn no_request_in_the_code_could_hurt_production() {
    let found = requests();
    let known: BTreeMap<&str, &str> = REQUESTS.iter().copied().collect();
    assert_eq!(known.len(), REQUESTS.len(), "a request stands twice in the list");
    for (request, path) in &found {
        assert!(known.contains_key(request.as_str()), "{path}: `{request}` changes something: name it in REQUESTS");
        let forbidden = FORBIDDEN_REQUESTS.iter().find(|part| request.contains(*part));
        assert_eq!(forbidden, None, "{path}: `{request}`: a drill never does that");
        assert!(!request.starts_with("detach_") || request == "detach_volume", "{path}: {request}");
    }
    let unused: Vec<&&str> = known.keys().filter(|request| !found.contains_key(**request)).collect();
    assert!(unused.is_empty(), "nothing sends {unused:?} any more");
    let permitted: BTreeSet<&str> = CHANGES.iter().map(|(action, _)| *action).collect();
    for (request, action) in &known {
        assert!(permitted.contains(action), "`{request}` needs `{action}`, which is not among the permissions");
    }
}

/// The one place that asks AWS Backup to restore, and the few that delete, are where the guards are.
#[test]
fn what_deletes_goes_through_the_guard_of_its_type() {
    for (path, code) in sources("src/aws") {
        let name = path.display().to_string();
        let deletes = code.contains(".delete_db_") || code.contains(".delete_file_system()");
        let deletes = deletes || code.contains(".delete_table()") || code.contains(".terminate_instances()");
        if deletes && !name.ends_with("cluster/sdk.rs") {
            let guarded = code.contains("guard.check(") || code.contains("guard.at_home(");
            assert!(guarded, "{name} deletes and asks no guard");
        }
        if code.contains(".start_restore_job()") {
            assert!(name.ends_with("aws/vault.rs"), "{name} starts restore jobs");
        }
    }
    // The cluster's requests are sent by a file beside the one that asks the guard.
    let calls = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws/resource/cluster/calls.rs");
    let calls = code(&fs::read_to_string(calls).expect("the calls of clusters are there"));
    assert!(calls.contains("guard.check("), "clusters are deleted without a guard");
}

/// What is archived is written by one file, which sets a lock and nothing else, and for one caller in the engine, which asks
/// whether the bucket is drilled.
#[test]
fn objects_are_written_to_the_archive_alone() {
    for (path, code) in sources("src/aws") {
        let name = path.display().to_string();
        let writes = code.contains(".put_object()") || code.contains("_object_retention()");
        assert!(!writes || name.ends_with("aws/archive.rs"), "{name} writes objects");
        assert!(!code.contains("put_object_retention") && !code.contains("bypass_governance"), "{name} changes locks");
    }
    for (path, code) in sources("src/run").into_iter().chain(sources("src/cli")) {
        let name = path.display().to_string();
        if code.contains(".keep(") {
            assert!(name.ends_with("run/step/archive.rs"), "{name} writes to the archive");
            assert!(code.contains("is_drilled("), "{name} does not ask whether the bucket is drilled");
        }
    }
}

/// The engine can only ask for what the traits of the seam have, and those have no word for what hurts.
#[test]
fn the_seam_has_no_word_for_what_a_drill_never_does() {
    for (path, code) in sources("src/cloud").into_iter().chain(sources("src/run")) {
        for line in code.lines().map(str::trim_start).filter(|line| line.contains("fn ")) {
            let name = line.split("fn ").nth(1).unwrap_or_default();
            let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let forbidden = ["promote", "failover", "switchover", "reboot", "delete_recovery", "update_plan"];
            let forbidden = forbidden.iter().find(|word| name.contains(*word));
            assert_eq!(forbidden, None, "{}: `{name}`", path.display());
        }
    }
}
