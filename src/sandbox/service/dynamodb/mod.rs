//! DynamoDB: tables and their items. Facts 2.3.

mod expression;
mod items;
mod pages;
mod tables;
mod tags;

use serde_json::Value;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::dynamodb::Table;
use crate::sandbox::world::{Site, World};

/// DynamoDB.
pub(crate) struct DynamoDb;

impl ServiceCalls for DynamoDb {
    fn signing_name(&self) -> &'static str {
        "dynamodb"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.0" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "DescribeTable",
            "ListTables",
            "UpdateTable",
            "DeleteTable",
            "DescribeContinuousBackups",
            "DescribeTimeToLive",
            "Scan",
            "Query",
            "GetItem",
            "PutItem",
            "ListTagsOfResource",
            "TagResource",
            "UntagResource",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask).map(Answer::Json)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        let named = match ask.operation.as_str() {
            "DeleteTable" | "UpdateTable" | "PutItem" => ask.text("TableName"),
            "TagResource" | "UntagResource" => ask.text("ResourceArn"),
            _ => return None,
        };
        Some(named.unwrap_or_default().to_owned())
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    match ask.operation.as_str() {
        "DescribeTable" => tables::describe(world, place, ask),
        "ListTables" => tables::list(world, place, ask),
        "UpdateTable" => tables::update(world, place, ask),
        "DeleteTable" => tables::delete(world, place, ask),
        "DescribeContinuousBackups" => tables::continuous_backups(world, place, ask),
        "DescribeTimeToLive" => tables::time_to_live(world, place, ask),
        "Scan" => items::scan(world.site(place), ask),
        "Query" => items::query(world.site(place), ask),
        "GetItem" => items::get(world.site(place), ask),
        "PutItem" => items::put(world.site(place), ask),
        "ListTagsOfResource" => tags::list(world.site(place), ask),
        "TagResource" => tags::add(world.site(place), ask),
        "UntagResource" => tags::remove(world.site(place), ask),
        other => Err(Failure::unknown(other)),
    }
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::bad("ValidationException", message)
}

/// The table that a request names, by name or by ARN.
fn named(ask: &Ask) -> Result<&str, Failure> {
    ask.text("TableName").filter(|name| !name.is_empty()).ok_or_else(|| {
        invalid(
            "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be \
             null",
        )
    })
}

fn find<'a>(site: &'a mut Site, asked: &str) -> Option<&'a mut Table> {
    if asked.starts_with("arn:") {
        return site.shelves.dynamodb.tables.values_mut().find(|table| table.arn == asked);
    }
    site.shelves.dynamodb.tables.get_mut(asked)
}

/// The table, for requests about the table itself.
fn table<'a>(site: &'a mut Site, ask: &Ask) -> Result<&'a mut Table, Failure> {
    let asked = named(ask)?;
    let gone = || Failure::not_found(format!("Requested resource not found: Table: {asked} not found"));
    find(site, asked).ok_or_else(gone)
}

/// The table, for requests about its items: there are none while it is being created, and none once it goes.
fn data<'a>(site: &'a mut Site, ask: &Ask) -> Result<&'a mut Table, Failure> {
    let asked = named(ask)?;
    let found = find(site, asked).filter(|table| !matches!(table.status, "CREATING" | "DELETING"));
    found.ok_or_else(|| Failure::not_found("Requested resource not found"))
}

/// What is simulated in part refuses what it would get wrong.
fn refuse(ask: &Ask, members: &[&str]) -> Result<(), Failure> {
    match members.iter().find(|name| ask.body.get(**name).is_some_and(|value| !value.is_null())) {
        Some(name) => Err(invalid(format!("The simulated AWS does not know {name} of {}", ask.operation))),
        None => Ok(()),
    }
}
