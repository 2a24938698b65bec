//! `drill sweep`: what it finds, what proves whose a thing is, and what it never touches. The real program, over the wire.

use std::time::Duration;

use jiff::SignedDuration;
use restore_drill::sandbox::{Fault, Hold, Inventory, Sandbox, What, When};
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::check::changes;
use crate::harness::child::{Drill, Running, Said};
use crate::harness::worlds::{self, ACCOUNT, HERE, ORDERS, QUICK, STEADY, THERE};

/// A call that a test waits for comes within this, in real time.
const LIMIT: Duration = Duration::from_secs(60);

/// Longer than any run of the definitions here may take: the tag `drill:expires` is over then.
const LONG_AFTER: SignedDuration = SignedDuration::from_hours(22 * 24);

const TAGGED: &str = "rds:AddTagsToResource";

/// A repository, a world, and runs that end badly.
struct Ground {
    drill: Drill,
    sandbox: Sandbox,
    name: String,
    url: String,
}

impl Ground {
    async fn of(definition: &str, world: &str) -> Self {
        let model = worlds::definition(definition);
        let sandbox = worlds::start(&model, world, STEADY).await;
        let name = model.name.to_string();
        let drill = Drill::new().definition(&name, definition);
        let url = format!("--sandbox={}", sandbox.url());
        Self { drill, sandbox, name, url }
    }

    async fn new() -> Self {
        Self::of(ORDERS, QUICK).await
    }

    /// A run that has just made this call, and waits for its answer.
    async fn runs_until(&self, operation: &str) -> (Running, restore_drill::sandbox::Held) {
        let held = self.sandbox.hold(Hold { operation: operation.to_owned(), nth: 1, when: When::After });
        let running = self.drill.spawn(&["run", &self.name, &self.url]);
        let reached = tokio::time::timeout(LIMIT, held.reached()).await;
        reached.unwrap_or_else(|_| panic!("{}: {operation} never came", self.name));
        (running, held)
    }

    /// A run that is killed right after this call took effect.
    async fn dies_after(&self, operation: &str) {
        let (running, held) = self.runs_until(operation).await;
        running.signal(Signal::KILL);
        running.ended().await;
        held.release();
    }

    /// The journals are lost.
    fn forgets(&self) {
        std::fs::remove_dir_all(self.drill.path().join(".drill")).expect("there were journals");
    }

    async fn sweeps(&self, more: &[&str]) -> Said {
        let mut arguments = vec!["sweep", self.url.as_str(), "--output", "json"];
        arguments.extend(more);
        self.drill.ask(&arguments).await
    }

    /// ARNs of what restore jobs made and still exists.
    fn restored(&self) -> Vec<String> {
        self.sandbox.inventory().restored().map(|thing| thing.arn.clone()).collect()
    }

    /// The databases among them: each also has automated backups.
    fn databases(&self) -> Vec<String> {
        self.restored().into_iter().filter(|arn| arn.contains(":db:")).collect()
    }

    fn changes(&self) -> usize {
        changing(&self.sandbox.inventory())
    }
}

fn changing(inventory: &Inventory) -> usize {
    inventory.calls.iter().filter(|call| changes(&call.operation)).count()
}

fn things(said: &Value) -> &[Value] {
    said["things"].as_array().expect("there is a list")
}

/// The only thing that may go this way.
#[track_caller]
fn only<'a>(said: &'a Value, then: &str) -> &'a Value {
    let found: Vec<&Value> = things(said).iter().filter(|thing| thing["then"] == then).collect();
    assert_eq!(found.len(), 1, "{said:#}");
    found[0]
}

/// The only thing of this kind.
#[track_caller]
fn of_kind<'a>(said: &'a Value, what: &str) -> &'a Value {
    let found: Vec<&Value> = things(said).iter().filter(|thing| thing["what"] == what).collect();
    assert_eq!(found.len(), 1, "{said:#}");
    found[0]
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value:#}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_was_left_nothing_is_found() {
    let ground = Ground::new().await;
    ground.drill.ask(&["run", "orders", &ground.url]).await.ends(0);
    let before = ground.changes();
    let said = ground.sweeps(&["--yes"]).await.ends(0).json();
    assert!(things(&said).is_empty() && said["unseen"] == Value::Array(Vec::new()), "{said:#}");
    assert_eq!((text(&said["places"][0], "account"), text(&said["places"][0], "region")), (ACCOUNT, THERE));
    let shown = ground.drill.ask(&["sweep", &ground.url]).await.ends(0);
    assert!(shown.stdout.contains("nothing is left"), "{shown:?}");
    assert_eq!(ground.changes(), before, "a sweep that found nothing changed something");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_run_left_goes_only_by_its_arn() {
    let ground = Ground::new().await;
    ground.dies_after(TAGGED).await;
    ground.forgets();
    // Its tag says that it may still be in use, perhaps by a run on another machine.
    let said = ground.sweeps(&["--yes"]).await.ends(0).json();
    assert!(text(only(&said, "in_use"), "because").contains("drill:expires"), "{said:#}");
    let in_use = text(only(&said, "in_use"), "arn").to_owned();
    let before = ground.changes();
    ground.sweeps(&["--arn", &in_use]).await.ends(4);
    assert_eq!(ground.changes(), before, "what is in use was touched");

    ground.sandbox.advance(LONG_AFTER);
    let said = ground.sweeps(&["--yes"]).await.ends(4).json();
    let thing = only(&said, "arn").clone();
    let wanted = ["account", "region", "what", "arn", "name", "state", "created", "run", "proof", "then", "because"];
    let keys: Vec<&str> = thing.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, wanted);
    assert_eq!((text(&thing, "proof"), text(&thing, "what")), ("job_name_tag", "DB instance"));
    assert_eq!((text(&thing, "account"), text(&thing, "region")), (ACCOUNT, THERE));
    assert_eq!(ground.changes(), before, "`--yes` covered what is in no ledger");

    // The command that is printed is the one that removes it.
    let arn = text(&thing, "arn");
    let shown = ground.drill.ask(&["sweep", &ground.url]).await.ends(4).stdout;
    let command = shown.lines().find_map(|line| line.strip_prefix("to remove it  drill ")).expect("a command");
    assert_eq!(command, format!("sweep --region {THERE} {} --arn {arn}", ground.url));
    let words: Vec<&str> = command.split(' ').chain(["--output", "json"]).collect();
    let said = ground.drill.ask(&words).await.ends(0).json();
    assert_eq!(said["removed"], serde_json::json!([arn]), "{said:#}");
    assert!(ground.restored().is_empty(), "{:?}", ground.restored());
    let history = ground.drill.ask(&["sweep", "--history", "--output", "json"]).await.ends(0).json();
    let done: Vec<&str> =
        history["sweeps"].as_array().into_iter().flatten().map(|one| text(&one["done"], "as")).collect();
    assert_eq!(done, ["intended", "removed"], "{history:#}");
    ground.sweeps(&[]).await.ends(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_tagged_is_left_alone_for_a_day_and_goes_by_its_arn() {
    let ground = Ground::new().await;
    ground.dies_after("backup:StartRestoreJob").await;
    ground.forgets();
    ground.sandbox.advance(SignedDuration::from_hours(1));
    let early = ground.sweeps(&[]).await.ends(4).json();
    assert!(text(only(&early, "stays"), "because").contains("under way elsewhere"), "{early:#}");
    ground.sandbox.advance(SignedDuration::from_hours(30));
    let late = ground.sweeps(&[]).await.ends(4).json();
    let thing = only(&late, "arn");
    assert_eq!(text(thing, "proof"), "job_name");
    ground.sweeps(&["--arn", text(thing, "arn")]).await.ends(0);
    assert!(ground.restored().is_empty(), "{:?}", ground.restored());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_a_ledger_is_torn_down_by_its_run() {
    let ground = Ground::new().await;
    ground.dies_after(TAGGED).await;
    let before = ground.changes();
    let said = ground.sweeps(&[]).await.ends(4).json();
    assert_eq!(text(only(&said, "teardown"), "proof"), "ledger");
    assert_eq!(ground.changes(), before, "without `--yes` and without a person nothing is removed");
    let said = ground.sweeps(&["--yes"]).await.ends(0).json();
    let run = ground.drill.last_id().await;
    assert_eq!(said["removed"], serde_json::json!([format!("run {run}")]), "{said:#}");
    assert!(ground.restored().is_empty(), "{:?}", ground.restored());
    let last = ground.drill.last_run().await;
    assert_eq!(last["verdict"], "inconclusive", "{last:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_under_way_is_left_alone() {
    let ground = Ground::new().await;
    let (running, held) = ground.runs_until(TAGGED).await;
    let before = ground.changes();
    let said = ground.sweeps(&["--yes"]).await.ends(0).json();
    let thing = only(&said, "in_use");
    assert!(text(thing, "because").contains("running now"), "{said:#}");
    ground.sweeps(&["--arn", text(thing, "arn")]).await.ends(4);
    assert_eq!(ground.changes(), before, "a running run was disturbed");
    held.release();
    running.ended().await.ends(0);
}

/// The orders database under a name like a drill's, in the region of the workload.
fn stranger() -> String {
    ORDERS.replace(":db:orders", ":db:drill-0a1b2c3d-orders")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_like_a_drills_proves_nothing() {
    let mut ground = Ground::of(&stranger(), QUICK).await;
    let before = ground.sandbox.inventory();
    // In the repository that has its definition, that alone keeps it.
    let said = ground.sweeps(&["--region", HERE]).await.ends(4).json();
    let thing = of_kind(&said, "DB instance");
    assert!(text(thing, "because").contains("the definition `orders` names it"), "{said:#}");
    // A source that no list shows is not "not found": it is a source, and said to be one before anything is removed.
    let source = "arn:aws:rds:eu-west-2:123456789012:db:drill-0a1b2c3d-orders";
    let refused = ground.drill.ask(&["sweep", &ground.url, "--yes", "--arn", source]).await.ends(2);
    assert!(refused.stderr.contains("named by the definition `orders`"), "{refused:?}");
    assert!(refused.stderr.contains("never touches it"), "{refused:?}");
    let arn = text(thing, "arn").to_owned();
    ground.drill = Drill::new().definition("orders", ORDERS);
    let said = ground.sweeps(&["--region", HERE, "--yes", "--arn", &arn]).await.ends(4).json();
    let thing = of_kind(&said, "DB instance");
    assert_eq!((text(thing, "proof"), text(thing, "then")), ("partial", "stays"));
    assert!(text(thing, "because").contains("proves nothing"), "{said:#}");
    assert_eq!(text(&said["failed"][0], "what"), arn);
    let after = ground.sandbox.inventory();
    assert_eq!((changing(&before), &before.things), (changing(&after), &after.things));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drill_never_is_heard() {
    let world = QUICK.replace("orders: { restore", "orders: { tags: { \"drill:never\": please }, restore");
    let ground = Ground::of(ORDERS, &world).await;
    // Before the run takes the inherited tag off.
    ground.dies_after("backup:StartRestoreJob").await;
    ground.forgets();
    ground.sandbox.advance(LONG_AFTER);
    let before = (ground.changes(), ground.restored().len());
    let said = ground.sweeps(&[]).await.ends(4).json();
    let thing = only(&said, "stays");
    assert!(text(thing, "because").contains("drill:never"), "{said:#}");
    ground.sweeps(&["--yes", "--arn", text(thing, "arn")]).await.ends(4);
    assert_eq!((ground.changes(), ground.restored().len()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_looked_at_is_said_and_never_counts_as_nothing() {
    let ground = Ground::new().await;
    ground.sandbox.add_fault(Fault::new(What::AccessDenied).on("dynamodb:ListTables"));
    let said = ground.sweeps(&[]).await.ends(3).json();
    let unseen = &said["unseen"][0];
    assert_eq!((text(unseen, "what"), text(unseen, "region"), text(unseen, "account")), ("dynamodb", THERE, ACCOUNT));
    assert!(text(unseen, "message").contains("dynamodb:ListTables"), "{said:#}");
    let shown = ground.drill.ask(&["sweep", &ground.url]).await.ends(3);
    assert!(!shown.stdout.contains("nothing is left") && shown.stdout.contains("dynamodb"), "{shown:?}");
    ground.sandbox.add_fault(Fault::new(What::AccessDenied).on("backup:ListRestoreJobs"));
    let said = ground.sweeps(&[]).await.ends(3).json();
    let unseen: Vec<&str> = said["unseen"].as_array().into_iter().flatten().map(|one| text(one, "what")).collect();
    assert_eq!(unseen, ["restore jobs", "dynamodb"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_regions_are_looked_into_where_that_is_asked_for() {
    let mut ground = Ground::new().await;
    ground.dies_after(TAGGED).await;
    // Another machine, whose drill restores elsewhere.
    let elsewhere = ORDERS.replace("region: eu-west-1", "region: eu-central-1");
    ground.drill = Drill::new().definition("orders", &elsewhere);
    ground.sandbox.advance(LONG_AFTER);
    assert!(things(&ground.sweeps(&[]).await.ends(0).json()).is_empty());
    for more in [["--region", THERE].as_slice(), &["--all-regions"]] {
        let said = ground.sweeps(more).await.ends(4).json();
        assert_eq!(text(only(&said, "arn"), "region"), THERE, "{more:?}");
    }
    let said = ground.sweeps(&["--all-regions"]).await.json();
    assert!(said["places"].as_array().is_some_and(|places| places.len() >= 4), "{said:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_and_is_not_there_is_said() {
    let ground = Ground::new().await;
    let arn = "arn:aws:rds:eu-west-1:123456789012:db:drill-0a1b2c3d-orders";
    let said = ground.sweeps(&["--arn", arn]).await.ends(3).json();
    assert_eq!(said["not_found"], serde_json::json!([arn]));
    ground.sweeps(&["--arn", "orders"]).await.ends(2);
    ground.sweeps(&["--since", "30"]).await.ends(2);
    ground.sweeps(&["nosuch"]).await.ends(2);
    ground.sweeps(&["--profile", "other"]).await.ends(2);
    ground.drill.ask(&["sweep", "--sandbox="]).await.ends(2);
    let wrong = ORDERS.replace("\nowner:", "\nownr:");
    std::fs::write(ground.drill.path().join("drills/other.yaml"), wrong).expect("a file");
    // What cannot be read could name what is about to be removed.
    ground.sweeps(&[]).await.ends(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_limits_what_is_torn_down() {
    let ground = Ground::new().await;
    ground.drill.write("drills/other.yaml", &ORDERS.replace("name: orders\n", "name: other\n"));
    ground.dies_after(TAGGED).await;
    let held = ground.sandbox.hold(Hold { operation: TAGGED.to_owned(), nth: 1, when: When::After });
    // Whoever restores to keep does not clear up after other drills first.
    let running = ground.drill.spawn(&["run", "other", &ground.url, "--keep", "4h"]);
    tokio::time::timeout(LIMIT, held.reached()).await.expect("it restores beside the other");
    running.signal(Signal::KILL);
    running.ended().await;
    held.release();
    assert_eq!(ground.databases().len(), 2);

    let said = ground.sweeps(&["orders", "--yes"]).await.ends(4).json();
    let left = only(&said, "other_drill");
    let because = text(left, "because");
    assert!(because.contains("drill `other`") && because.contains("drill sweep other --yes"), "{said:#}");
    assert_eq!(said["removed"].as_array().map(Vec::len), Some(1), "{said:#}");
    assert_eq!(ground.databases(), [text(left, "arn")]);
    let before = ground.changes();
    let said = ground.sweeps(&["orders", "--arn", text(left, "arn")]).await.ends(4).json();
    assert_eq!(said["failed"][0]["what"], left["arn"], "{said:#}");
    let shown = ground.drill.ask(&["sweep", "orders", &ground.url]).await.ends(4);
    assert!(shown.stdout.contains("not asked for: it is of drill `other`"), "{shown:?}");
    assert_eq!(ground.changes(), before, "what belongs to a drill that was not named was touched");
    ground.sweeps(&["other", "--yes"]).await.ends(0);
    assert!(ground.restored().is_empty(), "{:?}", ground.restored());
}

/// Two databases: the probe of the second fails, so it is kept for a look inside.
fn one_is_kept() -> String {
    let (head, _) = ORDERS.split_once("probes:").expect("there are probes");
    format!(
        "{head}  billing:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:billing\n    \
         with: {{ subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718] }}\n    timeout: 10d\n\
         probes:\n  answers:\n    on: orders\n    tcp: {{}}\n    retry: {{ for: 2d }}\n  \
         is-right:\n    on: billing\n    command: {{ argv: [\"false\"] }}\n\
         teardown: {{ when: on_pass, keep_for: 48h, timeout: 10d }}\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_run_that_leaked_and_keeps_something_only_what_leaked_is_torn_down() {
    let ground = Ground::of(&one_is_kept(), QUICK).await;
    ground.sandbox.add_fault(Fault { times: Some(1), ..Fault::new(What::DenyDelete) });
    ground.drill.ask(&["run", "orders", &ground.url]).await.ends(4);
    assert_eq!(ground.databases().len(), 2, "{:?}", ground.restored());

    let said = ground.sweeps(&[]).await.ends(4).json();
    assert!(text(only(&said, "teardown"), "name").ends_with("-orders"), "{said:#}");
    let kept = only(&said, "in_use");
    let arn = text(kept, "arn").to_owned();
    assert!(text(kept, "name").ends_with("-billing") && text(kept, "because").contains("kept until"), "{said:#}");
    let before = ground.changes();
    let said = ground.sweeps(&["--arn", &arn]).await.ends(4).json();
    assert_eq!((&said["failed"][0]["what"], ground.changes()), (&arn.as_str().into(), before), "{said:#}");

    let said = ground.sweeps(&["--yes"]).await.ends(0).json();
    assert_eq!(text(only(&said, "in_use"), "arn"), arn);
    assert_eq!(ground.databases(), [arn], "what leaked is gone, and what is kept is there");
    let last = ground.drill.last_run().await;
    assert_eq!(last["verdict"], "failed", "{last:#}");
    ground.sandbox.advance(SignedDuration::from_hours(72));
    ground.sweeps(&["--yes"]).await.ends(0);
    assert!(ground.restored().is_empty(), "{:?}", ground.restored());
}

/// One of each type: what its lost run left is found, proven, and removed with everything that hangs on it.
async fn lost(kind: &str, restore: &str, operation: &str) {
    let definition = format!(
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
    type: {kind}
{restore}
    timeout: 10d
probes:
  described:
    on: thing
    describe: {{}}
    expect: {{ status: {{ not_null: true }} }}
    retry: {{ for: 2d, every: 15s }}
teardown: {{ timeout: 10d }}
"#
    );
    let ground = Ground::of(&definition, &QUICK.replace("orders:", "thing:")).await;
    ground.dies_after(operation).await;
    ground.forgets();
    ground.sandbox.advance(LONG_AFTER);
    let said = ground.sweeps(&["--yes"]).await.ends(4).json();
    let thing = only(&said, "arn");
    assert_eq!(text(thing, "proof"), "job_name_tag", "{kind}: {said:#}");
    assert!(!ground.restored().is_empty(), "{kind}");
    let said = ground.sweeps(&["--arn", text(thing, "arn")]).await.ends(0).json();
    assert!(ground.restored().is_empty(), "{kind}: {:?}\n{said:#}", ground.restored());
}

macro_rules! lost {
    ($($name:ident: $kind:literal after $operation:literal, $restore:literal;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            lost($kind, $restore, $operation).await;
        }
    )+ };
}

lost! {
    a_lost_aurora_cluster_goes_with_its_members: "aurora" after "rds:CreateDBInstance",
        "    resource: arn:aws:rds:eu-west-2:123456789012:cluster:thing\n    with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718], instance_class: db.t4g.medium }";
    a_lost_documentdb_cluster_goes: "documentdb" after "rds:AddTagsToResource",
        "    resource: arn:aws:rds:eu-west-2:123456789012:cluster:thing\n    with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718], instance_class: db.t4g.medium }";
    a_lost_neptune_cluster_goes: "neptune" after "rds:AddTagsToResource",
        "    resource: arn:aws:rds:eu-west-2:123456789012:cluster:thing\n    with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718], instance_class: db.t4g.medium }";
    a_lost_table_goes: "dynamodb" after "dynamodb:TagResource",
        "    resource: arn:aws:dynamodb:eu-west-2:123456789012:table/thing";
    a_lost_bucket_goes: "s3" after "s3:PutBucketTagging",
        "    resource: arn:aws:s3:::thing-prod-example";
    a_lost_volume_goes: "ebs" after "ec2:CreateTags",
        "    resource: arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718\n    with: { availability_zone: eu-west-1a }";
    a_lost_instance_goes_with_its_volumes: "ec2" after "ec2:CreateTags",
        "    resource: arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718\n    with: { subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }";
    a_lost_efs_file_system_goes_with_its_mount_targets: "efs" after "elasticfilesystem:CreateMountTarget",
        "    resource: arn:aws:elasticfilesystem:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718] }";
    a_lost_fsx_file_system_goes: "fsx" after "fsx:TagResource",
        "    resource: arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718], lustre: {} }";
    a_lost_ontap_volume_goes: "fsx" after "fsx:TagResource",
        "    resource: arn:aws:fsx:eu-west-2:123456789012:volume/fs-0a1b2c3d4e5f60718/fsvol-0a1b2c3d4e5f60718\n    with: { ontap: { svm: svm-0a1b2c3d4e5f60718 } }";
    a_lost_gateway_volume_goes: "storage_gateway" after "storagegateway:AddTagsToResource",
        "    resource: arn:aws:storagegateway:eu-west-2:123456789012:gateway/sgw-0A1B2C3D/volume/vol-0A1B2C3D4E5F60718\n    with: { as: gateway, gateway: \"arn:aws:storagegateway:eu-west-1:123456789012:gateway/sgw-12A3456B\" }";
    a_lost_gateway_volume_that_became_an_ebs_volume_goes: "storage_gateway" after "ec2:CreateTags",
        "    resource: arn:aws:storagegateway:eu-west-2:123456789012:gateway/sgw-0A1B2C3D/volume/vol-0A1B2C3D4E5F60718\n    with: { availability_zone: eu-west-1a }";
}
