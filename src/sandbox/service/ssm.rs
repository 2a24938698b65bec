//! Systems Manager: scripts on instances. They run in the simulated shell, and never on this machine. Sessions are in
//! `sessions`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::sandbox::clock::later;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::protocol::scope::Caller;
use crate::sandbox::protocol::{Answer, Ask, Protocol};
use crate::sandbox::service::ServiceCalls;
use crate::sandbox::service::page::cut;
use crate::sandbox::service::sessions;
use crate::sandbox::spec::{PARAMETER, Place};
use crate::sandbox::thing::ec2::{Command, Ec2Shelf};
use crate::sandbox::world::{StoredSecret, World};

/// The one document that is simulated.
const DOCUMENT: &str = "AWS-RunShellScript";
/// SSM cuts what a script says.
const MOST_OUTPUT: usize = 24_000;
/// The document's own `executionTimeout`.
const USUAL_TIMEOUT: i64 = 3_600;

/// Systems Manager.
pub(crate) struct Ssm;

impl ServiceCalls for Ssm {
    fn signing_name(&self) -> &'static str {
        "ssm"
    }

    fn protocol(&self) -> Protocol {
        Protocol::Json { version: "1.1" }
    }

    fn operations(&self) -> &'static [&'static str] {
        &[
            "SendCommand",
            "GetCommandInvocation",
            "ListCommandInvocations",
            "DescribeInstanceInformation",
            "GetParameter",
            "StartSession",
            "TerminateSession",
            "DescribeSessions",
        ]
    }

    fn call(&self, world: &mut World, caller: &Caller, ask: &Ask) -> Result<Answer, Failure> {
        call(world, &caller.place(), ask).map(Answer::Json)
    }

    fn changed(&self, ask: &Ask) -> Option<String> {
        (ask.operation == "SendCommand").then(|| texts(ask.body.get("InstanceIds")).join(", "))
    }
}

fn call(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    match ask.operation.as_str() {
        "SendCommand" => send(world, place, ask),
        "GetCommandInvocation" => invocation(&world.site(place).shelves.ec2, ask, now),
        "ListCommandInvocations" => invocations(&world.site(place).shelves.ec2, ask, now),
        "DescribeInstanceInformation" => instances(&world.site(place).shelves.ec2, ask, now),
        "GetParameter" => parameter(world, place, ask),
        "StartSession" => sessions::start(world, place, ask),
        "TerminateSession" => sessions::terminate(world, place, ask),
        "DescribeSessions" => listed(ask, "Sessions", sessions::describe(world, place, ask)),
        other => Err(Failure::unknown(other)),
    }
}

/// A parameter that a probe names, as a secure string.
fn parameter(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let name = ask.text("Name").unwrap_or_default().to_owned();
    let wanted = format!("{PARAMETER}{name}");
    let site = world.site(place);
    let Some(stored) = site.secrets.iter().find(|stored| stored.name == wanted) else {
        return Err(Failure::bad("ParameterNotFound", ""));
    };
    let decrypted = ask.body.get("WithDecryption").and_then(Value::as_bool) == Some(true);
    let value = if decrypted { stored.value.as_str() } else { "AQICAHh…" };
    Ok(json!({ "Parameter": {
        "Name": name,
        "Type": "SecureString",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": instant(stored.created),
        "DataType": "text",
    } }))
}

/// Sets a parameter, as somebody with another tool would.
pub(crate) fn set_parameter(world: &mut World, place: &Place, name: &str, value: &str) {
    let created = world.now;
    let stored = StoredSecret {
        name: format!("{PARAMETER}{name}"),
        arn: format!("arn:aws:ssm:{}:{}:parameter{name}", place.region, place.account),
        value: value.to_owned(),
        version: "1".to_owned(),
        created,
    };
    let secrets = &mut world.site(place).secrets;
    secrets.retain(|known| known.name != stored.name);
    secrets.push(stored);
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn send(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    let document = ask.text("DocumentName").unwrap_or_default();
    if document != DOCUMENT {
        return Err(Failure::bad("InvalidDocument", format!("Document {document} does not exist")));
    }
    let parameters = ask.body.get("Parameters");
    let lines = texts(parameters.and_then(|all| all.get("commands")));
    if lines.is_empty() {
        return Err(Failure::bad("InvalidParameters", "The parameter commands is required"));
    }
    let within = texts(parameters.and_then(|all| all.get("executionTimeout")));
    let within = within.first().and_then(|text| text.parse::<i64>().ok()).unwrap_or(USUAL_TIMEOUT);
    let named = texts(ask.body.get("InstanceIds"));
    let runs = |id: &String| {
        world
            .sites
            .get(place)
            .and_then(|site| site.shelves.ec2.instances.get(id))
            .is_some_and(|one| one.state == "running" && one.managed)
    };
    if named.is_empty() || !named.iter().all(runs) {
        // Its real message is this short.
        return Err(Failure::bad("InvalidInstanceId", "Instances not in a valid state for account"));
    }
    let mut stream = world.stream("ssm command");
    let (id, begins) = (stream.uuid(), later(now, stream.between(1.2, 2.5)));
    let commands = named.iter().map(|instance| Command {
        id: id.clone(),
        instance: instance.clone(),
        document: document.to_owned(),
        comment: ask.text("Comment").unwrap_or_default().to_owned(),
        script: lines.join("\n"),
        sent: now,
        visible: later(now, SignedDuration::from_secs(1)),
        begins,
        within: SignedDuration::from_secs(within.max(1)),
        outcome: None,
    });
    world.site(place).shelves.ec2.commands.extend(commands);
    Ok(json!({
        "Command": {
            "CommandId": id,
            "DocumentName": document,
            "DocumentVersion": "$DEFAULT",
            "Comment": ask.text("Comment").unwrap_or_default(),
            "InstanceIds": named,
            "RequestedDateTime": instant(now),
            "Status": "Pending",
            "StatusDetails": "Pending",
            "TargetCount": named.len(),
        },
    }))
}

/// An invocation is not found for the first second.
fn invocation(shelf: &Ec2Shelf, ask: &Ask, now: Timestamp) -> Result<Value, Failure> {
    let (id, instance) = (ask.text("CommandId"), ask.text("InstanceId"));
    let fits = |command: &&Command| {
        Some(command.id.as_str()) == id && Some(command.instance.as_str()) == instance && command.visible <= now
    };
    let command = shelf.commands.iter().find(fits);
    let command = command.ok_or_else(|| {
        Failure::bad(
            "InvocationDoesNotExist",
            "The command ID and instance ID you specified did not match any invocations.",
        )
    })?;
    let mut shown = json!({
        "CommandId": command.id,
        "InstanceId": command.instance,
        "Comment": command.comment,
        "DocumentName": command.document,
        "DocumentVersion": "$DEFAULT",
        "PluginName": "aws:runShellScript",
        "ResponseCode": -1,
        "Status": status(command, now).0,
        "StatusDetails": status(command, now).1,
        "StandardOutputContent": "",
        "StandardErrorContent": "",
    });
    if let (Some(outcome), Some(map)) = (command.told(now), shown.as_object_mut()) {
        map.insert("ResponseCode".to_owned(), outcome.ran.exit.into());
        map.insert("StandardOutputContent".to_owned(), start(&outcome.ran.stdout).into());
        map.insert("StandardErrorContent".to_owned(), start(&outcome.ran.stderr).into());
        map.insert("ExecutionStartDateTime".to_owned(), command.begins.to_string().into());
        map.insert("ExecutionEndDateTime".to_owned(), outcome.ended.to_string().into());
    }
    Ok(shown)
}

/// SSM's status, short and detailed.
fn status(command: &Command, now: Timestamp) -> (&'static str, &'static str) {
    match command.told(now) {
        Some(outcome) => (outcome.status, outcome.details),
        None => ("InProgress", "InProgress"),
    }
}

fn start(text: &str) -> String {
    text.chars().take(MOST_OUTPUT).collect()
}

fn invocations(shelf: &Ec2Shelf, ask: &Ask, now: Timestamp) -> Result<Value, Failure> {
    let (id, instance) = (ask.text("CommandId"), ask.text("InstanceId"));
    let fits = |command: &&Command| {
        id.is_none_or(|id| command.id == id)
            && instance.is_none_or(|one| command.instance == one)
            && command.visible <= now
    };
    let shown = shelf.commands.iter().filter(fits).map(|command| {
        let (status, details) = status(command, now);
        json!({
            "CommandId": command.id,
            "InstanceId": command.instance,
            "Comment": command.comment,
            "DocumentName": command.document,
            "RequestedDateTime": instant(command.sent),
            "Status": status,
            "StatusDetails": details,
        })
    });
    listed(ask, "CommandInvocations", shown.collect())
}

/// Every running instance is managed, unless the world file says otherwise.
fn instances(shelf: &Ec2Shelf, ask: &Ask, now: Timestamp) -> Result<Value, Failure> {
    let filters: Vec<(String, Vec<String>)> = ask
        .body
        .get("Filters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|filter| Some((filter.get("Key")?.as_str()?.to_owned(), texts(filter.get("Values")))))
        .collect();
    let wanted = |id: &str| {
        filters.iter().all(|(key, values)| match key.as_str() {
            "InstanceIds" => values.iter().any(|value| value == id),
            "PingStatus" => values.iter().any(|value| value == "Online"),
            _ => false,
        })
    };
    let running = shelf.instances.values().filter(|one| one.state == "running" && one.managed && wanted(&one.id));
    let shown = running.map(|instance| {
        json!({
            "InstanceId": instance.id,
            "PingStatus": "Online",
            "LastPingDateTime": instant(now),
            "AgentVersion": "3.3.0.0",
            "IsLatestVersion": true,
            "PlatformType": "Linux",
            "PlatformName": "Amazon Linux",
            "PlatformVersion": "2023",
            "ResourceType": "EC2Instance",
            "IPAddress": instance.address(),
            "ComputerName": instance.hostname(),
        })
    });
    listed(ask, "InstanceInformationList", shown.collect())
}

fn listed(ask: &Ask, name: &str, all: Vec<Value>) -> Result<Value, Failure> {
    let size = ask.body.get("MaxResults").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let page = cut(all, name, size.unwrap_or(50), ask.text("NextToken"))
        .map_err(|_| Failure::bad("InvalidNextToken", "The specified token is not valid."))?;
    let mut answer = json!({ (name): page.items });
    if let (Some(map), Some(token)) = (answer.as_object_mut(), page.token) {
        map.insert("NextToken".to_owned(), token.into());
    }
    Ok(answer)
}
