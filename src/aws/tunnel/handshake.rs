//! What is agreed on before data flows. Pure: JSON in, JSON out.
//!
//! First a text with the session's token; then the SSM Agent asks for the type of session, and for encryption where the
//! account wants it; it is answered, and says that all is agreed.
//!
//! drill calls itself a client of before 1.1.70: the SSM Agent then forwards one connection, byte by byte, without a
//! protocol of its own in between.

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::words::secret::Secret;
use crate::words::text::tame;

/// From 1.1.70 on a client must take several connections at once.
const VERSION: &str = "1.1.61.0";

/// The first SSM Agent that forwards to another host. An older one would connect to its own instance.
const OLDEST: [u64; 3] = [3, 1, 1188];

/// `ActionStatus` of an action that was done, that failed, that is unknown.
const DONE: u8 = 1;
const FAILED: u8 = 2;
const UNKNOWN: u8 = 3;

/// Why drill does not agree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// The account encrypts its sessions.
    #[error(
        "Session Manager's preferences in this account and region encrypt sessions with a KMS key, which drill does \
         not do; switch that off there, or write `via: {{ lambda: … }}`"
    )]
    Encryption,
    /// Not the forwarding of a port.
    #[error("the session is of type `{0}`; drill needs one that forwards a port")]
    Type(String),
    /// It cannot reach other hosts.
    #[error(
        "the SSM Agent on the instance has version {0}, which forwards to no other host; update it to 3.1.1374.0 or \
         later"
    )]
    TooOld(String),
    /// It wants something that is not known here.
    #[error("the SSM Agent asks for `{0}`, which drill does not know")]
    Action(String),
    /// It is no request at all.
    #[error("the SSM Agent's handshake cannot be read")]
    Unreadable,
}

impl Refused {
    /// One word for it.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Encryption => "kms_encryption",
            Self::Type(_) => "session_type",
            Self::TooOld(_) => "agent_version",
            Self::Action(_) | Self::Unreadable => "handshake",
        }
    }
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "AgentVersion", default)]
    version: String,
    #[serde(rename = "RequestedClientActions", default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(rename = "ActionType", default)]
    kind: String,
    #[serde(rename = "ActionParameters", default)]
    parameters: Value,
}

/// The text that opens the channel. It holds the token.
pub(super) fn opening(token: &Secret) -> String {
    json!({
        "MessageSchemaVersion": "1.0",
        "RequestId": Uuid::new_v4().hyphenated().to_string(),
        "TokenValue": token.expose(),
        "ClientId": Uuid::new_v4().hyphenated().to_string(),
        "ClientVersion": VERSION,
    })
    .to_string()
}

/// The answer to a handshake's request, and whether all of it could be agreed on.
pub(super) fn answer(request: &[u8]) -> (String, Result<(), Refused>) {
    let Ok(request) = serde_json::from_slice::<Request>(request) else {
        return (response(&[], &[Refused::Unreadable.to_string()]), Err(Refused::Unreadable));
    };
    let mut verdict = if is_too_old(&request.version) { Err(Refused::TooOld(tame(&request.version))) } else { Ok(()) };
    let mut processed = Vec::new();
    for action in &request.actions {
        let result = agree(action);
        let status = match &result {
            Ok(()) => DONE,
            Err(Refused::Action(_)) => UNKNOWN,
            Err(_) => FAILED,
        };
        let problem = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
        processed.push(json!({
            "ActionType": action.kind,
            "ActionStatus": status,
            "ActionResult": null,
            "Error": problem,
        }));
        verdict = verdict.and(result);
    }
    let problems: Vec<String> = verdict.as_ref().err().map(ToString::to_string).into_iter().collect();
    (response(&processed, &problems), verdict)
}

fn response(processed: &[Value], problems: &[String]) -> String {
    json!({ "ClientVersion": VERSION, "ProcessedClientActions": processed, "Errors": problems }).to_string()
}

fn agree(action: &Action) -> Result<(), Refused> {
    match action.kind.as_str() {
        "SessionType" => forwards(&action.parameters),
        "KMSEncryption" => Err(Refused::Encryption),
        other => Err(Refused::Action(tame(other))),
    }
}

fn forwards(parameters: &Value) -> Result<(), Refused> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(tame).unwrap_or_default();
    let kind = text(parameters.get("SessionType"));
    if kind != "Port" {
        return Err(Refused::Type(kind));
    }
    let within = parameters.get("Properties").and_then(|properties| properties.get("type"));
    match within.and_then(Value::as_str) {
        None | Some("LocalPortForwarding") => Ok(()),
        Some(other) => Err(Refused::Type(tame(other))),
    }
}

/// Whether a version is one of those that ignore the host. What is no version is not judged.
fn is_too_old(version: &str) -> bool {
    let parts: Result<Vec<u64>, _> = version.split('.').map(str::parse).collect();
    parts.is_ok_and(|parts| parts.as_slice() < OLDEST.as_slice())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Refused, answer, is_too_old, opening};
    use crate::words::secret::Secret;

    fn asked(version: &str, actions: Value) -> (Value, Result<(), Refused>) {
        let request = json!({ "AgentVersion": version, "RequestedClientActions": actions }).to_string();
        let (response, verdict) = answer(request.as_bytes());
        (serde_json::from_str(&response).unwrap(), verdict)
    }

    fn port() -> Value {
        let properties = json!({ "host": "db", "portNumber": "5432", "type": "LocalPortForwarding" });
        json!({ "ActionType": "SessionType", "ActionParameters": { "SessionType": "Port", "Properties": properties } })
    }

    #[test]
    fn the_opening_carries_token_and_a_version_that_takes_one_connection() {
        let text = opening(&Secret::new("canary-9f2c".to_owned()));
        let said: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&said["TokenValue"], &said["MessageSchemaVersion"]), (&json!("canary-9f2c"), &json!("1.0")));
        assert_eq!(said["RequestId"].as_str().unwrap().len(), 36);
        let version: Vec<u32> =
            said["ClientVersion"].as_str().unwrap().split('.').map(|n| n.parse().unwrap()).collect();
        assert!(version.as_slice() < [1, 1, 70].as_slice());
    }

    #[test]
    fn a_forwarded_port_is_agreed_on() {
        let (response, verdict) = asked("3.3.987.0", json!([port()]));
        assert_eq!(verdict, Ok(()));
        let processed = json!([{ "ActionType": "SessionType", "ActionStatus": 1, "ActionResult": null, "Error": "" }]);
        assert_eq!(response["ProcessedClientActions"], processed);
        assert_eq!(response["Errors"], json!([]));
    }

    #[test]
    fn encryption_other_sessions_and_old_agents_are_refused_with_what_mends_it() {
        let encryption = json!({ "ActionType": "KMSEncryption", "ActionParameters": { "KMSKeyId": "alias/x" } });
        let (response, verdict) = asked("3.3.987.0", json!([port(), encryption]));
        assert_eq!(verdict, Err(Refused::Encryption));
        assert_eq!(response["ProcessedClientActions"][0]["ActionStatus"], json!(1));
        assert_eq!(response["ProcessedClientActions"][1]["ActionStatus"], json!(2));
        assert!(response["Errors"][0].as_str().unwrap().contains("`via: { lambda: … }`"), "{response}");

        let shell = json!({ "ActionType": "SessionType", "ActionParameters": { "SessionType": "Standard_Stream" } });
        assert_eq!(asked("3.3.987.0", json!([shell])).1, Err(Refused::Type("Standard_Stream".to_owned())));
        let (response, verdict) = asked("3.3.987.0", json!([{ "ActionType": "Dance" }]));
        assert_eq!(verdict, Err(Refused::Action("Dance".to_owned())));
        assert_eq!(response["ProcessedClientActions"][0]["ActionStatus"], json!(3));
        assert_eq!(asked("3.0.1390.0", json!([port()])).1, Err(Refused::TooOld("3.0.1390.0".to_owned())));
        assert_eq!(answer(b"{").1, Err(Refused::Unreadable));
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        for (version, old) in [
            ("3.1.1188.0", false),
            ("3.1.1187.9", true),
            ("3.2", false),
            ("2.3.9999.0", true),
            ("10.0", false),
            ("?", false),
        ] {
            assert_eq!(is_too_old(version), old, "{version}");
        }
    }
}
