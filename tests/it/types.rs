//! Each type of resource: what it sends, what it waits for, how it is removed, and that nothing is ever left.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use restore_drill::cloud::resource::Phase;
use restore_drill::journal::event::Event;
use restore_drill::journal::state::State;
use restore_drill::plan::step::Work;
use restore_drill::sandbox::{Fault, What};
use restore_drill::words::kind::Verdict;

use crate::crash::Scenario;
use crate::harness::check::assert_harmless;
use crate::harness::life::{Bench, conclusion};
use crate::harness::paper::name;

/// Restores are quick, tokens are remembered, everything else is as the definition alone makes it.
const QUICK: &str = r#"version: 1
starts: "2026-11-21T12:00:00Z"
quotas: { token_lifetime: 30d }
resources:
  thing: { restore: { takes: 1m } }
"#;

/// A type as the tests see it.
struct Type {
    word: &'static str,
    /// The restore's keys after `type:`.
    restore: &'static str,
}

const SUBNETS: &str = "with: { subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718]";

fn definition(kind: &Type, more: &str) -> String {
    let Type { word, restore, .. } = kind;
    let restore = restore.replace("SUBNETS", SUBNETS);
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
    type: {word}
{restore}
    timeout: 10d
{more}
probes:
  described:
    on: thing
    describe: {{}}
    expect: {{ status: {{ not_null: true }} }}
    retry: {{ for: 2d, every: 15s }}
teardown: {{ timeout: 10d }}
"#
    )
}

async fn bench(text: &str) -> Bench {
    let mut bench = Bench::strict(text, QUICK).await;
    bench.plan.steps.iter_mut().for_each(|step| step.timeout = SignedDuration::from_hours(240));
    bench
}

#[track_caller]
fn assert_passed(case: &str, state: &State) {
    assert_eq!(conclusion(state).verdict, Verdict::Passed, "{case}: {:?}", conclusion(state).reasons);
}

/// Whatever in the returned metadata belongs to the source alone: ids of networks and things, ARNs of its region.
fn of_the_source(returned: &str) -> BTreeSet<String> {
    const IDS: [&str; 8] = ["subnet-", "sg-", "vpc-", "eni-", "vol-", "i-0", "eu-west-2", "ami-"];
    let words = returned.split(|c: char| !(c.is_ascii_alphanumeric() || "-:/".contains(c)));
    words
        .filter(|word| IDS.iter().any(|id| word.starts_with(id) || word.contains(":eu-west-2:")))
        .map(str::to_owned)
        .collect()
}

/// Passes, sends nothing of the source, probes only what was seen to be usable after the job was COMPLETED, leaves nothing.
async fn passes(kind: &Type) {
    let case = kind.word;
    let bench = bench(&definition(kind, "")).await;
    let state = bench.run(case).await;
    assert_passed(case, &state);
    assert_harmless(case, &bench.before, &bench.inventory());
    bench.assert_reported(case, state.run);

    let point = state.picked[&name("thing")].chosen.as_ref().expect("it picked one").arn.clone();
    let vault = &bench.plan.definition.destination.vault;
    let returned = bench.services.cloud.vault.restore_metadata(vault, &point).await.expect("the metadata are read");
    let returned: String = returned.into_values().collect::<Vec<_>>().join(" ");
    let sent = bench.inventory().restore_jobs[0].metadata.clone();
    // The id of the source's file system goes along as documented: it is ignored next to `newFileSystem` (facts 2.6).
    let sent: Vec<String> =
        sent.into_iter().filter(|(key, _)| key != "file-system-id").map(|(_, value)| value).collect();
    for word in of_the_source(&returned) {
        assert!(!sent.iter().any(|value| value.contains(&word)), "{case}: `{word}` of the source was sent: {sent:?}");
    }

    let records = bench.records(state.run);
    let completed = records
        .iter()
        .position(|record| matches!(&record.event, Event::JobSeen { job, .. } if job.status.word() == "COMPLETED"));
    let usable = records.iter().position(
        |record| matches!(&record.event, Event::ResourceSeen { observation, .. } if observation.phase == Phase::Ready),
    );
    let probed = records.iter().position(|record| matches!(record.event, Event::ProbeTried { .. }));
    assert!(completed < usable && usable < probed, "{case}: {completed:?} {usable:?} {probed:?}");
    if bench.plan.step(&Work::Finish(name("thing")).id()).is_some() {
        let unfinished = records.iter().any(|record| {
            matches!(&record.event, Event::ResourceSeen { observation, .. } if observation.phase == Phase::Unfinished)
        });
        assert!(unfinished, "{case}: it was usable although something was missing");
    }
}

/// A job that fails half-way and leaves something: what it names is removed.
async fn cleans_up_after_a_failed_job(kind: &Type) {
    let case = kind.word;
    let bench = bench(&definition(kind, "")).await;
    bench.sandbox.add_fault(Fault {
        leaves_partial: true,
        with_arn: true,
        times: Some(1),
        ..Fault::new(What::JobFailed)
    });
    let state = bench.run(case).await;
    assert_eq!(conclusion(&state).verdict, Verdict::Failed, "{case}: {:?}", conclusion(&state).reasons);
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// What refuses deletion, by this raw metadata, is told not to, and deleted.
async fn unprotects(kind: &Type, metadata: &str) {
    let case = kind.word;
    let bench = bench(&definition(kind, &format!("    metadata: {{ {metadata} }}"))).await;
    let state = bench.run(case).await;
    assert_passed(case, &state);
    let records = bench.records(state.run);
    assert!(
        records.iter().any(|record| matches!(record.event, Event::Unprotected { .. })),
        "{case}: it was not protected"
    );
    assert_harmless(case, &bench.before, &bench.inventory());
}

/// Dies at every event and goes on.
async fn survives(kind: &Type) {
    let text = definition(kind, "");
    Scenario::new(kind.word, &text, None, Verdict::Passed).await.dies_everywhere(false).await;
}

macro_rules! types {
    ($($module:ident: $restore:literal $(, protected by $metadata:literal)?;)+) => { $(
        mod $module {
            use super::Type;

            fn kind() -> Type {
                Type { word: stringify!($module), restore: $restore }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn passes_and_leaves_nothing() {
                super::passes(&kind()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn what_a_failed_job_leaves_is_removed() {
                super::cleans_up_after_a_failed_job(&kind()).await;
            }

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn protection_is_switched_off() {
                super::unprotects(&kind(), $metadata).await;
            })?

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn dies_at_every_event() {
                super::survives(&kind()).await;
            }
        }
    )+ };
}

types! {
    rds: "    resource: arn:aws:rds:eu-west-2:123456789012:db:thing\n    SUBNETS }", protected by "DeletionProtection: true";
    aurora: "    resource: arn:aws:rds:eu-west-2:123456789012:cluster:thing\n    SUBNETS, instance_class: db.t4g.medium }",
        protected by "DeletionProtection: true";
    documentdb: "    resource: arn:aws:rds:eu-west-2:123456789012:cluster:thing\n    SUBNETS, instance_class: db.t4g.medium }",
        protected by "DeletionProtection: true";
    neptune: "    resource: arn:aws:rds:eu-west-2:123456789012:cluster:thing\n    SUBNETS, instance_class: db.t4g.medium }",
        protected by "DeletionProtection: true";
    dynamodb: "    resource: arn:aws:dynamodb:eu-west-2:123456789012:table/thing", protected by "deletionProtection: true";
    ebs: "    resource: arn:aws:ec2:eu-west-2:123456789012:volume/vol-0a1b2c3d4e5f60718\n    with: { availability_zone: eu-west-1a }";
    ec2: "    resource: arn:aws:ec2:eu-west-2:123456789012:instance/i-0a1b2c3d4e5f60718\n    with: { subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }";
    efs: "    resource: arn:aws:elasticfilesystem:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718] }";
    fsx: "    resource: arn:aws:fsx:eu-west-2:123456789012:file-system/fs-0a1b2c3d4e5f60718\n    with: { subnets: [subnet-0a1b2c3d4e5f60718], security_groups: [sg-0a1b2c3d4e5f60718], lustre: {} }";
    s3: "    resource: arn:aws:s3:::thing-prod-example";
    storage_gateway: "    resource: arn:aws:storagegateway:eu-west-2:123456789012:gateway/sgw-0A1B2C3D/volume/vol-0A1B2C3D4E5F60718\n    with: { availability_zone: eu-west-1a }";
}
