//! The scripts against the shell of this machine, with programs that only pretend to mount (`tests/cases/probe-host`), and
//! a probe host that is made up.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Job, Reading, Said, Source, attempt};
use crate::cloud::error::CloudError;
use crate::cloud::remote::{Invoked, Remote, ScriptEnd, ScriptState};
use crate::definition::model::ProbeReason;
use crate::probe::target::Target;
use crate::probe::{Miss, Observed, Outcome};

const HOST: &str = "i-0a1b2c3d4e5f60718";

/// What `sha256sum` prints for `x` and a line break.
const SUM_OF_X: &str = "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac";

/// A probe host: a folder with the files of the disk, and a directory to mount it at.
struct Host {
    folder: TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self { folder: tempfile::tempdir().unwrap() };
        host.put("disk/data/a", "x\n");
        host.put("disk/data/b c", "yy\n");
        host.put("lsblk", "/dev/nvme1n1 disk\n/dev/nvme1n1p1 part ext4\n/dev/nvme1n1p2 part xfs\n");
        for (path, seconds) in [("disk/data/a", 1_732_190_400), ("disk/data/b c", 1_700_000_000)] {
            let touched = Command::new("touch").args(["-d", &format!("@{seconds}")]).arg(host.at(path)).status();
            assert!(touched.unwrap().success());
        }
        host
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn job(&self, source: Source) -> Job {
        let at = self.at("here").display().to_string();
        Job { at, source, path: String::new(), count: true, sums: vec!["data/a".to_owned()] }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }

    /// Runs a script as SSM would.
    fn sh(&self, script: &str) -> Output {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/probe-host");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
        // There are no block devices here.
        let script = script.replace("[ -b \"$link\" ]", "false").replace("[ -b \"$dev\" ]", "true");
        Command::new("sh")
            .arg("-c")
            .arg(script)
            .env_clear()
            .env("PATH", path)
            .env("HOST", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn outcome(&self, job: &Job) -> Outcome {
        self.outcome_with(job, |_| None)
    }

    fn outcome_with(&self, job: &Job, wanted: impl Fn(&str) -> Option<String>) -> Outcome {
        let ran = self.sh(&job.script(20));
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{out}{err}");
        let said = Said::read(&out).unwrap_or_else(|| panic!("{out}{err}"));
        said.judged(job, HOST, &err, wanted)
    }

    #[track_caller]
    fn held(&self, job: &Job) -> Observed {
        let observed = self.outcome(job).unwrap_or_else(|miss| panic!("{}", miss.message));
        self.assert_unmounted();
        observed
    }

    #[track_caller]
    fn missed(&self, job: &Job, reason: ProbeReason) -> Miss {
        let miss = self.outcome(job).unwrap_err();
        assert_eq!(miss.reason, reason, "{}", miss.message);
        self.assert_unmounted();
        miss
    }

    #[track_caller]
    fn assert_unmounted(&self) {
        assert!(!self.at("mounted").exists() && !self.at("here").exists(), "{}", self.log());
    }
}

fn volume() -> Source {
    Source::Volume { serial: "vol0a1b2c3d".to_owned(), device: None, partition: None, file_system: None, check: false }
}

fn checked() -> Source {
    Source::Volume { serial: "vol0a1b2c3d".to_owned(), device: None, partition: None, file_system: None, check: true }
}

fn share(in_folder: bool) -> Source {
    let (source, options) = ("10.0.0.7:/".to_owned(), "ro,soft".to_owned());
    Source::Share { kind: "nfs4", source, options, in_folder }
}

#[test]
fn a_volume_is_mounted_to_be_read_only_and_unmounted_again() {
    let host = Host::new();
    let seen = host.held(&host.job(volume()));
    let wanted = json!({
        "mounted": true, "file_system": "ext4", "files": 2, "bytes": 5, "newest": "2024-11-21T12:00:00Z",
        "checksums": [format!("{SUM_OF_X}  data/a")],
    });
    assert_eq!(serde_json::to_value(&seen.values).unwrap(), wanted);
    assert_eq!(seen.facts["probe host"], HOST);
    let at = host.at("here").display().to_string();
    let mount = format!("mount -t ext4 -o ro,noload,nosuid,nodev,noexec /dev/nvme1n1p1 {at}\n");
    assert_eq!(host.log(), format!("{mount}umount {at}\n"));
}

#[test]
fn partition_and_file_system_are_chosen_and_a_journal_is_never_replayed() {
    let host = Host::new();
    let of = |partition, file_system: Option<&str>| Source::Volume {
        serial: "vol0a1b2c3d".to_owned(),
        device: Some("/dev/nvme1n1".to_owned()),
        partition,
        file_system: file_system.map(str::to_owned),
        check: false,
    };
    for (partition, file_system) in [(Some(2), None), (None, Some("xfs"))] {
        let seen = host.held(&host.job(of(partition, file_system)));
        assert_eq!(seen.values["file_system"], json!("xfs"));
    }
    assert!(host.log().contains("mount -t xfs -o ro,norecovery,nouuid,nosuid"), "{}", host.log());
    for (partition, file_system) in [(Some(3), None), (None, Some("btrfs")), (Some(1), Some("xfs"))] {
        let miss = host.missed(&host.job(of(partition, file_system)), ProbeReason::Expectation);
        assert!(miss.message.contains("no such file system"), "{}", miss.message);
    }
    host.put("lsblk", "/dev/nvme1n1 disk LVM2_member\n");
    let miss = host.missed(&host.job(volume()), ProbeReason::Setup);
    assert!(miss.message.contains("`LVM2_member`"), "{}", miss.message);
}

#[test]
fn only_the_restored_volume_is_mounted() {
    let host = Host::new();
    let of = |serial: &str, device: Option<&str>| Source::Volume {
        serial: serial.to_owned(),
        device: device.map(str::to_owned),
        partition: None,
        file_system: None,
        check: false,
    };
    let other = host.missed(&host.job(of("vol0a1b2c3d", Some("/dev/nvme0n1"))), ProbeReason::Setup);
    assert!(other.message.contains("another volume"), "{}", other.message);
    let none = host.missed(&host.job(of("vol99999999", None)), ProbeReason::Setup);
    assert!(none.message.contains("with: { attach: { instance: i-0a1b"), "{}", none.message);
    assert_eq!(host.log(), "");
}

#[test]
fn a_check_comes_first_and_tells_damage_from_a_journal_that_was_not_replayed() {
    let host = Host::new();
    let seen = host.held(&host.job(checked()));
    assert_eq!((&seen.values["checked"], &seen.values["journal"]), (&json!(true), &json!("clean")));
    assert!(host.log().starts_with("e2fsck -fn /dev/nvme1n1p1\nmount "), "{}", host.log());
    for (said, reason, part) in [
        ("4\nInode 12, i_blocks is 8, should be 16.  Fix? no\n", ProbeReason::Expectation, "should be 16"),
        ("4\nWarning: skipping journal recovery because of -n\n", ProbeReason::Setup, "freeze the file system"),
        ("8\ne2fsck: Bad magic number in super-block\n", ProbeReason::Setup, "could not be checked"),
        ("127\n", ProbeReason::Setup, "could not be checked"),
    ] {
        host.put("check", said);
        fs::remove_file(host.at("log")).unwrap();
        let miss = host.missed(&host.job(checked()), reason);
        assert!(miss.message.contains(part), "{}", miss.message);
        assert!(!host.log().contains("mount"), "{}", host.log());
    }
}

#[test]
fn every_failure_after_the_mount_unmounts() {
    let host = Host::new();
    let job = |path: &str, sums: &[&str]| Job {
        path: path.to_owned(),
        sums: sums.iter().map(|path| (*path).to_owned()).collect(),
        ..host.job(volume())
    };
    let miss = host.missed(&job("nothing/here", &[]), ProbeReason::Expectation);
    assert!(miss.message.contains("there is no `nothing/here`"), "{}", miss.message);
    let miss = host.missed(&job("", &["data/a", "data/none"]), ProbeReason::Expectation);
    assert_eq!(miss.message, "there is no file `data/none` in it");
    assert_eq!(miss.observed.unwrap().values["checksums"], json!([format!("{SUM_OF_X}  data/a")]));

    let one = job("", &["data/a"]);
    let wanted = |_: &str| Some("0".repeat(64));
    let miss = host.outcome_with(&one, wanted).unwrap_err();
    assert!(miss.message.contains("expected the SHA-256 000"), "{}", miss.message);
    host.assert_unmounted();
    assert!(host.outcome_with(&one, |_| Some(SUM_OF_X.to_uppercase())).is_ok());
    host.assert_unmounted();
}

#[test]
fn a_link_that_leads_out_of_it_is_not_followed() {
    let host = Host::new();
    std::os::unix::fs::symlink("/etc", host.at("disk/etc")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", host.at("disk/data/passwd")).unwrap();
    let job = Job { path: "etc".to_owned(), ..host.job(volume()) };
    host.missed(&job, ProbeReason::Expectation);
    let job = Job { sums: vec!["data/passwd".to_owned()], ..host.job(volume()) };
    let miss = host.missed(&job, ProbeReason::Expectation);
    assert_eq!(miss.message, "there is no file `data/passwd` in it");
}

#[test]
fn what_efs_restored_is_read_in_its_own_folder() {
    let host = Host::new();
    let miss = host.missed(&host.job(share(true)), ProbeReason::Expectation);
    assert!(miss.message.contains("nothing was restored into it"), "{}", miss.message);
    host.put("disk/aws-backup-restore_2026-11-21T12-00-00-000Z/data/a", "x\n");
    let seen = host.held(&Job { path: "data".to_owned(), ..host.job(share(true)) });
    assert_eq!((&seen.values["files"], &seen.values["file_system"]), (&json!(1), &json!("nfs4")));
    host.put("disk/aws-backup-restore_2026-11-22T12-00-00-000Z/data/a", "x\n");
    host.missed(&host.job(share(true)), ProbeReason::Expectation);
}

#[test]
fn a_mount_that_fails_says_whose_fault_it_is() {
    let host = Host::new();
    for (source, said, reason) in [
        (
            volume(),
            "mount: wrong fs type, bad option, bad superblock on /dev/x, missing helper program",
            ProbeReason::Expectation,
        ),
        (volume(), "mount: unknown filesystem type 'ext4'", ProbeReason::Setup),
        (share(false), "mount.nfs4: Connection timed out", ProbeReason::Unreachable),
        (share(false), "mount.nfs4: access denied by server", ProbeReason::Authentication),
        (share(false), "mount.nfs4: mounting failed, reason given by server: No such file", ProbeReason::Connection),
    ] {
        host.put("mount-fails", said);
        let miss = host.missed(&host.job(source), reason);
        assert!(miss.message.contains("cannot be mounted"), "{}", miss.message);
    }
}

#[test]
fn what_cannot_be_unmounted_is_named() {
    let host = Host::new();
    host.put("busy", "");
    let miss = host.outcome(&host.job(volume())).unwrap_err();
    assert_eq!(miss.reason, ProbeReason::Setup);
    let at = host.at("here").display().to_string();
    assert!(miss.message.contains(&format!("run `umount {at}` there")), "{}", miss.message);
    assert_eq!(miss.observed.unwrap().values["files"], json!(2));
    let tried = host.log().matches("umount ").count();
    assert_eq!(tried, 3);
    let job = host.job(volume());
    assert_eq!(host.sh(&job.cleaning()).stdout, b"left\n");
    fs::remove_file(host.at("busy")).unwrap();
    assert_eq!(host.sh(&job.cleaning()).stdout, b"clean\n");
    host.assert_unmounted();
    assert_eq!(host.sh(&job.cleaning()).stdout, b"clean\n", "there is nothing to do any more");

    // The fault of the data comes first.
    host.put("busy", "");
    let miss = host.outcome(&Job { path: "no".to_owned(), ..host.job(volume()) }).unwrap_err();
    assert_eq!(miss.reason, ProbeReason::Expectation);
    assert!(miss.message.contains("there is no `no`") && miss.message.contains("stays mounted"), "{}", miss.message);
}

#[test]
fn no_value_is_interpreted() {
    let hostile = "a'; touch owned; '$(touch owned)`touch owned`\" {{ssm:x}}";
    let host = Host::new();
    let source = Source::Volume {
        serial: hostile.to_owned(),
        device: Some(hostile.to_owned()),
        partition: None,
        file_system: Some(hostile.to_owned()),
        check: true,
    };
    let jobs = [
        Job { path: hostile.to_owned(), sums: vec![hostile.to_owned()], ..host.job(volume()) },
        host.job(source),
        host.job(Source::Share {
            kind: "nfs4",
            source: hostile.to_owned(),
            options: hostile.to_owned(),
            in_folder: true,
        }),
    ];
    for job in &jobs {
        let script = job.script(20);
        assert!(!script.contains("{{"), "{script}");
        host.sh(&script);
        host.sh(&job.cleaning());
        assert!(!host.at("owned").exists(), "{script}");
        host.assert_unmounted();
    }
}

#[test]
fn an_answer_is_the_last_line_and_nothing_else() {
    let line = r#"{"stage":"done","mounted":true,"file_system":"xfs","checked":null,"journal":"","code":0,"files":1,"bytes":2,"newest":null,"sums":[],"left":false}"#;
    assert!(Said::read(&format!("noise\n{line}\n")).is_some());
    for other in ["", "noise", "{}", "{\"stage\":\"done\"}", &line.replace("true", "\"yes\"")] {
        assert!(Said::read(other).is_none(), "{other}");
    }
}

/// Answers each script with the next end, or with nothing at all.
struct Instance {
    sent: Mutex<Vec<String>>,
    ends: Mutex<VecDeque<Option<ScriptEnd>>>,
}

#[async_trait]
impl Remote for Instance {
    async fn send_script(&self, instance: &str, script: &str, _: Duration) -> Result<String, CloudError> {
        assert_eq!(instance, HOST);
        let mut sent = self.sent.lock().unwrap();
        sent.push(script.to_owned());
        Ok((sent.len() - 1).to_string())
    }

    async fn script_state(&self, _: &str, command: &str) -> Result<ScriptState, CloudError> {
        let ends = self.ends.lock().unwrap();
        let end = ends.get(command.parse::<usize>().unwrap()).unwrap().clone();
        Ok(end.map_or(ScriptState::UnderWay, ScriptState::Ended))
    }

    async fn invoke(&self, _: &str, _: &Value) -> Result<Invoked, CloudError> {
        unreachable!()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside scripts that never end")]
fn end(status: &str, exit_code: Option<i32>, stdout: &str) -> Option<ScriptEnd> {
    let stdout = stdout.to_owned();
    Some(ScriptEnd { status: status.to_owned(), exit_code, stdout, stderr: String::new() })
}

async fn asked(ends: Vec<Option<ScriptEnd>>) -> (Outcome, Vec<String>) {
    let instance = Arc::new(Instance { sent: Mutex::new(Vec::new()), ends: Mutex::new(ends.into()) });
    let target = Target { remote: Arc::clone(&instance) as Arc<dyn Remote>, ..Target::for_tests() };
    let settings = json!({ "host": HOST, "path": "data" });
    let reading = Reading::read(settings.as_object().unwrap()).unwrap();
    let outcome = attempt(&reading, volume(), &target, Duration::from_secs(2)).await;
    let sent = instance.sent.lock().unwrap().clone();
    (outcome, sent)
}

#[tokio::test]
async fn what_a_script_that_was_killed_left_is_unmounted_by_another() {
    let killed = || end("ExecutionTimedOut", None, "");
    let (outcome, sent) = asked(vec![killed(), end("Success", Some(0), "clean\n")]).await;
    let miss = outcome.unwrap_err();
    assert_eq!(miss.reason, ProbeReason::Timeout);
    assert!(!miss.message.contains("stays mounted"), "{}", miss.message);
    let first = |script: &str| script.lines().next().map(str::to_owned).unwrap();
    assert!(first(&sent[0]).starts_with("at='/run/drill-probe-"), "{}", sent[0]);
    assert_eq!(first(&sent[0]), first(&sent[1]), "the same directory");

    for second in [end("Success", Some(0), "left\n"), end("Undeliverable", None, ""), None] {
        let miss = asked(vec![killed(), second]).await.0.unwrap_err();
        assert!(miss.message.contains("stays mounted"), "{}", miss.message);
    }
    // Nothing at all comes back of the first.
    let (outcome, sent) = asked(vec![None, end("Success", Some(0), "clean\n")]).await;
    assert_eq!((outcome.unwrap_err().reason, sent.len()), (ProbeReason::Timeout, 2));
}

#[tokio::test]
async fn a_host_that_runs_no_script_says_nothing_of_the_data() {
    for status in ["Undeliverable", "AccessDenied", "DeliveryTimedOut"] {
        let (outcome, sent) = asked(vec![end(status, None, "")]).await;
        assert_eq!((outcome.unwrap_err().reason, sent.len()), (ProbeReason::Setup, 1), "{status}");
    }
}

#[tokio::test]
async fn each_attempt_has_a_directory_of_its_own() {
    let at = |script: &str| script.lines().next().map(str::to_owned).unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let (_, sent) = asked(vec![end("Undeliverable", None, "")]).await;
        seen.push(at(&sent[0]));
    }
    assert_ne!(seen[0], seen[1]);
}
