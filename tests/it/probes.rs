//! Probes against real counterparts: a listener, programs, PostgreSQL over TLS. No AWS.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use restore_drill::cloud::data::{
    Buckets, InstanceHealth, Instances, Item, Items, KeyValue, MetricAsked, MetricPoint, Metrics, Objects, Table,
    Tables,
};
use restore_drill::cloud::error::{CloudError, ErrorKind};
use restore_drill::cloud::ground::Secrets;
use restore_drill::cloud::remote::{Invoked, Remote, ScriptState};
use restore_drill::cloud::resource::{Endpoint, Settings};
use restore_drill::definition::model::ProbeReason;
use restore_drill::probe::target::Target;
use restore_drill::probe::{Miss, Observed, Outcome, kind};
use restore_drill::sandbox::sql::{Data, Engine, Server, ServerState, Servers, Write};
use restore_drill::words::kind::ProbeKind;
use restore_drill::words::secret::Secret;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The password of every database here. It must never be seen in anything that a probe returns.
pub(crate) const CANARY: &str = "canary-5b1f77e2";

/// Long enough for a loaded machine; every attempt here that is not about time ends much sooner.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

struct Safe;

#[async_trait]
impl Secrets for Safe {
    async fn secret(&self, id: &str, key: Option<&str>) -> Result<Secret, CloudError> {
        match (id, key) {
            ("drill/orders", None) => Ok(Secret::new(CANARY.to_owned())),
            ("drill/orders", Some("wrong")) => Ok(Secret::new(format!("{CANARY}-not"))),
            _ => {
                let operation = "secretsmanager:GetSecretValue";
                Err(CloudError::new(operation, ErrorKind::NotFound, "ResourceNotFoundException", id, None))
            }
        }
    }

    async fn parameter(&self, name: &str) -> Result<Secret, CloudError> {
        self.secret(name, None).await
    }

    async fn database_token(&self, host: &str, port: u16, user: &str) -> Result<Secret, CloudError> {
        Ok(Secret::new(format!("{host}:{port}/{user}/{CANARY}")))
    }
}

/// Scripts, functions, tables and buckets of nobody.
struct Nowhere;

fn nobody<T>(operation: &str) -> Result<T, CloudError> {
    Err(CloudError::new(operation, ErrorKind::Unreachable, "connect", "there is nobody here", None))
}

#[async_trait]
impl Remote for Nowhere {
    async fn send_script(&self, _: &str, _: &str, _: Duration) -> Result<String, CloudError> {
        nobody("ssm:SendCommand")
    }

    async fn script_state(&self, _: &str, _: &str) -> Result<ScriptState, CloudError> {
        nobody("ssm:GetCommandInvocation")
    }

    async fn invoke(&self, _: &str, _: &Value) -> Result<Invoked, CloudError> {
        nobody("lambda:Invoke")
    }
}

#[async_trait]
impl Metrics for Nowhere {
    async fn metric(&self, _: &MetricAsked) -> Result<Vec<MetricPoint>, CloudError> {
        nobody("cloudwatch:GetMetricStatistics")
    }
}

#[async_trait]
impl Instances for Nowhere {
    async fn health(&self, _: &str) -> Result<Option<InstanceHealth>, CloudError> {
        nobody("ec2:DescribeInstanceStatus")
    }

    async fn console(&self, _: &str) -> Result<Option<String>, CloudError> {
        nobody("ec2:GetConsoleOutput")
    }
}

#[async_trait]
impl Tables for Nowhere {
    async fn table(&self, _: &str) -> Result<Table, CloudError> {
        nobody("dynamodb:DescribeTable")
    }

    async fn scan(&self, _: &str, _: u32, _: Option<&str>) -> Result<Items, CloudError> {
        nobody("dynamodb:Scan")
    }

    async fn item(&self, _: &str, _: &BTreeMap<String, KeyValue>) -> Result<Option<Item>, CloudError> {
        nobody("dynamodb:GetItem")
    }
}

#[async_trait]
impl Buckets for Nowhere {
    async fn list(&self, _: &str, _: Option<&str>, _: Option<&str>) -> Result<Objects, CloudError> {
        nobody("s3:ListObjectsV2")
    }

    async fn read(&self, _: &str, _: &str, _: u64) -> Result<Option<Vec<u8>>, CloudError> {
        nobody("s3:GetObject")
    }
}

pub(crate) fn target(endpoint: Option<(&str, u16)>, folder: &Path) -> Target {
    Target {
        endpoint: endpoint.map(|(host, port)| Endpoint { host: host.to_owned(), port: Some(port) }),
        identifier: None,
        look: None,
        values: BTreeMap::new(),
        secrets: Arc::new(Safe),
        remote: Arc::new(Nowhere),
        tables: Arc::new(Nowhere),
        buckets: Arc::new(Nowhere),
        metrics: Arc::new(Nowhere),
        instances: Arc::new(Nowhere),
        tunnel: None,
        source: None,
        last_pass: BTreeMap::new(),
        region: "eu-west-1".parse().expect("a region"),
        now: "2026-11-01T00:00:00Z".parse().expect("an instant"),
        master_password: None,
        folder: folder.to_owned(),
        ca_bundle: None,
        sandbox_ca: None,
    }
}

fn settings(value: Value) -> Settings {
    match value {
        Value::Object(settings) => settings,
        other => panic!("settings are an object, not {other}"),
    }
}

pub(crate) async fn attempt(probe: ProbeKind, value: Value, target: &Target, timeout: Duration) -> Outcome {
    let settings = settings(value);
    kind(probe).check(&settings).expect("the settings are consistent");
    let outcome = kind(probe).attempt(&settings, target, timeout).await;
    assert_harmless(&outcome);
    outcome
}

fn assert_harmless(outcome: &impl Debug) {
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(CANARY), "the secret is seen in {shown}");
}

#[track_caller]
pub(crate) fn held(outcome: Outcome) -> Observed {
    outcome.expect("the probe holds")
}

#[track_caller]
pub(crate) fn missed(outcome: Outcome, reason: ProbeReason) -> Miss {
    let miss = outcome.expect_err("the probe does not hold");
    assert_eq!(miss.reason, reason, "{}", miss.message);
    miss
}

// ---- tcp ----

#[tokio::test]
async fn tcp_connects_to_the_endpoint_and_nowhere_else_on_this_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let given = target(Some(("127.0.0.1", port)), folder.path());

    let seen = held(attempt(ProbeKind::Tcp, json!({}), &given, PATIENCE).await);
    assert_eq!(seen.values["address"], json!(format!("127.0.0.1:{port}")));
    assert!(seen.values["milliseconds"].is_u64());

    let nowhere = target(None, folder.path());
    let miss = missed(attempt(ProbeKind::Tcp, json!({}), &nowhere, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("has no endpoint"), "{}", miss.message);
    let here = json!({ "host": "localhost", "port": port });
    let miss = missed(attempt(ProbeKind::Tcp, here, &nowhere, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("this machine itself"), "{}", miss.message);
    let beside = json!({ "port": if port == 1 { 2 } else { port - 1 } });
    missed(attempt(ProbeKind::Tcp, beside, &given, PATIENCE).await, ProbeReason::Setup);

    drop(listener);
    let miss = missed(attempt(ProbeKind::Tcp, json!({}), &given, PATIENCE).await, ProbeReason::Connection);
    assert!(miss.message.contains("cannot connect to 127.0.0.1"), "{}", miss.message);
}

#[tokio::test]
async fn tcp_names_what_has_no_value_and_what_does_not_resolve() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut given = target(None, folder.path());
    let probe = json!({ "host": "${{ restore.orders.endpoint.host }}", "port": "${{ restore.orders.endpoint.port }}" });
    let miss = missed(attempt(ProbeKind::Tcp, probe.clone(), &given, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("restore.orders.endpoint.host"), "{}", miss.message);
    given.values.insert("restore.orders.endpoint.host".to_owned(), "orders.invalid".to_owned());
    given.values.insert("restore.orders.endpoint.port".to_owned(), "5432".to_owned());
    let miss = missed(attempt(ProbeKind::Tcp, probe, &given, PATIENCE).await, ProbeReason::Unreachable);
    assert!(miss.message.contains("orders.invalid") && miss.message.contains("ssm_tunnel"), "{}", miss.message);
}

// ---- command ----

fn shell(script: &str, arguments: &[&str]) -> Value {
    let mut argv = vec!["sh", "-c", script, "sh"];
    argv.extend(arguments);
    json!({ "argv": argv })
}

pub(crate) fn with(mut settings: Value, change: Value) -> Value {
    let (Some(all), Value::Object(change)) = (settings.as_object_mut(), change) else { panic!("both are objects") };
    all.extend(change);
    settings
}

#[tokio::test]
async fn a_program_answers_by_json_and_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = target(Some(("10.1.2.3", 5432)), folder.path());
    let script = r#"h=$DRILL_ENDPOINT_HOST p=$DRILL_ENDPOINT_PORT a=${CARGO_MANIFEST_DIR:-none}
        printf '{"host":"%s","port":%s,"ambient":"%s","list":[1]}' "$h" "$p" "$a""#;
    let seen = held(attempt(ProbeKind::Command, shell(script, &[]), &given, PATIENCE).await);
    assert_eq!(seen.values["host"], json!("10.1.2.3"));
    assert_eq!(seen.values["port"], json!(5432));
    assert_eq!(seen.values["ambient"], json!("none"), "the environment is not inherited");
    assert_eq!(seen.values.len(), 3);
    assert_eq!(seen.facts["exit_code"], "0");

    let echo = json!({ "argv": ["cat"], "stdin": "{\"orders\": 5}" });
    let seen = held(attempt(ProbeKind::Command, echo, &given, PATIENCE).await);
    assert_eq!(seen.values["orders"], json!(5));

    std::os::unix::fs::symlink("/bin/sh", folder.path().join("check")).expect("a link");
    let relative = json!({ "argv": ["./check", "-c", "exit 0"] });
    held(attempt(ProbeKind::Command, relative, &given, PATIENCE).await);
}

#[tokio::test]
async fn a_program_that_fails_says_why_and_never_the_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = target(None, folder.path());
    let script = r#"echo "{\"pw\":\"$PW\"}"; echo "login with $PW failed" >&2; exit 3"#;
    let secret = json!({ "secret_env": { "PW": { "secretsmanager": "drill/orders" } } });
    let probe = with(shell(script, &[]), secret);
    let miss = missed(attempt(ProbeKind::Command, probe, &given, PATIENCE).await, ProbeReason::ExitCode);
    assert_eq!(miss.message, "the program ended with exit code 3; it said: login with [secret] failed");
    let seen = miss.observed.expect("what it saw");
    assert_eq!((seen.facts["exit_code"].as_str(), &seen.values["pw"]), ("3", &json!("[secret]")));

    let killed = shell("kill -9 $$", &[]);
    let miss = missed(attempt(ProbeKind::Command, killed, &given, PATIENCE).await, ProbeReason::ExitCode);
    assert!(miss.message.contains("signal 9"), "{}", miss.message);
    for (program, part) in [("no-such-program-here", "not found in PATH"), ("./none", "definition's folder")] {
        let probe = json!({ "argv": [program] });
        let miss = missed(attempt(ProbeKind::Command, probe, &given, PATIENCE).await, ProbeReason::Setup);
        assert!(miss.message.contains(part), "{}", miss.message);
    }
    let unknown = with(shell("true", &[]), json!({ "secret_env": { "PW": { "secretsmanager": "drill/none" } } }));
    let miss = missed(attempt(ProbeKind::Command, unknown, &given, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("drill/none"), "{}", miss.message);
    let flood = json!({ "argv": ["head", "-c", "3000000", "/dev/zero"] });
    let miss = missed(attempt(ProbeKind::Command, flood, &given, PATIENCE).await, ProbeReason::Expectation);
    assert!(miss.message.contains("more than 1 MiB"), "{}", miss.message);
}

#[tokio::test]
async fn values_from_elsewhere_are_arguments_never_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut given = target(None, folder.path());
    let hostile = "$(touch pwned); `touch pwned` && touch pwned";
    given.values.insert("restore.orders.endpoint.host".to_owned(), hostile.to_owned());
    let probe = shell(r#"printf '{"got":"%s"}' "$1""#, &["${{ restore.orders.endpoint.host }}"]);
    let seen = held(attempt(ProbeKind::Command, probe, &given, PATIENCE).await);
    assert_eq!(seen.values["got"], json!(hostile));
    assert!(!folder.path().join("pwned").exists());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_that_takes_too_long_ends_with_all_it_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = target(None, folder.path());
    let probe = shell("sleep 600 & echo $! > child.pid; wait", &[]);
    let miss = missed(attempt(ProbeKind::Command, probe, &given, Duration::from_secs(2)).await, ProbeReason::Timeout);
    assert!(miss.message.contains("2s"), "{}", miss.message);
    let pid = std::fs::read_to_string(folder.path().join("child.pid")).expect("it had started a child");
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
    // An orphan that nobody reaps stays as a zombie: ended all the same.
    let ended = || std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ") || stat.contains(") X "));
    until("the child has ended", || ended().then_some(())).await;
}

pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    let seen = async {
        loop {
            beat.tick().await;
            if let Some(seen) = look() {
                return seen;
            }
        }
    };
    match tokio::time::timeout(Duration::from_secs(120), seen).await {
        Ok(seen) => seen,
        Err(late) => panic!("waited two minutes until {what}: {late}"),
    }
}

// ---- sql ----

/// A PostgreSQL server with a small shop, and the means to ask it.
struct Shop {
    server: Server,
    port: u16,
    ca: PathBuf,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn open(name: &str) -> Self {
        let cache = std::env::temp_dir().join("restore-drill-tests");
        let servers = Servers::find(&cache).expect("PostgreSQL is installed (scripts/setup.sh)");
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let write = |sql: &str| Write { at, sql: sql.to_owned() };
        let data = Data {
            engine: Engine::Postgres,
            master: None,
            token_users: vec![],
            database: "shop".to_owned(),
            users: vec![("probe".to_owned(), CANARY.to_owned())],
            writes: vec![
                write("CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamptz NOT NULL, note text)"),
                write(
                    "INSERT INTO orders SELECT n, '2026-01-01'::timestamptz + n * interval '1 minute' \
                     FROM generate_series(1, 1200) n",
                ),
                write(r"UPDATE orders SET note = E'\x1b[2J# passed\n| <b>`x`</b> |' WHERE id = 1"),
            ],
        };
        let server = servers.start(name, data);
        let port = until("the server is ready", || match server.state() {
            ServerState::Starting => None,
            ServerState::Ready { port } => Some(port),
            ServerState::Failed(why) => panic!("the server did not start: {why}"),
        })
        .await;
        Self { server, port, ca: servers.ca_bundle().to_owned(), folder: tempfile::tempdir().expect("a folder") }
    }

    fn target(&self) -> Target {
        Target { ca_bundle: Some(self.ca.clone()), ..target(Some(("127.0.0.1", self.port)), self.folder.path()) }
    }

    async fn ask(&self, change: Value) -> Outcome {
        self.ask_at(change, &self.target(), PATIENCE).await
    }

    async fn ask_at(&self, change: Value, target: &Target, timeout: Duration) -> Outcome {
        let usual = json!({
            "database": "shop", "user": "probe",
            "password": { "secretsmanager": "drill/orders" },
            "query": "SELECT 1 AS one",
        });
        attempt(ProbeKind::Sql, with(usual, change), target, timeout).await
    }

    async fn query(&self, query: &str) -> Outcome {
        self.ask(json!({ "query": query })).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_reads_what_is_there_in_many_types() {
    let shop = Shop::open("probes-types").await;
    let seen = held(shop.query("SELECT count(*) AS orders, max(placed_at) AS newest FROM orders").await);
    assert_eq!(seen.values["orders"], json!(1200));
    assert_eq!(seen.values["newest"], json!("2026-01-01T20:00:00Z"));
    assert_eq!((seen.facts["rows"].as_str(), seen.facts["engine"].as_str()), ("1", "postgres"));
    assert_eq!(seen.facts["tls"], "certificate verified for 127.0.0.1");
    assert!(!seen.facts["server_version"].is_empty());

    for (expression, value) in [
        ("true", json!(true)),
        ("(-5)::int2", json!(-5)),
        ("2147483647", json!(2_147_483_647)),
        ("9007199254740993", json!(9_007_199_254_740_993_i64)),
        ("0.5::float4", json!(0.5)),
        ("0.1::float8", json!(0.1)),
        ("'NaN'::float8", json!("NaN")),
        ("12.50::numeric", json!(12.5)),
        ("-0.000012::numeric", json!(-0.000_012)),
        ("12345678901234567890.1::numeric", json!("12345678901234567890.1")),
        ("10000::numeric", json!(10_000)),
        ("'a'::varchar(3)", json!("a")),
        ("'a'::char(3)", json!("a  ")),
        ("'a'::name", json!("a")),
        ("'2026-02-03 04:05:06.5+01'::timestamptz", json!("2026-02-03T03:05:06.5Z")),
        ("'2026-02-03 04:05:06'::timestamp", json!("2026-02-03T04:05:06Z")),
        ("'infinity'::timestamptz", json!("infinity")),
        ("'2026-02-03'::date", json!("2026-02-03")),
        ("'00000000-0000-0000-0000-000000000001'::uuid", json!("00000000-0000-0000-0000-000000000001")),
        ("'{\"a\": [1]}'::jsonb", json!("{\"a\":[1]}")),
        ("'7'::json", json!(7)),
        ("NULL::int", json!(null)),
    ] {
        let seen = held(shop.query(&format!("SELECT {expression} AS x")).await);
        assert_eq!(seen.values["x"], value, "{expression}");
    }
    let seen = held(shop.query("SELECT now()::timestamp AS x").await);
    assert!(seen.facts["x time zone"].contains("UTC"));
    let miss = missed(shop.query("SELECT interval '1 day' AS x").await, ProbeReason::Query);
    assert!(miss.message.contains("cast column `x` to text"), "{}", miss.message);
    let miss = missed(shop.query("SELECT 1 AS x, 2 AS x").await, ProbeReason::Query);
    assert!(miss.message.contains("two columns are named `x`"), "{}", miss.message);
    shop.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_binds_values_and_bounds_answers() {
    let shop = Shop::open("probes-bounds").await;
    let query = "SELECT count(*) AS n FROM orders WHERE id <= $1 AND note IS NOT DISTINCT FROM $2";
    let bound = json!({ "query": query, "params": [10, null] });
    assert_eq!(held(shop.ask(bound).await).values["n"], json!(9));
    let hostile = json!({ "query": "SELECT $1::text AS x", "params": ["'; DROP TABLE orders; --"] });
    assert_eq!(held(shop.ask(hostile).await).values["x"], json!("'; DROP TABLE orders; --"));
    let echo = json!({ "query": "SELECT $1::text AS x", "params": [CANARY] });
    assert_eq!(held(shop.ask(echo).await).values["x"], json!("[secret]"));
    missed(shop.ask(json!({ "query": "SELECT $1::int AS x", "params": [] })).await, ProbeReason::Query);
    let miss = missed(shop.ask(json!({ "query": "SELECT $1::int AS x", "params": ["ten"] })).await, ProbeReason::Query);
    assert!(miss.message.contains("22P02"), "{}", miss.message);

    let seen = held(shop.query("SELECT note AS x FROM orders WHERE id = 1").await);
    assert_eq!(seen.values["x"], json!("\u{fffd}[2J# passed | <b>`x`</b> |"));
    let seen = held(shop.query("SELECT 1 AS x WHERE false").await);
    assert!(seen.values.is_empty());
    assert_eq!(seen.facts["rows"], "0");
    let seen = held(shop.ask(json!({ "query": "SELECT id AS x FROM orders ORDER BY id", "rows": 3 })).await);
    assert_eq!((seen.facts["rows"].as_str(), &seen.values["x"]), ("more than 3", &json!(1)));
    let miss = missed(shop.query("SELECT repeat('x', 40000000) AS x").await, ProbeReason::Query);
    assert!(miss.message.contains("larger than 16 MiB"), "{}", miss.message);
    shop.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_trusts_the_right_server_and_credential_alone() {
    let shop = Shop::open("probes-trust").await;
    held(shop.ask(json!({ "tls": { "server_name": "localhost" } })).await);
    let wrong = json!({ "password": { "secretsmanager": "drill/orders", "key": "wrong" } });
    let miss = missed(shop.ask(wrong).await, ProbeReason::Authentication);
    assert!(miss.message.contains("28P01"), "{}", miss.message);
    missed(shop.ask(json!({ "user": "nobody-here" })).await, ProbeReason::Authentication);
    missed(shop.ask(json!({ "database": "none" })).await, ProbeReason::Query);

    let miss = missed(shop.ask(json!({ "tls": { "server_name": "db.example.com" } })).await, ProbeReason::Tls);
    assert!(miss.message.contains("tls.server_name"), "{}", miss.message);
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    std::fs::write(shop.folder.path().join("other.pem"), other.cert.pem()).expect("a file");
    let miss = missed(shop.ask(json!({ "tls": { "ca": "other.pem" } })).await, ProbeReason::Tls);
    assert!(miss.message.contains("UnknownIssuer"), "{}", miss.message);
    // The sandbox's own bundle wins over what a definition says.
    let sandbox = Target { sandbox_ca: Some(shop.ca.clone()), ..shop.target() };
    held(shop.ask_at(json!({ "tls": { "ca": "other.pem" } }), &sandbox, PATIENCE).await);
    let bare = Target { ca_bundle: None, ..shop.target() };
    let miss = missed(shop.ask_at(json!({}), &bare, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("global-bundle.pem"), "{}", miss.message);
    // This server refuses plain connections: the refusal is the proof that nothing was encrypted.
    missed(shop.ask(json!({ "tls": { "mode": "insecure-off" } })).await, ProbeReason::Authentication);
    let elsewhere = target(None, shop.folder.path());
    let elsewhere = Target { ca_bundle: Some(shop.ca.clone()), ..elsewhere };
    let here = json!({ "host": "127.0.0.1", "port": shop.port });
    let miss = missed(shop.ask_at(here, &elsewhere, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("this machine itself"), "{}", miss.message);
    shop.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_never_writes_never_stacks_and_never_waits_for_ever() {
    let shop = Shop::open("probes-guards").await;
    let miss = missed(shop.query("SELECT count(*) FROM invoices").await, ProbeReason::Query);
    assert!(miss.missing_data && miss.message.contains("42P01"), "{}", miss.message);
    let miss = missed(shop.query("SELECT total FROM orders").await, ProbeReason::Query);
    assert!(miss.missing_data && miss.message.contains("42703"), "{}", miss.message);
    let miss = missed(shop.query("SELEKT 1").await, ProbeReason::Query);
    assert!(!miss.missing_data, "{}", miss.message);
    let miss = missed(shop.query("CREATE TABLE mine (x int)").await, ProbeReason::Query);
    assert!(miss.message.contains("25006"), "{}", miss.message);
    for stacked in ["SELECT 1; SELECT 2", "COMMIT; DELETE FROM orders"] {
        let miss = missed(shop.query(stacked).await, ProbeReason::Query);
        assert!(miss.message.contains("42601"), "{}", miss.message);
    }
    let slow = json!({ "query": "SELECT pg_sleep(600)", "statement_timeout": "PT0.2S" });
    let miss = missed(shop.ask(slow.clone()).await, ProbeReason::Timeout);
    assert!(miss.message.contains("57014"), "{}", miss.message);
    let slow = with(slow, json!({ "statement_timeout": "PT1H" }));
    missed(shop.ask_at(slow, &shop.target(), Duration::from_secs(2)).await, ProbeReason::Timeout);
    // Whatever was tried, the data is as it was.
    assert_eq!(held(shop.query("SELECT count(*) AS n FROM orders").await).values["n"], json!(1200));
    shop.server.stop().await;
}
