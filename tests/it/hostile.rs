//! Servers and programs that mean ill, or are broken: silent, hanging up, dripping, flooding, speaking in escapes.
//! Every attempt ends in its time, reads a bounded amount, and what it says can be shown to anybody.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use restore_drill::definition::model::ProbeReason;
use restore_drill::probe::Outcome;
use restore_drill::probe::target::Target;
use restore_drill::words::kind::ProbeKind;
use restore_drill::words::text::is_hostile;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::net_probes::{name_server, question, record, reply, repository, wire};
use crate::probes::{attempt, held, missed, target};

/// One attempt's time.
const TIME: Duration = Duration::from_secs(2);

/// How much later a loaded machine may notice that the time is over.
const SLACK: Duration = Duration::from_secs(30);

/// What a flooding server has to say.
const FLOOD: usize = 100_000_000;

/// What of it may leave the server: what the probes read at most, and what sockets hold.
const MOST_TAKEN: usize = 64 * 1024 * 1024;

/// HTTP: an answer of 100 MB begins.
const LONG_BODY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n";

/// HTTP: a header begins.
const LONG_HEADER: &[u8] = b"HTTP/1.1 200 OK\r\nx-long: ";

/// HTTP: a status line in escapes.
const BAD_STATUS: &[u8] = b"HTTP/1.1 200 \x1b[2J\0\r\n\r\n";

/// HTTP: a whole answer in escapes.
const ESCAPES: &[u8] = b"HTTP/1.1 200 OK\r\nlocation: /\xe2\x80\xae\r\ncontent-length: 40\r\n\r\n\
                         {\"a\\u0000\":\"\\u001b[2J\",\"b\":[\"\\u202e\\r\"]}";

/// PostgreSQL: nobody needs a password, and it is ready.
const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

/// PostgreSQL: a row of 2 GiB begins.
const ROW: &[u8] = b"D\x7f\xff\xff\xff\0\x01\x7f\xff\xff\xf0";

/// PostgreSQL: a warning and an error, both in escapes.
const WORDS: &[u8] = b"N\0\0\0\x14SWARNING\0M\x1b[2J\0\0E\0\0\0\x19SERROR\0CXX000\0M\x1b[2J\0\0";

/// How a server goes on once it has said its parts.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Silent,
    HangUp,
    Drip,
    Flood,
}

const MANNERS: [Manner; 4] = [Manner::Silent, Manner::HangUp, Manner::Drip, Manner::Flood];

/// A server on loopback that says each of `parts` after it has heard something, and then shows its manner. Also how
/// many bytes of a flood it got rid of.
async fn serve(parts: &'static [&'static [u8]], manner: Manner) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(stream, parts, manner, Arc::clone(&count)));
        }
    });
    (port, taken)
}

async fn converse(mut stream: TcpStream, parts: &[&[u8]], manner: Manner, taken: Arc<AtomicUsize>) {
    let mut heard = vec![0; 4096];
    for part in parts {
        if !matches!(stream.read(&mut heard).await, Ok(1..)) || stream.write_all(part).await.is_err() {
            return;
        }
    }
    match manner {
        Manner::HangUp => return,
        Manner::Silent => {}
        Manner::Drip => {
            let mut beat = tokio::time::interval(Duration::from_millis(50));
            while stream.write_all(b"\x1b").await.is_ok() {
                beat.tick().await;
            }
        }
        Manner::Flood => {
            let chunk = b"\x1b[2J\0#".repeat(10_000);
            while taken.load(Ordering::Relaxed) < FLOOD && stream.write_all(&chunk).await.is_ok() {
                taken.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        }
    }
    while let Ok(1..) = stream.read(&mut heard).await {}
}

/// An attempt that must end in its time, and say nothing that harms whoever reads it.
async fn tried(what: &impl Debug, kind: ProbeKind, settings: Value, target: &Target) -> Outcome {
    let outcome = tokio::time::timeout(TIME + SLACK, attempt(kind, settings, target, TIME)).await;
    let outcome = outcome.unwrap_or_else(|late| panic!("{kind} {what:?} did not end: {late}"));
    let texts = texts(&outcome);
    for text in &texts {
        assert!(!text.chars().any(is_hostile), "{kind} {what:?}: {text:?}");
        assert!(text.chars().count() <= 5_000, "{kind} {what:?}: a text of {} bytes", text.len());
    }
    let all: usize = texts.iter().map(String::len).sum();
    assert!(all <= 2_000_000, "{kind} {what:?}: {all} bytes are kept");
    outcome
}

/// Every text of an outcome.
fn texts(outcome: &Outcome) -> Vec<String> {
    let (message, seen) = match outcome {
        Ok(seen) => (None, Some(seen)),
        Err(miss) => (Some(miss.message.clone()), miss.observed.as_ref()),
    };
    let mut texts: Vec<String> = message.into_iter().collect();
    if let Some(seen) = seen {
        texts.extend(seen.values.keys().chain(seen.facts.keys()).chain(seen.facts.values()).cloned());
        texts.extend(seen.values.values().flat_map(strings));
    }
    texts
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// A target at a port of this machine, with a CA bundle that no server here can satisfy.
fn aimed(port: u16, folder: &Path) -> Target {
    let bundle = folder.join("ca.pem");
    if !bundle.exists() {
        let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        std::fs::write(&bundle, other.cert.pem()).expect("a file");
    }
    Target { ca_bundle: Some(bundle), ..target(Some(("127.0.0.1", port)), folder) }
}

fn sql(engine: &str, mode: &str) -> Value {
    json!({
        "engine": engine, "database": "shop", "user": "probe", "password": { "secretsmanager": "drill/orders" },
        "query": "SELECT 1 AS one", "tls": { "mode": mode },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_never_speak_as_they_should_cost_an_attempt_and_no_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let questions = [
        (ProbeKind::Tcp, json!({})),
        (ProbeKind::Tls, json!({})),
        (ProbeKind::Tls, json!({ "starttls": "postgres" })),
        (ProbeKind::Tls, json!({ "starttls": "mysql" })),
        (ProbeKind::Tls, json!({ "starttls": "smtp" })),
        (ProbeKind::Http, json!({})),
        (ProbeKind::Http, json!({ "scheme": "https" })),
        (ProbeKind::Sql, sql("postgres", "verify")),
        (ProbeKind::Sql, sql("postgres", "insecure-off")),
        (ProbeKind::Sql, sql("mysql", "verify")),
        (ProbeKind::Sql, sql("mysql", "insecure-off")),
    ];
    let mut attempts = JoinSet::new();
    for (kind, settings) in questions {
        for manner in MANNERS {
            let (port, taken) = serve(&[], manner).await;
            let (given, settings) = (aimed(port, folder.path()), settings.clone());
            attempts.spawn(async move {
                let what = (manner, settings.clone());
                let outcome = tried(&what, kind, settings, &given).await;
                // A port that accepts is all that `tcp` asks for.
                assert_eq!(outcome.is_ok(), kind == ProbeKind::Tcp, "{kind} {what:?}: {outcome:?}");
                let taken = taken.load(Ordering::Relaxed);
                assert!(taken <= MOST_TAKEN, "{kind} {what:?}: {taken} bytes were read");
            });
        }
    }
    while let Some(ended) = attempts.join_next().await {
        ended.expect("the attempt is as it should be");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_answers_are_read_up_to_a_bound_and_for_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (port, taken) = serve(&[LONG_BODY], Manner::Flood).await;
    let seen = held(tried(&"flood", ProbeKind::Http, json!({}), &aimed(port, folder.path())).await);
    assert_eq!(seen.values["bytes"], json!(1024 * 1024));
    assert!(taken.load(Ordering::Relaxed) <= MOST_TAKEN);

    let answers: [(&'static [&'static [u8]], Manner, ProbeReason); 5] = [
        (&[LONG_BODY], Manner::Drip, ProbeReason::Timeout),
        (&[LONG_BODY], Manner::Silent, ProbeReason::Timeout),
        (&[LONG_BODY], Manner::HangUp, ProbeReason::Connection),
        (&[LONG_HEADER], Manner::Flood, ProbeReason::Connection),
        (&[BAD_STATUS], Manner::Silent, ProbeReason::Connection),
    ];
    for (parts, manner, reason) in answers {
        let (port, taken) = serve(parts, manner).await;
        let what = (String::from_utf8_lossy(parts[0]).into_owned(), manner);
        missed(tried(&what, ProbeKind::Http, json!({}), &aimed(port, folder.path())).await, reason);
        assert!(taken.load(Ordering::Relaxed) <= MOST_TAKEN);
    }

    let (port, _) = serve(&[ESCAPES], Manner::HangUp).await;
    let asked = json!({ "json": { "first": "$.b[0]", "all": "$..*" } });
    let seen = held(tried(&"escapes", ProbeKind::Http, asked, &aimed(port, folder.path())).await);
    assert_eq!((&seen.values["first"], &seen.values["location"]), (&json!("\u{fffd} "), &json!("/\u{fffd}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lets_anybody_in_and_then_misbehaves_is_no_danger() {
    let folder = tempfile::tempdir().expect("a folder");
    let servers: [(&'static [&'static [u8]], Manner); 8] = [
        (&[WELCOME], Manner::Silent),
        (&[WELCOME], Manner::Drip),
        (&[WELCOME], Manner::HangUp),
        (&[WELCOME], Manner::Flood),
        (&[WELCOME, ROW], Manner::Flood),
        (&[WELCOME, ROW], Manner::Drip),
        (&[WELCOME, WORDS], Manner::HangUp),
        (&[ROW], Manner::Flood),
    ];
    for (parts, manner) in servers {
        let (port, taken) = serve(parts, manner).await;
        let given = aimed(port, folder.path());
        let outcome = tried(&(parts.len(), manner), ProbeKind::Sql, sql("postgres", "insecure-off"), &given).await;
        assert!(outcome.is_err(), "{manner:?}: {outcome:?}");
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken <= MOST_TAKEN, "{manner:?}: {taken} bytes were read");
    }
}

/// What a name server makes of a query.
type Reply = fn(&[u8]) -> Vec<Vec<u8>>;

fn silence(_: &[u8]) -> Vec<Vec<u8>> {
    Vec::new()
}

fn junk(query: &[u8]) -> Vec<Vec<u8>> {
    vec![vec![], vec![0xff], [&query[..2], [0xff; 100].as_slice()].concat()]
}

fn strangers(query: &[u8]) -> Vec<Vec<u8>> {
    let mut other = reply(query, 0, &[record("db.example.com", 1, 60, &[10, 0, 0, 7])]);
    other[0] ^= 0xff;
    vec![other; 500]
}

fn no_question(query: &[u8]) -> Vec<Vec<u8>> {
    vec![[&query[..2], [0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 0].as_slice()].concat()]
}

fn cut_short(query: &[u8]) -> Vec<Vec<u8>> {
    let mut cut = reply(query, 0, &[]);
    cut[2] |= 0x02;
    vec![cut]
}

fn aliases_without_end(query: &[u8]) -> Vec<Vec<u8>> {
    let (name, _, _) = question(query);
    let next = format!("a{}.example.com", name.len());
    vec![reply(query, 0, &[record(&name, 5, 60, &wire(&next)), record(&next, 5, 60, &wire(&name))])]
}

fn pointer_to_itself(query: &[u8]) -> Vec<Vec<u8>> {
    let (_, _, end) = question(query);
    let at = u8::try_from(end).unwrap();
    vec![reply(query, 0, &[vec![0xc0, at, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 7]])]
}

fn escapes(query: &[u8]) -> Vec<Vec<u8>> {
    let text = record("db.example.com", 16, 60, b"\x09a\0\x1b[2Jb\xff\x07");
    vec![reply(query, 0, &vec![text; 20])]
}

#[tokio::test(flavor = "multi_thread")]
async fn name_servers_that_lie_flood_or_loop_are_no_danger() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = target(None, folder.path());
    let servers: [(&str, Reply); 8] = [
        ("silence", silence),
        ("junk", junk),
        ("strangers", strangers),
        ("no question", no_question),
        ("cut short", cut_short),
        ("aliases without end", aliases_without_end),
        ("a pointer to itself", pointer_to_itself),
        ("escapes", escapes),
    ];
    for (what, answer) in servers {
        let server = name_server(answer).await.to_string();
        let asked = json!({ "name": "db.example.com", "type": "TXT", "server": server });
        let outcome = tried(&what, ProbeKind::Dns, asked, &given).await;
        if what == "escapes" {
            let seen = held(outcome);
            assert_eq!(seen.values["records"][0], json!("a\u{fffd}\u{fffd}[2Jb\u{fffd}\u{fffd}"));
        } else {
            assert!(outcome.is_err(), "{what}: {outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_flood_hang_drip_or_talk_in_escapes_are_no_danger() {
    let (_root, drills) = repository("tests/cases/probes/drill-probe-odd");
    let given = target(None, &drills);
    for (what, reason) in [
        ("flood", ProbeReason::Expectation),
        ("flood errors", ProbeReason::ExitCode),
        ("hang", ProbeReason::Timeout),
        ("drip", ProbeReason::Timeout),
        ("raw", ProbeReason::Setup),
        ("nothing that it knows", ProbeReason::Setup),
    ] {
        let asked = json!({ "name": "odd", "with": { "do": what } });
        missed(tried(&what, ProbeKind::Custom, asked, &given).await, reason);
    }
    let asked = json!({ "name": "odd", "with": { "do": "escape" } });
    let seen = held(tried(&"escape", ProbeKind::Custom, asked, &given).await);
    assert_eq!(seen.values["x"], json!("a\u{fffd}\u{fffd}[2Jb\u{fffd}"));
    assert_eq!(seen.facts["y\u{fffd}"], "\u{fffd}]0;z");
}
