//! Files: definitions read nothing outside of their folder, templates read nothing at all, programs run without a shell,
//! what drill keeps is its owner's alone, no symbolic link is written through, and a full disk ends a run well.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use restore_drill::definition::model::ProbeReason;
use restore_drill::sandbox::{Fault, Hold, What, When};
use restore_drill::words::kind::ProbeKind;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::ChildStderr;

use crate::harness::check::{assert_harmless, assert_one_restore};
use crate::harness::child::Drill;
use crate::harness::worlds;
use crate::probes::{PATIENCE, attempt, missed, target};

/// A call that a test waits for comes within this, in real time.
const LIMIT: Duration = Duration::from_secs(60);

/// What stands in files that drill has no business with.
const THEIRS: &str = "theirs-7d1c40fe";

const HEAD: &str = r#"version: 1
name: kept
title: One table
owner: platform@example.com
limits: { max_duration: 10d }
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  carts: { type: dynamodb, resource: 'arn:aws:dynamodb:eu-west-2:123456789012:table/carts' }
probes:
  there: { on: carts, describe: {}, expect: { status: { equals: ACTIVE } } }
"#;

const RUN: [&str; 3] = ["run", "kept", "--sandbox"];

fn drill(probes: &str) -> Drill {
    Drill::new().definition("kept", &format!("{HEAD}{probes}"))
}

/// Every file and folder below a folder, links not followed, relative to it.
fn below(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path.clone());
            }
            found.push(path.strip_prefix(root).expect("it was found below").to_owned());
        }
    }
    found.sort();
    found
}

// ---- what definitions may name ----

#[tokio::test]
async fn no_name_of_a_drill_leads_out_of_its_folder() {
    let drill = drill("");
    drill.write("x.yaml", &format!("{HEAD}secret: {THEIRS}\n"));
    fs::create_dir(drill.path().join("drills/sub")).expect("a folder");
    drill.write("drills/sub/kept.yaml", HEAD);
    let absolute = drill.path().join("x").display().to_string();
    let long = "a".repeat(4096);
    let names = [
        "../x",
        "../../x",
        &absolute,
        "sub/kept",
        "./kept",
        "kept.yaml",
        "kept\n",
        "k\u{202e}ept",
        &long,
        "",
        "%2e%2e/x",
        "~",
    ];
    for name in names {
        for verb in ["validate", "plan", "run"] {
            let said = drill.ask(&[verb, name, "--output", "text"]).await.ends(2);
            assert!(!said.all().contains(THEIRS) && !said.all().contains('\u{202e}'), "{verb} {name:?}: {said:?}");
            assert!(said.stderr.len() < 2_000, "{verb} {name:?}: {said:?}");
        }
    }
    assert!(!drill.path().join(".drill").exists() && !drill.path().join("reports").exists());
}

#[tokio::test]
async fn a_definition_that_is_a_link_out_of_its_folder_is_refused() {
    let drill = drill("");
    drill.write("elsewhere/out.yaml", &HEAD.replace("name: kept", "name: out").replace("One table", THEIRS));
    symlink("../elsewhere/out.yaml", drill.path().join("drills/out.yaml")).expect("a link");
    symlink("kept.yaml", drill.path().join("drills/in.yaml")).expect("a link");
    for verb in ["validate", "plan", "run"] {
        let said = drill.ask(&[verb, "out"]).await.ends(2);
        assert!(said.all().contains("leaves its folder") && !said.all().contains(THEIRS), "{verb}: {said:?}");
    }
    // The same file by another name of its own folder: only the name is wrong.
    let said = drill.ask(&["validate", "in"]).await.ends(2);
    assert!(said.all().contains("name") && !said.all().contains("leaves its folder"), "{said:?}");
}

#[tokio::test]
async fn secrets_are_read_from_the_definitions_folder_alone() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("theirs"), format!("{THEIRS}\n")).expect("a file");
    let absolute = outside.path().join("theirs").display().to_string();
    let secret = |path: &str| {
        format!(
            "  told:\n    on: carts\n    command: {{ argv: [./tell], secret_env: {{ TOLD: {{ file: '{path}' }} }} }}\n    \
             expect: {{ n: {{ equals: 1 }} }}\n"
        )
    };
    for path in [absolute.as_str(), "../theirs", "sub/../../theirs"] {
        let said = drill(&secret(path)).ask(&["validate", "kept"]).await.ends(2);
        assert!(said.all().contains("inside of the folder of the definition"), "{path}: {said:?}");
    }
    // What a link leads to is only known when it is read.
    let drill = drill(&secret("linked"));
    let tell = "#!/bin/sh\nprintf '{\"n\": 1}\\n'\nprintf '%s' \"$TOLD\" >\"$(dirname \"$0\")/told\"\n";
    drill.program("drills/tell", tell);
    symlink(&absolute, drill.path().join("drills/linked")).expect("a link");
    let run = drill.ask(&["run", "kept", "--sandbox", "--output", "json"]).await.ends(3);
    assert!(run.json()["failures"].to_string().contains("a link that leaves"), "{run:?}");
    assert!(!run.all().contains(THEIRS) && !drill.path().join("drills/told").exists(), "{run:?}");
    // The same without the link.
    fs::remove_file(drill.path().join("drills/linked")).expect("it is there");
    drill.write("drills/linked", "ours\n");
    drill.ask(&RUN).await.ends(0);
    assert_eq!(fs::read_to_string(drill.path().join("drills/told")).expect("it was told"), "ours");
}

#[tokio::test]
async fn bundles_are_read_from_the_definitions_folder_alone() {
    let (inside, outside) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let theirs = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(outside.path().join("ca.pem"), theirs.cert.pem()).expect("a file");
    symlink(outside.path().join("ca.pem"), inside.path().join("linked.pem")).expect("a link");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let given = target(Some(("127.0.0.1", port)), inside.path());
    let absolute = outside.path().join("ca.pem").display().to_string();
    for bundle in ["linked.pem", "../ca.pem", &absolute] {
        let missed =
            missed(attempt(ProbeKind::Tls, json!({ "ca": bundle }), &given, PATIENCE).await, ProbeReason::Setup);
        assert!(missed.message.contains("leaves the folder of the definition"), "{}", missed.message);
    }
}

#[tokio::test]
async fn programs_are_started_without_a_shell() {
    let probe = r#"  said:
    on: carts
    command:
      argv: [./say, '$(touch made)', '`touch made`', '; touch made', '| touch made', '* ?', "a\nb", '${HOME}']
      env: { WORDS: '$(touch made); touch made' }
      stdin: '$(touch made)'
    expect:
      count: { equals: 7 }
      first: { equals: '$(touch made)' }
      fifth: { equals: '* ?' }
      last: { equals: '${HOME}' }
      words: { equals: '$(touch made); touch made' }
      input: { equals: '$(touch made)' }
"#;
    let drill = drill(probe);
    drill.program(
        "drills/say",
        "#!/bin/sh\nprintf '{\"count\": %s, \"first\": \"%s\", \"fifth\": \"%s\", \"last\": \"%s\", \"words\": \"%s\", \"input\": \"%s\"}\\n' \
         \"$#\" \"$1\" \"$5\" \"$7\" \"$WORDS\" \"$(cat)\"\n",
    );
    drill.ask(&RUN).await.ends(0);
    let made = below(drill.path()).into_iter().filter(|path| path.ends_with("made")).count();
    assert_eq!(made, 0);
    // A name is a file's, not a line of a shell.
    let line = "  said: { on: carts, command: { argv: ['./say; touch made'] }, expect: { count: { equals: 0 } } }\n";
    let drill = self::drill(line);
    drill.program("drills/say", "#!/bin/sh\ntrue\n");
    let said = drill.ask(&["run", "kept", "--sandbox", "--output", "json"]).await.ends(3);
    assert!(said.json()["failures"].to_string().contains("was not found"), "{said:?}");
    assert!(!drill.path().join("drills/made").exists());
}

#[tokio::test]
async fn templates_read_no_files() {
    for template in [
        "{{> ../theirs}}",
        "{{> ../../theirs.md}}",
        "{{> \"../theirs\"}}",
        "{{> /etc/passwd}}",
        "{{> (lookup scope 'title')}}",
        "{{include '../theirs.md.hbs'}}",
        "{{file '../theirs.md.hbs'}}",
        "{{read '../theirs.md.hbs'}}",
        "{{env 'HOME'}}",
        "{{exec 'id'}}",
    ] {
        let drill = drill("");
        drill.write("theirs.md.hbs", THEIRS);
        drill.write("runbooks/default.md.hbs", template);
        let said = drill.ask(&RUN).await.ends(2);
        assert!(said.stderr.contains("runbooks/default.md.hbs"), "{template}: {said:?}");
        assert!(!said.all().contains(THEIRS) && !drill.path().join("reports").exists(), "{template}: {said:?}");
    }
}

#[tokio::test]
async fn a_template_that_is_a_link_out_of_the_runbooks_or_no_file_or_too_large_is_refused() {
    for (name, said) in [("theirs", "leaves the folder of runbooks"), ("folder", "not a file"), ("large", "1 MiB")] {
        let drill = drill("");
        drill.write("theirs", THEIRS);
        fs::create_dir_all(drill.path().join("runbooks/partials")).expect("a folder");
        let place = drill.path().join("runbooks/partials/verdict.md.hbs");
        match name {
            "theirs" => symlink("../../theirs", place).expect("a link"),
            "folder" => fs::create_dir(place).expect("a folder"),
            _ => fs::write(place, "x".repeat(1024 * 1024 + 1)).expect("a file"),
        }
        let run = drill.ask(&RUN).await.ends(2);
        assert!(run.stderr.contains(said) && !run.all().contains(THEIRS), "{name}: {run:?}");
    }
}

// ---- what drill writes ----

#[tokio::test]
async fn what_a_run_leaves_is_its_owners_alone() {
    let drill = drill("");
    drill.ask(&RUN).await.ends(0);
    let mut seen = 0;
    for top in [".drill", "reports"] {
        let root = drill.path().join(top);
        for path in below(&root).into_iter().chain([PathBuf::new()]) {
            let found = fs::symlink_metadata(root.join(&path)).expect("it is there");
            let mode = found.permissions().mode() & 0o777;
            let wanted = if found.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, wanted, "{top}/{}: {mode:o}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 10, "{seen} files and folders");
}

#[tokio::test]
async fn a_link_in_the_place_of_anything_that_is_written_leads_nowhere() {
    let folders = [
        ".drill",
        ".drill/sandbox",
        ".drill/sandbox/locks",
        "reports",
        "reports/.rehearsal",
        "reports/.rehearsal/kept",
    ];
    let files = [
        ".drill/sandbox/drill.db",
        ".drill/sandbox/drill.db-wal",
        ".drill/sandbox/drill.db-shm",
        ".drill/sandbox/drill.db-journal",
        ".drill/sandbox/key",
        ".drill/sandbox/locks/kept.lock",
    ];
    let all = folders.iter().map(|name| (*name, true)).chain(files.iter().map(|name| (*name, false)));
    for (name, is_folder) in all {
        for dangles in [false, true] {
            let drill = drill("");
            let outside = tempfile::tempdir().expect("a folder");
            let (file, folder) = (outside.path().join("file"), outside.path().join("folder"));
            if !dangles {
                fs::write(&file, THEIRS).expect("a file");
                fs::create_dir(&folder).expect("a folder");
            }
            let place = drill.path().join(name);
            fs::create_dir_all(place.parent().expect("it is in a folder")).expect("a folder");
            symlink(if is_folder { &folder } else { &file }, &place).expect("a link");
            let before = below(outside.path());
            let said = drill.ask(&RUN).await;
            let case = format!("{name}, dangling: {dangles}: {said:?}");
            // SQLite may find no use for a file beside the database, and then leaves it alone.
            let may_pass = ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end));
            assert!(may_pass || matches!(said.code, Some(2 | 3)), "{case}");
            assert_eq!(below(outside.path()), before, "{case}");
            if !dangles {
                assert_eq!(fs::read_to_string(&file).expect("it is still there"), THEIRS, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_report_replaces_links_and_follows_none() {
    let drill = drill("");
    drill.ask(&RUN).await.ends(0);
    let run = drill.last_id().await;
    let folder = drill.path().join("reports/.rehearsal/kept").join(&run);
    let outside = tempfile::tempdir().expect("a folder");
    let theirs = outside.path().join("theirs");
    fs::write(&theirs, THEIRS).expect("a file");
    for name in ["report.md", "report.json"] {
        let written = fs::read_to_string(folder.join(name)).expect("a report");
        fs::remove_file(folder.join(name)).expect("it is there");
        for planted in [name.to_owned(), format!("{name}.part")] {
            symlink(&theirs, folder.join(planted)).expect("a link");
        }
        drill.ask(&["report", &run]).await.ends(0);
        assert_eq!(fs::read_to_string(&theirs).expect("it is still there"), THEIRS, "{name}");
        assert!(fs::symlink_metadata(folder.join(name)).expect("it is there").is_file(), "{name}");
        assert_eq!(fs::read_to_string(folder.join(name)).expect("a report"), written, "{name}");
        assert!(!folder.join(format!("{name}.part")).exists(), "{name}");
    }
    fs::remove_dir_all(&folder).expect("it is there");
    symlink(outside.path(), &folder).expect("a link");
    let said = drill.ask(&["report", &run]).await.ends(3);
    assert!(said.stderr.contains("symbolic link"), "{said:?}");
    assert_eq!(below(outside.path()), [PathBuf::from("theirs")]);
}

// ---- a disk that is full ----

/// A run of `orders` whose journal fails some time after the restore was asked for: its exit code, which fits to what is
/// left in the world.
async fn on_a_full_disk(case: &str, fault: Option<Fault>) -> i32 {
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
    let before = sandbox.inventory();
    let url = format!("--sandbox={}", sandbox.url());
    // How much stands in the log of the journal when the restore is asked for.
    let size = {
        let measured = Drill::new().definition("orders", worlds::ORDERS);
        let held = sandbox.hold(Hold { operation: "backup:StartRestoreJob".to_owned(), nth: 1, when: When::Before });
        let running = measured.spawn(&["run", "orders", &url]);
        tokio::time::timeout(LIMIT, held.reached()).await.expect("the restore begins");
        let log = fs::read(measured.path().join(".drill/sandbox/drill.db-wal")).expect("the journal's log");
        held.release();
        running.ended().await.ends(0);
        // Behind what was written there is room for more.
        let written = log.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        u64::try_from(written).expect("a length")
    };
    let started = sandbox.inventory().restore_jobs.len();
    if let Some(fault) = fault {
        sandbox.add_fault(fault);
    }
    let drill = Drill::new().definition("orders", worlds::ORDERS);
    // Some more pages of SQLite's, with their heads: the intent fits in any case, a whole run never does.
    let blocks = (size + 6 * 4120).div_ceil(512);
    let said = drill.spawn_on_a_full_disk(blocks, &["run", "orders", &url]).ended().await;
    let after = sandbox.inventory();
    assert!(said.stderr.contains("the journal could not be written"), "{case}: {said:?}");
    assert!(after.restore_jobs.len() <= started + 1, "{case}: {said:?}");
    assert_one_restore(case, &after);
    let code = said.code.unwrap_or_else(|| panic!("{case}: a signal ended it: {said:?}"));
    // A backup that RDS keeps of an instance goes with it, and is not named apart.
    let left = after.restored().filter(|thing| thing.kind != "rds:auto-backup");
    let left: Vec<&str> = left.map(|thing| thing.arn.as_str()).collect();
    match code {
        3 => assert!(left.is_empty(), "{case}: it said nothing of {left:?}: {said:?}"),
        4 => assert!(left.iter().all(|arn| said.stderr.contains(arn)), "{case}: {left:?} are not named: {said:?}"),
        other => panic!("{case}: exit code {other}: {said:?}"),
    }
    // With room again, the next run first ends this one.
    if code == 3 {
        drill.ask(&["run", "orders", &url]).await.ends(0);
        assert_harmless(case, &before, &sandbox.inventory());
    }
    code
}

/// From now on calls of a process to the system fail, for the files of its journal: what does that, while it is kept. None
/// where nobody may do it.
async fn fails_from_now_on(
    pid: u32,
    state: &Path,
    calls: &str,
    error: &str,
) -> Option<(tokio::process::Child, Lines<BufReader<ChildStderr>>)> {
    let state = fs::canonicalize(state).expect("the folder of the journal");
    let mut strace = tokio::process::Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-p", &pid.to_string()]);
    strace.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}")]);
    for file in ["drill.db", "drill.db-wal"] {
        strace.arg("-P").arg(state.join(file));
    }
    let piped = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = piped.spawn().ok()?;
    let mut lines = BufReader::new(child.stderr.take()?).lines();
    let attaches = async {
        while let Ok(Some(line)) = lines.next_line().await {
            if line.contains(" attached") {
                return true;
            }
        }
        false
    };
    let is_attached = tokio::time::timeout(LIMIT, attaches).await.unwrap_or(false);
    is_attached.then_some((child, lines))
}

/// The disk fails while the restore is asked for: the run stops, what it made is torn down from memory, and the next process
/// trusts the file only after it was opened and checked anew.
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
async fn on_a_broken_disk(calls: &str, error: &str) {
    let case = format!("{error} of {calls}");
    let sandbox = worlds::start(&worlds::definition(worlds::ORDERS), worlds::QUICK, worlds::STEADY).await;
    let (before, url) = (sandbox.inventory(), format!("--sandbox={}", sandbox.url()));
    let drill = Drill::new().definition("orders", worlds::ORDERS);
    let held = sandbox.hold(Hold { operation: "backup:StartRestoreJob".to_owned(), nth: 1, when: When::Before });
    let running = drill.spawn(&["run", "orders", &url]);
    tokio::time::timeout(LIMIT, held.reached()).await.expect("the restore begins");
    let state = drill.path().join(".drill/sandbox");
    let Some(injected) = fails_from_now_on(running.id(), &state, calls, error).await else {
        eprintln!("skipped: `strace` is not here, or may not look into other processes");
        held.release();
        running.ended().await.ends(0);
        return;
    };
    held.release();
    let said = running.ended().await.ends(3);
    drop(injected);
    assert!(
        said.stderr.contains("the journal could not be written") && said.stderr.contains("disk I/O"),
        "{case}: {said:?}"
    );
    assert_harmless(&case, &before, &sandbox.inventory());
    // What the failed write left of the file verifies, and the run is not over: the next one ends it first.
    drill.ask(&["run", "orders", &url]).await.ends(0);
    let runs = drill.ask(&["status", "--output", "json"]).await.ends(0).json();
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(2), "{case}: {runs:#}");
    assert!(runs["runs"].as_array().into_iter().flatten().all(|run| run["verdict"].is_string()), "{case}: {runs:#}");
    assert_harmless(&case, &before, &sandbox.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_stops_the_run_and_the_file_is_checked_before_it_is_trusted_again() {
    on_a_broken_disk("fsync,fdatasync", "EIO").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_with_errors_and_one_that_became_read_only_stop_the_run() {
    for error in ["EIO", "EROFS"] {
        on_a_broken_disk("pwrite64", error).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_run_and_what_it_made_is_torn_down() {
    assert_eq!(on_a_full_disk("a full disk", None).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_and_a_denied_delete_leak_and_say_what() {
    let denied = Fault::new(What::DenyDelete);
    assert_eq!(on_a_full_disk("a full disk and a denied delete", Some(denied)).await, 4);
}
