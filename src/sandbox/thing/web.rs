//! The web server of a restored instance: a real one, on a loopback address of its own, over the instance's simulated
//! files. `GET /` says hello; `GET /health` says whether the database that the instance was told of can be reached.
//!
//! It connects to nothing but loopback addresses: the simulated network has nothing else in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::sandbox::thing::shell::Files;

/// One request takes no longer, in real time.
const LONGEST_EXCHANGE: Duration = Duration::from_secs(10);
/// A database that does not answer within this cannot be reached.
const LONGEST_LOOK: Duration = Duration::from_millis(500);
/// No request's head is larger, in bytes.
const LARGEST_HEAD: usize = 16 * 1024;
/// So many requests are answered at once; others wait.
const MOST_AT_ONCE: usize = 32;
/// So many addresses are tried: another world may have taken one.
const TRIES: u32 = 16;

/// What the server answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages {
    pub(crate) ports: BTreeSet<u16>,
    /// Bodies by path. `$NAME` in a text is a value of the environment.
    pub(crate) paths: BTreeMap<String, Value>,
    /// Files without which the server is not configured.
    pub(crate) needs: Vec<String>,
    /// Values that the server has without a file.
    pub(crate) environment: BTreeMap<String, String>,
}

/// Pages over the files of an instance.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) pages: Pages,
    files: Mutex<Files>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) status: u16,
    kind: &'static str,
    pub(crate) body: String,
}

/// An answer, or what it depends on.
enum Plan {
    Page(Page),
    Database { at: SocketAddr, up: Page, down: Page },
}

impl Served {
    pub(crate) fn new(pages: Pages, files: Files) -> Self {
        Self { pages, files: Mutex::new(files) }
    }

    /// The instance's files, shared with its scripts. Never held across a wait.
    pub(crate) fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn json(status: u16, body: &Value) -> Self {
        Self { status, kind: "application/json", body: body.to_string() }
    }

    fn text(status: u16, body: &str) -> Self {
        Self { status, kind: "text/plain", body: body.to_owned() }
    }
}

impl Pages {
    /// What a script on the instance itself is answered. A look at a database on loopback takes a moment at most.
    pub(crate) fn answer_here(&self, files: &Files, path: &str) -> Page {
        match self.plan(files, path) {
            Plan::Page(page) => page,
            Plan::Database { at, up, down } => {
                if std::net::TcpStream::connect_timeout(&at, LONGEST_LOOK).is_ok() {
                    up
                } else {
                    down
                }
            }
        }
    }

    fn plan(&self, files: &Files, path: &str) -> Plan {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let mut environment = self.environment.clone();
        environment.extend(files.environment(&self.needs));
        let own = self.paths.get(path).map(|body| filled(body, &environment)).map(|body| match body {
            Value::String(text) => Page::text(200, &text),
            body => Page::json(200, &body),
        });
        match (path, own) {
            ("/health", own) => self.health(files, &environment, own),
            (_, Some(page)) => Plan::Page(page),
            ("/", None) => Plan::Page(Page::text(200, "hello\n")),
            (_, None) => Plan::Page(Page::text(404, "not found\n")),
        }
    }

    fn health(&self, files: &Files, environment: &BTreeMap<String, String>, own: Option<Page>) -> Plan {
        if self.needs.iter().any(|path| files.read(path).is_none()) {
            return Plan::Page(Page::json(503, &json!({ "status": "unconfigured" })));
        }
        let (Some(host), Some(port)) = (environment.get("DB_HOST"), environment.get("DB_PORT")) else {
            return Plan::Page(own.unwrap_or_else(|| Page::json(200, &json!({ "status": "ok" }))));
        };
        let up = own.unwrap_or_else(|| Page::json(200, &json!({ "status": "ok", "database": "reachable" })));
        let down = Page::json(503, &json!({ "status": "degraded", "database": "unreachable" }));
        match loopback(host, port) {
            Some(at) => Plan::Database { at, up, down },
            None => Plan::Page(down),
        }
    }
}

/// The address, if it is one of this machine's own.
fn loopback(host: &str, port: &str) -> Option<SocketAddr> {
    let ip = if host == "localhost" { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host.parse().ok()? };
    ip.is_loopback().then_some(SocketAddr::new(ip, port.parse().ok()?))
}

/// A body with the values of the environment in it; longer names first, so that `$DB` does not eat `$DB_HOST`.
fn filled(body: &Value, environment: &BTreeMap<String, String>) -> Value {
    match body {
        Value::String(text) => {
            let values = environment.iter().rev();
            Value::String(values.fold(text.clone(), |text, (name, value)| text.replace(&format!("${name}"), value)))
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| filled(item, environment)).collect()),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), filled(value, environment))).collect())
        }
        other => other.clone(),
    }
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Web {
    address: Ipv4Addr,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Web {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Web {
    /// Starts a server on an address derived from the instance's id; nothing where no port of it can be bound.
    pub(crate) fn start(instance: &str, served: &Arc<Served>) -> Option<Self> {
        let runtime = Handle::try_current().ok()?;
        let ports = &served.pages.ports;
        let bound =
            |address: Ipv4Addr| bind(address, ports).filter(|found| !found.is_empty()).map(|found| (address, found));
        let (address, listeners) = (0..TRIES).map(|attempt| address(instance, attempt)).find_map(bound)?;
        let serve = |listener: std::net::TcpListener| {
            let served = Arc::clone(served);
            runtime.spawn(async move {
                // A listener that the runtime does not take is a server that does not answer.
                if let Ok(listener) = TcpListener::from_std(listener) {
                    serve(listener, served).await;
                }
            })
        };
        Some(Self { address, tasks: listeners.into_iter().map(serve).collect() })
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }
}

/// An address in 127/8, away from 127.0.0.0/16.
pub(crate) fn address(instance: &str, attempt: u32) -> Ipv4Addr {
    let start = 0x811c_9dc5_u32 ^ attempt.wrapping_mul(0x9e37_79b9);
    let hash = instance.bytes().fold(start, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = hash.to_be_bytes();
    Ipv4Addr::new(127, a % 254 + 1, b ^ d, c % 253 + 2)
}

/// The listeners of an address. Ports that this process may not bind are left out; nothing if one is taken.
fn bind(address: Ipv4Addr, ports: &BTreeSet<u16>) -> Option<Vec<std::net::TcpListener>> {
    let mut found = Vec::new();
    for port in ports {
        match std::net::TcpListener::bind((address, *port)) {
            Ok(listener) => {
                listener.set_nonblocking(true).ok()?;
                found.push(listener);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(_) => return None,
        }
    }
    Some(found)
}

async fn serve(listener: TcpListener, served: Arc<Served>) {
    let mut open = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while open.try_join_next().is_some() {}
        if open.len() >= MOST_AT_ONCE {
            open.join_next().await;
        }
        let served = Arc::clone(&served);
        open.spawn(async move {
            // Who does not finish a request in time is not answered.
            let _ = timeout(LONGEST_EXCHANGE, exchange(stream, &served)).await;
        });
    }
}

async fn exchange(mut stream: TcpStream, served: &Served) -> io::Result<()> {
    let head = head(&mut stream).await?;
    let mut words = head.split_whitespace();
    let page = match (words.next(), words.next()) {
        (Some("GET" | "HEAD" | "POST"), Some(path)) => answer(served, path).await,
        (Some(_), Some(_)) => Page::text(405, "method not allowed\n"),
        // A client that only connects wants no answer.
        _ => return Ok(()),
    };
    let reason = match page.status {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Service Unavailable",
    };
    let Page { status, kind, body } = &page;
    let length = body.len();
    let shown = if head.starts_with("HEAD ") { "" } else { body.as_str() };
    let text = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{shown}"
    );
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// The request up to the empty line, or to the end of what is sent.
async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let (mut bytes, mut part) = (Vec::new(), [0_u8; 2048]);
    while bytes.len() < LARGEST_HEAD && !bytes.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut part).await?;
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn answer(served: &Served, path: &str) -> Page {
    let plan = {
        let files = served.files();
        served.pages.plan(&files, path)
    };
    match plan {
        Plan::Page(page) => page,
        Plan::Database { at, up, down } => match timeout(LONGEST_LOOK, TcpStream::connect(at)).await {
            Ok(Ok(_)) => up,
            _ => down,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::json;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{Pages, Served, Web, address, loopback};
    use crate::sandbox::thing::shell::Files;

    fn files(env: &str) -> Files {
        Files::new(BTreeMap::from([("/etc/shop.env".to_owned(), env.to_owned())]))
    }

    #[test]
    fn health_tells_what_the_server_was_told() {
        let pages = Pages { needs: vec!["/etc/shop.env".to_owned()], ..Pages::default() };
        let none = pages.answer_here(&Files::new(BTreeMap::new()), "/health");
        assert_eq!((none.status, none.body.as_str()), (503, r#"{"status":"unconfigured"}"#));
        let away = pages.answer_here(&files("DB_HOST=db.example\nDB_PORT=5432\n"), "/health");
        assert_eq!((away.status, away.body.contains("degraded")), (503, true));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = files(&format!("DB_HOST=127.0.0.1\nDB_PORT={port}\n"));
        assert_eq!(pages.answer_here(&told, "/health").body, r#"{"status":"ok","database":"reachable"}"#);
        let paths = BTreeMap::from([("/health".to_owned(), json!({ "database": "$DB_HOST" }))]);
        assert_eq!(Pages { paths, ..pages }.answer_here(&told, "/health?x").body, r#"{"database":"127.0.0.1"}"#);
    }

    #[test]
    fn nothing_but_loopback_is_ever_asked() {
        assert!(loopback("127.0.0.1", "5432").is_some() && loopback("10.0.0.1", "5432").is_none());
        assert!(address("i-1", 0).is_loopback() && address("i-1", 0).octets()[1] != 0);
        assert_ne!(address("i-1", 0), address("i-1", 1));
    }

    #[tokio::test]
    async fn a_server_answers_until_it_is_dropped() {
        let pages = Pages { ports: [18_471].into(), ..Pages::default() };
        let served = Arc::new(Served::new(pages, Files::new(BTreeMap::new())));
        // Addresses other than 127.0.0.1 need Linux.
        let Some(web) = Web::start("i-0a1b2c3d", &served) else { return };
        let mut stream = tokio::net::TcpStream::connect((web.address(), 18_471)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\nhello\n"), "{text}");
    }
}
