//! KMS: the state of keys, who may use them, and signatures.

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
use crate::words::base64;

/// The one policy that a key has.
const POLICY: &str = "default";

/// No longer message is signed whole.
const LONGEST_MESSAGE: usize = 4_096;

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
        &["DescribeKey", "GetKeyPolicy", "GetPublicKey", "ListGrants", "Sign"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        let place = caller.place();
        let value = match ask.operation.as_str() {
            "DescribeKey" => find(world.site(&place), ask).map(|key| describe(&place, key)),
            "GetKeyPolicy" => policy(world, &place, ask),
            "GetPublicKey" => public_key(world, &place, ask),
            "ListGrants" => grants(world, &place, ask),
            "Sign" => sign(world, &place, ask),
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
    let (word, algorithm) = (key.spec.word(), key.spec.algorithm());
    let mut metadata = json!({
        "AWSAccountId": place.account,
        "KeyId": id,
        "Arn": key.arn,
        "CreationDate": instant(key.created),
        "Enabled": key.enabled,
        "Description": "A key of the simulated AWS",
        "KeyUsage": if algorithm.is_some() { "SIGN_VERIFY" } else { "ENCRYPT_DECRYPT" },
        "KeyState": if key.enabled { "Enabled" } else { "Disabled" },
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": word,
        "KeySpec": word,
        "MultiRegion": false,
    });
    match algorithm {
        Some(algorithm) => metadata["SigningAlgorithms"] = json!([algorithm]),
        None => metadata["EncryptionAlgorithms"] = json!([word]),
    }
    json!({ "KeyMetadata": metadata })
}

/// The key of a request that shows its public half or uses the private one.
fn usable<'a>(site: &'a Site, ask: &Ask) -> Result<&'a Key, Failure> {
    let key = find(site, ask)?;
    if key.shut {
        return Err(Failure::denied(Kms.protocol(), &format!("kms:{}", ask.operation), None));
    }
    if !key.enabled {
        return Err(Failure::bad("DisabledException", format!("{} is disabled.", key.arn)));
    }
    Ok(key)
}

fn public_key(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let seed = world.seed;
    let key = usable(world.site(place), ask)?;
    let (word, public) = (key.spec.word(), key.spec.pair(seed, &key.arn).and_then(|pair| pair.public()));
    let (Some(public), Some(algorithm)) = (public, key.spec.algorithm()) else {
        let message = format!("{} key spec is {word} which is not valid for GetPublicKey.", key.arn);
        return Err(Failure::bad("UnsupportedOperationException", message));
    };
    Ok(json!({
        "KeyId": key.arn,
        "PublicKey": base64::encode(&public),
        "CustomerMasterKeySpec": word,
        "KeySpec": word,
        "KeyUsage": "SIGN_VERIFY",
        "SigningAlgorithms": [algorithm],
    }))
}

fn sign(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let seed = world.seed;
    let key = usable(world.site(place), ask)?;
    let word = key.spec.word();
    let Some(algorithm) = key.spec.algorithm() else {
        let message = format!("{} key usage is ENCRYPT_DECRYPT which is not valid for Sign.", key.arn);
        return Err(Failure::bad("InvalidKeyUsageException", message));
    };
    let asked = ask.text("SigningAlgorithm").unwrap_or_default();
    if asked != algorithm {
        let message = format!("Algorithm {asked} is incompatible with key spec {word}.");
        return Err(Failure::bad("InvalidKeyUsageException", message));
    }
    let wrong = |message: &str| Failure::bad("ValidationException", message);
    let message = ask.text("Message").and_then(base64::decode).filter(|message| !message.is_empty());
    let message = message.ok_or_else(|| wrong("The message is missing"))?;
    let is_digest = match ask.text("MessageType").unwrap_or("RAW") {
        "RAW" => false,
        "DIGEST" => true,
        _ => return Err(wrong("The message type is unknown")),
    };
    if !is_digest && message.len() > LONGEST_MESSAGE {
        return Err(wrong("1 validation error detected: 'message' must have length less than or equal to 4096"));
    }
    let signature = key.spec.pair(seed, &key.arn).and_then(|pair| pair.sign(&message, is_digest));
    let signature = signature.ok_or_else(|| wrong(&format!("Digest is invalid length for algorithm {asked}.")))?;
    Ok(json!({ "KeyId": key.arn, "Signature": base64::encode(&signature), "SigningAlgorithm": algorithm }))
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
