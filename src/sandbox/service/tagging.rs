//! Resource groups tagging: what carries which tags.

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::{Shelf, Tagged};
use crate::sandbox::world::World;

/// Resource groups tagging.
pub(crate) struct Tagging;

impl ServiceCalls for Tagging {
    fn signing_name(&self) -> &'static str {
        "tagging"
    }

    fn prefix(&self) -> &'static str {
        "tag"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["GetResources"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    if ask.operation != "GetResources" {
        return Err(Failure::unknown(&ask.operation));
    }
    let site = world.site(place);
    let tagged = site.shelves.each().flat_map(Shelf::tagged);
    let found: Vec<Value> = tagged.filter(|thing| fits(thing, &ask.body)).map(|thing| show(&thing)).collect();
    let size = ask.body.get("ResourcesPerPage").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let token = ask.text("PaginationToken").filter(|token| !token.is_empty());
    let page = cut(found, "tagged", size.unwrap_or(100), token)
        .map_err(|_| Failure::bad("InvalidParameterException", "The PaginationToken is invalid"))?;
    // Here the end of the list is an empty token, not a missing one.
    Ok(Answer::Json(json!({
        "PaginationToken": page.token.unwrap_or_default(),
        "ResourceTagMappingList": page.items,
    })))
}

fn fits(thing: &Tagged, body: &Value) -> bool {
    let texts = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let types = texts(body.get("ResourceTypeFilters"));
    let arns = texts(body.get("ResourceARNList"));
    let filters = body.get("TagFilters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    (types.is_empty() || types.iter().any(|asked| is_of_type(thing, asked)))
        && (arns.is_empty() || arns.contains(&thing.arn))
        && filters.iter().all(|filter| {
            let key = filter.get("Key").and_then(Value::as_str).unwrap_or_default();
            let values = texts(filter.get("Values"));
            thing.tags.get(key).is_some_and(|value| values.is_empty() || values.contains(value))
        })
}

/// By type (`rds:db`) or by service (`rds`).
fn is_of_type(thing: &Tagged, asked: &str) -> bool {
    thing.kind == asked || thing.kind.split_once(':').is_some_and(|(service, _)| service == asked)
}

fn show(thing: &Tagged) -> Value {
    let tags: Vec<Value> = thing.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json!({ "ResourceARN": thing.arn, "Tags": tags })
}
