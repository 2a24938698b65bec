//! Tables: describe, list, update, delete, by DynamoDB's rules.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::service::dynamodb::{invalid, named, table};
use crate::sandbox::spec::Place;
use crate::sandbox::thing::dynamodb::{Encryption, Index, Schema, Table};
use crate::sandbox::world::World;

/// `ItemCount` and sizes follow the truth after about six hours.
const COUNTED_AFTER: SignedDuration = SignedDuration::from_hours(6);

pub(super) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    table(world.site(place), ask).map(|table| json!({ "Table": show(table, now) }))
}

pub(super) fn list(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let size = match ask.body.get("Limit").filter(|limit| !limit.is_null()) {
        None => 100,
        Some(limit) => limit
            .as_u64()
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| invalid("1 validation error detected: Value at 'limit' must be between 1 and 100"))?,
    };
    let after = ask.text("ExclusiveStartTableName").unwrap_or_default();
    let names = world.site(place).shelves.dynamodb.tables.keys();
    let mut names: Vec<&String> = names.filter(|name| name.as_str() > after).take(size + 1).collect();
    let more = names.len() > size;
    names.truncate(size);
    let mut answer = json!({ "TableNames": names });
    if let (true, Some(last), Some(map)) = (more, names.last(), answer.as_object_mut()) {
        map.insert("LastEvaluatedTableName".to_owned(), last.as_str().into());
    }
    Ok(answer)
}

pub(super) fn update(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let (now, mut stream) = (world.now, world.stream("table update"));
    let table = table(world.site(place), ask)?;
    let Some(protect) = ask.body.get("DeletionProtectionEnabled").and_then(Value::as_bool) else {
        return Err(invalid(
            "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or \
             SSESpecification or ReplicaUpdates or DeletionProtectionEnabled is required",
        ));
    };
    if table.status != "ACTIVE" {
        return Err(in_use(table));
    }
    table.deletion_protection = protect;
    table.begin_update(now, &mut stream);
    Ok(json!({ "TableDescription": show(table, now) }))
}

pub(super) fn delete(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let (now, mut stream) = (world.now, world.stream("table deletion"));
    let table = table(world.site(place), ask)?;
    if table.deletion_protection {
        return Err(invalid(
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection \
             first.",
        ));
    }
    match table.status {
        "CREATING" | "UPDATING" => return Err(in_use(table)),
        // A second deletion is no error (facts 2.3).
        "DELETING" => {}
        _ => table.begin_deletion(now, &mut stream),
    }
    Ok(json!({ "TableDescription": show(table, now) }))
}

pub(super) fn continuous_backups(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let asked = named(ask)?;
    let found = table(world.site(place), ask)
        .map_err(|_| Failure::bad("TableNotFoundException", format!("Table not found: {asked}")))?;
    // Point-in-time recovery is not restored (facts 2.3).
    let recovery = if found.restore.is_some() { "DISABLED" } else { "ENABLED" };
    Ok(json!({ "ContinuousBackupsDescription": {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": recovery },
    } }))
}

pub(super) fn time_to_live(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    table(world.site(place), ask)?;
    Ok(json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "DISABLED" } }))
}

/// What a state does not allow.
pub(super) fn in_use(table: &Table) -> Failure {
    let doing = match table.status {
        "CREATING" => "created",
        "DELETING" => "deleted",
        _ => "updated",
    };
    let message = format!("Attempt to change a resource which is still in use: Table is being {doing}: {}", table.name);
    Failure::bad("ResourceInUseException", message)
}

fn show(table: &Table, now: Timestamp) -> Value {
    let counted = table.restore.is_none() || now.duration_since(table.created) >= COUNTED_AFTER;
    let count = if counted { table.contents.items.len() } else { 0 };
    let bytes = if counted { table.contents.bytes() } else { 0 };
    let attributes: Vec<Value> = table
        .contents
        .key_attributes()
        .into_iter()
        .map(|one| json!({ "AttributeName": one.name, "AttributeType": one.kind.letter() }))
        .collect();
    let mut shown = json!({
        "TableName": table.name,
        "TableArn": table.arn,
        "TableId": table.id,
        "TableStatus": table.status,
        "AttributeDefinitions": attributes,
        "KeySchema": key_schema(&table.contents.schema),
        "CreationDateTime": instant(table.created),
        "ItemCount": count,
        "TableSizeBytes": bytes,
        "ProvisionedThroughput": throughput(),
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "DeletionProtectionEnabled": table.deletion_protection,
    });
    let Some(map) = shown.as_object_mut() else { return shown };
    if !table.contents.indexes.is_empty() {
        let indexes: Vec<Value> =
            table.contents.indexes.iter().map(|index| show_index(table, index, count, bytes)).collect();
        map.insert("GlobalSecondaryIndexes".to_owned(), indexes.into());
    }
    if let Encryption::Kms(key) = &table.encryption {
        let encryption = json!({ "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key });
        map.insert("SSEDescription".to_owned(), encryption);
    }
    if let Some(restore) = &table.restore {
        let summary = json!({
            "SourceTableArn": restore.source_table,
            "RestoreDateTime": instant(restore.at),
            "RestoreInProgress": restore.in_progress,
        });
        map.insert("RestoreSummary".to_owned(), summary);
    }
    shown
}

fn show_index(table: &Table, index: &Index, count: usize, bytes: usize) -> Value {
    json!({
        "IndexName": index.name,
        "IndexArn": format!("{}/index/{}", table.arn, index.name),
        "IndexStatus": if table.indexes_ready { "ACTIVE" } else { "CREATING" },
        "KeySchema": key_schema(&index.schema),
        "Projection": { "ProjectionType": "ALL" },
        "ProvisionedThroughput": throughput(),
        "ItemCount": count,
        "IndexSizeBytes": bytes,
    })
}

fn key_schema(schema: &Schema) -> Value {
    let parts = schema.attributes().zip(["HASH", "RANGE"]);
    parts.map(|(one, role)| json!({ "AttributeName": one.name, "KeyType": role })).collect()
}

fn throughput() -> Value {
    json!({ "NumberOfDecreasesToday": 0, "ReadCapacityUnits": 0, "WriteCapacityUnits": 0 })
}
