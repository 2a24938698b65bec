//! FSx: file systems, ONTAP volumes and what stays of them. Facts 2.7.

mod backups;
mod systems;
mod tags;
mod volumes;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// FSx.
pub(crate) struct Fsx;

impl ServiceCalls for Fsx {
    fn signing_name(&self) -> &'static str {
        "fsx"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "DescribeFileSystems",
            "DeleteFileSystem",
            "DescribeVolumes",
            "DescribeStorageVirtualMachines",
            "DeleteVolume",
            "DescribeBackups",
            "ListTagsForResource",
            "TagResource",
            "UntagResource",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask).map(Answer::Json)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        let named = match ask.operation.as_str() {
            "DeleteFileSystem" => ask.text("FileSystemId"),
            "DeleteVolume" => ask.text("VolumeId"),
            "TagResource" | "UntagResource" => ask.text("ResourceARN"),
            _ => return None,
        };
        Some(named.unwrap_or_default().to_owned())
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    match ask.operation.as_str() {
        "DescribeFileSystems" => systems::describe(world.site(place), place, ask),
        "DeleteFileSystem" => systems::delete(world, place, ask),
        "DescribeVolumes" => volumes::describe(world.site(place), ask),
        "DescribeStorageVirtualMachines" => volumes::machines(world.site(place), ask),
        "DeleteVolume" => volumes::delete(world, place, ask),
        "DescribeBackups" => backups::describe(world.site(place), place, ask),
        "ListTagsForResource" => tags::list(world.site(place), ask),
        "TagResource" => tags::add(world.site(place), ask),
        "UntagResource" => tags::remove(world.site(place), ask),
        other => Err(Failure::unknown(other)),
    }
}

fn bad(message: impl Into<String>) -> Failure {
    Failure::bad("BadRequest", message)
}

/// The texts of a list.
fn texts(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The filters of a request, of which only these names are known.
fn filters<'a>(ask: &'a Ask, known: &[&str]) -> Result<Vec<(&'a str, Vec<&'a str>)>, Failure> {
    let given = ask.body.get("Filters").and_then(Value::as_array).into_iter().flatten();
    let read = |filter: &'a Value| {
        let name = filter.get("Name").and_then(Value::as_str).unwrap_or_default();
        if !known.contains(&name) {
            return Err(bad(format!("{} does not know the filter '{name}'", ask.operation)));
        }
        Ok((name, texts(filter.get("Values"))))
    };
    given.map(read).collect()
}

/// Whether values fit all filters.
fn fits(filters: &[(&str, Vec<&str>)], value: impl Fn(&str) -> String) -> bool {
    filters.iter().all(|(name, wanted)| wanted.contains(&value(name).as_str()))
}

/// One page of a list as an answer: FSx leaves the token out at the end.
fn listed(ask: &Ask, name: &str, all: Vec<Value>) -> Result<Value, Failure> {
    let asked = ask.body.get("MaxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let size = asked.unwrap_or(100).clamp(1, 1_000);
    let token = ask.text("NextToken").filter(|token| !token.is_empty());
    let page = cut(all, &ask.operation, size, token).map_err(|_| bad("The NextToken is not valid"))?;
    let mut object = Map::new();
    object.insert(name.to_owned(), Value::Array(page.items));
    if let Some(token) = page.token {
        object.insert("NextToken".to_owned(), token.into());
    }
    Ok(Value::Object(object))
}

/// FSx cuts its instants to whole seconds.
fn second(at: Timestamp) -> Value {
    at.as_second().into()
}

fn shown_tags(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// Adds a part of an object.
fn put(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value.into());
    }
}

/// What a deletion says of the final backup.
fn final_backup(id: Option<String>) -> Value {
    id.map_or_else(|| json!({}), |id| json!({ "FinalBackupId": id, "FinalBackupTags": [] }))
}

/// Whether a deletion's own part says to skip the final backup; nothing if it does not speak of it.
fn skips(ask: &Ask, key: &str) -> Option<bool> {
    ask.body.get(key)?.get("SkipFinalBackup")?.as_bool()
}
