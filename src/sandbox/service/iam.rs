//! IAM: the roles of a world, and what they and the caller may do. Facts 1.11. IAM is global: the region says nothing.

use serde_json::json;

use crate::sandbox::protocol::encoding::encode;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::query::texts;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::xml::{Element, instant, list, node, text};
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::role::{OWN, Role};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::service::sts::SELF;
use crate::sandbox::spec::Place;
use crate::sandbox::world::World;
use crate::words::arn::Arn;

/// IAM.
pub(crate) struct Iam;

impl ServiceCalls for Iam {
    fn signing_name(&self) -> &'static str {
        "iam"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Query { namespace: "https://iam.amazonaws.com/doc/2010-05-08/" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &["GetRole", "ListAttachedRolePolicies", "SimulatePrincipalPolicy"]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        let place = caller.place();
        let elements = match ask.operation.as_str() {
            "GetRole" => get_role(world, &place, ask),
            "ListAttachedRolePolicies" => attached(world, &place, ask),
            "SimulatePrincipalPolicy" => simulate(world, &place, ask),
            other => Err(Failure::unknown(other)),
        };
        elements.map(Answer::Xml)
    }
}

fn get_role(world: &World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let role = find(world, place, ask)?;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": role.trusts.service() },
            "Action": "sts:AssumeRole",
        }],
    });
    Ok(vec![node(
        "Role",
        vec![
            text("Path", role.path()),
            text("RoleName", role.name()),
            text("RoleId", &role.id),
            text("Arn", &role.arn),
            instant("CreateDate", role.created),
            text("AssumeRolePolicyDocument", encode(&policy.to_string())),
            text("Description", "A role of the simulated AWS"),
            text("MaxSessionDuration", 3_600),
        ],
    )])
}

fn attached(world: &World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let role = find(world, place, ask)?;
    let arn = |policy: &str| match policy {
        OWN => format!("arn:aws:iam::{}:policy/{policy}", place.account),
        // Those of AWS Backup are in the folder of service roles but for the two of S3.
        s3 if s3.contains("S3") => format!("arn:aws:iam::aws:policy/{s3}"),
        managed => format!("arn:aws:iam::aws:policy/service-role/{managed}"),
    };
    let shown: Vec<Vec<Element>> =
        role.policies.iter().map(|name| vec![text("PolicyName", name), text("PolicyArn", arn(name))]).collect();
    paged(ask, "AttachedPolicies", shown)
}

/// The role that a request names. A role of another account is none of this one's.
fn find<'a>(world: &'a World, place: &Place, ask: &Ask) -> Result<&'a Role, Failure> {
    let name = ask.param("RoleName").ok_or_else(|| Failure::bad("ValidationError", "RoleName is required"))?;
    let mine = format!(":iam::{}:role/", place.account);
    let found = world.roles.values().find(|role| role.arn.contains(&mine) && role.name() == name);
    found.ok_or_else(|| no_such(&format!("The role with name {name} cannot be found.")))
}

fn no_such(message: &str) -> Failure {
    Failure::new(404, "NoSuchEntity", message)
}

/// What a principal may do: a role of the world by its policies, the caller by the world's faults.
fn simulate(world: &World, place: &Place, ask: &Ask) -> Result<Vec<Element>, Failure> {
    let source = ask.param("PolicySourceArn").unwrap_or_default();
    let actions = texts(ask, "ActionNames");
    if actions.is_empty() {
        return Err(Failure::bad("InvalidInput", "ActionNames must contain at least one action"));
    }
    let principal = principal(world, place, source)?;
    let mut resources = texts(ask, "ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut shown = Vec::new();
    for action in &actions {
        let allowed = match principal {
            Principal::Role(role) => role.may(action),
            Principal::Caller => !world.denies(action),
        };
        let decision = if allowed { "allowed" } else { "implicitDeny" };
        for resource in &resources {
            shown.push(vec![
                text("EvalActionName", action),
                text("EvalResourceName", resource),
                text("EvalDecision", decision),
                node("MatchedStatements", Vec::new()),
                node("MissingContextValues", Vec::new()),
            ]);
        }
    }
    paged(ask, "EvaluationResults", shown)
}

/// Whose policies are simulated.
enum Principal<'a> {
    Role(&'a Role),
    /// Whoever the sandbox's access keys belong to.
    Caller,
}

fn principal<'a>(world: &'a World, place: &Place, source: &str) -> Result<Principal<'a>, Failure> {
    if let Some(role) = world.roles.get(source) {
        return Ok(Principal::Role(role));
    }
    let arn: Option<Arn> = source.parse().ok();
    let arn = arn.filter(|arn| arn.service() == "iam" && arn.account().as_ref() == Some(&place.account));
    let arn = arn.ok_or_else(|| {
        Failure::bad(
            "InvalidInput",
            format!("Invalid Entity Arn: {source} does not clearly define entity type and name."),
        )
    })?;
    match arn.resource().split_once('/') {
        Some(("user" | "role", SELF)) => Ok(Principal::Caller),
        _ => Err(no_such(&format!("The entity {source} cannot be found."))),
    }
}

/// A page of a list, with IAM's `Marker` and `MaxItems`.
fn paged(ask: &Ask, name: &'static str, all: Vec<Vec<Element>>) -> Result<Vec<Element>, Failure> {
    let size = ask.param("MaxItems").and_then(|text| text.parse().ok()).filter(|size| (1..=1_000).contains(size));
    let page = cut(all, &ask.operation, size.unwrap_or(100), ask.param("Marker"))
        .map_err(|_| Failure::bad("ValidationError", "Invalid Marker"))?;
    let mut shown = vec![list(name, "member", page.items), text("IsTruncated", page.token.is_some())];
    shown.extend(page.token.map(|token| text("Marker", token)));
    Ok(shown)
}
