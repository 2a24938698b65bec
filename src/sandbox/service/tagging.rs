//! Resource groups tagging: what carries which tags.

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::{Answer, Ask};
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::world::{Instance, World};

/// Performs an operation.
pub(crate) fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    if ask.operation != "GetResources" {
        return Err(Failure::unknown(&ask.operation));
    }
    let site = world.site(place);
    let found: Vec<Value> = site.instances.values().filter(|instance| fits(instance, &ask.body)).map(show).collect();
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

fn fits(instance: &Instance, body: &Value) -> bool {
    let texts = |value: Option<&Value>| -> Vec<String> {
        let list = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let types = texts(body.get("ResourceTypeFilters"));
    let arns = texts(body.get("ResourceARNList"));
    let filters = body.get("TagFilters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    (types.is_empty() || types.iter().any(|kind| kind == "rds" || kind == "rds:db"))
        && (arns.is_empty() || arns.contains(&instance.arn))
        && filters.iter().all(|filter| {
            let key = filter.get("Key").and_then(Value::as_str).unwrap_or_default();
            let values = texts(filter.get("Values"));
            instance.tags.get(key).is_some_and(|value| values.is_empty() || values.contains(value))
        })
}

fn show(instance: &Instance) -> Value {
    let tags: Vec<Value> = instance.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    json!({ "ResourceARN": instance.arn, "Tags": tags })
}
