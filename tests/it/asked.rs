//! How probes are asked, whatever their kind: until green and for how long after, under a condition, against what an
//! earlier run recorded, by a person. Through the binary, in a simulated AWS.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::child::Drill;

/// A running drill is looked at so often before it counts as stuck.
const LOOKS: u32 = 600;

const HEAD: &str = r#"version: 1
name: asked
title: One table
owner: platform@example.com
vars: { deep: "no" }
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  carts: { type: dynamodb, resource: 'arn:aws:dynamodb:eu-west-2:123456789012:table/carts' }
limits: { max_duration: 10d }
probes:
  there: { on: carts, describe: {}, expect: { status: { equals: ACTIVE } } }
"#;

fn drill(probes: &str) -> Drill {
    Drill::new().definition("asked", &format!("{HEAD}{probes}"))
}

/// A program of the definition's folder that counts how often it was run.
fn program(drill: &Drill, name: &str, body: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = drill.path().join("drills").join(name);
    fs::write(&path, format!("#!/bin/sh\necho x >>\"$(dirname \"$0\")/{name}.runs\"\n{body}\n")).expect("a program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
}

fn runs(drill: &Drill, name: &str) -> usize {
    let text = fs::read_to_string(drill.path().join("drills").join(format!("{name}.runs"))).unwrap_or_default();
    text.lines().count()
}

fn report(folder: &Path) -> String {
    let mut folders = vec![folder.join("reports")];
    let mut newest = None;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == "report.md" {
                newest = newest.max(Some(entry.path()));
            }
        }
    }
    fs::read_to_string(newest.expect("a report")).expect("it is text")
}

const SANDBOX: [&str; 5] = ["run", "asked", "--sandbox", "--output", "json"];

#[tokio::test]
async fn a_probe_that_must_hold_is_asked_again_and_one_that_does_not_stay_green_fails() {
    let steady = drill(
        "  steady: { on: carts, command: { argv: [./steady] }, expect: { n: { at_least: 1 } }, hold: 5m, retry: { for: 1m, every: 1m } }\n",
    );
    program(&steady, "steady", "echo '{\"n\": 1}'");
    let run = steady.ask(&SANDBOX).await.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
    assert_eq!(runs(&steady, "steady"), 6, "at once and after each of five minutes");
    assert!(report(steady.path()).contains("| asked | `hold` | `5m` |"));

    let falling = drill(
        "  falling: { on: carts, command: { argv: [./falling] }, expect: { n: { at_least: 1 } }, hold: 5m, retry: { for: 1m, every: 1m } }\n",
    );
    program(&falling, "falling", "n=$(wc -l <\"$(dirname \"$0\")/falling.runs\")\necho \"{\\\"n\\\": $((3 - n))}\"");
    let run = falling.ask(&SANDBOX).await.ends(1).json();
    let why = run["failures"].to_string();
    assert!(
        why.contains("it did not stay green: 2m") && why.contains("of 5m, then: n: expected at least 1, observed 0"),
        "{why}"
    );
}

#[tokio::test]
async fn the_pauses_of_a_backoff_grow() {
    let slow = drill(
        "  slow: { on: carts, command: { argv: [./slow] }, expect: { n: { at_least: 1 } }, retry: { for: 16m, every: 1m, backoff: 2 } }\n",
    );
    program(&slow, "slow", "echo '{\"n\": 0}'");
    slow.ask(&SANDBOX).await.ends(1);
    // At 0, 1, 3, 7 and 15 minutes.
    assert_eq!(runs(&slow, "slow"), 5);
}

#[tokio::test]
async fn a_condition_leaves_a_probe_out_and_the_report_says_so() {
    let probes = "  deep:\n    on: carts\n    when: { value: '${{ vars.deep }}-${{ probes.there.values.status }}', equals: yes-ACTIVE }\n    \
                  command: { argv: [./deep] }\n    expect: { n: { at_least: 1 } }\n  \
                  after: { on: carts, needs: [deep], describe: {}, expect: { status: { equals: ACTIVE } } }\n";
    let conditional = drill(probes);
    program(&conditional, "deep", "echo '{\"n\": 0}'");
    let run = conditional.ask(&SANDBOX).await.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
    assert_eq!(runs(&conditional, "deep"), 0);
    let text = report(conditional.path());
    assert!(text.contains("was left out: its condition does not hold"), "{text}");
    // What needs it ran all the same, and with the other value it is asked, and fails.
    conditional.ask(&["run", "asked", "--sandbox", "--var", "deep=yes"]).await.ends(1);
    assert_eq!(runs(&conditional, "deep"), 1);
}

#[tokio::test]
async fn a_restore_whose_only_probe_was_left_out_is_not_proven() {
    let text = HEAD
        .replace("describe: {}", "describe: {}, when: { value: '${{ vars.deep }}-${{ run.id }}', matches: '^yes' }");
    let run = Drill::new().definition("asked", &text).ask(&SANDBOX).await.ends(3).json();
    assert_eq!(run["verdict"], "inconclusive");
    assert!(run["failures"].to_string().contains("nothing proves `carts`"), "{run:#}");
}

#[tokio::test]
async fn a_run_is_compared_with_the_last_that_passed_and_with_no_other() {
    let compared = drill(
        "  counted:\n    on: carts\n    command: { argv: [./counted] }\n    record: n\n    expect: { n: { not_less_than_last_pass: 99% } }\n",
    );
    let say = |n: u32| program(&compared, "counted", &format!("echo '{{\"n\": {n}}}'"));
    say(1000);
    compared.ask(&SANDBOX).await.ends(0);
    assert!(report(compared.path()).contains("no passed run to compare with"));
    say(500);
    let run = compared.ask(&SANDBOX).await.ends(1).json();
    let why = run["failures"].to_string();
    assert!(why.contains("not less than 99% of the last pass's 1,000, observed 500 (490 short)"), "{why}");
    // The failed run is no measure for the next.
    say(990);
    compared.ask(&SANDBOX).await.ends(0);
    say(985);
    compared.ask(&SANDBOX).await.ends(0);
}

#[tokio::test]
async fn what_could_not_be_asked_is_not_measured_and_says_how_to_mend_it() {
    let gone = drill("  lost: { on: carts, command: { argv: [./no-such-program] }, expect: { n: { at_least: 1 } } }\n");
    let run = gone.ask(&SANDBOX).await.ends(3).json();
    assert_eq!(run["verdict"], "inconclusive");
    let why = run["failures"].to_string();
    assert!(why.contains("not measured") && why.contains("no-such-program"), "{why}");
    let nowhere = drill("  far: { on: carts, tcp: { host: db.invalid, port: 5432 } }\n");
    let run = nowhere.ask(&SANDBOX).await.ends(3).json();
    let why = run["failures"].to_string();
    assert!(why.contains("not measured") && why.contains("via"), "{why}");
}

const MANUAL: &str =
    "  looks-right: { on: carts, needs: [there], manual: { ask: 'Are the carts of yesterday there?', within: 9d } }\n";

/// Waits until the run asks, or gives up.
async fn asks(drill: &Drill) -> String {
    for _ in 0..LOOKS {
        let runs = drill.ask(&["status", "--output", "json"]).await.ends(0).json();
        if let Some(id) = runs.pointer("/runs/0/run").and_then(Value::as_str) {
            let status = drill.ask(&["status", id, "--output", "json"]).await.stdout;
            let status: Value = serde_json::from_str(&status).unwrap_or_default();
            if status.to_string().contains("probe.looks-right") && status.to_string().contains("\"running\"") {
                return id.to_owned();
            }
        }
    }
    panic!("nobody was ever asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_answers_a_manual_probe_and_the_answer_is_evidence() {
    for (deny, code) in [(false, 0), (true, 1)] {
        let drill = drill(MANUAL);
        let running = drill.spawn(&SANDBOX);
        let run = asks(&drill).await;
        drill.ask(&["approve", &run, "there", "--by", "Ada"]).await.ends(2);
        let mut answer = vec!["approve", &run, "looks-right", "--by", "Ada", "--note", "seen \u{1b}[31m<b>all</b>"];
        answer.extend(deny.then_some("--deny"));
        drill.ask(&answer).await.ends(0);
        let result = running.ended().await.ends(code).json();
        let word = if deny { "no" } else { "yes" };
        let text = report(drill.path());
        assert!(text.contains("Ada") && text.contains(word), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("<b>all"), "{text}");
        assert_eq!(result["verdict"] == "passed", !deny, "{result:#}");
    }
}

#[tokio::test]
async fn silence_is_no_answer_to_a_manual_probe() {
    let run = drill(&MANUAL.replace("9d", "10m")).ask(&SANDBOX).await.ends(3).json();
    let why = run["failures"].to_string();
    assert!(why.contains("nobody answered within 10m"), "{why}");
}

#[tokio::test]
async fn strictness_asks_for_a_control_on_every_required_probe_of_the_data() {
    let probes = "  counted: { on: carts, dynamodb: { count: {} }, expect: { items: { at_least: 1 } } }\n  \
                  looked: { on: carts, severity: advisory, dynamodb: { count: {} }, expect: { items: { at_least: 1 } } }\n";
    let loose = drill(probes);
    loose.ask(&["validate", "asked"]).await.ends(0);
    let said = loose.ask(&["validate", "asked", "--strict"]).await.ends(2);
    assert!(said.stderr.contains("`counted` can fail"), "{}", said.stderr);
    assert!(!said.stderr.contains("`looked`") && !said.stderr.contains("`there`"), "{}", said.stderr);
    let control = "  counted: { on: carts, dynamodb: { count: {} }, expect: { items: { at_least: 1 } }, \
                   negative_control: { dynamodb: { table: nowhere }, fails_with: query } }\n";
    drill(control).ask(&["validate", "asked", "--strict"]).await.ends(0);
}

#[tokio::test]
async fn a_secret_may_be_a_parameter_of_ssm_and_its_name_is_no_reference() {
    let restore = "  orders: { type: rds, resource: 'arn:aws:rds:eu-west-2:123456789012:db:orders', with: { subnet_group: drill-isolated, \
                   security_groups: [sg-0a1b2c3d4e5f60718] } }\nlimits:";
    let asks = |parameter: &str| {
        format!(
            "  me: {{ on: orders, retry: {{ for: 10m, every: 30s }}, expect: {{ me: {{ equals: drill_probe }} }}, sql: {{ database: shop, \
             user: drill_probe, password: {{ ssm: {parameter} }}, query: 'SELECT current_user::text AS me' }} }}\n"
        )
    };
    let text = format!("{}{}", HEAD.replace("limits:", restore), asks("/drill/orders"));
    let run = Drill::new().definition("asked", &text).ask(&SANDBOX).await.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
    let other = format!("{}{}", HEAD.replace("limits:", restore), asks("'${{ run.id }}'"));
    Drill::new().definition("asked", &other).ask(&["validate", "asked"]).await.ends(2);
}

#[tokio::test]
async fn the_kinds_are_listed_and_so_are_programs_of_ones_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let drill = drill("");
    let folder = drill.path().join("probes");
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("drill-probe-mine");
    let about = r#"{"drill_probe": 1, "name": "mine", "version": "7", "about": "Asks \u001b[31mmine", "settings": {}}"#;
    fs::write(&path, format!("#!/bin/sh\necho '{about}'\n")).expect("a program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let listed = drill.ask(&["probes", "--output", "json"]).await.ends(0).json();
    let of_sql = listed["kinds"].as_array().into_iter().flatten().find(|one| one["kind"] == "sql").cloned();
    assert_eq!(of_sql.map(|one| one["reads_data"].clone()), Some(Value::Bool(true)), "{listed:#}");
    assert_eq!(
        (&listed["custom"][0]["name"], &listed["custom"][0]["version"]),
        (&"mine".into(), &"7".into()),
        "{listed:#}"
    );
    let shown = drill.ask(&["probes"]).await.ends(0).stdout;
    assert!(shown.contains("custom: mine") && !shown.contains('\u{1b}'), "{shown}");
}
