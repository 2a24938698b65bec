//! The real MariaDB servers behind the simulated AWS: what they hold, whom they refuse, that they end. And drills that
//! restore databases: of MySQL, with a new master password, with a token of IAM.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, OptsBuilder, SslOpts};
use restore_drill::sandbox::sql::{Data, Engine, ServerState, Servers};
use restore_drill::words::secret::Secret;
use rustix::process::{Pid, test_kill_process};

use crate::harness::child::Drill;
use crate::postgres::{LIMIT, assert_gone, failed, ready, servers, within, write};

const PASSWORD: &str = "it's \\ secret";

fn shop() -> Data {
    Data {
        engine: Engine::MariaDb,
        database: "the_shop".to_owned(),
        users: vec![("drill_probe".to_owned(), PASSWORD.to_owned())],
        master: Some("chief".to_owned()),
        token_users: vec![],
        writes: vec![
            write(30, "INSERT INTO orders VALUES (3, TIMESTAMP'2026-01-03 00:00:00'); -- late\n"),
            write(10, "CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp NOT NULL) ENGINE = InnoDB;"),
            write(20, "INSERT INTO orders VALUES (1, now()); INSERT INTO orders VALUES (2, now());\n"),
        ],
    }
}

fn door(port: u16, user: &str, password: &str) -> OptsBuilder {
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(port)
        .user(Some(user))
        .pass(Some(password))
        .db_name(Some("the_shop"))
        .prefer_socket(false)
}

/// TLS that trusts the sandbox's authority and nobody else.
fn trusting(bundle: &Path) -> SslOpts {
    SslOpts::default().with_root_certs(vec![bundle.to_owned().into()]).with_disable_built_in_roots(true)
}

async fn connect(servers: &Servers, port: u16, user: &str, password: &str) -> Result<Conn, Error> {
    Conn::new(door(port, user, password).ssl_opts(trusting(servers.ca_bundle()))).await
}

/// The code with which the server refused.
#[track_caller]
fn code<T>(result: Result<T, Error>) -> u16 {
    match result {
        Err(Error::Server(refusal)) => refusal.code,
        Err(other) => panic!("no refusal: {other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

const ACCESS_DENIED: u16 = 1045;
const TABLE_ACCESS_DENIED: u16 = 1142;

/// The process id of the server in `folder`.
fn process(folder: &Path) -> Pid {
    let text = fs::read_to_string(folder.join("data/server.pid")).unwrap();
    Pid::from_raw(text.trim().parse().unwrap()).unwrap()
}

#[tokio::test]
async fn a_server_holds_what_was_written_and_its_user_reads_all_of_it_and_writes_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let server = servers.start("orders", shop());
    let port = ready(&server).await;
    let mut client = connect(&servers, port, "drill_probe", PASSWORD).await.unwrap();

    let ids: Vec<i32> = client.query("SELECT id FROM orders ORDER BY id").await.unwrap();
    assert_eq!(ids, [1, 2, 3]);
    let seen: Option<(String, String)> =
        client.query_first("SELECT @@session.time_zone, date_format(max(placed_at), '%Y') FROM orders").await.unwrap();
    assert_eq!(seen.map(|(zone, _)| zone).as_deref(), Some("+00:00"));
    assert_eq!(code(client.query_drop("DELETE FROM orders").await), TABLE_ACCESS_DENIED);
    assert_eq!(code(client.query_drop("SELECT * FROM mysql.global_priv").await), TABLE_ACCESS_DENIED);

    client.disconnect().await.unwrap();
    let (folder, pid) = (server.folder().to_owned(), process(server.folder()));
    server.stop().await;
    assert!(!folder.exists());
    assert!(test_kill_process(pid).is_err());
}

#[tokio::test]
async fn a_wrong_password_an_unknown_user_a_stranger_and_a_connection_without_tls_are_refused() {
    let (cache, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (servers, stranger) = (servers(cache.path()), servers(other.path()));
    let server = servers.start("orders", shop());
    let port = ready(&server).await;

    for (user, password) in
        [("drill_probe", "guess"), ("drill_probe", ""), ("somebody", "guess"), ("rdsadmin", ""), ("root", ""), ("", "")]
    {
        assert_eq!(code(connect(&servers, port, user, password).await), ACCESS_DENIED, "{user}");
    }
    assert!(Conn::new(door(port, "drill_probe", PASSWORD)).await.is_err(), "it connected without TLS");
    assert!(connect(&stranger, port, "drill_probe", PASSWORD).await.is_err(), "it trusted somebody else");
    connect(&servers, port, "drill_probe", PASSWORD).await.unwrap().disconnect().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_master_user_owns_the_database_once_its_password_was_set() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let mut server = servers.start("orders", shop());
    let port = ready(&server).await;
    assert_eq!(code(connect(&servers, port, "chief", "New'pass\\1").await), ACCESS_DENIED);

    server.set_master_password(Secret::new("New'pass\\1".to_owned()));
    within(LIMIT, "another password", || (!server.is_changing_password()).then_some(())).await;
    let mut chief = connect(&servers, port, "chief", "New'pass\\1").await.unwrap();
    chief.query_drop("CREATE TABLE more (id int)").await.unwrap();
    chief.query_drop("DELETE FROM orders").await.unwrap();
    assert_eq!(chief.affected_rows(), 3);
    assert_eq!(code(chief.query_drop("SELECT 1 INTO OUTFILE '/tmp/drill-test-outfile'").await), ACCESS_DENIED);
    chief.disconnect().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_write_that_fails_is_named_and_so_is_a_server_that_ends_by_itself() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let mut data = shop();
    data.writes.push(write(25, "INSERT INTO oders VALUES (1)"));
    let message = failed(&servers.start("orders", data)).await;
    for part in ["the MariaDB server for `orders`", "write 3 of 4", "oders"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("secret"), "{message}");

    let server = servers.start("mortal", shop());
    ready(&server).await;
    rustix::process::kill_process(process(server.folder()), rustix::process::Signal::KILL).unwrap();
    let message = within(LIMIT, "a server that says that it ended", || match server.state() {
        ServerState::Failed(why) => Some(why),
        _ => None,
    })
    .await;
    assert!(message.contains("`mortal`") && message.contains("ended"), "{message}");
}

#[tokio::test]
async fn sql_of_a_world_file_reaches_no_files_and_no_other_database() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let trace = cache.path().join("trace");
    for hostile in [
        format!("SELECT 1 INTO OUTFILE '{}'", trace.display()),
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE orders".to_owned(),
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE orders".to_owned(),
        "INSTALL SONAME 'auth_pam'".to_owned(),
        "CREATE DATABASE theXshop".to_owned(),
        "SET GLOBAL general_log = ON".to_owned(),
    ] {
        let mut data = shop();
        data.writes.push(write(40, &hostile));
        let message = failed(&servers.start("hostile", data)).await;
        assert!(message.contains("write 4 of 4"), "{hostile}: {message}");
    }
    assert!(!trace.exists());
    let mut data = shop();
    data.database = "MySQL".to_owned();
    let message = failed(&servers.start("hostile", data)).await;
    assert!(message.contains("the server's own"), "{message}");
}

#[tokio::test]
async fn a_server_dies_with_a_process_that_is_killed() {
    let cache = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["mysql_world::holds_a_server_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut leash = holder.stdin.take().unwrap();
    writeln!(leash, "{}", cache.path().display()).unwrap();
    let note = cache.path().join("folder");
    let folder: PathBuf = within(LIMIT, "a server in another process", || {
        fs::read_to_string(&note).ok().and_then(|text| text.strip_suffix('\n').map(PathBuf::from))
    })
    .await;
    let pid = process(&folder);
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_gone(&folder, pid).await;
}

/// The other process of the test above: it reads the cache folder from standard input and writes where its server is.
#[tokio::test]
#[ignore = "is started by another test, which kills it"]
async fn holds_a_server_until_it_is_killed() {
    let mut input = BufReader::new(std::io::stdin()).lines();
    let Some(Ok(cache)) = input.next() else { return };
    let servers = servers(Path::new(&cache));
    let server = servers.start("held", shop());
    ready(&server).await;
    fs::write(Path::new(&cache).join("folder"), format!("{}\n", server.folder().display())).unwrap();
    // Ends with its parent, killed or not.
    let _ = input.next();
}

/// A drill of a database with one probe; `resource` and `type` say which.
fn definition(kind: &str, resource: &str, with: &str, probe: &str) -> String {
    format!(
        r#"version: 1
name: ledger
title: A ledger
owner: platform@example.com
limits: {{ max_duration: 10d }}
source: {{ region: eu-west-2, account: "123456789012" }}
destination:
  region: eu-west-1
  account: "123456789012"
  vault: ledger-vault-dr
  restore_role: arn:aws:iam::123456789012:role/drill-restore
restore:
  ledger:
    type: {kind}
    resource: arn:aws:rds:eu-west-2:123456789012:{resource}
    with: {{ subnet_group: drill-isolated, security_groups: [sg-0a1b2c3d4e5f60718]{with} }}
    timeout: 10d
probes:
  asked:
    on: ledger
{probe}
    retry: {{ for: 2d, every: 30s }}
teardown: {{ timeout: 10d }}
"#
    )
}

/// One entry an hour before the newest recovery point, which is from 05:00, and one an hour after it.
const WORLD: &str = r#"version: 1
starts: "2026-11-21T12:00:00Z"
quotas: { token_lifetime: 30d }
resources:
  ledger:
    restore: { takes: 2m }
    data:
      writes:
        - at: 61d ago
          sql: CREATE TABLE entries (id int AUTO_INCREMENT PRIMARY KEY, booked_at timestamp(6) NOT NULL)
        - { at: "2026-11-21T04:00:00Z", sql: "INSERT INTO entries (booked_at) VALUES ($at)" }
        - { at: "2026-11-21T06:00:00Z", sql: "INSERT INTO entries (booked_at) VALUES ($at)" }
"#;

async fn passes(definition: &str, world: Option<&str>) {
    let drill = Drill::new().definition("ledger", definition);
    if let Some(world) = world {
        fs::write(drill.path().join("drills/ledger.world.yaml"), world).unwrap();
    }
    let said = drill.ask(&["run", "ledger", "--sandbox", "--output", "json"]).await.ends(0);
    for text in [said.stdout.as_str(), said.stderr.as_str()] {
        assert!(!shows_a_password(text), "{text}");
    }
    let run = said.json();
    assert_eq!(run["verdict"], "passed", "{run:#}");
    nothing_left_shows_a_password(drill.path());
    let evidence = drill.path().join(run["evidence"].as_str().expect("it says where the report is"));
    let report = fs::read_to_string(evidence.join("report.md")).unwrap();
    let says = report.contains("| Master password | a new one, which the run set at ");
    assert_eq!(says, definition.contains("master_password_reset"), "{report}");
}

/// Whether a text holds a master password as a run makes them.
fn shows_a_password(text: &str) -> bool {
    regex_lite::Regex::new("Dr1[0-9a-f]{27}").unwrap().is_match(text)
}

/// Journal, report and whatever else a run leaves.
fn nothing_left_shows_a_password(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            nothing_left_shows_a_password(&path);
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(!shows_a_password(&text), "{}", path.display());
        }
    }
}

const ENTRIES: &str = r"    sql:
      engine: mysql
      database: ledger
      user: drill_probe
      password: { secretsmanager: drill/ledger }
      query: SELECT count(*) AS entries, max(booked_at) AS newest FROM entries
    expect: { entries: { equals: 1 }, newest: { matches: '^2026-11-21T04:00:00' } }";

#[tokio::test]
async fn a_restored_mariadb_instance_holds_what_was_written_by_the_recovery_point_and_nothing_later() {
    passes(&definition("rds", "db:ledger", "", ENTRIES), Some(WORLD)).await;
}

#[tokio::test]
async fn a_restored_aurora_mysql_cluster_does_so_too() {
    passes(&definition("aurora", "cluster:ledger", ", instance_class: db.r6g.large", ENTRIES), Some(WORLD)).await;
}

#[tokio::test]
async fn the_definition_alone_makes_a_mysql_database_where_probes_speak_mysql() {
    let probe = r"    sql:
      engine: mysql
      database: ledger
      user: drill_probe
      password: { secretsmanager: drill/ledger, key: password }
      query: SELECT current_user() AS me, database() AS here, version() AS version
    expect: { me: { equals: drill_probe@% }, here: { equals: ledger }, version: { matches: MariaDB } }";
    passes(&definition("rds", "db:ledger", "", probe), None).await;
}

#[tokio::test]
async fn a_run_sets_the_master_password_of_what_it_restored() {
    let asks = |engine: &str, user: &str, query: &str| {
        format!(
            "    sql:\n      engine: {engine}\n      database: ledger\n      user: {user}\n      password: {{ \
             master_password_reset: true }}\n      query: {query}\n    expect: {{ me: {{ matches: '^{user}' }} }}"
        )
    };
    let mysql = asks("mysql", "chief", "SELECT current_user() AS me");
    let postgres = asks("postgres", "chief", "SELECT current_user::text AS me");
    for (kind, resource, with) in
        [("rds", "db:ledger", ""), ("aurora", "cluster:ledger", ", instance_class: db.r6g.large")]
    {
        passes(&definition(kind, resource, with, &mysql), None).await;
        passes(&definition(kind, resource, with, &postgres), None).await;
    }
}

const BY_TOKEN: &str = r"    sql:
      database: ledger
      user: drill_probe
      password: { rds_iam: true }
      query: SELECT current_user::text AS me
    expect: { me: { equals: drill_probe } }";

#[tokio::test]
async fn a_token_of_iam_opens_a_restored_database_that_allows_it() {
    passes(&definition("rds", "db:ledger", "", BY_TOKEN), None).await;
    passes(&definition("aurora", "cluster:ledger", ", instance_class: db.r6g.large", BY_TOKEN), None).await;
}

#[tokio::test]
async fn a_token_opens_nothing_where_iam_was_not_allowed() {
    let forbids = "    metadata: { EnableIAMDatabaseAuthentication: \"false\" }\n    timeout: 10d\nprobes:";
    let definition = definition("rds", "db:ledger", "", BY_TOKEN).replace("    timeout: 10d\nprobes:", forbids);
    let definition = definition.replace("retry: { for: 2d,", "retry: { for: 1m,");
    assert!(definition.contains(forbids) && definition.contains("for: 1m"));
    let drill = Drill::new().definition("ledger", &definition);
    let run = drill.ask(&["run", "ledger", "--sandbox", "--output", "json"]).await.ends(3).json();
    assert_eq!(run["verdict"], "inconclusive", "{run:#}");
}
