//! The probes that read what AWS itself says: metrics, instances, tables and buckets, in small drills against the
//! simulated AWS.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use restore_drill::aws::permissions::{BUCKETS, INSTANCES, METRICS, TABLES};
use restore_drill::definition::model::ProbeReason;
use restore_drill::journal::chain::sha256_hex;
use restore_drill::journal::event::{Event, Tried};
use restore_drill::journal::state::State;
use restore_drill::probe::{Miss, Observed, kind};
use restore_drill::words::kind::{ProbeKind, Verdict};
use serde_json::{Value, json};

use crate::harness::check::assert_harmless;
use crate::harness::life::{Bench, conclusion};

const SERVER: &str = "    type: ec2
    resource: arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718
    with: { instance_type: KIND, subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }";

const DATABASE: &str = "    type: rds
    resource: arn:aws:rds:eu-west-2:123456789012:db:thing
    with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }";

const TABLE: &str = "    type: dynamodb
    resource: arn:aws:dynamodb:eu-west-2:123456789012:table/thing";

const BUCKET: &str = "    type: s3
    resource: arn:aws:s3:::thing-prod-example";

fn definition(restore: &str, probe: &str) -> String {
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
  asked:
    on: thing
{probe}
teardown: {{ timeout: 10d }}
"#
    )
}

/// A world in which restores are quick. `block` says what is in the thing.
fn world(block: &str) -> String {
    format!(
        "version: 1\nstarts: \"2026-11-21T12:00:00Z\"\nquotas: {{ token_lifetime: 30d }}\nresources:\n  thing:\n    \
         restore: {{ takes: 1m }}\n{block}"
    )
}

/// A drill that is over.
struct Drilled {
    case: &'static str,
    bench: Bench,
    state: State,
}

impl Drilled {
    /// Runs a drill; `file` is one beside its definition.
    async fn new(case: &'static str, definition: &str, world: &str, file: Option<(&str, &str)>) -> Self {
        let mut bench = Bench::strict(definition, world).await;
        bench.plan.steps.iter_mut().for_each(|step| step.timeout = SignedDuration::from_hours(240));
        if let Some((name, text)) = file {
            std::fs::write(bench.services.folder.join(name), text).expect("a file of the drill");
        }
        let state = bench.run(case).await;
        assert_harmless(case, &bench.before, &bench.inventory());
        Self { case, bench, state }
    }

    fn last(&self) -> Tried {
        let result = |event: Event| match event {
            Event::ProbeTried { result, .. } => Some(result),
            _ => None,
        };
        let last = self.bench.records(self.state.run).into_iter().rev().map(|record| record.event).find_map(result);
        last.unwrap_or_else(|| panic!("{}: nothing was probed", self.case))
    }

    /// What was observed by a probe that held, in a drill that passed.
    #[track_caller]
    fn held(&self) -> Observed {
        let case = self.case;
        let conclusion = conclusion(&self.state);
        assert_eq!(conclusion.verdict, Verdict::Passed, "{case}: {:?}", conclusion.reasons);
        match self.last() {
            Tried::Held { observed, .. } => observed,
            Tried::Missed { miss } => panic!("{case}: {}", miss.message),
        }
    }

    /// Why the probe did not hold, in a drill that failed for it.
    #[track_caller]
    fn missed(&self) -> Miss {
        let case = self.case;
        let conclusion = conclusion(&self.state);
        assert_eq!(conclusion.verdict, Verdict::Failed, "{case}: {:?}", conclusion.reasons);
        match self.last() {
            Tried::Held { observed, .. } => panic!("{case}: {:?}", observed.values),
            Tried::Missed { miss } => miss,
        }
    }
}

#[test]
fn a_kind_asks_for_the_permissions_that_its_requests_need() {
    for (one, actions) in [
        (ProbeKind::CloudWatch, METRICS),
        (ProbeKind::Ec2, INSTANCES),
        (ProbeKind::DynamoDb, TABLES),
        (ProbeKind::S3, BUCKETS),
    ] {
        assert_eq!(kind(one).permissions(), actions, "{one}");
    }
}

// ---- ec2 ----

const CONSOLE: &str = "    server: { console: \"shop: 12 accounts\\nshop: ready\" }\n";

async fn server(case: &'static str, instance_type: &str, console: &str, block: &str) -> Drilled {
    let probe = format!(
        "    ec2: {{ {console} }}\n    expect: {{ state: {{ equals: running }} }}\n    negative_control: {{ ec2: {{ console: \
         [nobody says this] }}, fails_with: expectation }}"
    );
    Drilled::new(case, &definition(&SERVER.replace("KIND", instance_type), &probe), &world(block), None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_booted_holds() {
    let patterns = "console: ['^shop: ready$', 'login:'], console_never: [Kernel panic]";
    let seen = server("nitro", "m6i.large", patterns, CONSOLE).await.held().values;
    for (name, value) in [("state", "running"), ("system_check", "ok"), ("instance_check", "ok")] {
        assert_eq!(seen[name], json!(value), "{name}");
    }
    for name in ["boot_seconds", "console_bytes"] {
        assert!(seen[name].as_u64().is_some_and(|number| number > 0), "{name}: {}", seen[name]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_of_a_server_before_nitro_is_what_was_kept() {
    let drilled = server("xen", "t2.micro", "console: 'shop: ready'", CONSOLE).await;
    drilled.held();
    let calls = drilled.bench.inventory().calls;
    let refused = calls.iter().filter(|call| {
        call.operation == "ec2:GetConsoleOutput" && call.error.as_deref() == Some("UnsupportedOperation")
    });
    assert!(refused.count() > 0, "it never asked for the latest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_that_says_what_it_should_not_fails_the_drill() {
    let block = "    server: { console: \"Kernel panic - not syncing: no root\" }\n";
    let missed = server("panic", "m6i.large", "console_never: [Kernel panic]", block).await.missed();
    assert_eq!(missed.reason, ProbeReason::Expectation);
    assert!(missed.message.contains("no root"), "{}", missed.message);
    let missed = server("silent", "m6i.large", "console: ['shop: ready']", "").await.missed();
    assert!(missed.message.contains("`shop: ready`"), "{}", missed.message);
}

// ---- cloudwatch ----

async fn metric(case: &'static str, restore: &str, settings: &str) -> Drilled {
    let probe = format!(
        "    cloudwatch: {{ {settings} }}\n    expect: {{ value: {{ at_least: 0 }} }}\n    retry: {{ for: 2d, every: 5m }}"
    );
    Drilled::new(case, &definition(restore, &probe), &world(""), None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metric_of_the_restored_thing_is_read() {
    let settings = "namespace: AWS/RDS, metric: FreeStorageSpace, dimension: DBInstanceIdentifier, statistic: Minimum";
    let seen = metric("database", DATABASE, settings).await.held().values;
    let number = |name: &str| seen[name].as_f64().unwrap_or_else(|| panic!("{name}: {}", seen[name]));
    assert!(number("points") >= 1.0 && number("points") <= 11.0, "{seen:?}");
    // A source of 100 GiB, of which somewhat more than half is free.
    let gib = 1_073_741_824.0;
    assert!(number("least") >= 58.0 * gib && number("most") <= 60.0 * gib, "{seen:?}");
    assert!((number("least")..=number("most")).contains(&number("average")), "{seen:?}");

    let settings = "namespace: AWS/EC2, metric: StatusCheckFailed, dimension: InstanceId, period: 5m, last: 30m";
    let seen = metric("server", &SERVER.replace("KIND", "t3.medium"), settings).await.held().values;
    assert_eq!(seen["most"].as_f64(), Some(0.0), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metric_that_nobody_reports_fails_the_drill() {
    for settings in [
        "namespace: AWS/RDS, metric: FreeStorage, dimension: DBInstanceIdentifier",
        "namespace: AWS/RDS, metric: FreeStorageSpace, dimension: DBClusterIdentifier",
        "namespace: AWS/RDS, metric: FreeStorageSpace, dimensions: { DBInstanceIdentifier: somebody-else }",
    ] {
        let probe = format!("    cloudwatch: {{ {settings} }}\n    expect: {{ value: {{ at_least: 0 }} }}");
        let missed = Drilled::new("silence", &definition(DATABASE, &probe), &world(""), None).await.missed();
        assert_eq!(missed.reason, ProbeReason::Expectation, "{settings}");
        assert!(missed.message.contains("reported nothing"), "{settings}: {}", missed.message);
    }
}

// ---- dynamodb ----

async fn table(total: u32) -> Observed {
    let probe = "    dynamodb: { count: { most: 500 }, checksum: { sample: 31 } }\n    expect: { items: { equals: 31 }, \
                 key_schema: { equals: [id HASH, at RANGE] }, index_names: { equals: [by-team] } }\n    negative_control: { \
                 dynamodb: { table: no-such-table }, fails_with: query }";
    let block = format!(
        "    table:\n      key: {{ hash: id, range: at }}\n      indexes: [{{ name: by-team, hash: team }}]\n      items:\n        \
         - {{ item: {{ id: \"user-$n\", at: $at, team: red, total: 5 }}, count: 30, from: 40d ago, until: 20d ago }}\n        \
         - {{ item: {{ id: root, at: \"-\", team: red, total: {total}, of: {{ b: [1, x], a: true }} }}, at: 15d ago }}\n"
    );
    Drilled::new("table", &definition(TABLE, probe), &world(&block), None).await.held()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checksum_of_a_table_is_that_of_its_items() {
    let (one, same, other) = (table(7).await.values, table(7).await.values, table(8).await.values);
    let checksum = |seen: &BTreeMap<String, Value>| seen["checksum"].as_str().map(str::to_owned);
    assert_eq!(checksum(&one).as_deref().map(str::len), Some(64));
    assert_eq!(checksum(&one), checksum(&same));
    assert_ne!(checksum(&one), checksum(&other));
    assert_eq!((&one["checksum_items"], &one["billing"]), (&json!(31), &json!("PAY_PER_REQUEST")));
}

// ---- s3 ----

const OBJECTS: [(&str, &str); 3] = [("a/one.txt", "1\n"), ("a/two, too.txt", "22\n"), ("b/three.txt", "333\n")];

async fn bucket(case: &'static str, manifest: &str) -> Drilled {
    let probe = "    s3: { manifest: list.csv, sample: 3 }\n    expect: { objects: { at_least: 1 } }";
    let objects = OBJECTS.map(|(key, body)| format!("        - {{ key: \"{key}\", body: {} }}\n", json!(body)));
    let block = format!("    bucket:\n      objects:\n{}", objects.concat());
    Drilled::new(case, &definition(BUCKET, probe), &world(&block), Some(("list.csv", manifest))).await
}

/// What the source holds, with one body replaced by another.
fn manifest(changed: Option<(&str, &str)>) -> String {
    let line = |(key, body): (&str, &str)| {
        let body = changed.filter(|(of, _)| *of == key).map_or(body, |(_, other)| other);
        format!("\"{key}\",{},{}\n", body.len(), sha256_hex(body.as_bytes()))
    };
    format!("key,size,sha256\n{}", OBJECTS.map(line).concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_held_against_its_manifest() {
    let seen = bucket("whole", &manifest(None)).await.held().values;
    for (name, value) in [
        ("manifest_objects", json!(3)),
        ("compared", json!(3)),
        ("missing", json!([])),
        ("different", json!([])),
        ("readable", json!(3)),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    assert_eq!(seen["sample_sha256"].as_str().map(str::len), Some(64));

    let missed = bucket("incomplete", &format!("{}b/four.txt,3,\n", manifest(None))).await.missed();
    assert!(missed.message.contains("1 of the manifest's objects are missing: `b/four.txt`"), "{}", missed.message);
    assert_eq!(missed.observed.expect("it looked").values["missing"], json!(["b/four.txt"]));

    for (case, other) in [("changed", "23\n"), ("longer", "222\n")] {
        let missed = bucket(case, &manifest(Some(("a/two, too.txt", other)))).await.missed();
        assert_eq!(missed.reason, ProbeReason::Expectation, "{case}");
        assert_eq!(missed.observed.expect("it looked").values["different"], json!(["a/two, too.txt"]), "{case}");
    }
}
