//! `drill rehearse NAME --kills N`: real kills of the real program at random moments, and that they can find something.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::clients::programs;
use crate::harness::child::{Drill, Said};
use crate::harness::worlds;

/// So long may some kills take, in real time.
const LONGEST: Duration = Duration::from_secs(220);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The drills that ship, with journals and reports elsewhere.
fn shipped() -> Drill {
    Drill::new().arg("--dir").arg(root().display().to_string()).in_its_own_folder()
}

/// A quick drill in a folder of its own.
fn orders() -> Drill {
    Drill::new().definition("orders", worlds::ORDERS).definition("orders.world", worlds::QUICK)
}

async fn rehearse(drill: &Drill, name: &str, kills: &str, seed: &str) -> Said {
    let arguments = ["rehearse", name, "--kills", kills, "--seed", seed, "--budget", "0s", "--output", "json"];
    drill.spawn(&arguments).ended_within(LONGEST).await
}

/// The part of the report that is about kills.
fn kills(said: &Said) -> Value {
    said.json()["kills"].take()
}

/// An executable script in the drill's folder.
fn script(drill: &Drill, text: &str) -> PathBuf {
    let path = drill.path().join("listing.sh");
    fs::write(&path, text).expect("a file can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be made executable");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_that_is_killed_at_random_moments_loses_nothing() {
    let said = rehearse(&shipped(), "shop", "4", "7").await.ends(0);
    let kills = kills(&said);
    assert_eq!((kills["verdict"].as_str(), kills["kills"].as_u64()), (Some("passed"), Some(4)), "{kills:#}");
    for none in ["leftovers", "double_restores", "false_passes", "findings"] {
        assert_eq!(kills[none].as_array().map(Vec::len), Some(0), "{none}: {kills:#}");
    }
    // Four restores cannot be had for less.
    assert!(kills["requests"].as_u64() > Some(40), "{kills:#}");
    assert!(kills["resumed"].as_u64() > Some(0), "nothing was ever resumed: {kills:#}");
    assert_eq!(kills["ended_early"], false, "{kills:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_command_line_lists_nothing_of_killed_runs() {
    if programs().is_none() {
        eprintln!("skipped: DRILL_WITHOUT_CLIENTS=1");
        return;
    }
    let listing = root().join("tests/clients/listing.sh").display().to_string();
    let said = rehearse(&shipped().variable("DRILL_KILLS_LISTING", listing), "shop", "2", "9").await.ends(0);
    let kills = kills(&said);
    assert_eq!(kills["kills"], 2, "{kills:#}");
    assert_eq!(kills["findings"].as_array().map(Vec::len), Some(0), "{kills:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_lists_besides_is_a_finding_that_one_line_repeats() {
    let drill = orders();
    // Each world has a port of its own: the same line before and after a run, and another in the next world.
    let listing = script(&drill, "#!/bin/sh\necho \"$1\"\n");
    let drill = drill.variable("DRILL_KILLS_LISTING", listing.display().to_string());
    let said = rehearse(&drill, "orders", "2", "7").await.ends(1);
    let first = kills(&said);
    let findings = first["findings"].as_array().expect("findings are a list");
    assert_eq!(findings.len(), 2, "{first:#}");
    let second = &findings[1];
    assert_eq!((second["kind"].as_str(), second["seed"].as_u64()), (Some("listing"), Some(8)), "{first:#}");

    let repeat = second["repeat"].as_str().expect("it says how to repeat it");
    let words: Vec<&str> = repeat.split_whitespace().collect();
    let (program, arguments) = words.split_first().expect("it is a command");
    assert_eq!(*program, "drill", "{repeat}");
    let arguments = [arguments, &["--budget", "0s", "--output", "json"]].concat();
    let again = kills(&drill.spawn(&arguments).ended_within(LONGEST).await.ends(1));
    assert_eq!(again["kills"], 1, "{again:#}");
    assert_eq!(again["findings"][0]["seed"], second["seed"], "`{repeat}` made another kill: {again:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_leave_nothing_in_the_folder_of_the_drill() {
    let drill = orders();
    rehearse(&drill, "orders", "2", "3").await.ends(0);
    let mut left: Vec<String> = fs::read_dir(drill.path())
        .expect("the folder can be read")
        .map(|entry| entry.expect("the folder can be read").file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    assert_eq!(left, ["drills"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_fails_ends_the_kills_with_its_words() {
    let drill = orders();
    let listing = script(&drill, "#!/bin/sh\necho 'no credentials' >&2\nexit 5\n");
    let drill = drill.variable("DRILL_KILLS_LISTING", listing.display().to_string());
    let said = rehearse(&drill, "orders", "1", "3").await.ends(3);
    assert!(said.stderr.contains("no credentials"), "{said:?}");
}
