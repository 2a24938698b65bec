//! Secrets Manager: the secrets that probes name.

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::{PARAMETER, Place};
use crate::sandbox::world::{Site, StoredSecret, World};

/// Secrets Manager.
pub(crate) struct SecretsManager;

impl ServiceCalls for SecretsManager {
    fn signing_name(&self) -> &'static str {
        "secretsmanager"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["GetSecretValue", "DescribeSecret", "ListSecrets"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask)
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Answer, Failure> {
    let site = world.site(place);
    let value = match ask.operation.as_str() {
        "GetSecretValue" => find(site, ask).map(|secret| {
            json!({
                "ARN": secret.arn,
                "Name": secret.name,
                "VersionId": secret.version,
                "SecretString": secret.value,
                "VersionStages": ["AWSCURRENT"],
                "CreatedDate": instant(secret.created),
            })
        }),
        "DescribeSecret" => find(site, ask).map(|secret| {
            let mut shown = show(secret);
            if let Some(map) = shown.as_object_mut() {
                map.insert("VersionIdsToStages".to_owned(), json!({ (secret.version.as_str()): ["AWSCURRENT"] }));
            }
            shown
        }),
        "ListSecrets" => list(site, ask),
        other => Err(Failure::unknown(other)),
    };
    value.map(Answer::Json)
}

fn find<'a>(site: &'a Site, ask: &Ask) -> Result<&'a StoredSecret, Failure> {
    let id = ask.text("SecretId").unwrap_or_default();
    // A partial ARN, without the six random characters, is accepted too.
    let fits = |secret: &&StoredSecret| {
        !secret.name.starts_with(PARAMETER)
            && (secret.name == id
                || secret.arn == id
                || secret.arn.rsplit_once('-').is_some_and(|(partial, _)| partial == id))
    };
    let found = site.secrets.iter().find(fits);
    found.ok_or_else(|| Failure::not_found("Secrets Manager can't find the specified secret."))
}

fn show(secret: &StoredSecret) -> Value {
    json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": "A secret of the simulated AWS",
        "RotationEnabled": false,
        "LastChangedDate": instant(secret.created),
        "CreatedDate": instant(secret.created),
        "Tags": [],
    })
}

fn list(site: &Site, ask: &Ask) -> Result<Value, Failure> {
    let size =
        ask.body.get("MaxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok()).unwrap_or(100);
    let secrets = site.secrets.iter().filter(|secret| !secret.name.starts_with(PARAMETER));
    let page = cut(secrets.map(show).collect(), "secrets", size, ask.text("NextToken"))
        .map_err(|_| Failure::bad("InvalidNextTokenException", "The NextToken value is invalid."))?;
    let mut answer = json!({ "SecretList": page.items });
    if let (Some(map), Some(token)) = (answer.as_object_mut(), page.token) {
        map.insert("NextToken".to_owned(), token.into());
    }
    Ok(answer)
}
