//! The real PostgreSQL servers behind the simulated AWS: what they hold, whom they refuse, and that they end.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use restore_drill::sandbox::sql::{Data, Engine, Server, ServerState, Servers, Write};
use restore_drill::words::secret::Secret;
use rustix::process::{Pid, test_kill_process};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Longer than `initdb` and a start take on a machine that does other things too.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) fn servers(cache: &Path) -> Servers {
    Servers::find(cache).unwrap_or_else(|missing| panic!("{missing}"))
}

pub(crate) fn write(second: i64, sql: &str) -> Write {
    Write { at: Timestamp::from_second(second).unwrap(), sql: sql.to_owned() }
}

fn shop(rows: u32) -> Data {
    Data {
        engine: Engine::Postgres,
        database: "shop".to_owned(),
        users: vec![("drill_probe".to_owned(), "it's \\ secret".to_owned())],
        master: Some("chief".to_owned()),
        token_users: vec![],
        writes: vec![
            write(20, &format!("INSERT INTO orders SELECT n, now() FROM generate_series(1, {rows}) AS n -- late")),
            write(10, "CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamptz NOT NULL)"),
            write(30, "CREATE SCHEMA extra; CREATE TABLE extra.notes AS SELECT 'hello' AS note;"),
        ],
    }
}

/// Looks at something that happens by itself, until it did.
pub(crate) async fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        loop {
            pace.tick().await;
            if let Some(found) = look() {
                return found;
            }
        }
    };
    tokio::time::timeout(limit, looking).await.unwrap_or_else(|_| panic!("not within {limit:?}: {what}"))
}

pub(crate) async fn ready(server: &Server) -> u16 {
    within(LIMIT, "a server that answers", || match server.state() {
        ServerState::Starting => None,
        ServerState::Ready { port } => Some(port),
        ServerState::Failed(why) => panic!("{why}"),
    })
    .await
}

pub(crate) async fn failed(server: &Server) -> String {
    within(LIMIT, "a server that fails", || match server.state() {
        ServerState::Starting => None,
        ServerState::Ready { .. } => panic!("it came up"),
        ServerState::Failed(why) => Some(why),
    })
    .await
}

/// TLS that trusts the sandbox's authority and nobody else, and checks the server's name.
fn tls(bundle: &Path) -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(bundle).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}

fn door(port: u16, password: &str) -> Config {
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(port)
        .user("drill_probe")
        .password(password)
        .dbname("shop")
        .connect_timeout(Duration::from_secs(20));
    config
}

async fn connect(servers: &Servers, port: u16) -> Client {
    let mut config = door(port, "it's \\ secret");
    config.ssl_mode(tokio_postgres::config::SslMode::Require);
    let (client, connection) = config.connect(tls(servers.ca_bundle())).await.unwrap();
    tokio::spawn(connection);
    client
}

fn why(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |refusal| refusal.message().to_owned())
}

/// The process id of the server in `folder`.
fn process(folder: &Path) -> Pid {
    let text = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
    Pid::from_raw(text.lines().next().unwrap().trim().parse().unwrap()).unwrap()
}

pub(crate) async fn assert_gone(folder: &Path, process: Pid) {
    within(Duration::from_secs(30), "a folder that is removed", || (!folder.exists()).then_some(())).await;
    within(Duration::from_secs(30), "a process that ends", || test_kill_process(process).is_err().then_some(())).await;
}

#[tokio::test]
async fn a_server_holds_what_was_written_and_its_user_reads_all_of_it_and_writes_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let server = servers.start("orders", shop(1_200));
    let port = ready(&server).await;
    let client = connect(&servers, port).await;

    let count: i64 = client.query_one("SELECT count(*) FROM orders", &[]).await.unwrap().get(0);
    assert_eq!(count, 1_200);
    let note: String = client.query_one("SELECT note FROM extra.notes", &[]).await.unwrap().get(0);
    assert_eq!(note, "hello");
    let zone: String = client.query_one("SHOW timezone", &[]).await.unwrap().get(0);
    assert_eq!(zone, "UTC");
    let refused = client.batch_execute("DELETE FROM orders").await.unwrap_err();
    assert!(why(&refused).contains("permission denied"), "{refused}");

    drop(client);
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_password_an_unknown_user_and_a_connection_without_tls_are_refused() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let server = servers.start("orders", shop(1));
    let port = ready(&server).await;

    let wrong = door(port, "guess").connect(tls(servers.ca_bundle())).await.err().unwrap();
    assert!(why(&wrong).contains("password authentication failed"), "{wrong}");
    let unknown = door(port, "guess").user("somebody").connect(tls(servers.ca_bundle())).await.err().unwrap();
    assert!(why(&unknown).contains("password authentication failed"), "{unknown}");
    let plain = door(port, "it's \\ secret").connect(NoTls).await.err().unwrap();
    assert!(why(&plain).contains("no encryption") || why(&plain).contains("SSL off"), "{}", why(&plain));
    let administrator = door(port, "").user("rdsadmin").connect(tls(servers.ca_bundle())).await.err().unwrap();
    assert!(why(&administrator).contains("rejects"), "{}", why(&administrator));

    server.stop().await;
}

#[tokio::test]
async fn a_master_user_owns_the_database_once_its_password_was_set() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let mut server = servers.start("orders", shop(3));
    let port = ready(&server).await;
    let wrong = door(port, "New-pass-1").user("chief").connect(tls(servers.ca_bundle())).await.err().unwrap();
    assert!(why(&wrong).contains("password authentication failed"), "{wrong}");

    server.set_master_password(Secret::new("New-pass-1".to_owned()));
    within(LIMIT, "another password", || (!server.is_changing_password()).then_some(())).await;
    let (client, connection) = door(port, "New-pass-1").user("chief").connect(tls(servers.ca_bundle())).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(client.execute("DELETE FROM orders", &[]).await.unwrap(), 3);
    let refused = client.batch_execute("COPY orders TO PROGRAM 'true'").await.unwrap_err();
    assert!(why(&refused).contains("external program"), "{}", why(&refused));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_does_not_connect() {
    let (cache, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (servers, stranger) = (servers(cache.path()), servers(other.path()));
    let server = servers.start("orders", shop(1));
    let port = ready(&server).await;
    let mut config = door(port, "it's \\ secret");
    config.ssl_mode(tokio_postgres::config::SslMode::Require);
    assert!(config.connect(tls(stranger.ca_bundle())).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn two_servers_at_once_hold_their_own_data() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let (one, two) = (servers.start("one", shop(1)), servers.start("two", shop(2)));
    let (port_one, port_two) = (ready(&one).await, ready(&two).await);
    assert_ne!(port_one, port_two);
    for (port, expected) in [(port_one, 1_i64), (port_two, 2)] {
        let client = connect(&servers, port).await;
        let count: i64 = client.query_one("SELECT count(*) FROM orders", &[]).await.unwrap().get(0);
        assert_eq!(count, expected);
    }
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn process_and_folder_are_gone_after_stop_and_soon_after_drop() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let (stopped, dropped) = (servers.start("stopped", shop(1)), servers.start("dropped", shop(1)));
    ready(&stopped).await;
    ready(&dropped).await;

    let (folder, pid) = (stopped.folder().to_owned(), process(stopped.folder()));
    stopped.stop().await;
    assert!(!folder.exists());
    assert!(test_kill_process(pid).is_err());

    let (folder, pid) = (dropped.folder().to_owned(), process(dropped.folder()));
    drop(dropped);
    assert_gone(&folder, pid).await;
}

#[tokio::test]
async fn a_server_that_is_let_go_while_it_starts_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let server = servers.start("brief", shop(1));
    let folder = server.folder().to_owned();
    let sandbox = folder.parent().unwrap().to_owned();
    server.stop().await;
    assert!(!folder.exists());
    drop(servers);
    within(Duration::from_secs(30), "a sandbox's folder that is removed", || (!sandbox.exists()).then_some(())).await;
}

#[tokio::test]
async fn a_write_that_fails_is_named_and_so_is_a_server_that_ends_by_itself() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let mut data = shop(1);
    data.writes.push(write(25, "INSERT INTO oders VALUES (1)"));
    let wrong = servers.start("orders", data);
    let message = failed(&wrong).await;
    assert!(message.contains("`orders`") && message.contains("write 3 of 4") && message.contains("oders"), "{message}");
    assert!(!message.contains("secret"), "{message}");

    let server = servers.start("mortal", shop(1));
    ready(&server).await;
    rustix::process::kill_process(process(server.folder()), rustix::process::Signal::TERM).unwrap();
    let message = within(LIMIT, "a server that says that it ended", || match server.state() {
        ServerState::Failed(why) => Some(why),
        _ => None,
    })
    .await;
    assert!(message.contains("`mortal`") && message.contains("ended"), "{message}");
}

#[tokio::test]
async fn sql_of_a_world_file_cannot_start_programs() {
    let cache = tempfile::tempdir().unwrap();
    let servers = servers(cache.path());
    let mut data = shop(1);
    let trace = cache.path().join("trace");
    data.writes.push(write(40, &format!("RESET ROLE; COPY orders TO PROGRAM 'touch {}'", trace.display())));
    let server = servers.start("hostile", data);
    let message = failed(&server).await;
    assert!(message.contains("write 4 of 4"), "{message}");
    assert!(!trace.exists());
}

#[tokio::test]
async fn a_server_dies_with_a_process_that_is_killed() {
    let cache = tempfile::tempdir().unwrap();
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["postgres::holds_a_server_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
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

    // The next sandbox removes what the dead one could not.
    let sandbox = folder.parent().unwrap().to_owned();
    let next = servers(cache.path());
    assert!(!sandbox.exists());
    drop(next);
}

/// The other process of the test above: it reads the cache folder from standard input and writes where its server is.
#[tokio::test]
#[ignore = "is started by another test, which kills it"]
async fn holds_a_server_until_it_is_killed() {
    let mut input = BufReader::new(std::io::stdin()).lines();
    let Some(Ok(cache)) = input.next() else { return };
    let servers = servers(Path::new(&cache));
    let server = servers.start("held", shop(1));
    ready(&server).await;
    fs::write(Path::new(&cache).join("folder"), format!("{}\n", server.folder().display())).unwrap();
    // Ends with its parent, killed or not.
    let _ = input.next();
}
