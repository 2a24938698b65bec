//! The Recycle Bin: without the fault `recycle_bin` there are no rules, so that what is deleted is gone.

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Route, Target};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// The type whose rule there may be.
const VOLUMES: &str = "EBS_VOLUME";

/// The id of that rule: eleven letters and digits.
const RULE: &str = "KeepVolumes";

/// The Recycle Bin.
pub(crate) struct RecycleBin;

impl ServiceCalls for RecycleBin {
    fn signing_name(&self) -> &'static str {
        "rbin"
    }

    fn protocol(&self) -> Protocol {
        Protocol::RestJson
    }

    fn route(&self, target: &Target) -> Option<Route> {
        match (target.method.as_str(), target.parts) {
            ("POST", ["list-rules"]) => Some(("ListRules", Vec::new())),
            ("GET", ["rules", id]) => Some(("GetRule", vec![(*id).to_owned()])),
            _ => None,
        }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["GetRule", "ListRules"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        let place = caller.place();
        let keeps = world.site(&place).shelves.ec2.recycles;
        let value = match ask.operation.as_str() {
            "ListRules" => list(&place, keeps, ask),
            "GetRule" => get(&place, keeps, ask.label(0)),
            other => Err(Failure::unknown(other)),
        };
        value.map(Answer::Json)
    }
}

fn list(place: &Place, keeps: bool, ask: &Ask) -> Result<Value, Failure> {
    let asked = ask.text("ResourceType");
    let asked = asked.ok_or_else(|| Failure::bad("ValidationException", "ResourceType is required"))?;
    let rules: Vec<Value> = (keeps && asked == VOLUMES).then(|| summary(place)).into_iter().collect();
    Ok(json!({ "Rules": rules }))
}

fn get(place: &Place, keeps: bool, id: &str) -> Result<Value, Failure> {
    if !keeps || id != RULE {
        return Err(Failure::new(404, "ResourceNotFoundException", format!("Rule {id} does not exist")));
    }
    let mut rule = summary(place);
    if let Some(object) = rule.as_object_mut() {
        object.insert("ResourceType".to_owned(), VOLUMES.into());
        object.insert("ResourceTags".to_owned(), json!([]));
        object.insert("ExcludeResourceTags".to_owned(), json!([]));
        object.insert("Status".to_owned(), "available".into());
    }
    Ok(rule)
}

/// Fourteen days for every volume.
fn summary(place: &Place) -> Value {
    json!({
        "Identifier": RULE,
        "Description": "Keeps deleted volumes",
        "RetentionPeriod": { "RetentionPeriodValue": 14, "RetentionPeriodUnit": "DAYS" },
        "LockState": "unlocked",
        "RuleArn": format!("arn:aws:rbin:{}:{}:rule/{RULE}", place.region, place.account),
    })
}
