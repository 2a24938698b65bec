//! The simulated AWS in memory: what it looks at and what it keeps may save work and must not change an answer.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use restore_drill::sandbox::file::Span;
use restore_drill::sandbox::{Blueprint, Direct, Fault, IdleClock, What, WorldFile, WorldSpec, access_key};
use serde_json::{Value, json};

use crate::harness::worlds::{self, ACCOUNT, THERE};

const SEED: u64 = 7;

fn starts() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().expect("an instant")
}

fn spec(world: &str) -> WorldSpec {
    let file = WorldFile::read("test.world.yaml", world).expect("the world file is right");
    WorldSpec::from_definition(&worlds::definition(worlds::ORDERS)).overlay(file)
}

/// A world and the clock that it follows.
struct Ground {
    direct: Direct,
    clock: Arc<IdleClock>,
}

impl Ground {
    fn new(world: &str) -> Self {
        let clock = IdleClock::new(starts());
        Self { direct: Direct::new(spec(world), SEED, &clock), clock }
    }

    fn of(blueprint: &Blueprint) -> Self {
        let clock = IdleClock::new(starts());
        Self { direct: Direct::of(blueprint, &clock), clock }
    }

    fn passes(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The status and the bytes of an answer.
    async fn send(&self, service: &str, head: &str, body: &str) -> (u16, Bytes) {
        let (method, path) = head.split_once(' ').expect("a method and a path");
        let key = access_key(&ACCOUNT.parse().expect("twelve digits"));
        let scope = format!("{key}/20261121/{THERE}/{service}/aws4_request");
        let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let request = Request::builder().method(method).uri(format!("http://127.0.0.1:9{path}"));
        let request = request.header("authorization", signature).body(Bytes::from(body.to_owned()));
        let answer = self.direct.exchange(request.expect("a request")).await.expect("nothing cuts the connection");
        (answer.status().as_u16(), answer.into_body())
    }

    async fn get(&self, path: &str) -> Bytes {
        let (status, body) = self.send("backup", &format!("GET {path}"), "").await;
        assert_eq!(status, 200, "{path}: {body:?}");
        body
    }

    async fn read(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).await).expect("the body is JSON")
    }

    /// The newest copy that can be restored.
    async fn newest(&self) -> String {
        let points = self.read("/backup-vaults/prod-rds-vault-dr/recovery-points?maxResults=1000").await;
        let eligible = points["RecoveryPoints"].as_array().expect("a list").iter();
        let eligible =
            eligible.filter(|point| point["Status"] == "COMPLETED" && point["Lifecycle"]["DeleteAfterDays"] == 35);
        let newest = eligible.max_by(|a, b| {
            let at = |point: &Value| point["CreationDate"].as_f64().expect("a number");
            at(a).total_cmp(&at(b))
        });
        newest.expect("a recovery point")["RecoveryPointArn"].as_str().expect("an ARN").to_owned()
    }

    async fn start(&self, point: &str, name: &str) -> (u16, Value) {
        let body = json!({
            "RecoveryPointArn": point,
            "IamRoleArn": "arn:aws:iam::123456789012:role/drill-restore",
            "IdempotencyToken": format!("token of {name}"),
            "ResourceType": "RDS",
            "Metadata": {
                "DBInstanceIdentifier": name,
                "DBSubnetGroupName": "drill-isolated",
                "VpcSecurityGroupIds": "[\"sg-0a1b2c3d4e5f60718\"]",
            },
        });
        let (status, body) = self.send("backup", "PUT /restore-jobs", &body.to_string()).await;
        (status, serde_json::from_slice(&body).expect("the body is JSON"))
    }
}

/// Everything long that a world lists.
const LISTS: [&str; 4] = [
    "/backup-vaults/prod-rds-vault-dr/recovery-points?maxResults=1000",
    "/backup-vaults/prod-rds-vault-dr",
    "/resources/arn%3Aaws%3Ards%3Aeu-west-2%3A123456789012%3Adb%3Aorders/recovery-points",
    "/restore-jobs/",
];

#[tokio::test]
async fn worlds_of_one_blueprint_are_alike_and_know_nothing_of_each_other() {
    let blueprint = Blueprint::new(spec(worlds::QUICK), SEED, starts());
    let (fresh, first) = (Ground::new(worlds::QUICK), Ground::of(&blueprint));
    let point = first.newest().await;
    first.direct.add_fault(Fault { age: Some(Span(SignedDuration::from_hours(72))), ..Fault::new(What::StaleCopy) });
    assert_eq!(first.start(&point, "drill-1").await.0, 400, "the copy is not there any more");
    let older = first.newest().await;
    assert_eq!(first.start(&older, "drill-2").await.0, 200);
    first.passes(3_600);
    assert_eq!(first.direct.holdings().restored().count(), 2, "an instance and its automated backup");
    let second = Ground::of(&blueprint);
    assert_eq!(second.direct.inventory(), Ground::new(worlds::QUICK).direct.inventory());
    for path in LISTS {
        assert_eq!(fresh.get(path).await, second.get(path).await, "{path}");
    }
}

#[tokio::test]
async fn how_often_somebody_looks_makes_no_difference() {
    let (often, seldom) = (Ground::new(worlds::QUICK), Ground::new(worlds::QUICK));
    for ground in [&often, &seldom] {
        let point = ground.newest().await;
        for name in ["drill-1", "drill-2", "drill-3"] {
            assert_eq!(ground.start(&point, name).await.0, 200);
        }
    }
    for round in 0..6 {
        for _ in 0..40 {
            often.passes(3);
            assert_eq!(often.direct.calls(), often.direct.inventory().calls.len());
        }
        seldom.passes(120);
        let (one, other) = (often.direct.holdings(), seldom.direct.holdings());
        assert_eq!(one, other, "round {round}");
        if round == 3 {
            assert!(one.restore_jobs.iter().all(|job| job.status == "COMPLETED"), "{:?}", one.restore_jobs);
            for ground in [&often, &seldom] {
                let modify =
                    "Action=ModifyDBInstance&DBInstanceIdentifier=drill-2&DeletionProtection=false&Version=2014-10-31";
                assert_eq!(ground.send("rds", "POST /", modify).await.0, 200);
            }
        }
        if round == 4 {
            for ground in [&often, &seldom] {
                let delete =
                    "Action=DeleteDBInstance&DBInstanceIdentifier=drill-2&SkipFinalSnapshot=true&Version=2014-10-31";
                assert_eq!(ground.send("rds", "POST /", delete).await.0, 200);
            }
        }
    }
    often.passes(600);
    let left = often.direct.holdings();
    assert!(left.things.iter().any(|thing| thing.arn.ends_with(":db:drill-1")));
    assert!(!left.things.iter().any(|thing| thing.arn.ends_with(":db:drill-2")), "{:?}", left.things);
}

#[tokio::test]
async fn an_old_answer_is_the_first_one_since_the_fault_was_there() {
    let ground = Ground::new(worlds::QUICK);
    let point = ground.newest().await;
    ground.direct.add_fault(Fault { after: 1, ..Fault::new(What::OldAnswer).on("backup:ListRestoreJobs") });
    let before = ground.get("/restore-jobs/").await;
    assert_eq!(ground.start(&point, "drill-1").await.0, 200);
    assert_eq!(ground.get("/restore-jobs/").await, before, "as the first time");
    ground.direct.end_faults();
    assert_ne!(ground.get("/restore-jobs/").await, before);
}

#[tokio::test]
async fn a_world_file_says_how_long_a_removal_takes() {
    let file = worlds::QUICK.replace("restore: { takes: 1m }", "restore: { takes: 1m }, removal: { takes: 5s }");
    let ground = Ground::new(&file);
    let point = ground.newest().await;
    assert_eq!(ground.start(&point, "drill-1").await.0, 200);
    ground.passes(480);
    let instance = "DBInstanceIdentifier=drill-1&Version=2014-10-31";
    let modify = format!("Action=ModifyDBInstance&DeletionProtection=false&{instance}");
    assert_eq!(ground.send("rds", "POST /", &modify).await.0, 200);
    ground.passes(120);
    let is_there = || ground.direct.holdings().things.iter().any(|thing| thing.arn.ends_with(":db:drill-1"));
    let delete = format!("Action=DeleteDBInstance&SkipFinalSnapshot=true&{instance}");
    assert_eq!(ground.send("rds", "POST /", &delete).await.0, 200);
    ground.passes(4);
    assert!(is_there(), "it is being deleted");
    ground.passes(2);
    assert!(!is_there(), "it is gone");
}

#[tokio::test]
async fn a_world_file_says_rates_places_and_times() {
    let file = r#"version: 1
rates: { "backup:Describe*": { each_second: 1, at_once: 2 } }
places: { rds: 2 }
times: { rds: { median: 30m, sigma: 0 } }
"#;
    let ground = Ground::new(file);
    let point = ground.newest().await;
    let (status, first) = ground.start(&point, "drill-1").await;
    assert_eq!(status, 200, "{first}");
    let path = format!("GET /restore-jobs/{}", first["RestoreJobId"].as_str().expect("an id"));
    let mut passed = 0;
    for _ in 0..5 {
        passed += i32::from(ground.send("backup", &path, "").await.0 == 200);
    }
    assert_eq!(passed, 2, "two at once");
    assert_eq!(ground.start(&point, "drill-2").await.0, 200);
    let (status, refused) = ground.start(&point, "drill-3").await;
    assert_eq!(status, 400, "{refused}");
    assert!(refused.to_string().contains("restore jobs at a time"), "{refused}");
    ground.passes(1_801);
    assert_eq!(ground.start(&point, "drill-3").await.0, 200, "the places are free again");
    let (status, body) = ground.send("backup", &path, "").await;
    let job: Value = serde_json::from_slice(&body).expect("the body is JSON");
    let at = |name: &str| job[name].as_f64().expect("a number");
    assert_eq!((status, job["Status"].as_str()), (200, Some("COMPLETED")), "{job}");
    assert!((at("CompletionDate") - at("CreationDate") - 1_800.0).abs() < 0.5, "{job}");
}

#[test]
fn many_worlds_are_joined_as_one_after_the_other() {
    let one = |name: &str, resource: &str| {
        let text = worlds::ORDERS.replace("name: orders", &format!("name: {name}"));
        let text = text.replace(":db:orders", &format!(":db:{resource}"));
        WorldSpec::from_definition(&worlds::definition(&text))
    };
    let all = || {
        [("one", "orders"), ("two", "orders"), ("three", "users"), ("four", "users")]
            .map(|(name, resource)| one(name, resource))
    };
    let folded = all().into_iter().reduce(WorldSpec::merge).expect("there are some");
    let joined = WorldSpec::merge_all(all()).expect("there are some");
    assert_eq!(format!("{joined:?}"), format!("{folded:?}"));
    assert_eq!(joined.resource_names().len(), 2);
    assert!(WorldSpec::merge_all(Vec::new()).is_none());
}
