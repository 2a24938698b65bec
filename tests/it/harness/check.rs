//! What must hold of a world after a run, whatever happened to the run. Everything here is read from the world itself.

use std::collections::BTreeMap;

use restore_drill::sandbox::Inventory;
use restore_drill::sandbox::inventory::CallRecord;

use crate::harness::worlds::{ACCOUNT, THERE};

/// Nothing that a run made is left, and nothing that was there before has changed.
#[track_caller]
pub(crate) fn assert_clean(case: &str, before: &Inventory, after: &Inventory) {
    let left: Vec<&str> = after.restored().map(|thing| thing.arn.as_str()).collect();
    assert!(left.is_empty(), "{case}: left behind: {left:?}");
    assert_eq!(before.things, after.things, "{case}: the world is not as it was");
}

/// At most one restore job took effect for each thing that was to be restored.
#[track_caller]
pub(crate) fn assert_one_restore(case: &str, after: &Inventory) {
    let mut jobs: BTreeMap<&str, u32> = BTreeMap::new();
    for job in &after.restore_jobs {
        let named = job.metadata.iter().find(|(key, _)| MARKS.iter().any(|mark| mark.eq_ignore_ascii_case(key)));
        *jobs.entry(named.map_or("without a name", |(_, name)| name.as_str())).or_default() += 1;
    }
    let twice: Vec<&str> = jobs.iter().filter(|(_, count)| **count > 1).map(|(name, _)| *name).collect();
    assert!(twice.is_empty(), "{case}: restored more than once: {twice:?}");
}

/// What tells one restore from another in the metadata of its job.
const MARKS: [&str; 7] = [
    "DBInstanceIdentifier",
    "dbClusterIdentifier",
    "targetTableName",
    "DestinationBucketName",
    "CreationToken",
    "targetName",
    "aws:backup:request-id",
];

/// Whatever changed the world was a restore, or a change of what a restore of the drill made, where it restores.
#[track_caller]
pub(crate) fn assert_only_own_touched(case: &str, before: &Inventory, after: &Inventory) {
    for call in after.effects() {
        let resource = call.resource.as_deref().unwrap_or_default();
        let was_there =
            |id: &str| before.things.iter().any(|thing| thing.arn == id || thing.arn.ends_with(&format!("/{id}")));
        let own = match call.operation.as_str() {
            // What they change is the drill's own to ask for; what came of it is seen in the inventory.
            "backup:StartRestoreJob" | "ssm:SendCommand" | "lambda:InvokeFunction" => true,
            operation if operation.starts_with("rds:") => resource.contains("drill-"),
            _ => !resource.is_empty() && !resource.split(',').any(was_there),
        };
        let at_home = call.region == THERE && call.account == ACCOUNT;
        assert!(own && at_home, "{case}: touched what is not its own: {call:?}");
    }
}

/// All of the above.
#[track_caller]
pub(crate) fn assert_harmless(case: &str, before: &Inventory, after: &Inventory) {
    assert_clean(case, before, after);
    assert_one_restore(case, after);
    assert_only_own_touched(case, before, after);
}

/// Nothing was changed at all, and nothing was even tried.
#[track_caller]
pub(crate) fn assert_untouched(case: &str, before: &Inventory, after: &Inventory) {
    assert_clean(case, before, after);
    let changes: Vec<&CallRecord> = after.calls.iter().filter(|call| changes(&call.operation)).collect();
    assert!(changes.is_empty(), "{case}: {changes:?}");
    assert!(after.restore_jobs.is_empty(), "{case}: {:?}", after.restore_jobs);
}

/// Whether an operation changes something.
pub(crate) fn changes(operation: &str) -> bool {
    let verb = operation.split_once(':').map_or(operation, |(_, verb)| verb);
    !["Describe", "Head", "List", "Get", "Simulate", "AssumeRole"].iter().any(|reads| verb.starts_with(reads))
}
