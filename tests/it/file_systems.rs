//! `ebs`, `efs`, `fsx` and `isolation` in a simulated AWS: what they see, what they miss, and that a probe host is left as it
//! was found, whatever happened in between.

use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::cloud::remote::ScriptState;
use restore_drill::definition::model::ProbeReason;
use restore_drill::journal::event::Tried;
use restore_drill::journal::state::State;
use restore_drill::probe::{Miss, Observed};
use restore_drill::words::kind::Verdict;
use serde_json::{Value, json};

use crate::harness::check::assert_harmless;
use crate::harness::life::{Bench, conclusion};
use crate::harness::paper::name;

/// The probe host.
const HOST: &str = "i-0f1e2d3c4b5a69788";

/// What `sha256sum` prints for `x` and a line break.
const SUM_OF_X: &str = "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac";

/// A script on the probe host is over after so many looks, or stuck.
const LOOKS: u32 = 2_000;

/// Something to restore, and the kind that reads it.
#[derive(Debug, Clone, Copy)]
struct Thing {
    probe: &'static str,
    /// The restore's keys.
    restore: &'static str,
    /// The key of its block in a world file.
    block: &'static str,
    /// What the mount table calls it.
    file_system: &'static str,
}

const DISK: Thing = Thing {
    probe: "ebs",
    restore: "type: ebs\n    resource: arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718\n    \
              with: { availability_zone: eu-west-1a, attach: { instance: i-0f1e2d3c4b5a69788, device: /dev/sdf } }",
    block: "volume",
    file_system: "ext4",
};

const LOOSE_DISK: Thing = Thing {
    restore: "type: ebs\n    resource: arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718\n    \
              with: { availability_zone: eu-west-1a }",
    ..DISK
};

const FILES: Thing = Thing {
    probe: "efs",
    restore: "type: efs\n    resource: arn:aws:elasticfilesystem:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    \
              with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718] }",
    block: "file_system",
    file_system: "nfs4",
};

const LUSTRE: Thing = Thing {
    probe: "fsx",
    restore: "type: fsx\n    resource: arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    \
              with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718], lustre: {} }",
    block: "share",
    file_system: "lustre",
};

const OPENZFS: Thing = Thing {
    restore: "type: fsx\n    resource: arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    \
              with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718], openzfs: {} }",
    file_system: "nfs",
    ..LUSTRE
};

const ONTAP: Thing = Thing {
    restore: "type: fsx\n    resource: arn:aws:fsx:eu-west-2:123456789012:volume/fs-0a1b2c3d4e5f60718/fsvol-0a1b2c3d4e5f60718\n    \
              with: { ontap: { svm: svm-0a1b2c3d4e5f60718 } }",
    file_system: "nfs",
    ..LUSTRE
};

const SERVER: Thing = Thing {
    probe: "isolation",
    restore: "type: ec2\n    resource: arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718\n    \
              with: { subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }",
    block: "server",
    file_system: "",
};

/// Files from before and after the newest recovery point, which is of 05:00.
const HELD: &str =
    "files: { data/a: \"x\\n\", data/b: { text: \"yy\\n\", at: 30d ago }, data/late: { text: z, at: 2h ago } }";

fn definition(thing: Thing, settings: &str, more: &str) -> String {
    let Thing { probe, restore, .. } = thing;
    format!(
        r#"version: 1
name: one
title: One thing
owner: platform@example.com
limits: {{ max_duration: 10d }}
source: {{ region: eu-west-2, account: "123456789012" }}
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  thing:
    {restore}
    timeout: 10d
probes:
  read:
    on: thing
    {probe}: {settings}
    timeout: 60s
{more}
teardown: {{ timeout: 10d }}
"#
    )
}

async fn bench(thing: Thing, settings: &str, more: &str, block: &str) -> Bench {
    let world = format!(
        "version: 1\nstarts: \"2026-11-21T12:00:00Z\"\nquotas: {{ token_lifetime: 30d }}\nresources:\n  thing:\n    \
         restore: {{ takes: 1m }}\n    {}: {{ {block} }}\n",
        thing.block
    );
    let mut bench = Bench::strict(&definition(thing, settings, more), &world).await;
    bench.plan.steps.iter_mut().for_each(|step| step.timeout = SignedDuration::from_hours(240));
    bench
}

/// What a drill came to.
struct Came {
    verdict: Verdict,
    tried: Tried,
    /// What is left on the probe host, a line each.
    left: String,
}

impl Came {
    #[track_caller]
    fn held(&self) -> &Observed {
        match &self.tried {
            Tried::Held { observed, .. } => observed,
            Tried::Missed { miss } => panic!("it missed: {}", miss.message),
        }
    }

    #[track_caller]
    fn missed(&self, reason: ProbeReason, part: &str) -> &Miss {
        let Tried::Missed { miss } = &self.tried else { panic!("it held: {:?}", self.held()) };
        assert_eq!(miss.reason, reason, "{}", miss.message);
        assert!(miss.message.contains(part), "{}", miss.message);
        miss
    }
}

fn last(state: &State) -> Tried {
    let probe = state.probes.get(&name("read")).expect("the probe was tried");
    probe.tried.last().map(|(_, _, tried)| tried.clone()).expect("the probe was tried")
}

/// What a script on the probe host prints.
async fn on_host(bench: &Bench, script: &str) -> String {
    let remote = &bench.services.cloud.remote;
    let command = remote.send_script(HOST, script, Duration::from_secs(60)).await.expect("it is sent");
    for _ in 0..LOOKS {
        if let ScriptState::Ended(end) = remote.script_state(HOST, &command).await.expect("it is known") {
            return end.stdout;
        }
        let soon = bench.services.clock.now() + SignedDuration::from_secs(20);
        bench.services.clock.sleep_until(soon).await;
    }
    panic!("`{script}` is not over");
}

async fn came(thing: Thing, settings: &str, more: &str, block: &str) -> Came {
    let case = format!("{} {settings} {block}", thing.probe);
    let bench = bench(thing, settings, more, block).await;
    let state = bench.run(&case).await;
    assert_harmless(&case, &bench.before, &bench.inventory());
    let left = if thing.probe == "isolation" {
        String::new()
    } else {
        on_host(&bench, "ls /run\nfindmnt -nro TARGET,SOURCE\n").await
    };
    Came { verdict: conclusion(&state).verdict, tried: last(&state), left }
}

fn host(more: &str) -> String {
    format!("{{ host: {HOST}{more} }}")
}

// ---- file systems ----

const EXPECT: &str = "    expect:\n      files: { equals: 2 }\n      newest: { equals: \"2026-11-21T04:00:00Z\" }\n    \
                      measures: { data_age: newest }\n";

/// The probe sees what was there at the recovery point's moment, and its control does not find what is not there.
async fn reads(thing: Thing) {
    let control =
        format!("    negative_control: {{ {}: {{ path: no/such/folder }}, fails_with: expectation }}\n", thing.probe);
    let sums = format!(", path: data, checksums: [data/b], sha256: {{ data/a: {SUM_OF_X} }}");
    let came = came(thing, &host(&sums), &format!("{EXPECT}{control}"), HELD).await;
    let values = &came.held().values;
    assert_eq!(came.verdict, Verdict::Passed);
    assert_eq!((&values["mounted"], &values["bytes"]), (&json!(true), &json!(5)));
    assert_eq!(values["file_system"], json!(thing.file_system));
    let sums = values["checksums"].as_array().expect("a list");
    assert_eq!(sums.len(), 2);
    assert_eq!(sums[1], json!(format!("{SUM_OF_X}  data/a")));
    assert_eq!(came.left, "", "something stays on the host");
}

/// What is wrong with the data fails the run, and the host is left alone.
async fn misses(thing: Thing) {
    let wrong = format!(", sha256: {{ data/a: \"{}\" }}", "0".repeat(64));
    for (settings, block, part) in [
        (wrong.as_str(), HELD, "expected the SHA-256 000"),
        (", checksums: [data/late]", HELD, "there is no file `data/late` in it"),
        (", path: exports", HELD, "there is no `exports` in it"),
        (", checksums: [data/a]", "unreadable: [data/a], files: { data/a: x }", "`data/a` cannot be read to its end"),
    ] {
        let came = came(thing, &host(settings), "", block).await;
        came.missed(ProbeReason::Expectation, part);
        assert_eq!((came.verdict, came.left.as_str()), (Verdict::Failed, ""), "{part}");
    }
    let came = came(thing, &host(""), "", "damaged: true").await;
    assert_eq!((came.verdict, came.left.as_str()), (Verdict::Failed, ""));
    let Tried::Missed { miss } = &came.tried else { panic!("a damaged file system held") };
    assert!(miss.message.contains("it cannot be mounted"), "{}", miss.message);
}

/// What cannot be unmounted is named, and nothing was measured.
async fn says_what_stays(thing: Thing) {
    let came = came(thing, &host(""), "", "busy: true, files: { a: x }").await;
    let miss =
        came.missed(ProbeReason::Setup, "stays mounted and could not be unmounted; run `umount /run/drill-probe-");
    assert_eq!(miss.observed.as_ref().expect("what it saw").values["files"], json!(1));
    assert_eq!(came.verdict, Verdict::Inconclusive);
    assert!(came.left.contains("drill-probe-"), "the host was looked at: `{}`", came.left);
}

macro_rules! file_systems {
    ($($module:ident: $thing:ident;)+) => { $(
        mod $module {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_read_as_it_was_and_unmounted() {
                super::reads(super::$thing).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn is_missed_when_it_is_not_whole_and_unmounted() {
                super::misses(super::$thing).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn stays_nowhere_without_being_named() {
                super::says_what_stays(super::$thing).await;
            }
        }
    )+ };
}

file_systems! {
    ebs: DISK;
    efs: FILES;
    lustre: LUSTRE;
    openzfs: OPENZFS;
    ontap: ONTAP;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_finds_damage_and_says_nothing_of_a_journal_that_was_not_replayed() {
    for filesystem in ["ext4", "xfs"] {
        let with = |state: &str| format!("filesystem: {filesystem}, files: {{ a: x }}{state}");
        let sound = came(DISK, &host(", check: true"), "", &with("")).await;
        let values = &sound.held().values;
        assert_eq!((&values["checked"], &values["journal"]), (&json!(true), &json!("clean")), "{filesystem}");
        let damaged = came(DISK, &host(", check: true"), "", &with(", damaged: true")).await;
        damaged.missed(ProbeReason::Expectation, &format!("the check of the {filesystem} file system found errors"));
        assert_eq!((damaged.verdict, damaged.left.as_str()), (Verdict::Failed, ""));

        // Mounted without a check, the journal is left alone.
        let dirty = came(DISK, &host(""), "", &with(", dirty: true")).await;
        assert_eq!((dirty.verdict, &dirty.held().values["files"]), (Verdict::Passed, &json!(1)));
        let dirty = came(DISK, &host(", check: true"), "", &with(", dirty: true")).await;
        dirty.missed(ProbeReason::Setup, "freeze the file system for the backup");
        assert_eq!(dirty.verdict, Verdict::Inconclusive);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_volume_that_is_not_attached_or_holds_nothing_is_told_apart() {
    let loose = came(LOOSE_DISK, &host(""), "", "files: { a: x }").await;
    loose.missed(ProbeReason::Setup, "with: { attach: { instance: i-0f1e2d3c4b5a69788, device: /dev/sdf } }");
    assert_eq!(loose.verdict, Verdict::Inconclusive);
    for (settings, block) in
        [("", "filesystem: none"), (", file_system: xfs", "files: { a: x }"), (", partition: 1", "files: { a: x }")]
    {
        let empty = came(DISK, &host(settings), "", block).await;
        empty.missed(ProbeReason::Expectation, "no such file system was found on the volume");
        assert_eq!((empty.verdict, empty.left.as_str()), (Verdict::Failed, ""), "{settings} {block}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_that_nobody_reaches_says_nothing_of_the_data() {
    let lost = came(FILES, &host(", address: 10.9.9.9"), "", HELD).await;
    lost.missed(ProbeReason::Unreachable, "timed out");
    assert_eq!((lost.verdict, lost.left.as_str()), (Verdict::Inconclusive, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_is_mounted_with_the_hosts_own_credentials_or_not_at_all() {
    let windows = Thing {
        restore: "type: fsx\n    resource: arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    \
                  with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718], \
                  windows: { throughput: 32, active_directory_id: d-0123456789 } }",
        ..LUSTRE
    };
    let without = came(windows, &host(""), "", HELD).await;
    without.missed(ProbeReason::Setup, "name it with `credentials_file`");
    let missing = came(windows, &host(", credentials_file: /etc/drill.smb"), "", HELD).await;
    missing.missed(ProbeReason::Authentication, "Permission denied");
    let action = format!(
        "    needs: [log-in]\nactions:\n  log-in:\n    ssm: {{ instance: {HOST}, script: \"echo username=drill >/etc/drill.smb\" }}\n    \
         undo: {{ ssm: {{ instance: {HOST}, script: \"rm /etc/drill.smb\" }} }}\n"
    );
    let with = came(windows, &host(", credentials_file: /etc/drill.smb"), &action, HELD).await;
    assert_eq!((with.verdict, &with.held().values["file_system"]), (Verdict::Passed, &json!("cifs")));
}

// ---- isolation ----

const FORBIDDEN: &str =
    "{ cannot_reach: [db.prod.internal:5432, { host: 10.20.0.5, port: 443 }], cannot_resolve: [queue.prod.internal] }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_reaches_nothing_forbidden_is_isolated() {
    let control = "    expect: { controls: { equals: 1 } }\n    negative_control:\n      isolation: { cannot_reach: \
                   [\"ec2messages.eu-west-1.amazonaws.com:443\"] }\n      fails_with: expectation\n";
    let came = came(SERVER, FORBIDDEN, control, "").await;
    let values = &came.held().values;
    assert_eq!(came.verdict, Verdict::Passed);
    assert_eq!(values["reached"], json!([]));
    let blocked: Value = json!(["db.prod.internal:5432", "10.20.0.5:443", "the name queue.prod.internal"]);
    assert_eq!(values["blocked"], blocked);
    assert_eq!(came.held().facts["10.20.0.5:443"], "no answer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_reaches_production_fails_the_run() {
    for (network, part) in [
        ("reaches: [\"db.prod.internal:5432\"]", "reaches what it must not: db.prod.internal:5432"),
        ("reaches: [\"10.20.0.5:443\"]", "reaches what it must not: 10.20.0.5:443"),
        ("resolves: [queue.prod.internal]", "reaches what it must not: the name queue.prod.internal"),
    ] {
        let came = came(SERVER, FORBIDDEN, "", &format!("network: {{ {network} }}")).await;
        let miss = came.missed(ProbeReason::Expectation, part);
        assert_eq!(miss.observed.as_ref().expect("what it saw").values["controls"], json!(1));
        assert_eq!(came.verdict, Verdict::Failed, "{part}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_controls_fail_nothing_is_measured() {
    let lonely = "{ cannot_reach: [db.prod.internal:5432], can_reach: [proxy.dr.internal:3128] }";
    let came_of = came(SERVER, lonely, "", "").await;
    came_of.missed(ProbeReason::Setup, "does not even reach proxy.dr.internal:3128");
    assert_eq!(came_of.verdict, Verdict::Inconclusive);
    let came_of = came(SERVER, lonely, "", "network: { reaches: [\"proxy.dr.internal:3128\"] }").await;
    assert_eq!((came_of.verdict, &came_of.held().values["controls"]), (Verdict::Passed, &json!(1)));

    let bare = "commands: { \"^command -v (bash|nc|python3)$\": { exit: 1 } }";
    let came_of = came(SERVER, FORBIDDEN, "", bare).await;
    came_of.missed(ProbeReason::Setup, "nothing to try a connection with");
    assert_eq!(came_of.verdict, Verdict::Inconclusive);
    let only_nc = "commands: { \"^command -v (bash|python3)$\": { exit: 1 } }";
    assert_eq!(came(SERVER, FORBIDDEN, "", only_nc).await.verdict, Verdict::Passed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_restored_may_be_looked_at_from_another_instance() {
    let from_host = format!("{{ from: {{ ssm: {HOST} }}, cannot_reach: [db.prod.internal:5432] }}");
    let came_of = came(DISK_SEEN_FROM_THE_HOST, &from_host, "", "files: { a: x }").await;
    assert_eq!((came_of.verdict, came_of.held().facts["from"].as_str()), (Verdict::Passed, HOST));
    let nowhere = "{ cannot_reach: [db.prod.internal:5432] }";
    let came_of = came(DISK_SEEN_FROM_THE_HOST, nowhere, "", "files: { a: x }").await;
    came_of.missed(ProbeReason::Setup, "no instance that could try anything");
}

const DISK_SEEN_FROM_THE_HOST: Thing = Thing { probe: "isolation", ..DISK };
