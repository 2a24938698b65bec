//! `sql` against a real MariaDB server of this machine, over TLS. No AWS.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use restore_drill::cloud::error::CloudError;
use restore_drill::cloud::remote::{Tunnel, Tunnels};
use restore_drill::definition::model::ProbeReason;
use restore_drill::probe::Outcome;
use restore_drill::probe::target::{Target, Way};
use restore_drill::words::kind::ProbeKind;
use restore_drill::words::secret::Secret;
use serde_json::{Value, json};

use crate::probes::{CANARY, PATIENCE, attempt, held, missed, target, until, with};

/// What to do where there is no server to start.
const MISSING: &str = "MariaDB is not installed: run `DRILL_SETUP=tests scripts/setup.sh`, or install the package \
                       mariadb-server";

/// Where the server's program is: it is no program for users, so PATH may lack its folder.
const PROGRAMS: &[&str] = &["mariadbd", "/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/local/sbin/mariadbd"];

/// Which name the server has inside of its own network.
const INSIDE: &str = "orders.internal";

/// A MariaDB server with a small shop. It ends with this.
pub(crate) struct Maria {
    server: Child,
    port: u16,
    ca: PathBuf,
    folder: tempfile::TempDir,
}

impl Drop for Maria {
    fn drop(&mut self) {
        self.server.kill().ok();
        self.server.wait().ok();
    }
}

impl Maria {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The server may be another user than the test.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let ca = certify(folder.path());
        install(folder.path());
        // Between looking for a free port and taking it, another may have it.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            fs::write(folder.path().join("init.sql"), shop(port)).unwrap();
            let log = folder.path().join("log");
            let mut server = start(folder.path(), port, &log);
            let is_up = until("the server is ready or has ended", || match server.try_wait().unwrap() {
                Some(_) => Some(false),
                None => text(&log).contains("ready for connections").then_some(true),
            });
            if is_up.await {
                return Self { server, port, ca, folder };
            }
        }
        panic!("MariaDB does not start: {}", text(&folder.path().join("log")));
    }

    pub(crate) fn target(&self) -> Target {
        Target { ca_bundle: Some(self.ca.clone()), ..target(Some(("127.0.0.1", self.port)), self.folder.path()) }
    }

    pub(crate) async fn ask(&self, change: Value) -> Outcome {
        self.ask_at(change, &self.target(), PATIENCE).await
    }

    async fn ask_at(&self, change: Value, target: &Target, timeout: Duration) -> Outcome {
        let usual = json!({
            "engine": "mysql", "database": "shop", "user": "probe",
            "password": { "secretsmanager": "drill/orders" },
            "query": "SELECT 1 AS one",
        });
        attempt(ProbeKind::Sql, with(usual, change), target, timeout).await
    }

    async fn query(&self, query: &str) -> Outcome {
        self.ask(json!({ "query": query })).await
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Who the server is where the test is root: MariaDB asks to be told.
fn account() -> Option<String> {
    let known = text(Path::new("/etc/passwd"));
    let name = if known.lines().any(|line| line.starts_with("mysql:")) { "mysql" } else { "nobody" };
    rustix::process::geteuid().is_root().then(|| format!("--user={name}"))
}

fn option(name: &str, path: &Path) -> String {
    format!("--{name}={}", path.display())
}

/// Makes an authority and a certificate of it for the server; the authority's own is the bundle.
fn certify(folder: &Path) -> PathBuf {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer_key = KeyPair::generate().unwrap();
    let bundle = authority.self_signed(&issuer_key).unwrap().pem();
    let issuer = Issuer::new(authority, issuer_key);
    let names = ["localhost", "127.0.0.1", INSIDE].map(str::to_owned);
    let mut server = CertificateParams::new(names.to_vec()).unwrap();
    server.distinguished_name.push(DnType::CommonName, "a database");
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = server.signed_by(&key, &issuer).unwrap().pem();
    for (name, text) in [("ca.pem", bundle), ("server.pem", certificate), ("server.key", key.serialize_pem())] {
        fs::write(folder.join(name), text).unwrap();
    }
    folder.join("ca.pem")
}

fn install(folder: &Path) {
    let output = Command::new("mariadb-install-db")
        .arg("--no-defaults")
        .arg(option("datadir", &folder.join("data")))
        .arg(option("tmpdir", &folder.join("data")))
        .args(["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"])
        .arg("--innodb-log-file-size=8M")
        .args(account())
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{MISSING} ({error})"),
    }
}

fn start(folder: &Path, port: u16, log: &Path) -> Child {
    for program in PROGRAMS {
        let mut server = Command::new(program);
        server.arg("--no-defaults").args(account()).args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
        server.arg(format!("--port={port}")).arg(option("datadir", &folder.join("data")));
        server.arg(option("tmpdir", &folder.join("data")));
        server.arg(option("socket", &folder.join("data/socket"))).arg(option("pid-file", &folder.join("data/pid")));
        server.arg(option("ssl-ca", &folder.join("ca.pem"))).arg(option("ssl-cert", &folder.join("server.pem")));
        server.arg(option("ssl-key", &folder.join("server.key"))).arg(option("init-file", &folder.join("init.sql")));
        // Answers of any size, and times that are right only if the session says that it wants UTC.
        server.args(["--max-allowed-packet=256M", "--default-time-zone=+05:00"]);
        server.args(["--innodb-log-file-size=8M", "--innodb-buffer-pool-size=16M", "--performance-schema=OFF"]);
        server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log).unwrap());
        match server.spawn() {
            Ok(server) => return server,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{program}: {error}"),
        }
    }
    panic!("{MISSING}");
}

/// What the server does before it takes connections; one statement a line. The probe's user may do everything in the
/// shop: what keeps it from writing is the transaction.
fn shop(port: u16) -> String {
    format!(
        r#"CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE USER 'probe'@'%' IDENTIFIED BY '{CANARY}';
CREATE USER 'token'@'%' IDENTIFIED BY '127.0.0.1:{port}/token/{CANARY}';
CREATE USER 'inside'@'%' IDENTIFIED BY '{INSIDE}:3306/inside/{CANARY}';
GRANT ALL ON shop.* TO 'probe'@'%', 'token'@'%', 'inside'@'%';
CREATE TABLE shop.orders (id BIGINT PRIMARY KEY, placed_at TIMESTAMP NOT NULL, note TEXT);
INSERT INTO shop.orders SELECT seq, FROM_UNIXTIME(1767225600 + seq * 60), NULL FROM shop.seq_1_to_1200;
UPDATE shop.orders SET note = CONCAT(CHAR(0 USING utf8mb4), CHAR(27 USING utf8mb4), '[2J# passed', CHAR(10 USING utf8mb4), '| <b>`x`</b> |') WHERE id = 1;
CREATE TABLE shop.kinds (tiny TINYINT, small SMALLINT UNSIGNED, big BIGINT UNSIGNED, yr YEAR, flt FLOAT, dbl DOUBLE, price DECIMAL(10,2), exactly DECIMAL(30,1), whole DECIMAL(20,0), letter CHAR(3), words TEXT, doc JSON, choice ENUM('a','b'), flags BIT(9), day DATE, moment DATETIME(3), stamp TIMESTAMP NULL, never DATETIME, zero DATE, nothing INT, raw BLOB, span TIME);
INSERT INTO shop.kinds VALUES (-5, 65535, 18446744073709551615, 2026, 0.1, 0.1, 12.50, 12345678901234567890.1, 10000, 'a', CONVERT(x'6772c3b6c39f6572' USING utf8mb4), '{{"a": [1]}}', 'b', b'100000001', '2026-02-03', '2026-02-03 04:05:06.5', FROM_UNIXTIME(1770091506), '9999-12-31 23:59:59', '0000-00-00', NULL, x'00ff', '25:00:00');
CREATE DEFINER = 'probe'@'%' PROCEDURE shop.seven() SELECT 7 AS x;
"#
    )
}

/// Every way leads to one address of this machine.
struct Straight(SocketAddr);

#[async_trait]
impl Tunnels for Straight {
    async fn open(&self, _: &str, host: &str, port: u16) -> Result<Tunnel, CloudError> {
        assert_eq!((host, port), (INSIDE, 3306));
        Ok(Tunnel { address: self.0, held: Box::new(()) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_reads_what_is_there_in_many_types() {
    let maria = Maria::open().await;
    let seen = held(maria.query("SELECT COUNT(*) AS orders, MAX(placed_at) AS newest FROM orders").await);
    assert_eq!(seen.values["orders"], json!(1200));
    assert_eq!(seen.values["newest"], json!("2026-01-01T20:00:00Z"));
    assert_eq!((seen.facts["rows"].as_str(), seen.facts["engine"].as_str()), ("1", "mysql"));
    assert_eq!(seen.facts["tls"], "certificate verified for 127.0.0.1");
    assert!(seen.facts["server_version"].contains("MariaDB"), "{}", seen.facts["server_version"]);

    let columns = "tiny, small, big, yr, flt, dbl, price, exactly, whole, letter, words, doc, choice, flags, day, moment, \
                   stamp, never, zero, nothing";
    let seen = held(maria.query(&format!("SELECT {columns} FROM kinds")).await);
    for (column, value) in [
        ("tiny", json!(-5)),
        ("small", json!(65_535)),
        ("big", json!(18_446_744_073_709_551_615_u64)),
        ("yr", json!(2026)),
        ("flt", json!(0.1)),
        ("dbl", json!(0.1)),
        ("price", json!(12.5)),
        ("exactly", json!("12345678901234567890.1")),
        ("whole", json!(10_000)),
        ("letter", json!("a")),
        ("words", json!("größer")),
        ("doc", json!("{\"a\": [1]}")),
        ("choice", json!("b")),
        ("flags", json!(257)),
        ("day", json!("2026-02-03")),
        ("moment", json!("2026-02-03T04:05:06.5Z")),
        ("stamp", json!("2026-02-03T04:05:06Z")),
        ("never", json!("9999-12-31T23:59:59Z")),
        ("zero", json!("0000-00-00")),
        ("nothing", json!(null)),
    ] {
        assert_eq!(seen.values[column], value, "{column}");
    }
    assert!(seen.facts["moment time zone"].contains("UTC") && !seen.facts.contains_key("stamp time zone"));
    for column in ["raw", "span"] {
        let miss = missed(maria.query(&format!("SELECT {column} AS x FROM kinds")).await, ProbeReason::Query);
        assert!(miss.message.contains("cast column `x` to text"), "{}", miss.message);
    }
    assert_eq!(held(maria.query("CALL seven()").await).values["x"], json!(7));
    let miss = missed(maria.query("SELECT 1 AS x, 2 AS x").await, ProbeReason::Query);
    assert!(miss.message.contains("two columns are named `x`"), "{}", miss.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_binds_values_lists_rows_and_bounds_answers() {
    let maria = Maria::open().await;
    let query = "SELECT COUNT(*) AS n FROM orders WHERE id <= ? AND note <=> ?";
    assert_eq!(held(maria.ask(json!({ "query": query, "params": [10, null] })).await).values["n"], json!(9));
    let hostile = "' OR 1 = 1; DROP TABLE orders; -- ";
    let query = "SELECT COUNT(*) AS n, ? AS x FROM orders WHERE note = ?";
    let seen = held(maria.ask(json!({ "query": query, "params": [hostile, hostile] })).await);
    assert_eq!((&seen.values["n"], &seen.values["x"]), (&json!(0), &json!(hostile)));
    let echo = json!({ "query": "SELECT ? AS x", "params": [CANARY] });
    assert_eq!(held(maria.ask(echo).await).values["x"], json!("[secret]"));
    let miss = missed(maria.ask(json!({ "query": "SELECT ? AS x" })).await, ProbeReason::Query);
    assert!(miss.message.contains("1 `?`"), "{}", miss.message);

    let seen = held(maria.query("SELECT note AS `x\u{1b}[31m` FROM orders WHERE id = 1").await);
    assert_eq!(seen.values["x\u{fffd}[31m"], json!("\u{fffd}\u{fffd}[2J# passed | <b>`x`</b> |"));

    let all =
        json!({ "query": "SELECT id, placed_at AS placed FROM orders WHERE id <= ? ORDER BY id", "answer": "all" });
    let seen = held(maria.ask(with(all.clone(), json!({ "params": [3] }))).await);
    assert_eq!(seen.values["id"], json!([1, 2, 3]));
    assert_eq!(seen.values["placed"], json!(["2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z", "2026-01-01T00:03:00Z"]));
    let seen = held(maria.ask(with(all.clone(), json!({ "params": [0] }))).await);
    assert_eq!((&seen.values["id"], seen.facts["rows"].as_str()), (&json!([]), "0"));
    let miss = missed(maria.ask(with(all, json!({ "params": [3], "rows": 2 }))).await, ProbeReason::Query);
    assert!(miss.message.contains("more than 2 rows"), "{}", miss.message);
    assert!(held(maria.query("SELECT 1 AS x FROM orders WHERE 1 = 0").await).values.is_empty());

    let endless = json!({ "query": "SELECT seq AS x FROM seq_1_to_1000000000", "rows": 3 });
    let seen = held(maria.ask(endless).await);
    assert_eq!((seen.facts["rows"].as_str(), &seen.values["x"]), ("more than 3", &json!(1)));
    for large in ["SELECT REPEAT('x', 100000000) AS x", "SELECT REPEAT('x', 100000) AS x FROM seq_1_to_1000"] {
        let miss = missed(maria.query(large).await, ProbeReason::Query);
        assert!(miss.message.contains("larger than 16 MiB"), "{}", miss.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_trusts_the_right_server_and_credential_alone() {
    let mut maria = Maria::open().await;
    let cipher =
        "SELECT VARIABLE_VALUE AS cipher FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'";
    assert_ne!(held(maria.query(cipher).await).values["cipher"], json!(""));
    held(maria.ask(json!({ "tls": { "server_name": "localhost" } })).await);
    let miss = missed(maria.ask(json!({ "tls": { "server_name": "db.example.com" } })).await, ProbeReason::Tls);
    assert!(miss.message.contains("tls.server_name"), "{}", miss.message);
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    fs::write(maria.folder.path().join("other.pem"), other.cert.pem()).unwrap();
    let miss = missed(maria.ask(json!({ "tls": { "ca": "other.pem" } })).await, ProbeReason::Tls);
    assert!(miss.message.contains("UnknownIssuer"), "{}", miss.message);
    // The sandbox's own bundle wins over what a definition says.
    let sandbox = Target { sandbox_ca: Some(maria.ca.clone()), ..maria.target() };
    held(maria.ask_at(json!({ "tls": { "ca": "other.pem" } }), &sandbox, PATIENCE).await);
    let bare = Target { ca_bundle: None, ..maria.target() };
    let miss = missed(maria.ask_at(json!({}), &bare, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("global-bundle.pem"), "{}", miss.message);
    let seen = held(maria.ask(json!({ "query": cipher, "tls": { "mode": "insecure-off" } })).await);
    assert_eq!(seen.values["cipher"], json!(""));
    assert!(seen.facts["tls"].contains("insecure-off"));

    let wrong = json!({ "password": { "secretsmanager": "drill/orders", "key": "wrong" } });
    let miss = missed(maria.ask(wrong).await, ProbeReason::Authentication);
    assert!(miss.message.contains("1045"), "{}", miss.message);
    missed(maria.ask(json!({ "user": "nobody-here" })).await, ProbeReason::Authentication);
    missed(maria.ask(json!({ "database": "mysql" })).await, ProbeReason::Authentication);
    let elsewhere = Target { ca_bundle: Some(maria.ca.clone()), ..target(None, maria.folder.path()) };
    let here = json!({ "host": "127.0.0.1", "port": maria.port });
    let miss = missed(maria.ask_at(here, &elsewhere, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("this machine itself"), "{}", miss.message);

    maria.server.kill().unwrap();
    maria.server.wait().unwrap();
    missed(maria.ask(json!({})).await, ProbeReason::Connection);
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_logs_in_by_parameter_token_and_new_password_and_through_a_tunnel() {
    let maria = Maria::open().await;
    held(maria.ask(json!({ "password": { "ssm": "drill/orders" } })).await);
    // The user's password is what is signed for the endpoint and for this user.
    let token = json!({ "user": "token", "password": { "rds_iam": true } });
    held(maria.ask(token.clone()).await);
    missed(maria.ask(with(token, json!({ "user": "probe" }))).await, ProbeReason::Authentication);

    let reset = json!({ "password": { "master_password_reset": true } });
    let miss = missed(maria.ask(reset.clone()).await, ProbeReason::Setup);
    assert!(miss.message.contains("no master password"), "{}", miss.message);
    let set = Target { master_password: Some(Secret::new(CANARY.to_owned())), ..maria.target() };
    held(maria.ask_at(reset, &set, PATIENCE).await);

    // The name of the certificate and of the token is the one inside, and the way leads here.
    let tunnels = Arc::new(Straight(SocketAddr::from(([127, 0, 0, 1], maria.port))));
    let way = Way { instance: "i-0a1b2c3d4e5f60718".to_owned(), tunnels };
    let inside = Target { tunnel: Some(way), ca_bundle: Some(maria.ca.clone()), ..target(None, maria.folder.path()) };
    let change = json!({ "host": INSIDE, "port": 3306, "user": "inside", "password": { "rds_iam": true } });
    let seen = held(maria.ask_at(change, &inside, PATIENCE).await);
    assert_eq!(seen.facts["tls"], format!("certificate verified for {INSIDE}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_never_writes_never_stacks_and_never_waits_for_ever() {
    let maria = Maria::open().await;
    let miss = missed(maria.query("SELECT COUNT(*) FROM invoices").await, ProbeReason::Query);
    assert!(miss.missing_data && miss.message.contains("1146"), "{}", miss.message);
    let miss = missed(maria.query("SELECT total FROM orders").await, ProbeReason::Query);
    assert!(miss.missing_data && miss.message.contains("1054"), "{}", miss.message);
    let miss = missed(maria.query("SELEKT 1").await, ProbeReason::Query);
    assert!(!miss.missing_data, "{}", miss.message);
    for writing in [
        "INSERT INTO orders VALUES (9999, NOW(), 'x')",
        "DELETE FROM orders",
        "SELECT id FROM orders FOR UPDATE",
        // These end a transaction before they look whether it is read-only.
        "CREATE TABLE mine (x INT)",
        "DROP TABLE orders",
        "TRUNCATE TABLE orders",
        "CREATE VIEW mine AS SELECT 1 AS x",
    ] {
        let miss = missed(maria.query(writing).await, ProbeReason::Query);
        assert!(miss.message.contains("1792"), "{writing}: {}", miss.message);
    }
    for stacked in ["SELECT 1; SELECT 2", "COMMIT; DELETE FROM orders"] {
        let miss = missed(maria.query(stacked).await, ProbeReason::Query);
        assert!(miss.message.contains("1064"), "{}", miss.message);
    }
    // Whoever allows writing sees it, and nobody after that.
    let writing = json!({ "query": "DELETE FROM orders", "read_only": false });
    assert_eq!(held(maria.ask(writing).await).facts["rows"], "0");

    let slow = json!({ "query": "SELECT SLEEP(600) AS x", "statement_timeout": "PT0.2S" });
    let miss = missed(maria.ask(slow.clone()).await, ProbeReason::Timeout);
    assert!(miss.message.contains("1969"), "{}", miss.message);
    let slow = with(slow, json!({ "statement_timeout": "PT1H" }));
    missed(maria.ask_at(slow, &maria.target(), Duration::from_secs(2)).await, ProbeReason::Timeout);
    // Whatever was tried, the data is as it was.
    assert_eq!(held(maria.query("SELECT COUNT(*) AS n FROM orders").await).values["n"], json!(1200));
}
