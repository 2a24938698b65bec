//! STS: who am I, and roles to assume. Any role can be assumed; its keys carry the role's account.

use jiff::SignedDuration;

use crate::sandbox::clock::{later, machine_now};
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::xml::{Element, instant, node, text};
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::world::World;
use crate::words::arn::Arn;

/// What the user is called that the sandbox's access keys belong to, and the role of those that were handed out.
pub(crate) const SELF: &str = "sandbox";

/// STS.
pub(crate) struct Sts;

impl ServiceCalls for Sts {
    fn signing_name(&self) -> &'static str {
        "sts"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Query { namespace: "https://sts.amazonaws.com/doc/2011-06-15/" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["GetCallerIdentity", "AssumeRole"]
    }

    fn call(&self, _world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(caller, ask)
    }
}

fn call(caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
    match ask.operation.as_str() {
        "GetCallerIdentity" => Ok(Answer::Xml(identity(caller))),
        "AssumeRole" => assume_role(ask).map(Answer::Xml),
        other => Err(Failure::unknown(other)),
    }
}

fn identity(caller: &Caller) -> Vec<Element> {
    let account = &caller.account;
    let (id, arn) = if caller.access_key.starts_with("ASIA") {
        ("AROASANDBOX:drill", format!("arn:aws:sts::{account}:assumed-role/{SELF}/drill"))
    } else {
        ("AIDASANDBOX", format!("arn:aws:iam::{account}:user/{SELF}"))
    };
    vec![text("UserId", id), text("Account", account), text("Arn", arn)]
}

fn assume_role(ask: &Ask) -> Result<Vec<Element>, Failure> {
    let invalid = |message: &str| Failure::bad("ValidationError", message);
    let role: Arn = ask
        .param("RoleArn")
        .and_then(|text| text.parse().ok())
        .filter(|arn: &Arn| arn.service() == "iam" && arn.resource().starts_with("role/"))
        .ok_or_else(|| invalid("RoleArn must be the ARN of a role"))?;
    let account = role.account().ok_or_else(|| invalid("RoleArn must name an account"))?;
    let session = ask.param("RoleSessionName").ok_or_else(|| invalid("RoleSessionName is required"))?;
    let name = role.name().rsplit('/').next().unwrap_or_default();
    // The client compares this with the machine's clock, not with the world's.
    let expires = later(machine_now(), SignedDuration::from_hours(1));
    Ok(vec![
        node(
            "Credentials",
            vec![
                text("AccessKeyId", format!("ASIASANDBOX{account}")),
                text("SecretAccessKey", "sandbox"),
                text("SessionToken", "sandbox"),
                instant("Expiration", expires),
            ],
        ),
        node(
            "AssumedRoleUser",
            vec![
                text("AssumedRoleId", format!("AROASANDBOX:{session}")),
                text("Arn", format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")),
            ],
        ),
        text("PackedPolicySize", 0),
    ])
}
