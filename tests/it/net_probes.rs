//! Probes of networks against real counterparts: TLS servers, a name server, a web server, programs. No AWS.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use restore_drill::definition::model::ProbeReason;
use restore_drill::probe::custom::find;
use restore_drill::probe::target::Target;
use restore_drill::words::kind::ProbeKind;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use crate::probes::{CANARY, PATIENCE, attempt, held, missed, target};

// ---- tls ----

/// Signs certificates of servers. The probes' clock stands at the first of November 2026.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A server's certificate with its authority's, and its key.
struct Issued {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Self { issuer: Issuer::new(params, key), certificate: der, pem }
    }

    /// For `db.example.com` and 127.0.0.1, valid through January 2027 unless changed.
    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let names = vec!["db.example.com".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "db");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 30);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Issued { chain: vec![own, self.certificate.clone()], key }
    }

    /// A target that trusts this authority, at a port of this machine.
    fn target(&self, port: u16, folder: &Path) -> Target {
        let bundle = folder.join("ca.pem");
        std::fs::write(&bundle, &self.pem).unwrap();
        Target { ca_bundle: Some(bundle), ..target(Some(("127.0.0.1", port)), folder) }
    }
}

/// A TLS server on loopback that speaks `h2`. With `postgres` it waits for PostgreSQL's request first.
async fn serve(issued: &Issued, versions: &[&'static SupportedProtocolVersion], postgres: bool) -> u16 {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let (chain, key) = (issued.chain.clone(), issued.key.clone_key());
    let mut config = versions.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if postgres {
                    let mut request = [0; 8];
                    stream.read_exact(&mut request).await.unwrap();
                    stream.write_all(if request == [0, 0, 0, 8, 4, 210, 22, 47] { b"S" } else { b"E" }).await.unwrap();
                }
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    stream.read_to_end(&mut Vec::new()).await.ok();
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn tls_tells_what_a_good_certificate_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("drill test authority");
    let port = serve(&authority.issue(|_| {}), rustls::DEFAULT_VERSIONS, false).await;
    let given = authority.target(port, folder.path());
    let seen = held(attempt(ProbeKind::Tls, json!({ "alpn": ["h2", "http/1.1"] }), &given, PATIENCE).await);
    let fingerprint = seen.values["sha256"].as_str().unwrap();
    assert!(fingerprint.len() == 64 && fingerprint.chars().all(|c| c.is_ascii_hexdigit()), "{fingerprint}");
    assert!(seen.values["cipher"].as_str().unwrap().starts_with("TLS13_"), "{seen:?}");
    for (name, value) in [
        ("subject", json!("CN=db")),
        ("issuer", json!("CN=drill test authority")),
        ("names", json!(["db.example.com", "127.0.0.1"])),
        ("not_after", json!("2027-01-30T00:00:00Z")),
        ("days_left", json!(90)),
        ("chain", json!(2)),
        ("protocol", json!("TLSv1.3")),
        ("key", json!("EC P-256")),
        ("alpn", json!("h2")),
    ] {
        assert_eq!(seen.values[name], value, "{name}");
    }
    let named = json!({ "server_name": "db.example.com" });
    assert!(!held(attempt(ProbeKind::Tls, named, &given, PATIENCE).await).values.contains_key("alpn"));

    let old = serve(&authority.issue(|_| {}), &[&rustls::version::TLS12], false).await;
    let old = authority.target(old, folder.path());
    assert_eq!(held(attempt(ProbeKind::Tls, json!({}), &old, PATIENCE).await).values["protocol"], json!("TLSv1.2"));
    let strange = json!({ "alpn": ["imap"] });
    let miss = missed(attempt(ProbeKind::Tls, strange, &given, PATIENCE).await, ProbeReason::Tls);
    assert!(miss.message.contains("no TLS could be agreed on"), "{}", miss.message);
}

#[tokio::test]
async fn tls_refuses_what_is_expired_early_misnamed_or_unknown_and_shows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("drill test authority");
    let other = Authority::new("another authority");
    let expired = authority.issue(|params| params.not_after = date_time_ymd(2026, 10, 31));
    let early = authority.issue(|params| params.not_before = date_time_ymd(2026, 11, 2));
    let (good, foreign) = (authority.issue(|_| {}), other.issue(|_| {}));
    for (issued, settings, part, value) in [
        (&expired, json!({}), "expired", ("days_left", json!(-1))),
        (&early, json!({}), "not valid yet", ("days_left", json!(90))),
        (&good, json!({ "server_name": "other.example.com" }), "`server_name`", ("chain", json!(2))),
        (&foreign, json!({}), "UnknownIssuer", ("issuer", json!("CN=another authority"))),
    ] {
        let port = serve(issued, rustls::DEFAULT_VERSIONS, false).await;
        let given = authority.target(port, folder.path());
        let miss = missed(attempt(ProbeKind::Tls, settings, &given, PATIENCE).await, ProbeReason::Tls);
        assert!(miss.message.contains(part), "{part}: {}", miss.message);
        let seen = miss.observed.expect("what was shown is told");
        assert_eq!(seen.values[value.0], value.1, "{part}");
    }
    let port = serve(&good, rustls::DEFAULT_VERSIONS, false).await;
    let bare = target(Some(("127.0.0.1", port)), folder.path());
    let miss = missed(attempt(ProbeKind::Tls, json!({}), &bare, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("ca: system"), "{}", miss.message);
    // No machine trusts an authority that was made a moment ago; some have no store at all.
    let miss = attempt(ProbeKind::Tls, json!({ "ca": "system" }), &bare, PATIENCE).await.expect_err("it is unknown");
    assert!(matches!(miss.reason, ProbeReason::Tls | ProbeReason::Setup), "{}", miss.message);
    let sandbox = Target { sandbox_ca: authority.target(port, folder.path()).ca_bundle, ..bare };
    held(attempt(ProbeKind::Tls, json!({ "ca": "system" }), &sandbox, PATIENCE).await);
}

#[tokio::test]
async fn tls_begins_as_postgres_begins_it_and_says_what_is_not_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::new("drill test authority");
    let port = serve(&authority.issue(|_| {}), rustls::DEFAULT_VERSIONS, true).await;
    let given = authority.target(port, folder.path());
    let seen = held(attempt(ProbeKind::Tls, json!({ "starttls": "postgres" }), &given, PATIENCE).await);
    assert_eq!(seen.values["days_left"], json!(90));

    for (says, settings, reason, part) in [
        ("SSH-2.0-OpenSSH\r\n", json!({}), ProbeReason::Tls, "does not speak TLS"),
        ("", json!({}), ProbeReason::Connection, "before it was encrypted"),
        ("N", json!({ "starttls": "postgres" }), ProbeReason::Tls, "offers no TLS"),
        ("220 mail.example.com\r\n", json!({ "starttls": "mysql" }), ProbeReason::Connection, "MySQL"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let given = authority.target(listener.local_addr().expect("an address").port(), folder.path());
        let speak = async {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.write_all(says.as_bytes()).await.ok();
            stream.shutdown().await.ok();
            stream.read_to_end(&mut Vec::new()).await.ok();
        };
        let (outcome, ()) = tokio::join!(attempt(ProbeKind::Tls, settings, &given, PATIENCE), speak);
        let miss = missed(outcome, reason);
        assert!(miss.message.contains(part), "{}", miss.message);
    }
}

// ---- dns ----

/// The name of a question, its type, and where it ends.
pub(crate) fn question(query: &[u8]) -> (String, u16, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
        at += 1 + length;
    }
    (labels.join("."), u16::from_be_bytes([query[at + 1], query[at + 2]]), at + 5)
}

/// A name as it is on the wire.
pub(crate) fn wire(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).expect("a label is short"));
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

/// A record as it is on the wire.
pub(crate) fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut out = wire(owner);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out.extend(ttl.to_be_bytes());
    out.extend(u16::try_from(data.len()).expect("data is short").to_be_bytes());
    out.extend(data);
    out
}

/// A reply to a query.
pub(crate) fn reply(query: &[u8], code: u8, answers: &[Vec<u8>]) -> Vec<u8> {
    let (_, _, end) = question(query);
    let mut out = query[..2].to_vec();
    out.extend([0x81, 0x80 | code, 0, 1]);
    out.extend(u16::try_from(answers.len()).expect("few answers").to_be_bytes());
    out.extend([0; 4]);
    out.extend(&query[12..end]);
    out.extend(answers.concat());
    out
}

/// A name server on loopback that sends whatever `answer` makes of a query.
pub(crate) async fn name_server(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let mut packet = vec![0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            for datagram in answer(&packet[..length]) {
                socket.send_to(&datagram, from).await.ok();
            }
        }
    });
    address
}

fn zone(query: &[u8]) -> Vec<Vec<u8>> {
    let (name, kind, _) = question(query);
    let address = |owner: &str, last: u8| record(owner, 1, 60, &[10, 0, 0, last]);
    let alias = || record("alias.example.com", 5, 30, &wire("db.example.com"));
    let (code, answers) = match (name.as_str(), kind) {
        ("silent.example.com", _) => return Vec::new(),
        ("broken.example.com", _) => (2, vec![]),
        ("db.example.com", 1) => (0, vec![address("db.example.com", 8), address("db.example.com", 7)]),
        ("alias.example.com", 1) => (0, vec![alias(), address("db.example.com", 7)]),
        ("alias.example.com", 5) => (0, vec![alias()]),
        ("db.example.com", 28) => (0, vec![]),
        ("db.example.com", 16) => (0, vec![record("db.example.com", 16, 90_000, b"\x04v=1;\x06 a\x1b[2J")]),
        ("example.com", 15) => {
            let data = [vec![0, 10], wire("mail.example.com")].concat();
            (0, vec![record("example.com", 15, 60, &data)])
        }
        ("_db._tcp.example.com", 33) => {
            let data = [vec![0, 0, 0, 5, 0x15, 0x38], wire("db.example.com")].concat();
            (0, vec![record("_db._tcp.example.com", 33, 60, &data)])
        }
        ("7.0.0.10.in-addr.arpa", 12) => (0, vec![record("7.0.0.10.in-addr.arpa", 12, 60, &wire("db.example.com"))]),
        _ => (3, vec![]),
    };
    vec![reply(query, code, &answers)]
}

#[tokio::test]
async fn dns_observes_sorted_records_of_each_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = target(None, folder.path());
    let server = name_server(zone).await.to_string();
    for (name, kind, records, ttl) in [
        ("db.example.com", "A", json!(["10.0.0.7", "10.0.0.8"]), 60),
        ("alias.example.com", "A", json!(["10.0.0.7"]), 30),
        ("alias.example.com", "CNAME", json!(["db.example.com"]), 30),
        ("db.example.com", "TXT", json!(["v=1; a\u{fffd}[2J"]), 90_000),
        ("example.com", "MX", json!(["10 mail.example.com"]), 60),
        ("_db._tcp.example.com", "SRV", json!(["0 5 5432 db.example.com"]), 60),
        ("10.0.0.7", "PTR", json!(["db.example.com"]), 60),
    ] {
        let asked = json!({ "name": name, "type": kind, "server": server });
        let seen = held(attempt(ProbeKind::Dns, asked, &given, PATIENCE).await);
        assert_eq!(seen.values["records"], records, "{name} {kind}");
        assert_eq!(seen.values["count"], json!(records.as_array().map(Vec::len)), "{name} {kind}");
        assert_eq!((&seen.values["ttl"], &seen.values["exists"]), (&json!(ttl), &json!(true)), "{name} {kind}");
        assert_eq!(seen.facts["resolver"], server);
    }
}

#[tokio::test]
async fn dns_tells_absence_trouble_and_silence_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = target(None, folder.path());
    let server = name_server(zone).await.to_string();
    let asked = |name: &str, kind: &str, absent: bool| json!({ "name": name, "type": kind, "server": server, "absent": absent });
    for (name, kind, part) in [("none.example.com", "A", "NXDOMAIN"), ("db.example.com", "AAAA", "no such record")] {
        let outcome = attempt(ProbeKind::Dns, asked(name, kind, false), &given, PATIENCE).await;
        let miss = missed(outcome, ProbeReason::Expectation);
        assert!(miss.message.contains(part) && miss.message.contains("absent: true"), "{}", miss.message);
        assert_eq!(miss.observed.expect("nothing is observed, too").values["exists"], json!(false));
        let seen = held(attempt(ProbeKind::Dns, asked(name, kind, true), &given, PATIENCE).await);
        assert_eq!((&seen.values["exists"], &seen.values["count"]), (&json!(false), &json!(0)));
    }
    let outcome = attempt(ProbeKind::Dns, asked("db.example.com", "A", true), &given, PATIENCE).await;
    let miss = missed(outcome, ProbeReason::Expectation);
    assert!(miss.message.contains("should have no A record") && miss.message.contains("10.0.0.7"), "{}", miss.message);
    let outcome = attempt(ProbeKind::Dns, asked("broken.example.com", "A", false), &given, PATIENCE).await;
    missed(outcome, ProbeReason::Query);
    let short = Duration::from_secs(2);
    let outcome = attempt(ProbeKind::Dns, asked("silent.example.com", "A", false), &given, short).await;
    let miss = missed(outcome, ProbeReason::Unreachable);
    assert!(miss.message.contains(&server), "{}", miss.message);
}

#[tokio::test]
async fn dns_asks_no_server_on_this_machine_that_a_reference_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = name_server(zone).await;
    let asked = json!({ "name": "db.example.com", "server": "${{ restore.dns.endpoint.address }}" });
    for address in ["169.254.169.253", "[fd00:ec2::253]:53", &server.to_string()] {
        let mut given = target(None, folder.path());
        given.values.insert("restore.dns.endpoint.address".to_owned(), address.to_owned());
        let miss = missed(attempt(ProbeKind::Dns, asked.clone(), &given, PATIENCE).await, ProbeReason::Setup);
        assert!(miss.message.contains("write it in full"), "{}", miss.message);
    }
    let mut given = target(Some(("127.0.0.1", server.port())), folder.path());
    given.values.insert("restore.dns.endpoint.address".to_owned(), server.to_string());
    held(attempt(ProbeKind::Dns, asked, &given, PATIENCE).await);
}

// ---- http ----

/// A web server on loopback that answers every request alike, and what it was asked.
async fn web(status: &'static str, body: &'static str) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
            while !request.windows(4).any(|four| four == b"\r\n\r\n") {
                match stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => request.extend_from_slice(&chunk[..count]),
                }
            }
            heard.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
            let head = format!("HTTP/1.1 {status}\r\nx-shard: 7\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.ok();
        }
    });
    (port, asked)
}

#[tokio::test]
async fn http_finds_values_by_path_and_headers_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, _) = web("200 OK", r#"{"orders":[{"id":7,"state":"paid"},{"id":8,"state":"open"}]}"#).await;
    let given = target(Some(("127.0.0.1", port)), folder.path());
    let json = json!({ "ids": "$.orders[*].id", "open": "$.orders[?@.state == 'open'].id", "none": "$.none" });
    let asked = json!({ "json": json, "observe_headers": ["X-Shard"] });
    let seen = held(attempt(ProbeKind::Http, asked, &given, PATIENCE).await);
    assert_eq!((&seen.values["ids"], &seen.values["open"]), (&json!([7, 8]), &json!(8)));
    assert_eq!(seen.values["header_x_shard"], json!("7"));
    assert!(seen.values["milliseconds"].is_u64() && !seen.values.contains_key("none"), "{seen:?}");
}

#[tokio::test]
async fn links_and_this_machine_are_refused_unless_a_definition_says_otherwise() {
    let folder = tempfile::tempdir().expect("a folder");
    let nowhere = target(None, folder.path());
    let authority = Authority::new("drill test authority");
    let secure = serve(&authority.issue(|_| {}), rustls::DEFAULT_VERSIONS, false).await;
    let (plain, _) = web("200 OK", "hello").await;
    let told = Target { endpoint: None, ..authority.target(secure, folder.path()) };
    for (kind, port) in [(ProbeKind::Tcp, plain), (ProbeKind::Tls, secure), (ProbeKind::Http, plain)] {
        for host in ["169.254.169.254", "[fd00:ec2::254]", "127.0.0.1", "localhost"] {
            let asked = json!({ "host": host, "port": port });
            let miss = missed(attempt(kind, asked, &told, PATIENCE).await, ProbeReason::Setup);
            assert!(miss.message.contains("allow_local: true"), "{kind}: {}", miss.message);
        }
        let asked = json!({ "host": "127.0.0.1", "port": port, "allow_local": true });
        held(attempt(kind, asked, &told, PATIENCE).await);
        let nobody = json!({ "host": "0.0.0.0", "port": port, "allow_local": true });
        missed(attempt(kind, nobody, &told, PATIENCE).await, ProbeReason::Setup);
    }
    let private = json!({ "host": "orders.invalid", "port": 5432 });
    let miss = missed(attempt(ProbeKind::Tcp, private, &nowhere, PATIENCE).await, ProbeReason::Unreachable);
    assert!(miss.message.contains("ssm_tunnel"), "{}", miss.message);
}

// ---- custom ----

/// A user's repository with one custom probe of these sources beside its drills.
pub(crate) fn repository(program: &str) -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a folder");
    let drills = root.path().join("drills");
    std::fs::create_dir_all(&drills).expect("a folder");
    std::fs::create_dir_all(root.path().join("probes")).expect("a folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(program);
    let name = source.file_name().expect("a program has a name").to_owned();
    symlink(source, root.path().join("probes").join(name)).expect("a link");
    (root, drills)
}

#[tokio::test]
async fn a_custom_probe_in_python_counts_the_rows_of_a_server() {
    let (_root, drills) = repository("examples/probes/drill-probe-row-count");
    let (port, asked) = web("200 OK", r#"{"rows":[{"id":1},{"id":2},{"id":3}]}"#).await;
    let given = target(Some(("127.0.0.1", port)), &drills);
    let probe = json!({
        "name": "row-count", "with": { "path": "/rows", "field": "rows" },
        "secrets": { "token": { "secretsmanager": "drill/orders" } },
    });
    let seen = held(attempt(ProbeKind::Custom, probe, &given, PATIENCE).await);
    assert_eq!((&seen.values["rows"], seen.facts["counted"].as_str()), (&json!(3), "elements of a JSON list"));
    let request = asked.lock().unwrap().concat();
    assert!(request.starts_with("GET /rows HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("Bearer {CANARY}\r\n")), "{request}");

    let plain = |port: u16| json!({ "name": "row-count", "with": { "port": port } });
    let (lines, _) = web("200 OK", "one\n\ntwo\n").await;
    let seen = held(attempt(ProbeKind::Custom, plain(lines), &given, PATIENCE).await);
    assert_eq!((&seen.values["rows"], seen.facts["counted"].as_str()), (&json!(2), "lines"));
    let (gone, _) = web("404 Not Found", "").await;
    let miss = missed(attempt(ProbeKind::Custom, plain(gone), &given, PATIENCE).await, ProbeReason::Expectation);
    assert_eq!(miss.observed.expect("the status").values["status"], json!(404));
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    missed(attempt(ProbeKind::Custom, plain(free), &given, PATIENCE).await, ProbeReason::Connection);

    // It is found by `env` in the machine's PATH, which is not what is looked through here.
    let found = find(&drills, "").await;
    let [only] = found.as_slice() else { panic!("one is there: {found:?}") };
    assert_eq!((only.name.as_str(), only.version.as_deref()), ("row-count", Some("1.0.0")), "{only:?}");
    assert_eq!(only.settings.keys().collect::<Vec<_>>(), ["field", "path", "port"]);
}

#[tokio::test]
async fn a_custom_probe_in_a_shell_is_told_secrets_over_standard_input_alone() {
    let (_root, drills) = repository("tests/cases/probes/drill-probe-odd");
    let given = target(Some(("10.1.2.3", 5432)), &drills);
    let odd = |what: &str| {
        let token = json!({ "token": { "secretsmanager": "drill/orders" } });
        json!({ "name": "odd", "with": { "do": what }, "secrets": token })
    };
    let seen = held(attempt(ProbeKind::Custom, odd("tell"), &given, PATIENCE).await);
    assert_eq!((&seen.values["token"], &seen.values["arguments"]), (&json!("[secret]"), &json!(0)));
    assert_eq!(seen.facts["told by"], "[secret]");
    let shells_own = ["PWD", "OLDPWD", "SHLVL", "_"];
    let known: BTreeSet<&str> = ["PATH", "HOME", "LANG", "TZ"].into_iter().chain(shells_own).collect();
    let variables = seen.values["variables"].as_str().expect("a text");
    assert!(variables.split_whitespace().all(|name| known.contains(name)), "{variables}");

    let miss = missed(attempt(ProbeKind::Custom, odd("miss"), &given, PATIENCE).await, ProbeReason::Authentication);
    assert_eq!(miss.message, "[secret] was refused");
    assert_eq!(miss.observed.expect("what it saw").values["tries"], json!(1));
    let miss = missed(attempt(ProbeKind::Custom, odd("break"), &given, PATIENCE).await, ProbeReason::ExitCode);
    assert_eq!(miss.message, "the program ended with exit code 3; it said: broken by [secret] \u{fffd}[2J");
    let miss = missed(attempt(ProbeKind::Custom, odd("talk"), &given, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("`rows: 5"), "{}", miss.message);
    let unknown = json!({ "name": "nobody-wrote-this" });
    let miss = missed(attempt(ProbeKind::Custom, unknown, &given, PATIENCE).await, ProbeReason::Setup);
    assert!(miss.message.contains("drill-probe-nobody-wrote-this"), "{}", miss.message);
    let unfilled = json!({ "name": "odd", "with": { "do": "${{ restore.orders.arn }}" } });
    missed(attempt(ProbeKind::Custom, unfilled, &given, PATIENCE).await, ProbeReason::Setup);
}
