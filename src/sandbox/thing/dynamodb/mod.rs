//! DynamoDB tables, from advanced backups. Facts 2.3.

mod block;
mod contents;
mod item;
mod making;
mod shelf;
mod wish;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::sandbox::clock::earlier;
use crate::sandbox::seed::Stream;
use crate::sandbox::spec::{Place, ResourceSpec};
use crate::sandbox::thing::dynamodb::block::TableBlock;
pub(crate) use crate::sandbox::thing::dynamodb::contents::{Index, item_bytes};
#[cfg(test)]
pub(crate) use crate::sandbox::thing::dynamodb::item::{Attribute, KeyType};
pub(crate) use crate::sandbox::thing::dynamodb::item::{Item, ItemKey, KeyValue, Schema};
use crate::sandbox::thing::dynamodb::making::Restored;
pub(crate) use crate::sandbox::thing::dynamodb::shelf::{DynamoDbShelf, Encryption, Table};
use crate::sandbox::thing::{Copied, Making, Physics, keys};
use crate::sandbox::world::{Point, World};

/// Tables.
pub(crate) struct DynamoDb;

impl Physics for DynamoDb {
    fn backup_type(&self) -> &'static str {
        "DynamoDB"
    }

    fn deletions(&self) -> &'static [&'static str] {
        &["dynamodb:DeleteTable"]
    }

    fn block(&self) -> Option<&'static str> {
        Some("table")
    }

    fn check_block(&self, block: &Map<String, Value>) -> Result<(), String> {
        TableBlock::read(block).map(drop)
    }

    fn point_arn(&self, place: &Place, _spec: &ResourceSpec, _how: Copied, stream: &mut Stream) -> String {
        format!("arn:aws:backup:{}:{}:recovery-point:{}", place.region, place.account, stream.uuid().to_uppercase())
    }

    fn add_source(&self, world: &mut World, spec: &Arc<ResourceSpec>) {
        keys::add_named(world, spec);
        add_table(world, spec);
    }

    fn returned_metadata(&self, world: &World, point: &Point) -> Map<String, Value> {
        let site = world.sites.get(&point.source.source);
        let table = site.and_then(|site| site.shelves.dynamodb.tables.get(point.source.arn.name()));
        let key = match table.map(|table| &table.encryption) {
            Some(Encryption::Kms(key)) => Some(key.clone()),
            Some(Encryption::Owned) | None => None,
        };
        let metadata = json!({
            "targetTableName": point.source.arn.name(),
            "encryptionType": if key.is_some() { "KMS" } else { "Default" },
            "kmsMasterKeyArn": key,
            "aws:backup:request-id": world.seed.stream(&format!("metadata {}", point.arn)).uuid(),
        });
        metadata.as_object().cloned().unwrap_or_default()
    }

    fn missing(&self, _spec: &ResourceSpec, metadata: &BTreeMap<String, String>) -> Option<&'static str> {
        (!wish::names_a_table(metadata)).then_some("targetTableName")
    }

    /// Fourteen minutes for 100 GiB; it grows with size and indexes.
    fn usual_seconds(&self, spec: &ResourceSpec) -> f64 {
        14.0 * 60.0 * (f64::from(spec.size_gib.max(1)) / 100.0).powf(0.2)
    }

    fn wish(
        &self,
        world: &mut World,
        place: &Place,
        point: &Point,
        metadata: &BTreeMap<String, String>,
        _job_id: &str,
    ) -> Result<Box<dyn Making>, String> {
        let mut stream = world.stream("restored table");
        let contents = contents::at_moment(&point.source, world.seed, point.created, world.started);
        let mut wish = wish::read(world.site(place), place, point, metadata)?;
        wish.deletion_protection |= block(&point.source).restored_protection;
        Ok(Box::new(Restored::new(place, wish, contents, &mut stream)))
    }
}

/// The world file's block; the default without one.
fn block(spec: &ResourceSpec) -> TableBlock {
    TableBlock::read(&spec.extra).unwrap_or_default()
}

fn add_table(world: &mut World, spec: &Arc<ResourceSpec>) {
    let name = spec.arn.name().to_owned();
    if world.site(&spec.source).shelves.dynamodb.tables.contains_key(&name) {
        return;
    }
    let id = world.seed.stream(&format!("table {}", spec.arn)).uuid();
    let created = earlier(world.started, SignedDuration::from_hours(24 * 410));
    let contents = contents::at_moment(spec, world.seed, world.started, world.started);
    let site = world.site(&spec.source);
    let key = site.keys.first().map(|key| key.arn.clone());
    let table = Table {
        arn: spec.arn.to_string(),
        id,
        status: "ACTIVE",
        steps: Vec::new(),
        gone_at: None,
        created,
        contents,
        indexes_ready: true,
        deletion_protection: block(spec).deletion_protection.unwrap_or(spec.deletion_protection),
        encryption: key.map_or(Encryption::Owned, Encryption::Kms),
        tags: spec.tags.clone(),
        restore: None,
        name: name.clone(),
    };
    site.shelves.dynamodb.tables.insert(name, table);
}
