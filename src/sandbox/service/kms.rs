//! KMS: the state of keys.

use serde_json::json;

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;

/// KMS.
pub(crate) struct Kms;

impl ServiceCalls for Kms {
    fn signing_name(&self) -> &'static str {
        "kms"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    if ask.operation != "DescribeKey" {
        return Err(Failure::unknown(&ask.operation));
    }
    let asked = ask.text("KeyId").unwrap_or_default();
    let site = world.site(place);
    let key = site.keys.iter().find(|key| key.arn == asked || key.arn.ends_with(&format!("/{asked}")));
    let key = key.ok_or_else(|| Failure::bad("NotFoundException", format!("Key '{asked}' does not exist")))?;
    let id = key.arn.rsplit('/').next().unwrap_or_default();
    Ok(Answer::Json(json!({
        "KeyMetadata": {
            "AWSAccountId": place.account,
            "KeyId": id,
            "Arn": key.arn,
            "CreationDate": instant(key.created),
            "Enabled": key.enabled,
            "Description": "A key of the simulated AWS",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": if key.enabled { "Enabled" } else { "Disabled" },
            "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER",
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": false,
        },
    })))
}
