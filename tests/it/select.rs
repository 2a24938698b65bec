//! What a person does from the command line with several things at once: a selection by tags, and a gate.

use std::collections::BTreeMap;
use std::path::Path;

use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::sandbox::{Options, Sandbox, WorldFile, WorldSpec};
use serde_json::Value;

use crate::harness::check::assert_clean;
use crate::harness::child::Drill;

/// A running drill is looked at so often before it counts as stuck.
const LOOKS: u32 = 600;

const HEAD: &str = r#"version: 1
name: NAME
title: Two tables
owner: platform@example.com
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
"#;

/// What the world is made from.
const THERE: &str = "
  carts: { type: dynamodb, resource: 'arn:aws:dynamodb:eu-west-2:123456789012:table/carts' }
  users: { type: dynamodb, resource: 'arn:aws:dynamodb:eu-west-2:123456789012:table/users' }
  dust: { type: dynamodb, resource: 'arn:aws:dynamodb:eu-west-2:123456789012:table/dust' }
probes:
  there: { on: [carts, users, dust], describe: {}, expect: { status: { equals: ACTIVE } } }
";

const WORLD: &str = r#"version: 1
resources:
  carts: { tags: { tier: "1" }, restore: { takes: 2m } }
  users: { tags: { tier: "1", team: red }, restore: { takes: 2m } }
  dust: { tags: { tier: "3" } }
"#;

async fn world() -> Sandbox {
    let text = format!("{}{THERE}", HEAD.replace("NAME", "there"));
    let loaded = check_text("there.yaml", text.as_bytes(), None, &BTreeMap::new(), facts).expect("it is valid");
    let file = WorldFile::read("there.world.yaml", WORLD).expect("it is a world file");
    let spec = WorldSpec::from_definition(&loaded.definition).overlay(file);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cache");
    Sandbox::start(spec, Options { port: 0, speed: 2_000.0, seed: 42, cache }).await.expect("a world")
}

fn selecting(how: &str, more: &str) -> Drill {
    let head = HEAD.replace("NAME", "chosen");
    let text = format!(
        "{head}  tables:\n    type: dynamodb\n    select: {how}\nprobes:\n  there:\n    on: tables\n    describe: {{}}\n    expect: \
         {{ status: {{ equals: ACTIVE }} }}\n{more}"
    );
    Drill::new().definition("chosen", &text)
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selection_restores_what_carries_the_tags_and_nothing_else() {
    let sandbox = world().await;
    let before = sandbox.inventory();
    let url = format!("--sandbox={}", sandbox.url());
    let drill = selecting("{ tags: { tier: '1' } }", "");
    let run = drill.ask(&["run", "chosen", &url, "--output", "json"]).await.ends(0).json();
    assert_eq!(keys(&run["restores"]), ["tables-carts", "tables-users"], "{run:#}");
    assert_eq!(run["verdict"], "passed");
    let after = sandbox.inventory();
    assert_eq!(after.restore_jobs.len(), 2);
    assert_clean("select", &before, &after);
    sandbox.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selection_leaves_out_what_it_excepts_and_one_that_finds_nothing_starts_nothing() {
    let sandbox = world().await;
    let url = format!("--sandbox={}", sandbox.url());
    let except = "{ tags: { tier: '1' }, except: ['arn:aws:dynamodb:eu-west-2:123456789012:table/carts'] }";
    let plan = selecting(except, "").ask(&["plan", "chosen", &url, "--output", "json"]).await.ends(0);
    assert!(plan.stdout.contains("restore.tables-users"), "{}", plan.stdout);
    assert!(!plan.stdout.contains("restore.tables-carts"), "{}", plan.stdout);

    let none = selecting("{ tags: { tier: '9' } }", "");
    let said = none.ask(&["run", "chosen", &url]).await.ends(1);
    assert!(said.stderr.contains("tables"), "{}", said.stderr);
    let missing = "{ arns: ['arn:aws:dynamodb:eu-west-2:123456789012:table/gone'] }";
    let said = selecting(missing, "").ask(&["run", "chosen", &url]).await.ends(1);
    assert!(said.stderr.contains("table/gone"), "{}", said.stderr);
    assert!(sandbox.inventory().restore_jobs.is_empty());
    sandbox.stop().await;
}

/// Waits until the run has restored everything, or gives up.
async fn waits_at_the_gate(drill: &Drill, sandbox: &Sandbox) -> String {
    for _ in 0..LOOKS {
        let jobs = sandbox.inventory().restore_jobs;
        if jobs.len() == 2 && jobs.iter().all(|job| job.status == "COMPLETED") {
            return drill.last_id().await;
        }
        drill.ask(&["status"]).await.ends(0);
    }
    panic!("the run never restored both tables");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_is_answered_once_from_another_terminal_and_the_answer_is_in_the_result() {
    let sandbox = world().await;
    let before = sandbox.inventory();
    let url = format!("--sandbox={}", sandbox.url());
    let gate =
        "gates:\n  look: { ask: 'Have you looked?', needs: [there], timeout: 9d }\nlimits: { max_duration: 10d }\n";
    let drill = selecting("{ tags: { tier: '1' } }", gate);
    let running = drill.spawn(&["run", "chosen", &url, "--output", "json"]);
    let run = waits_at_the_gate(&drill, &sandbox).await;
    let unknown = drill.ask(&["approve", &run, "nope", "--by", "Ada"]).await.ends(2);
    assert!(unknown.stderr.contains("look"), "{}", unknown.stderr);
    drill.ask(&["approve", &run, "look", "--by", "Ada \u{1b}[31m", "--note", "all there"]).await.ends(0);
    drill.ask(&["approve", &run, "look", "--by", "Bob", "--deny"]).await.ends(2);
    let result = running.ended().await.ends(0).json();
    let answer = &result["gates"]["look"];
    assert_eq!((&answer["approved"], &answer["note"]), (&Value::Bool(true), &Value::from("all there")), "{result:#}");
    let by = answer["by"].as_str().expect("it says who");
    assert!(by.starts_with("Ada") && !by.contains('\u{1b}'), "{by:?}");
    assert_clean("gate", &before, &sandbox.inventory());
    sandbox.stop().await;
}
