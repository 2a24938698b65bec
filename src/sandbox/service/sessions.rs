//! Session Manager's part of SSM: sessions that forward a port. What is forwarded goes through `channel`.

use axum::http::header;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::sandbox::channel;
use crate::sandbox::protocol::Ask;
use crate::sandbox::protocol::failure::Failure;
use crate::sandbox::protocol::json::instant;
use crate::sandbox::spec::Place;
use crate::sandbox::thing::sessions::Session;
use crate::sandbox::world::World;

/// AWS's documents that are simulated: to the instance itself, and to another host.
const TO_INSTANCE: &str = "AWS-StartPortForwardingSession";
/// See [`TO_INSTANCE`].
const TO_HOST: &str = "AWS-StartPortForwardingSessionToRemoteHost";

/// `StartSession`.
pub(super) fn start(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let document = ask.text("DocumentName").unwrap_or_default();
    if ![TO_INSTANCE, TO_HOST].contains(&document) {
        return Err(Failure::bad("InvalidDocument", format!("Document with name {document} does not exist.")));
    }
    let given = |name: &str| {
        let values = ask.body.get("Parameters").and_then(|all| all.get(name)).and_then(Value::as_array);
        values.and_then(|values| values.first()).and_then(Value::as_str).map(str::to_owned)
    };
    let port = given("portNumber").unwrap_or_else(|| "80".to_owned());
    let port = port.parse::<u16>().ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| Failure::bad("InvalidParameters", "Invalid value for the parameter portNumber."))?;
    let host = match document {
        TO_HOST => given("host").unwrap_or_else(|| "localhost".to_owned()),
        _ => "localhost".to_owned(),
    };
    let target = ask.text("Target").unwrap_or_default().to_owned();
    let instances = &world.site(place).shelves.ec2.instances;
    if !instances.get(&target).is_some_and(|instance| instance.state == "running" && instance.managed) {
        return Err(Failure::bad("TargetNotConnected", format!("{target} is not connected.")));
    }
    let now = world.now;
    let mut stream = world.stream("session");
    let session = Session {
        id: format!("drill-{}", stream.hex(17)),
        target,
        document: document.to_owned(),
        host,
        port,
        token: stream.hex(96),
        reason: ask.text("Reason").map(str::to_owned),
        started: now,
        ended: None,
        end: watch::Sender::new(false),
    };
    // The server's own address, as the client knows it.
    let own = ask.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let answer = json!({
        "SessionId": session.id,
        "TokenValue": session.token,
        "StreamUrl": format!("ws://{own}{}{}?role=publish_subscribe", channel::PATH, session.id),
    });
    world.site(place).shelves.sessions.add(session);
    Ok(answer)
}

/// `TerminateSession`. A session that has ended may be ended again.
pub(super) fn terminate(world: &mut World, place: &Place, ask: &Ask) -> Result<Value, Failure> {
    let now = world.now;
    let id = ask.text("SessionId").unwrap_or_default();
    if world.site(place).shelves.sessions.end(id, now) {
        return Ok(json!({ "SessionId": id }));
    }
    Err(Failure::bad("DoesNotExistException", format!("Session {id} does not exist.")))
}

/// `DescribeSessions`: the active ones, or the history.
pub(super) fn describe(world: &mut World, place: &Place, ask: &Ask) -> Vec<Value> {
    let history = ask.text("State") == Some("History");
    let sessions = world.site(place).shelves.sessions.all();
    let wanted = sessions.into_iter().filter(|session| session.ended.is_some() == history);
    let shown = wanted.map(|session| {
        let mut shown = json!({
            "SessionId": session.id,
            "Target": session.target,
            "Status": if history { "Terminated" } else { "Connected" },
            "StartDate": instant(session.started),
            "DocumentName": session.document,
            "Owner": format!("arn:aws:iam::{}:root", place.account),
        });
        if let Some(map) = shown.as_object_mut() {
            map.extend(session.reason.clone().map(|reason| ("Reason".to_owned(), reason.into())));
            map.extend(session.ended.map(|ended| ("EndDate".to_owned(), instant(ended))));
        }
        shown
    });
    shown.collect()
}
