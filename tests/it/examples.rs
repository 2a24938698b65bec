//! Every example of `docs/probes.md` is run, in one world: `tests/cases/examples/world.yaml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use restore_drill::probe::kind;
use restore_drill::words::kind::ProbeKind;

use crate::harness::child::Drill;

const HEAD: &str = r#"version: 1
name: examples
title: An example of the documents
owner: platform@example.com
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
"#;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/examples")
}

fn example(one: ProbeKind) -> String {
    let page = kind(one).page();
    let (_, rest) = page.split_once("```yaml\n").unwrap_or_else(|| panic!("{one}: its page has no example"));
    let (example, after) = rest.split_once("```").unwrap_or_else(|| panic!("{one}: its example does not end"));
    assert!(after.trim().is_empty(), "{one}: the example is the end of its page");
    example.to_owned()
}

/// Of a mapping of restores by name, indented by two, those that an example is on; and what stands before the mapping.
fn chosen(file: &str, opening: &str, example: &str) -> (String, String) {
    let all = fs::read_to_string(folder().join(file)).expect("a file of the examples");
    let (before, entries) = all.split_once(opening).expect("it has the mapping");
    let names: BTreeSet<&str> = example.lines().filter_map(|line| line.trim().strip_prefix("on: ")).collect();
    let (mut taken, mut takes) = (String::new(), false);
    for line in entries.lines() {
        if let Some(entry) = line.strip_prefix("  ").filter(|entry| !entry.starts_with([' ', '#'])) {
            takes = entry.split(':').next().is_some_and(|name| names.contains(name));
        }
        if takes {
            taken.push_str(line);
            taken.push('\n');
        }
    }
    assert!(!taken.is_empty(), "the example is on nothing that is known: {example}");
    (before.to_owned(), taken)
}

/// Programs and files that examples name stand beside the definition.
fn with_files(drill: &Drill) {
    let (from, to) = (folder().join("files"), drill.path().join("drills"));
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a file of the examples");
    }
    let own = drill.path().join("probes");
    fs::create_dir_all(&own).expect("a folder");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/probes/drill-probe-row-count");
    fs::copy(program, own.join("drill-probe-row-count")).expect("the example in Python");
}

async fn holds(one: ProbeKind) {
    let example = example(one);
    let (_, restores) = chosen("restores.yaml", "restore:\n", &example);
    let drill = Drill::new().definition("examples", &format!("{HEAD}{restores}{example}"));
    with_files(&drill);
    let (before, resources) = chosen("world.yaml", "resources:\n", &example);
    let world = drill.path().join("world.yaml").display().to_string();
    fs::write(&world, format!("{before}resources:\n{resources}")).expect("a world file");
    let arguments = ["run", "examples", "--sandbox", "--world", &world, "--output", "json"];
    let said = if one == ProbeKind::Manual {
        let running = drill.spawn(&arguments);
        answered(&drill).await;
        running.ended().await
    } else {
        drill.ask(&arguments).await
    };
    let run = said.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{one}: {run:#}");
}

/// Somebody says yes as soon as there is a run.
async fn answered(drill: &Drill) {
    for _ in 0..600 {
        let runs = drill.ask(&["status", "--output", "json"]).await.json();
        if let Some(run) = runs.pointer("/runs/0/run").and_then(|run| run.as_str()) {
            drill.ask(&["approve", run, "looks-right", "--by", "Ada"]).await.ends(0);
            return;
        }
    }
    panic!("the run never began");
}

macro_rules! examples {
    ($($name:ident: $kind:ident,)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            holds(ProbeKind::$kind).await;
        })+

        #[test]
        fn every_kind_has_an_example_that_is_run() {
            assert_eq!([$(ProbeKind::$kind),+].as_slice(), ProbeKind::ALL);
        }
    };
}

examples! {
    tcp: Tcp,
    tls: Tls,
    http: Http,
    dns: Dns,
    sql: Sql,
    sql_schema: SqlSchema,
    dynamodb: DynamoDb,
    s3: S3,
    ec2: Ec2,
    ebs: Ebs,
    efs: Efs,
    fsx: Fsx,
    describe: Describe,
    cloudwatch: CloudWatch,
    ssm: Ssm,
    lambda: Lambda,
    command: Command,
    compare: Compare,
    isolation: Isolation,
    manual: Manual,
    custom: Custom,
}
