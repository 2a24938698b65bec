//! The archive of evidence in S3 with Object Lock: what is there, for how long, and what happens when it cannot be.

use std::collections::BTreeMap;
use std::time::Duration;

use restore_drill::aws::permissions::ARCHIVE;
use restore_drill::aws::resource::facts;
use restore_drill::cloud::archive::{ArchiveBucket, Kept};
use restore_drill::cloud::check::CheckResult;
use restore_drill::definition::load::check_text;
use restore_drill::journal::event::{Event, ReportFile, StepEnd};
use restore_drill::journal::state::{Archiving, State};
use restore_drill::plan::compile::compile;
use restore_drill::plan::permissions::permissions;
use restore_drill::plan::step::Work;
use restore_drill::run::step::archive::target;
use restore_drill::run::step::preflight::survey;
use restore_drill::sandbox::{Inventory, Sandbox, access_key};
use restore_drill::words::id::RunId;
use restore_drill::words::kind::{CheckId, LockMode, Verdict};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::check::assert_harmless;
use crate::harness::child::Drill;
use crate::harness::life::{Bench, End, Fate, Pen, conclusion};
use crate::harness::worlds::{self, ACCOUNT, STEADY, THERE};

/// No answer takes longer, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

const BUCKET: &str = "audit-archive";

fn archived_with(more: &str) -> String {
    format!("{}report: {{ archive: {{ s3: s3://{BUCKET}/drills, retain: 7y{more} }} }}\n", worlds::ORDERS)
}

fn definition() -> String {
    archived_with("")
}

fn faulty(fault: &str) -> String {
    format!("{}faults:\n  - {{ {fault} }}\n", worlds::QUICK)
}

fn bucket() -> ArchiveBucket {
    ArchiveBucket {
        name: BUCKET.to_owned(),
        region: THERE.parse().expect("a region"),
        owner: ACCOUNT.parse().expect("twelve digits"),
    }
}

/// How often each object was written, by its key.
fn writes(inventory: &Inventory) -> BTreeMap<String, u32> {
    let mut writes = BTreeMap::new();
    for call in inventory.effects().filter(|call| call.operation == "s3:PutObject") {
        let resource = call.resource.clone().unwrap_or_default();
        let key = resource.strip_prefix(&format!("{BUCKET}/")).expect("nothing is written to another bucket");
        *writes.entry(key.to_owned()).or_default() += 1;
    }
    writes
}

/// Everything of the report is in the archive once, as it was written and for as long as was asked.
async fn assert_archived(case: &str, bench: &Bench, state: &State) {
    let Some(Archiving::Done { place, until, files }) = &state.archive else {
        panic!("{case}: {:?}", state.archive);
    };
    let (at, _) = state.concluded.as_ref().expect("it has a verdict");
    assert_eq!(*place, format!("s3://{BUCKET}/drills/orders/{}", state.run), "{case}");
    let (from, to) = (at.to_string(), until.to_string());
    let year = |text: &str| text.get(..4).and_then(|year| year.parse::<u32>().ok()).expect("a year");
    assert_eq!((year(&to), to.get(4..19)), (year(&from) + 7, from.get(4..19)), "{case}");
    assert_eq!(Some(files), state.report.as_ref(), "{case}");
    assert!(files.iter().any(|file| file.name == "manifest.json"), "{case}: {files:?}");
    for ReportFile { name, sha256 } in files {
        let key = format!("drills/orders/{}/{name}", state.run);
        let kept = bench.services.cloud.archive.kept(&bucket(), &key).await.expect("S3 answers");
        let Kept { sha256: there, lock } = kept.unwrap_or_else(|| panic!("{case}: {key} is not there"));
        let lock = lock.unwrap_or_else(|| panic!("{case}: {key} is not locked"));
        assert_eq!((there.as_ref(), lock.until, lock.mode), (Some(sha256), *until, LockMode::Governance), "{case}");
    }
    let wanted: BTreeMap<String, u32> =
        files.iter().map(|file| (format!("drills/orders/{}/{}", state.run, file.name), 1)).collect();
    assert_eq!(writes(&bench.inventory()), wanted, "{case}: each is written once, and nothing else");
    assert_harmless(case, &bench.before, &bench.inventory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finished_bundle_is_archived_and_nothing_of_that_is_in_it() {
    let case = "an archive";
    let bench = Bench::new(&definition()).await;
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{:?}", conclusion(&state).reasons);
    assert_archived(case, &bench, &state).await;
    bench.assert_reported(case, state.run);
    let journal = std::fs::read_to_string(bench.evidence().join("journal.jsonl")).expect("it is there");
    assert!(!journal.contains("archive_intended") && !journal.contains("\"archived\""), "it ends with the verdict");
    let events: Vec<Event> = bench.records(state.run).into_iter().map(|record| record.event).collect();
    let at = |is: fn(&Event) -> bool| events.iter().position(is).expect("it happened");
    let written = at(|event| matches!(event, Event::ReportWritten { .. }));
    let intended = at(|event| matches!(event, Event::ArchiveIntended { .. }));
    assert!(written < intended && intended < at(|event| matches!(event, Event::Archived { .. })));
}

/// What is in doubt is looked for before it is written again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_twice_whatever_happens() {
    for fault in [
        "what: reset_after, operation: \"s3:PutObject\", times: 2",
        "what: throttle, operation: \"s3:PutObject\", times: 3",
        "what: error_500, operation: \"s3:HeadObject\", times: 2",
    ] {
        let bench = Bench::in_world(&definition(), &faulty(fault)).await;
        let state = bench.run(fault).await;
        assert_archived(fault, &bench, &state).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_dies_while_it_archives_goes_on_with_it() {
    let intends: fn(&Event) -> bool = |event| matches!(event, Event::ArchiveIntended { .. });
    let is_done: fn(&Event) -> bool = |event| matches!(event, Event::Archived { .. });
    for (case, dies) in [("before the first file", intends), ("behind the last", is_done)] {
        let bench = Bench::new(&definition()).await;
        let (journal, state) = bench.begin().await;
        let run = state.run;
        let end = bench.live(case, &mut Pen::new(journal, Fate::DiesOnce(dies)), state, None).await;
        assert!(matches!(end, End::Died), "{case}");
        let state = bench.resume(case, run, None).await;
        assert_archived(case, &bench, &state).await;
    }
}

/// The archive is no part of what the run shows: its verdict stands, and the failure is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_fails_changes_no_verdict() {
    let no_lock = format!("{}buckets:\n  {BUCKET}: {{ object_lock: false }}\n", worlds::QUICK);
    let no_bucket = format!("{}buckets:\n  {BUCKET}: {{ exists: false }}\n", worlds::QUICK);
    for (world, said) in [
        (no_lock, "Bucket is missing Object Lock Configuration"),
        (no_bucket, "NoSuchBucket"),
        (faulty("what: access_denied, operation: \"s3:PutObject\""), "s3:PutObject: AccessDenied"),
        (faulty("what: access_denied, operation: \"s3:HeadObject\""), "s3:HeadObject: AccessDenied"),
    ] {
        let bench = Bench::in_world(&definition(), &world).await;
        let state = bench.run(said).await;
        assert_eq!(conclusion(&state).verdict, Verdict::Passed, "{said}: {:?}", conclusion(&state).reasons);
        let Some(Archiving::Failed { message }) = &state.archive else { panic!("{said}: {:?}", state.archive) };
        assert!(message.contains(said), "{said}: {message}");
        assert!(matches!(state.step(&Work::Report).end(), Some(StepEnd::Failed(_))), "{said}");
        assert!(writes(&bench.inventory()).is_empty(), "{said}");
        assert_harmless(said, &bench.before, &bench.inventory());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_says_where_it_is_and_tries_again_when_asked() {
    let world = faulty("what: access_denied, operation: \"s3:PutObject\", times: 1");
    let text = definition();
    let sandbox = worlds::start(&worlds::definition(&text), &world, STEADY).await;
    let drill = Drill::new().definition("orders", &text);
    let url = format!("--sandbox={}", sandbox.url());
    let said = drill.ask(&["run", "orders", &url, "--output", "json"]).await.ends(3).json();
    assert_eq!((&said["verdict"], &said["exit_code"]), (&"passed".into(), &3.into()), "{said:#}");
    assert_eq!(said["archive"]["state"], "failed", "{said:#}");
    let run = drill.last_id().await;
    let status = drill.ask(&["status", &run]).await.ends(0);
    assert!(status.stdout.contains("not archived: s3:PutObject: AccessDenied"), "{status:?}");

    let folder = drill.path().join("reports/.rehearsal/orders").join(&run).display().to_string();
    drill.ask(&["finding", "add", &run, "--text", "nobody watched"]).await.ends(0);
    drill.ask(&["report", &run, "--archive"]).await.ends(0);
    let once = writes(&sandbox.inventory());
    assert!(once.values().all(|count| *count == 1), "{once:?}");
    assert!(once.keys().any(|key| key.ends_with("/manifest.json")), "{once:?}");
    assert!(once.keys().any(|key| key.ends_with("/addenda/addendum-1.json")), "{once:?}");
    let status = drill.ask(&["status", &run]).await.ends(0);
    assert!(status.stdout.contains(&format!("s3://{BUCKET}/drills/orders/{run} until ")), "{status:?}");
    // It is all there: nothing is written again, and the bundle is as it was.
    drill.ask(&["report", &run, "--archive"]).await.ends(0);
    assert_eq!(writes(&sandbox.inventory()), once);
    drill.ask(&["verify", &folder]).await.ends(3);

    let plain = Drill::new().definition("orders", worlds::ORDERS);
    plain.ask(&["run", "orders", &url]).await.ends(0);
    let said = plain.ask(&["report", &plain.last_id().await, "--archive"]).await.ends(2);
    assert!(said.stderr.contains("has no `report.archive`"), "{said:?}");
}

/// There is nobody left to ask, and that is said with what to do, not as a refused connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_world_that_ended_nothing_is_archived_and_that_is_said() {
    let drill = Drill::new().definition("orders", &definition()).definition("orders.world", worlds::QUICK);
    drill.ask(&["run", "orders", "--sandbox"]).await.ends(0);
    let said = drill.ask(&["report", &drill.last_id().await, "--archive"]).await.ends(2);
    for wanted in ["ended with the process that held it", "drill sandbox", "--sandbox=URL"] {
        assert!(said.stderr.contains(wanted), "`{wanted}`: {said:?}");
    }
}

/// One request over raw HTTP: its status and its body.
async fn s3(sandbox: &Sandbox, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(sandbox.url().replace("http://", "")).await.expect("the sandbox listens");
    let key = access_key(&ACCOUNT.parse().expect("twelve digits"));
    let request = format!(
        "{head} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential={key}/20261121/{THERE}/s3/aws4_request, SignedHeaders=host, Signature=none\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("it can be sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an answer in time").expect("an answer");
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_archived_cannot_be_deleted_before_its_time() {
    let bench = Bench::new(&archived_with(", mode: compliance")).await;
    let state = bench.run("compliance").await;
    let key = format!("drills/orders/{}/report.md", state.run);
    let kept = bench.services.cloud.archive.kept(&bucket(), &key).await.expect("S3 answers").expect("it is there");
    assert_eq!(kept.lock.map(|lock| lock.mode), Some(LockMode::Compliance));
    let (status, list) = s3(&bench.sandbox, &format!("GET /{BUCKET}?versions&prefix={key}")).await;
    assert_eq!(status, 200, "{list}");
    let version = list.split("<VersionId>").nth(1).and_then(|rest| rest.split('<').next()).expect("a version");
    let (status, said) = s3(&bench.sandbox, &format!("DELETE /{BUCKET}/{key}?versionId={version}")).await;
    assert!(status == 403 && said.contains("object protected by object lock"), "{status} {said}");
    // A marker can be laid over it; the version stays.
    let (status, _) = s3(&bench.sandbox, &format!("DELETE /{BUCKET}/{key}")).await;
    assert_eq!(status, 204);
    let (status, _) = s3(&bench.sandbox, &format!("HEAD /{BUCKET}/{key}?versionId={version}")).await;
    assert_eq!(status, 200);
    let (status, said) = s3(&bench.sandbox, &format!("GET /{BUCKET}?object-lock")).await;
    assert!(status == 200 && said.contains("<ObjectLockEnabled>Enabled</ObjectLockEnabled>"), "{status} {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preflight_looks_at_the_bucket() {
    let run = RunId::new(1_795_262_400_000, [7; 10]);
    let no_lock = format!("{}buckets:\n  {BUCKET}: {{ object_lock: false }}\n", worlds::QUICK);
    let no_bucket = format!("{}buckets:\n  {BUCKET}: {{ exists: false }}\n", worlds::QUICK);
    let denied = faulty("what: access_denied, operation: \"s3:GetObjectLockConfiguration\"");
    for (world, result) in [
        (worlds::QUICK, CheckResult::Ok),
        (no_lock.as_str(), CheckResult::Warning),
        (no_bucket.as_str(), CheckResult::Warning),
        (denied.as_str(), CheckResult::NotChecked),
    ] {
        let bench = Bench::at_speed(&definition(), world, STEADY).await;
        let found = survey(&bench.plan.definition, &bench.services, &run).await;
        let check = found.checks.iter().find(|check| check.id == CheckId::ReportArchive).expect("it is looked at");
        assert_eq!(check.result, result, "{world}: {check:?}");
        assert_eq!(check.mend.is_some(), result != CheckResult::Ok, "{world}: {check:?}");
    }
}

fn messages(text: &str) -> Vec<String> {
    match check_text("orders.yaml", text.as_bytes(), None, &BTreeMap::new(), facts) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.diagnostics.iter().map(|one| one.message.clone()).collect(),
    }
}

/// The one place that a run writes to besides what it restores is none that it restores from, or into.
#[test]
fn nothing_that_is_drilled_is_an_archive() {
    assert!(messages(&definition()).is_empty(), "{:?}", messages(&definition()));
    let own = definition().replace(
        "  orders:\n    type: rds\n",
        &format!(
            "  papers:\n    type: s3\n    resource: arn:aws:s3:::{BUCKET}\n    timeout: 10d\n  orders:\n    type: rds\n"
        ),
    );
    assert!(messages(&own).iter().any(|message| message.contains("is the source of `papers`")), "{:?}", messages(&own));
    let restored = definition().replace(BUCKET, "drill-07070707-papers");
    assert!(messages(&restored).iter().any(|message| message.contains("called like what drills restore")));
    for (piece, wrong) in [
        ("s3://audit-archive/drills", "audit-archive"),
        ("s3://audit-archive/drills", "s3://audit-archive/../drills"),
        ("7y", "7"),
        ("7y", "200y"),
        ("retain: 7y", "retain: 7y, mode: forever"),
        (", retain: 7y", ""),
    ] {
        assert!(!messages(&definition().replace(piece, wrong)).is_empty(), "{wrong}");
    }
    let plan = compile(&worlds::definition(&definition()), facts).expect("a plan");
    let asked = permissions(&plan, facts, &[]);
    assert!(ARCHIVE.iter().all(|action| asked.iter().any(|one| one == action)), "{asked:?}");
}

/// A selection shows its buckets only when the plan is made: a run looks once more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_refuses_a_bucket_that_it_drills() {
    let case = "a bucket of its own";
    let mut bench = Bench::new(&definition()).await;
    let orders = bench.plan.definition.restore.values_mut().next().expect("a restore");
    let (kind, resource) = (orders.kind, orders.resource.clone());
    orders.kind = restore_drill::words::kind::ResourceKind::S3;
    orders.resource = format!("arn:aws:s3:::{BUCKET}").parse().expect("an ARN");
    let (_, mut state) = bench.begin().await;
    let at = state.started_at;
    state.concluded = Some((at, restore_drill::journal::verdict::conclude(&state, facts)));
    assert!(matches!(target(&state), Some(Err(_))), "{case}: {:?}", target(&state));
    let orders = state.started.plan.definition.restore.values_mut().next().expect("a restore");
    (orders.kind, orders.resource) = (kind, resource);
    assert!(matches!(target(&state), Some(Ok(_))), "{case}: {:?}", target(&state));
}
