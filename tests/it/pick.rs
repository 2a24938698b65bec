//! Which recovery point: the rules one by one, and what only a look at the vault itself can tell.

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::resource::facts;
use restore_drill::cloud::vault::{Picked, RecoveryPoint};
use restore_drill::definition::model::{Pick, Restore};
use restore_drill::run::step::pick::{Window, choose, shortlist};
use restore_drill::words::kind::ResourceKind;

use crate::harness::life::Bench;
use crate::harness::paper::{arn, name, point};
use crate::harness::worlds;

const NOON: &str = "2026-11-21T12:00:00Z";

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// Eight hours from noon.
fn window() -> Window {
    Window { now: instant(NOON), ends_by: instant("2026-11-21T20:00:00Z"), patient: false }
}

fn restore() -> Restore {
    worlds::definition(worlds::ORDERS).restore.remove(&name("orders")).expect("it is there")
}

/// Why this one is not eligible; nothing if it is.
fn why_not(point: RecoveryPoint, restore: &Restore) -> Option<String> {
    let (eligible, rejected) = shortlist(vec![point], restore, facts(ResourceKind::Rds), window());
    assert_eq!(eligible.len() + rejected.len(), 1, "a recovery point is eligible or rejected");
    rejected.first().map(|one| one.reason.clone())
}

fn good() -> RecoveryPoint {
    point("copyjob-1", "2026-11-21T05:00:00Z")
}

#[test]
fn each_thing_that_can_be_wrong_is_a_reason() {
    let status = |status: &str| RecoveryPoint { status: status.to_owned(), ..good() };
    let other = Some(arn("arn:aws:rds:eu-west-2:123456789012:db:billing"));
    for (point, wanted) in [
        (good(), None),
        (status("AVAILABLE"), None),
        (status("STOPPED"), Some("stopped")),
        (status("PARTIAL"), Some("partial")),
        (status("EXPIRED"), Some("past its retention")),
        (status("CREATING"), Some("being created")),
        (status("DELETING"), Some("being deleted")),
        (status("completed"), Some("`completed`")),
        (status(""), Some("not one that can be restored")),
        (status("SHINY"), Some("`SHINY`")),
        (RecoveryPoint { resource: other, ..good() }, Some("another resource")),
        (RecoveryPoint { resource: None, ..good() }, None),
        (RecoveryPoint { resource_type: Some("Aurora".to_owned()), ..good() }, Some("of type Aurora, not RDS")),
        (RecoveryPoint { resource_type: None, ..good() }, None),
        (RecoveryPoint { delete_after_copy: true, ..good() }, Some("DELETE_AFTER_COPY")),
        (RecoveryPoint { is_parent: true, ..good() }, Some("parent")),
        (RecoveryPoint { malware: true, ..good() }, Some("malware")),
        (RecoveryPoint { created: None, ..good() }, Some("no creation date")),
        (RecoveryPoint { delete_at: Some(instant("2026-11-21T19:59:59Z")), ..good() }, Some("retention ends")),
        (RecoveryPoint { delete_at: Some(instant("2026-11-21T20:00:00Z")), ..good() }, Some("retention ends")),
        (RecoveryPoint { delete_at: Some(instant("2026-11-21T20:00:01Z")), ..good() }, None),
    ] {
        let shown = format!("{point:?}");
        match (why_not(point, &restore()), wanted) {
            (None, None) => {}
            (Some(reason), Some(wanted)) => assert!(reason.contains(wanted), "{shown}: {reason}"),
            (reason, wanted) => panic!("{shown}: {reason:?}, {wanted:?} expected"),
        }
    }
}

#[test]
fn a_stopped_one_is_eligible_where_the_definition_admits_it() {
    let mut restore = restore();
    let stopped = || RecoveryPoint { status: "STOPPED".to_owned(), ..good() };
    restore.recovery_point.allow_stopped = true;
    let reason = why_not(stopped(), &restore).expect("a continuous one needs a moment to restore to");
    assert!(reason.contains("names the moment"), "{reason}");
    restore.metadata.insert("UseLatestRestorableTime".to_owned(), "true".to_owned());
    assert_eq!(why_not(stopped(), &restore), None);
}

#[test]
fn age_counts_from_now_and_exactly_old_enough_is_young_enough() {
    let mut restore = restore();
    restore.recovery_point.max_age = Some(SignedDuration::from_hours(26));
    assert_eq!(why_not(point("a", "2026-11-20T10:00:00Z"), &restore), None);
    let reason = why_not(point("a", "2026-11-20T09:59:59Z"), &restore).expect("too old");
    assert!(reason.contains("`max_age` allows"), "{reason}");
    // A clock that is behind AWS's.
    assert_eq!(why_not(point("a", "2026-11-21T12:00:30Z"), &restore), None);
}

#[test]
fn before_takes_the_newest_up_to_that_moment() {
    let mut restore = restore();
    restore.recovery_point.pick = Pick::Before(instant("2026-11-20T05:00:00Z"));
    let points = vec![
        point("newer", "2026-11-20T05:00:01Z"),
        point("older", "2026-11-19T05:00:00Z"),
        point("exactly", "2026-11-20T05:00:00Z"),
    ];
    let (eligible, rejected) = shortlist(points, &restore, facts(ResourceKind::Rds), window());
    let names: Vec<&str> = eligible.iter().map(|point| point.arn.name()).collect();
    assert_eq!(names, ["awsbackup:exactly", "awsbackup:older"]);
    assert!(rejected.first().is_some_and(|one| one.reason.contains("newer than")), "{rejected:?}");
}

#[test]
fn one_that_is_named_is_the_only_one() {
    let mut restore = restore();
    let wanted = point("second", "2026-11-19T05:00:00Z");
    restore.recovery_point.pick = Pick::Arn(wanted.arn.clone());
    let (eligible, rejected) = shortlist(vec![good(), wanted.clone()], &restore, facts(ResourceKind::Rds), window());
    assert_eq!(eligible, [wanted]);
    assert_eq!(rejected.len(), 1);
    // Naming it does not make it restorable.
    let partial = RecoveryPoint { status: "PARTIAL".to_owned(), ..eligible.into_iter().next().expect("it is there") };
    assert!(why_not(partial, &restore).is_some());
}

#[test]
fn newest_first_and_ties_by_arn_whatever_the_order_of_the_list() {
    let points = [
        point("b", "2026-11-21T05:00:00Z"),
        point("old", "2026-11-01T05:00:00Z"),
        point("a", "2026-11-21T05:00:00Z"),
        point("newest", "2026-11-21T06:00:00Z"),
    ];
    for turn in 0..points.len() {
        let mut points = points.to_vec();
        points.rotate_left(turn);
        let (eligible, _) = shortlist(points, &restore(), facts(ResourceKind::Rds), window());
        let names: Vec<&str> = eligible.iter().map(|point| point.arn.name()).collect();
        assert_eq!(names, ["awsbackup:newest", "awsbackup:a", "awsbackup:b", "awsbackup:old"], "turned by {turn}");
    }
}

async fn chosen(bench: &Bench, change: impl FnOnce(&mut Restore)) -> Picked {
    let definition = &bench.plan.definition;
    let mut restore = definition.restore[&name("orders")].clone();
    change(&mut restore);
    let now = bench.services.clock.now();
    let window = Window { now, ends_by: now + SignedDuration::from_hours(8), patient: false };
    let answer = choose(&bench.services.cloud, definition, &restore, facts(ResourceKind::Rds), window).await;
    answer.unwrap_or_else(|error| panic!("the vault cannot be read: {error}")).0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_the_wire_the_newest_eligible_copy_is_chosen_and_every_rival_has_its_reason() {
    let bench = Bench::new(worlds::ORDERS).await;
    let picked = chosen(&bench, |_| ()).await;
    let point = picked.chosen.expect("a nightly copy");
    assert_eq!(point.created, Some(instant("2026-11-21T05:00:00Z")));
    assert!(picked.older > 20, "{}", picked.older);
    for reason in ["DELETE_AFTER_COPY", "partial", "retention ends", "clean-up problem", "being deleted"] {
        assert!(picked.rejected.iter().any(|one| one.reason.contains(reason)), "{reason}: {:#?}", picked.rejected);
    }
    let newest_first = picked.rejected.windows(2).all(|pair| pair[0].created >= pair[1].created);
    assert!(newest_first, "{:#?}", picked.rejected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cold_storage_shows_only_when_it_is_looked_at() {
    let bench = Bench::new(worlds::ORDERS).await;
    // Before this, only one recovery point is left, and it is cold.
    let summer = Pick::Before(instant("2026-09-01T00:00:00Z"));
    let picked = chosen(&bench, |restore| restore.recovery_point.pick = summer.clone()).await;
    assert_eq!(picked.chosen, None);
    assert!(picked.rejected.iter().any(|one| one.reason.contains("cold storage")), "{:#?}", picked.rejected);
    let picked = chosen(&bench, |restore| {
        restore.recovery_point.pick = summer.clone();
        restore.recovery_point.allow_cold = true;
    })
    .await;
    assert!(picked.chosen.is_some(), "{:#?}", picked.rejected);
}
