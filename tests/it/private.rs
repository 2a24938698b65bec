//! A private subnet: what is restored there is out of reach from here, and is asked through an instance or by a
//! function. Through the binary, in a simulated AWS; PostgreSQL and the websocket are real.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use restore_drill::aws::resource::facts;
use restore_drill::definition::load::check_text;
use restore_drill::sandbox::{Options, Sandbox, WorldFile, WorldSpec, access_key};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::child::{Drill, Said};

/// No wait of these tests is longer, in real time.
const PATIENCE: Duration = Duration::from_secs(60);

/// An instance that SSM manages, and one that it does not.
const HOST: &str = "i-0a1b2c3d4e5f60718";
const STRANGER: &str = "i-0dead0dead0dead00";

const HEAD: &str = r#"version: 1
name: private
title: A database in a private subnet
owner: platform@example.com
limits: { max_duration: 10d }
source: { region: eu-west-2, account: "123456789012" }
destination:
  region: eu-west-1
  account: "123456789012"
  vault: dr-vault
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  orders:
    type: rds
    resource: arn:aws:rds:eu-west-2:123456789012:db:orders
    timeout: 10d
"#;

const WORLD: &str = r"version: 1
instances:
  i-0a1b2c3d4e5f60718: {}
  i-0dead0dead0dead00: { ssm: false }
functions:
  ask: { probes: true }
resources:
  orders:
    private: true
    restore: { takes: 1m }
    data:
      database: shop
      writes:
        - at: 3d ago
          sql: |
            CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamptz NOT NULL);
            INSERT INTO orders SELECT n, $at FROM generate_series(1, 600) AS n;
";

/// The login of every `sql` probe.
const LOGIN: &str = "database: shop, user: drill_probe, password: { secretsmanager: drill/orders }";

fn through(way: &str) -> String {
    format!(
        "probes:
  accepts-connections:
    on: orders
    via: {way}
    tcp: {{}}
  has-orders:
    on: orders
    needs: [accepts-connections]
    via: {way}
    sql: {{ {LOGIN}, query: 'SELECT count(*) AS orders, max(placed_at) AS newest FROM orders' }}
    expect: {{ orders: {{ equals: 600 }} }}
    measures: {{ data_age: newest }}
"
    )
}

fn drill(probes: &str, faults: &str) -> Drill {
    Drill::new()
        .definition("private", &format!("{HEAD}{probes}"))
        .definition("private.world", &format!("{WORLD}{faults}"))
}

async fn run(probes: &str, faults: &str) -> Said {
    drill(probes, faults).ask(&["run", "private", "--sandbox", "--output", "json"]).await
}

/// Why a run did not pass.
#[track_caller]
fn why(said: Said, code: i32) -> String {
    said.ends(code).json()["failures"].to_string()
}

#[tokio::test]
async fn without_a_way_a_private_database_is_not_measured() {
    let why = why(run("probes:\n  accepts-connections: { on: orders, tcp: {} }\n", "").await, 3);
    for part in ["not measured", "private.rds.invalid", "ssm_tunnel"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_an_instance_a_private_database_proves_itself_and_every_session_is_ended() {
    let text = format!("{HEAD}{}", through(&format!("{{ ssm_tunnel: {HOST} }}")));
    let sandbox = sandbox(&text, WORLD).await;
    let drill = Drill::new().definition("private", &text);
    let url = format!("--sandbox={}", sandbox.url());
    let run = drill.ask(&["run", "private", &url, "--output", "json"]).await.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
    let counted = |operation: &str| {
        let calls = sandbox.inventory().calls;
        calls.iter().filter(|call| call.operation == operation && call.error.is_none()).count()
    };
    let sessions = counted("ssm:StartSession");
    assert!(sessions >= 2, "one for each probe at least: {sessions}");
    assert_eq!(counted("ssmmessages:OpenDataChannel"), sessions);
    within("every session is ended", || counted("ssm:TerminateSession") == sessions).await;
    let active = ssm(&sandbox, "DescribeSessions", &json!({ "State": "Active" })).await;
    assert_eq!(active["Sessions"], json!([]));
    sandbox.stop().await;
}

#[tokio::test]
async fn a_large_answer_comes_through_whole_and_in_order() {
    let probes = format!(
        "probes:
  large:
    on: orders
    via: {{ ssm_tunnel: {HOST} }}
    sql: {{ {LOGIN}, query: \"SELECT n, repeat('x', 1500) AS filler FROM generate_series(1, 600) AS n\" }}
    expect: {{ n: {{ equals: 1 }} }}
"
    );
    let run = run(&probes, "").await.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
}

#[tokio::test]
async fn a_function_in_the_subnet_asks_in_drills_place() {
    let run = run(&through("{ lambda: ask }"), "").await.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
    let fewer = through("{ lambda: ask }").replace("equals: 600", "equals: 601");
    assert!(why(self::run(&fewer, "").await, 1).contains("observed 600"));
}

#[tokio::test]
async fn what_a_function_cannot_do_is_not_measured() {
    let elsewhere = through("{ lambda: ask }").replace("{ secretsmanager: drill/orders }", "{ env: ORDERS_PASSWORD }");
    let why_env = why(run(&elsewhere, "").await, 3);
    assert!(why_env.contains("not measured") && why_env.contains("Secrets Manager"), "{why_env}");
    // A function that does not ask only repeats what it was given: no pass.
    let echo = WORLD.replace("probes: true", "probes: false");
    let drill = Drill::new()
        .definition("private", &format!("{HEAD}{}", through("{ lambda: ask }")))
        .definition("private.world", &echo);
    let why_echo = why(drill.ask(&["run", "private", "--sandbox", "--output", "json"]).await, 3);
    assert!(why_echo.contains("not measured") && why_echo.contains("protocol"), "{why_echo}");
}

#[tokio::test]
async fn an_instance_that_ssm_does_not_manage_is_no_way_and_the_mend_is_said() {
    let why = why(run(&through(&format!("{{ ssm_tunnel: {STRANGER} }}")), "").await, 3);
    for part in ["not measured", STRANGER, "TargetNotConnected", "AmazonSSMManagedInstanceCore"] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[tokio::test]
async fn missing_permissions_are_named() {
    for (operation, parts) in [
        (
            "ssm:StartSession",
            ["ssm:StartSession", "AWS-StartPortForwardingSessionToRemoteHost", "ssm:TerminateSession"],
        ),
        ("ssmmessages:OpenDataChannel", ["ssmmessages:OpenDataChannel", "session/", "http_403"]),
    ] {
        let faults = format!("faults:\n  - {{ what: access_denied, operation: '{operation}' }}\n");
        let why = why(run(&through(&format!("{{ ssm_tunnel: {HOST} }}")), &faults).await, 3);
        for part in parts {
            assert!(why.contains(part), "{operation}, {part}: {why}");
        }
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_channel_that_breaks_in_the_midst_never_hang_and_never_pass() {
    let probes = format!(
        "probes:
  has-orders:
    on: orders
    via: {{ ssm_tunnel: {HOST} }}
    timeout: 5s
    sql: {{ {LOGIN}, query: SELECT count(*) AS orders FROM orders }}
    expect: {{ orders: {{ equals: 600 }} }}
"
    );
    let faulty = |what: &str| format!("faults:\n  - {{ what: {what}, operation: 'ssmmessages:OpenDataChannel' }}\n");
    let token = why(run(&probes, &faulty("expired_token")).await, 3);
    assert!(token.contains("not measured") && token.contains("was closed"), "{token}");
    for what in ["reset_before", "reset_after", "timeout"] {
        // The harness waits for no command longer than two minutes.
        let said = run(&probes, &faulty(what)).await;
        assert!(matches!(said.code, Some(1 | 3)), "{what}: {said:?}");
        assert_ne!(said.json()["verdict"], "passed", "{what}");
    }
}

#[tokio::test]
async fn through_an_instance_a_refused_port_is_told_from_one_that_answers() {
    let head = HEAD.replace("title: A database", "title: A server").replace(
        "  orders:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:orders\n",
        "  app:\n    type: ec2\n    resource: arn:aws:ec2:eu-west-2:123456789012:instance/i-0f1e2d3c4b5a69788\n    with: { instance_type: \
         t3.medium, subnet: subnet-0a1b2c3d4e5f60718, security_groups: [sg-0a1b2c3d4e5f60718] }\n",
    );
    let probes = format!(
        "probes:
  accepts-connections:
    on: app
    via: {{ ssm_tunnel: {HOST} }}
    tcp: {{ port: 8080 }}
    negative_control: {{ tcp: {{ port: 8471 }}, fails_with: connection }}
  serves-pages:
    on: app
    via: {{ ssm_tunnel: {HOST} }}
    http: {{ port: 8080, path: / }}
    expect: {{ status: {{ equals: 200 }} }}
"
    );
    let world = "version: 1\nresources:\n  app: { private: true, restore: { takes: 1m } }\n";
    let drill = Drill::new().definition("private", &format!("{head}{probes}")).definition("private.world", world);
    let run = drill.ask(&["run", "private", "--sandbox", "--output", "json"]).await.ends(0).json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
}

#[test]
fn a_world_file_says_private_of_what_can_be() {
    let world = WorldFile::read("w.yaml", "version: 1\nresources: { carts: { private: true } }\n").expect("it is read");
    let known = |kind: &str| restore_drill::sandbox::resource_file::KnownResource {
        name: "carts".to_owned(),
        kind: restore_drill::words::kind::ResourceKind::from_word(kind).expect("a kind"),
    };
    assert!(world.check("w.yaml", &[known("rds")]).is_ok());
    let error = world.check("w.yaml", &[known("dynamodb")]).unwrap_err().to_string();
    assert!(error.contains("`private`") && error.contains("`dynamodb`"), "{error}");
    for text in ["instances: { orders: {} }", "instances: { i-1: { agent: true } }", "functions: { ask: { probe: 1 } }"]
    {
        assert!(WorldFile::read("w.yaml", &format!("version: 1\n{text}\n")).is_err(), "{text}");
    }
}

// ---- the data channel itself ----

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_token_is_told_nothing() {
    let text = format!("{HEAD}{}", through(&format!("{{ ssm_tunnel: {HOST} }}")));
    let sandbox = sandbox(&text, WORLD).await;
    let parameters = json!({ "host": ["nowhere.invalid"], "portNumber": ["5432"], "localPortNumber": ["0"] });
    let ask = json!({
        "Target": HOST, "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost", "Parameters": parameters,
    });
    let session = ssm(&sandbox, "StartSession", &ask).await;
    let url = session["StreamUrl"].as_str().expect("a websocket").to_owned();
    let opening = |token: &Value| {
        let id = "0123456789abcdef";
        let opening = json!({
            "MessageSchemaVersion": "1.0", "RequestId": id, "ClientId": id, "ClientVersion": "1.1.61.0",
            "TokenValue": token,
        });
        Message::text(opening.to_string())
    };
    // With the token the other side asks for the type of session; without it, it hangs up.
    for (token, is_known) in [(json!("guess"), false), (session["TokenValue"].clone(), true)] {
        let (mut socket, _) = tokio_tungstenite::connect_async(url.as_str()).await.expect("it opens for anybody");
        socket.send(opening(&token)).await.expect("it listens");
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.expect("it does not keep us waiting");
        let asked = matches!(&next, Some(Ok(Message::Binary(bytes))) if bytes.len() > 120);
        assert_eq!(asked, is_known, "{next:?}");
    }
    ssm(&sandbox, "TerminateSession", &json!({ "SessionId": session["SessionId"] })).await;
    assert!(tokio_tungstenite::connect_async(url.as_str()).await.is_err(), "an ended session has no channel");
    sandbox.stop().await;
}

async fn sandbox(definition: &str, world: &str) -> Sandbox {
    let loaded = check_text("private.yaml", definition.as_bytes(), None, &BTreeMap::new(), facts).expect("it is valid");
    let file = WorldFile::read("private.world.yaml", world).expect("it is a world file");
    let spec = WorldSpec::from_definition(&loaded.definition).overlay(file);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("drill-cache");
    Sandbox::start(spec, Options { port: 0, speed: 300.0, seed: 42, cache }).await.expect("a world")
}

/// One request to SSM, over raw HTTP.
async fn ssm(sandbox: &Sandbox, operation: &str, body: &Value) -> Value {
    let address = sandbox.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.expect("the sandbox listens");
    let key = access_key(&"123456789012".parse().expect("twelve digits"));
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\nX-Amz-Target: \
         AmazonSSM.{operation}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={key}/20261121/eu-west-1/ssm/aws4_request, \
         SignedHeaders=host, Signature=none\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer in time").expect("bytes");
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 200"), "{operation}: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

/// Looks at something that happens by itself, until it did.
async fn within(what: &str, mut look: impl FnMut() -> bool) {
    let looking = async {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while !look() {
            pace.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|late| panic!("{what}: {late}"));
}
