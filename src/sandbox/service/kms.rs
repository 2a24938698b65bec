//! KMS: the state of keys, and who may use them.

use serde_json::{Value, json};

use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::role::Trust;
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::spec::Place;
use crate::sandbox::world::{Key, Site, World};

/// The one policy that a key has.
const POLICY: &str = "default";

/// KMS.
pub(crate) struct Kms;

impl ServiceCalls for Kms {
    fn signing_name(&self) -> &'static str {
        "kms"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["DescribeKey", "GetKeyPolicy", "ListGrants"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        let place = caller.place();
        let value = match ask.operation.as_str() {
            "DescribeKey" => find(world.site(&place), ask).map(|key| describe(&place, key)),
            "GetKeyPolicy" => policy(world, &place, ask),
            "ListGrants" => grants(world, &place, ask),
            other => Err(Failure::unknown(other)),
        };
        value.map(Answer::Json)
    }
}

/// By ARN or by id.
fn find<'a>(site: &'a Site, ask: &Ask) -> Result<&'a Key, Failure> {
    let asked = ask.text("KeyId").unwrap_or_default();
    let key = site.keys.iter().find(|key| key.arn == asked || key.arn.ends_with(&format!("/{asked}")));
    key.ok_or_else(|| Failure::bad("NotFoundException", format!("Key '{asked}' does not exist")))
}

fn describe(place: &Place, key: &Key) -> Value {
    let id = key.arn.rsplit('/').next().unwrap_or_default();
    json!({
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
    })
}

/// The policy that the console makes: the account's own policies decide. A key that is shut is its administrators' alone.
fn policy(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let key = find(world.site(place), ask)?;
    let name = ask.text("PolicyName").unwrap_or(POLICY);
    if name != POLICY {
        return Err(Failure::bad("NotFoundException", format!("No such policy exists: {name}")));
    }
    let account = &place.account;
    let statement = if key.shut {
        json!({
            "Sid": "Allow access for Key Administrators",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{account}:role/key-administrators") },
            "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:Put*", "kms:ScheduleKeyDeletion"],
            "Resource": "*",
        })
    } else {
        json!({
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:aws:iam::{account}:root") },
            "Action": "kms:*",
            "Resource": "*",
        })
    };
    let document = json!({ "Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement] });
    Ok(json!({ "Policy": document.to_string(), "PolicyName": POLICY }))
}

/// A grant for each role that AWS Backup can assume. A key that is shut has none.
fn grants(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let mine = format!(":iam::{}:", place.account);
    let trusted = world.roles.values().filter(|role| role.trusts == Trust::Backup && role.arn.contains(&mine));
    let grantees: Vec<String> = trusted.map(|role| role.arn.clone()).collect();
    let seed = world.seed;
    let key = find(world.site(place), ask)?;
    let asked = ask.text("GranteePrincipal");
    let fits = |grantee: &&String| !key.shut && asked.is_none_or(|asked| asked == grantee.as_str());
    let found = grantees.iter().filter(fits).map(|grantee| {
        json!({
            "KeyId": key.arn,
            "GrantId": seed.stream(&format!("grant {} {grantee}", key.arn)).hex(64),
            "CreationDate": instant(key.created),
            "GranteePrincipal": grantee,
            "IssuingAccount": format!("arn:aws:iam::{}:root", place.account),
            "Operations": [
                "Decrypt", "DescribeKey", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom",
                "ReEncryptTo", "CreateGrant",
            ],
        })
    });
    let size = ask.body.get("Limit").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let page = cut(found.collect(), "grants", size.unwrap_or(50), ask.text("Marker"))
        .map_err(|_| Failure::bad("InvalidMarkerException", "The marker is invalid"))?;
    let mut answer = json!({ "Grants": page.items, "Truncated": page.token.is_some() });
    if let (Some(object), Some(token)) = (answer.as_object_mut(), page.token) {
        object.insert("NextMarker".to_owned(), token.into());
    }
    Ok(answer)
}
