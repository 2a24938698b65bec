//! The simulated AWS over raw HTTP, in this process: what clients see, what faults and holds do, what a world remembers.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::definition::model::Definition;
use restore_drill::sandbox::fault::Lasting;
use restore_drill::sandbox::file::Span;
use restore_drill::sandbox::{Fault, Hold, Options, Remote, Sandbox, What, When, WorldSpec, access_key};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Every wait of these tests is bounded by this, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

fn definition() -> Definition {
    let value = json!({
        "name": "wire",
        "title": "Wire",
        "owner": "nobody@example.com",
        "source": { "region": "eu-west-2", "account": "123456789012" },
        "destination": {
            "region": "eu-west-1",
            "account": "123456789012",
            "vault": "wire-vault",
            "restore_role": "arn:aws:iam::123456789012:role/drill-restore",
        },
        "limits": { "max_duration": "PT4H", "max_parallel_restores": 4 },
        "restore": {
            "orders": {
                "kind": "rds",
                "resource": "arn:aws:rds:eu-west-2:123456789012:db:orders",
                "with": { "subnet_group": "isolated", "security_groups": ["sg-0a1b2c3d"] },
                "timeout": "PT90M",
            },
        },
        "probes": {},
        "teardown": { "timeout": "PT2H" },
        "report": { "runbook": "default" },
    });
    serde_json::from_value(value).expect("the definition is valid")
}

async fn sandbox() -> Sandbox {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire-cache");
    let options = Options { port: 0, speed: 300.0, seed: 7, cache };
    Sandbox::start(WorldSpec::from_definition(&definition()), options).await.expect("the sandbox starts")
}

/// An answer: its status and its body.
struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }
}

/// One request; `None` when the connection ended without an answer.
async fn send(sandbox: &Sandbox, service: &str, region: &str, head: &str, body: &str) -> Option<Answer> {
    let address = sandbox.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.expect("the sandbox listens");
    let key = access_key(&"123456789012".parse().expect("twelve digits"));
    let request = format!(
        "{head} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential={key}/20261121/{region}/{service}/aws4_request, SignedHeaders=host, Signature=none\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer in time").ok()?;
    let text = String::from_utf8(answer).expect("the answer is text");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

async fn get(sandbox: &Sandbox, path: &str) -> Answer {
    send(sandbox, "backup", "eu-west-1", &format!("GET {path}"), "").await.expect("an answer")
}

async fn rds(sandbox: &Sandbox, form: &str) -> Answer {
    send(sandbox, "rds", "eu-west-1", "POST /", form).await.expect("an answer")
}

/// The newest copy in the vault that can be restored.
async fn newest(sandbox: &Sandbox) -> String {
    let points = get(sandbox, "/backup-vaults/wire-vault/recovery-points?maxResults=1000").await.json();
    let points = points["RecoveryPoints"].as_array().expect("a list").clone();
    let eligible =
        points.iter().filter(|point| point["Status"] == "COMPLETED" && point["Lifecycle"]["DeleteAfterDays"] == 35);
    let newest =
        eligible.max_by(|a, b| a["CreationDate"].as_f64().partial_cmp(&b["CreationDate"].as_f64()).expect("numbers"));
    newest.expect("a recovery point")["RecoveryPointArn"].as_str().expect("an ARN").to_owned()
}

fn order(point: &str, name: &str, token: &str) -> String {
    json!({
        "RecoveryPointArn": point,
        "IamRoleArn": "arn:aws:iam::123456789012:role/drill-restore",
        "IdempotencyToken": token,
        "ResourceType": "RDS",
        "Metadata": { "DBInstanceIdentifier": name, "DBSubnetGroupName": "isolated", "VpcSecurityGroupIds": "[\"sg-0a1b2c3d\"]" },
    })
    .to_string()
}

async fn start(sandbox: &Sandbox, body: &str) -> Option<Answer> {
    send(sandbox, "backup", "eu-west-1", "PUT /restore-jobs", body).await
}

async fn start_job(sandbox: &Sandbox, body: &str) -> String {
    let answer = start(sandbox, body).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["RestoreJobId"].as_str().expect("an id").to_owned()
}

/// Looks again and again in world time until `look` is content.
async fn until<F: Future<Output = bool>>(sandbox: &Sandbox, what: &str, look: impl Fn() -> F) {
    let clock = sandbox.clock();
    let waiting = async {
        while !look().await {
            clock.sleep_until(clock.now() + SignedDuration::from_secs(30)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

async fn ended(sandbox: &Sandbox, job: &str) -> Value {
    let path = format!("/restore-jobs/{job}");
    until(sandbox, "the end of the job", || async {
        let status = get(sandbox, &path).await.json()["Status"].clone();
        status != "PENDING" && status != "RUNNING"
    })
    .await;
    get(sandbox, &path).await.json()
}

#[tokio::test]
async fn lists_are_paged_and_the_trailing_slash_makes_no_difference() {
    let sandbox = sandbox().await;
    let plain = get(&sandbox, "/backup-vaults/wire-vault/recovery-points").await;
    let slashed = get(&sandbox, "/backup-vaults/wire-vault/recovery-points/").await;
    assert_eq!(plain.body, slashed.body);
    let all: Vec<Value> = plain.json()["RecoveryPoints"].as_array().expect("a list").clone();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page =
            get(&sandbox, &format!("/backup-vaults/wire-vault/recovery-points/?maxResults=4{token}")).await.json();
        seen.extend(page["RecoveryPoints"].as_array().expect("a list").clone());
        match page["NextToken"].as_str() {
            Some(next) => token = format!("&nextToken={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let sorted = all.windows(2).all(|pair| pair[0]["CreationDate"].as_f64() >= pair[1]["CreationDate"].as_f64());
    assert!(!sorted, "the order of a listing is not documented, so it must not be useful");
    let statuses: Vec<&str> = all.iter().filter_map(|point| point["Status"].as_str()).collect();
    for status in ["COMPLETED", "PARTIAL", "EXPIRED", "DELETING"] {
        assert!(statuses.contains(&status), "{status}");
    }
    assert_eq!(get(&sandbox, "/backup-vaults/no-such-vault").await.status, 403);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_restore_lives_and_its_instance_is_deleted_by_the_rules() {
    let sandbox = sandbox().await;
    let body = order(&newest(&sandbox).await, "drill-1", "token-1");
    let job = start_job(&sandbox, &body).await;
    assert_eq!(start_job(&sandbox, &body).await, job, "the same token starts nothing new");
    let other = order(&newest(&sandbox).await, "drill-2", "token-1");
    let refused = start(&sandbox, &other).await.expect("an answer");
    assert_eq!((refused.status, refused.json()["Code"].as_str()), (400, Some("InvalidParameterValueException")));
    let seen = ended(&sandbox, &job).await;
    assert_eq!(seen["Status"], "COMPLETED", "{seen}");
    assert_eq!(seen["CreatedResourceArn"], "arn:aws:rds:eu-west-1:123456789012:db:drill-1");
    until(&sandbox, "the instance's becoming available", || async {
        let answer = rds(&sandbox, "Action=DescribeDBInstances&DBInstanceIdentifier=drill-1").await;
        answer.body.contains("<DBInstanceStatus>available<") && answer.body.contains("<Address>127.0.0.1<")
    })
    .await;
    let delete = "Action=DeleteDBInstance&DBInstanceIdentifier=drill-1&SkipFinalSnapshot=true";
    let refused = rds(&sandbox, delete).await;
    assert!(refused.body.contains("Cannot delete protected DB Instance"), "{}", refused.body);
    let modify = "Action=ModifyDBInstance&DBInstanceIdentifier=drill-1&DeletionProtection=false&ApplyImmediately=true";
    assert_eq!(rds(&sandbox, modify).await.status, 200);
    until(&sandbox, "the deletion", || async { rds(&sandbox, delete).await.status == 200 }).await;
    until(&sandbox, "the instance's end", || async {
        let answer = rds(&sandbox, "Action=DescribeDBInstances&DBInstanceIdentifier=drill-1").await;
        answer.status == 404 && answer.body.contains("<Code>DBInstanceNotFound</Code>")
    })
    .await;
    let inventory = sandbox.inventory();
    assert_eq!((inventory.restored().count(), inventory.restore_jobs.len()), (0, 1));
    let changed: Vec<&str> = inventory.effects().filter_map(|call| call.resource.as_deref()).collect();
    assert!(changed.iter().all(|name| *name == "drill-1" || name.contains("snapshot:awsbackup:")), "{changed:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn mistakes_in_the_metadata_fail_the_job_and_not_the_call() {
    let sandbox = sandbox().await;
    let point = newest(&sandbox).await;
    let role = "arn:aws:iam::123456789012:role/drill-restore";
    for (metadata, expected) in [
        (json!({ "DBInstanceIdentifier": "a", "DBSubnetGroupName": "nowhere" }), "DBSubnetGroupNotFoundFault"),
        (json!({ "DBInstanceIdentifier": "b", "DBSnapshotIdentifier": "awsbackup:x" }), "DBSnapshotIdentifier"),
        (json!({ "DBInstanceIdentifier": "c", "AvailabilityZone": "eu-west-2a" }), "eu-west-2a"),
        (json!({ "DBInstanceIdentifier": "d", "VpcSecurityGroupIds": "[\"sg-0a1b2c3d\"]" }), "different VPCs"),
        (json!({ "DBInstanceIdentifier": "e", "MultiAZ": "true", "AvailabilityZone": "eu-west-1a" }), "Multi-AZ"),
        (json!({ "DBInstanceIdentifier": "f", "OptionGroupName": "nothing" }), "OptionGroupNotFoundFault"),
    ] {
        let body = json!({ "RecoveryPointArn": point, "IamRoleArn": role, "Metadata": metadata }).to_string();
        let seen = ended(&sandbox, &start_job(&sandbox, &body).await).await;
        assert_eq!(seen["Status"], "FAILED");
        assert!(seen["StatusMessage"].as_str().is_some_and(|text| text.contains(expected)), "{seen}");
        assert!(seen.get("CreatedResourceArn").is_none());
    }
    let nameless = json!({ "RecoveryPointArn": point, "IamRoleArn": role, "Metadata": {} }).to_string();
    let refused = start(&sandbox, &nameless).await.expect("an answer");
    assert_eq!(refused.json()["Code"], "MissingParameterValueException");
    assert_eq!(sandbox.inventory().restored().count(), 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_reset_after_the_effect_leaves_the_effect_and_one_before_leaves_nothing() {
    let sandbox = sandbox().await;
    let point = newest(&sandbox).await;
    for (what, jobs) in [(What::ResetBefore, 0), (What::ResetAfter, 1)] {
        sandbox.add_fault(Fault { times: Some(1), ..Fault::new(what).on("backup:StartRestoreJob") });
        assert!(start(&sandbox, &order(&point, "drill-r", "token-r")).await.is_none());
        assert_eq!(sandbox.inventory().restore_jobs.len(), jobs);
    }
    start_job(&sandbox, &order(&point, "drill-r", "token-r")).await;
    assert_eq!(sandbox.inventory().restore_jobs.len(), 1, "the token finds the job whose answer was lost");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_effect_leaves_nothing_and_after_it_everything() {
    let sandbox = sandbox().await;
    let body = order(&newest(&sandbox).await, "drill-h", "token-h");
    for (when, jobs) in [(When::Before, 0), (When::After, 1)] {
        let held = sandbox.hold(Hold { operation: "backup:StartRestoreJob".into(), nth: 1, when });
        tokio::select! {
            answer = start(&sandbox, &body) => panic!("answered {:?}", answer.map(|answer| answer.body)),
            reached = tokio::time::timeout(PATIENCE, held.reached()) => reached.expect("the request comes"),
        }
        // The server sees the client's end on its own time; a few more requests give it that.
        for _ in 0..20 {
            get(&sandbox, "/backup-vaults").await;
        }
        held.release();
        get(&sandbox, "/backup-vaults").await;
        assert_eq!(sandbox.inventory().restore_jobs.len(), jobs, "{when:?}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn faults_of_jobs_and_deletes_come_as_they_are_told() {
    let sandbox = sandbox().await;
    let point = newest(&sandbox).await;
    sandbox.add_fault(Fault { leaves_partial: true, with_arn: true, times: Some(1), ..Fault::new(What::JobFailed) });
    let seen = ended(&sandbox, &start_job(&sandbox, &order(&point, "drill-f", "token-f")).await).await;
    assert_eq!((seen["Status"].as_str(), seen["CreatedResourceArn"].is_string()), (Some("FAILED"), true));
    sandbox.add_fault(Fault::new(What::DenyDelete));
    let unprotect = "Action=ModifyDBInstance&DBInstanceIdentifier=drill-f&DeletionProtection=false";
    assert_eq!(rds(&sandbox, unprotect).await.status, 200);
    let denied = rds(&sandbox, "Action=DeleteDBInstance&DBInstanceIdentifier=drill-f&SkipFinalSnapshot=true").await;
    assert!(denied.status == 403 && denied.body.contains("<Code>AccessDenied</Code>"), "{}", denied.body);
    assert!(sandbox.inventory().restored().any(|thing| thing.kind == "rds:db" && thing.state == "failed"));
    let stuck = Lasting::For(Span(SignedDuration::from_hours(3)));
    sandbox.add_fault(Fault { lasts: Some(stuck), ..Fault::new(What::JobStuck) });
    let job = start_job(&sandbox, &order(&point, "drill-s", "token-s")).await;
    sandbox.advance(SignedDuration::from_hours(2));
    assert_eq!(get(&sandbox, &format!("/restore-jobs/{job}")).await.json()["Status"], "RUNNING");
    sandbox.advance(SignedDuration::from_hours(4));
    assert_eq!(ended(&sandbox, &job).await["Status"], "COMPLETED");
    sandbox.stop().await;
}

#[tokio::test]
async fn the_same_seed_makes_the_same_world() {
    let (one, two) = (sandbox().await, sandbox().await);
    let path = "/backup-vaults/wire-vault/recovery-points?maxResults=1000";
    let arns = |answer: Answer| -> Vec<String> {
        let body = answer.json();
        let points = body["RecoveryPoints"].as_array().expect("a list");
        points.iter().map(|point| point["RecoveryPointArn"].to_string()).collect()
    };
    assert_eq!(arns(get(&one, path).await), arns(get(&two, path).await));
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn another_process_sees_the_same_clock() {
    let sandbox = sandbox().await;
    let remote = Remote::connect(&sandbox.url()).await.expect("the world answers");
    let apart = remote.clock().now().duration_since(sandbox.clock().now()).abs();
    assert!(apart < SignedDuration::from_mins(10), "{apart}");
    assert_eq!((remote.seed(), remote.made()), (7, true));
    assert!(Remote::connect("http://127.0.0.1:1").await.is_err());
    sandbox.stop().await;
}
