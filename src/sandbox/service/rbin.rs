//! The Recycle Bin: there are no retention rules, so that what is deleted is gone.

use serde_json::json;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol, Route, Target};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::world::World;

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
        let lists = target.method.as_str() == "POST" && target.parts == ["list-rules"];
        lists.then(|| ("ListRules", Vec::new()))
    }

    fn call(&self, _world: &mut World, _caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        match ask.operation.as_str() {
            "ListRules" if ask.text("ResourceType").is_none() => {
                Err(Failure::bad("ValidationException", "ResourceType is required"))
            }
            "ListRules" => Ok(Answer::Json(json!({ "Rules": [] }))),
            other => Err(Failure::unknown(other)),
        }
    }
}
