//! SQL Server over its own protocol (TDS): a small server on loopback that answers as it is told, and keeps what it
//! heard. One test asks a real server, where somebody names one.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use restore_drill::definition::model::ProbeReason;
use restore_drill::probe::Outcome;
use restore_drill::probe::target::Target;
use restore_drill::words::kind::ProbeKind;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ProtocolVersion, ServerConfig, ServerConnection, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::probes::{CANARY, PATIENCE, attempt, held, missed, target};

/// What a greeting says of TLS.
const ON: u8 = 1;
const NOT_SUPPORTED: u8 = 2;
const REQUIRED: u8 = 3;

/// Kinds of messages.
const BATCH: u8 = 0x01;
const CALL: u8 = 0x03;
const ANSWER: u8 = 0x04;
const LOGIN: u8 = 0x10;
const PRELOGIN: u8 = 0x12;

// ---- what the server says ----

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Text after its length in characters, of one byte.
fn short(text: &str) -> Vec<u8> {
    [vec![u8::try_from(text.encode_utf16().count()).unwrap()], utf16(text)].concat()
}

/// Text after its length in characters, of two bytes.
fn long(text: &str) -> Vec<u8> {
    [u16::try_from(text.encode_utf16().count()).unwrap().to_le_bytes().to_vec(), utf16(text)].concat()
}

/// A message in one packet.
fn packet(kind: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
    [&[kind, 1, high, low, 0, 0, 1, 0], payload].concat()
}

fn prelogin(encryption: u8) -> Vec<u8> {
    vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, encryption]
}

fn login_accepted() -> Vec<u8> {
    let body = [vec![1, 0x74, 0, 0, 4], short("Microsoft SQL Server"), vec![16, 0, 0, 0]].concat();
    [vec![0xad], u16::try_from(body.len()).unwrap().to_le_bytes().to_vec(), body, done(0)].concat()
}

fn error(code: u32, class: u8, text: &str) -> Vec<u8> {
    let head = [code.to_le_bytes().as_slice(), &[1, class]].concat();
    let body = [head, long(text), short("db"), short(""), 1_u32.to_le_bytes().to_vec()].concat();
    [vec![0xaa], u16::try_from(body.len()).unwrap().to_le_bytes().to_vec(), body, done(2)].concat()
}

fn done(status: u16) -> Vec<u8> {
    [vec![0xfd], status.to_le_bytes().to_vec(), vec![0; 10]].concat()
}

fn columns(all: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut said = vec![0x81];
    said.extend_from_slice(&u16::try_from(all.len()).unwrap().to_le_bytes());
    for (name, kind) in all {
        said.extend([0, 0, 0, 0, 9, 0]);
        said.extend_from_slice(kind);
        said.extend(short(name));
    }
    said
}

fn row(cells: &[Vec<u8>]) -> Vec<u8> {
    [vec![0xd1], cells.concat()].concat()
}

fn bigint() -> Vec<u8> {
    vec![0x26, 8]
}

fn bigint_of(number: i64) -> Vec<u8> {
    [vec![8], number.to_le_bytes().to_vec()].concat()
}

fn nvarchar() -> Vec<u8> {
    vec![0xe7, 0x40, 0x1f, 9, 4, 0xd0, 0, 0x34]
}

fn nvarchar_of(text: &str) -> Vec<u8> {
    let text = utf16(text);
    [u16::try_from(text.len()).unwrap().to_le_bytes().to_vec(), text].concat()
}

/// One row of one column.
fn one(name: &str, text: &str) -> Vec<u8> {
    [columns(&[(name, nvarchar())]), row(&[nvarchar_of(text)]), done(0x10)].concat()
}

// ---- what it hears ----

#[derive(Debug, Default)]
struct Heard {
    /// What the client's greeting says of TLS.
    encryption: Option<u8>,
    login: Option<Login>,
    statements: Vec<Statement>,
}

#[derive(Debug, PartialEq)]
struct Login {
    user: String,
    password: String,
    database: String,
    program: String,
    only_reads: bool,
}

#[derive(Debug, PartialEq)]
enum Statement {
    /// A batch of text.
    Batch(String),
    /// `sp_executesql`: the statement, the parameters as they are declared, and their values.
    Call { query: String, declared: String, params: Vec<Option<String>> },
}

fn text(raw: &[u8]) -> String {
    let units: Vec<u16> = raw.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap()
}

fn word(raw: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([raw[at], raw[at + 1]]))
}

fn read_login(raw: &[u8]) -> Login {
    let field = |at: usize| raw[word(raw, at)..][..word(raw, at + 2) * 2].to_vec();
    let password: Vec<u8> = field(44).iter().map(|byte| (byte ^ 0xa5).rotate_left(4)).collect();
    Login {
        user: text(&field(40)),
        password: text(&password),
        database: text(&field(68)),
        program: text(&field(48)),
        only_reads: raw[26] & 0x20 != 0,
    }
}

/// The rest of a message that is read from its start.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> usize {
        usize::from(self.take(1)[0])
    }

    fn word(&mut self) -> usize {
        word(self.take(2), 0)
    }

    /// A parameter: its name and its text.
    fn param(&mut self) -> (String, Option<String>) {
        let length = self.byte() * 2;
        let name = text(self.take(length));
        self.byte();
        match self.byte() {
            0x1f => (name, None),
            0xe7 => {
                let is_long = self.word() == 0xffff;
                self.take(5);
                if is_long { (name, Some(self.pieces())) } else { (name, self.piece()) }
            }
            other => panic!("a parameter of type {other:#x} is no text"),
        }
    }

    fn piece(&mut self) -> Option<String> {
        match self.word() {
            0xffff => None,
            length => Some(text(self.take(length))),
        }
    }

    fn pieces(&mut self) -> String {
        self.take(8);
        let mut all = Vec::new();
        loop {
            let length = u32::from_le_bytes(self.take(4).try_into().unwrap());
            if length == 0 {
                return text(&all);
            }
            all.extend_from_slice(self.take(usize::try_from(length).unwrap()));
        }
    }
}

fn read_call(raw: &[u8]) -> Statement {
    let headers = usize::try_from(u32::from_le_bytes(raw[..4].try_into().unwrap())).unwrap();
    let mut rest = Rest(&raw[headers..]);
    assert_eq!((rest.word(), rest.word()), (0xffff, 10), "`sp_executesql`");
    rest.word();
    let mut params = Vec::new();
    while !rest.0.is_empty() {
        params.push(rest.param());
    }
    let mut params = params.into_iter();
    let (_, query) = params.next().unwrap();
    let (_, declared) = params.next().unwrap();
    let params = params.map(|(_, value)| value).collect();
    Statement::Call { query: query.unwrap(), declared: declared.unwrap_or_default(), params }
}

// ---- the server ----

/// How it answers.
#[derive(Clone)]
struct Manner {
    /// What its greeting says of TLS.
    encryption: u8,
    tls: Option<Arc<ServerConfig>>,
    /// What it says to a login, if not that it is accepted.
    refusal: Option<Vec<u8>>,
    call: Call,
}

/// How it answers a call.
#[derive(Clone)]
enum Call {
    Says(Vec<u8>),
    /// Bytes that are no packet.
    Babbles(&'static [u8]),
    /// These rows again and again, in a message that never ends.
    Floods(Vec<u8>, Vec<u8>),
    Nothing,
}

impl Manner {
    fn says(tokens: Vec<u8>) -> Self {
        Self { encryption: NOT_SUPPORTED, tls: None, refusal: None, call: Call::Says(tokens) }
    }
}

struct Fake {
    port: u16,
    heard: Arc<Mutex<Heard>>,
    folder: tempfile::TempDir,
}

impl Fake {
    async fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let noted = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up, for whatever reason, is the end of that connection.
                tokio::spawn(talk(stream, manner.clone(), Arc::clone(&noted)));
            }
        });
        Self { port, heard, folder: tempfile::tempdir().unwrap() }
    }

    fn target(&self) -> Target {
        target(Some(("127.0.0.1", self.port)), self.folder.path())
    }

    async fn ask(&self, change: Value) -> Outcome {
        let mut settings = json!({
            "engine": "sqlserver", "database": "shop", "user": "probe",
            "password": { "secretsmanager": "drill/orders" },
            "tls": { "mode": "insecure-off" }, "query": "SELECT 1 AS one",
        });
        settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let bundle = self.folder.path().join("ca.pem");
        let target = Target { ca_bundle: bundle.exists().then_some(bundle), ..self.target() };
        attempt(ProbeKind::Sql, settings, &target, PATIENCE).await
    }

    fn statements(&self) -> Vec<Statement> {
        std::mem::take(&mut self.heard.lock().unwrap().statements)
    }
}

/// A connection, with TLS or without.
enum Wire {
    Plain(TcpStream),
    Tls { stream: TcpStream, tls: Box<ServerConnection>, heard: VecDeque<u8> },
}

impl Wire {
    /// Shakes hands inside of packets of the greeting.
    async fn secure(mut stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Self> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            let mut head = [0; 8];
            stream.read_exact(&mut head).await?;
            assert_eq!(head[0], PRELOGIN, "the handshake travels in packets of the greeting");
            let mut part = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]])) - 8];
            stream.read_exact(&mut part).await?;
            let mut rest = part.as_slice();
            while !rest.is_empty() {
                tls.read_tls(&mut rest)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            }
            // What the newer protocol says after the handshake is no part of it.
            if tls.is_handshaking() || tls.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
                let said = unsaid(&mut tls)?;
                if !said.is_empty() {
                    stream.write_all(&packet(PRELOGIN, &said)).await?;
                }
            }
        }
        Ok(Self::Tls { stream, tls: Box::new(tls), heard: VecDeque::new() })
    }

    async fn read(&mut self, count: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(stream) => {
                let mut bytes = vec![0; count];
                stream.read_exact(&mut bytes).await?;
                Ok(bytes)
            }
            Self::Tls { stream, tls, heard } => {
                while heard.len() < count {
                    let mut block = vec![0; 16 * 1024];
                    let length = stream.read(&mut block).await?;
                    if length == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    let mut rest = &block[..length];
                    while !rest.is_empty() {
                        tls.read_tls(&mut rest)?;
                        let state = tls.process_new_packets().map_err(io::Error::other)?;
                        let mut more = vec![0; state.plaintext_bytes_to_read()];
                        tls.reader().read_exact(&mut more)?;
                        heard.extend(more);
                    }
                }
                Ok(heard.drain(..count).collect())
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls { stream, tls, .. } => {
                tls.writer().write_all(bytes)?;
                let said = unsaid(tls)?;
                stream.write_all(&said).await
            }
        }
    }

    /// A whole message: its kind, and what is in its packets.
    async fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let head = self.read(8).await?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]])) - 8;
            all.extend(self.read(length).await?);
            if head[1] & 1 != 0 {
                return Ok((head[0], all));
            }
        }
    }
}

fn unsaid(tls: &mut ServerConnection) -> io::Result<Vec<u8>> {
    let mut said = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut said)?;
    }
    Ok(said)
}

async fn talk(stream: TcpStream, manner: Manner, heard: Arc<Mutex<Heard>>) -> io::Result<()> {
    let mut wire = Wire::Plain(stream);
    let (kind, greeting) = wire.message().await?;
    assert_eq!(kind, PRELOGIN);
    heard.lock().unwrap().encryption = encryption_of(&greeting);
    wire.write(&packet(ANSWER, &prelogin(manner.encryption))).await?;
    if let Some(config) = &manner.tls {
        let Wire::Plain(stream) = wire else { unreachable!() };
        wire = Wire::secure(stream, Arc::clone(config)).await?;
    }
    let (kind, login) = wire.message().await?;
    assert_eq!(kind, LOGIN);
    heard.lock().unwrap().login = Some(read_login(&login));
    if let Some(refusal) = &manner.refusal {
        return wire.write(&packet(ANSWER, refusal)).await;
    }
    wire.write(&packet(ANSWER, &login_accepted())).await?;
    loop {
        match wire.message().await? {
            (BATCH, said) => {
                let batch = text(&said[22..]);
                let answer = if batch.contains("SERVERPROPERTY") { one("version", "16.0.4035.4") } else { done(0) };
                heard.lock().unwrap().statements.push(Statement::Batch(batch));
                wire.write(&packet(ANSWER, &answer)).await?;
            }
            (CALL, said) => {
                heard.lock().unwrap().statements.push(read_call(&said));
                answer(&mut wire, &manner.call).await?;
            }
            (kind, _) => panic!("a message of kind {kind:#x}"),
        }
    }
}

async fn answer(wire: &mut Wire, call: &Call) -> io::Result<()> {
    match call {
        Call::Says(tokens) => wire.write(&packet(ANSWER, tokens)).await,
        Call::Babbles(bytes) => wire.write(bytes).await,
        Call::Nothing => std::future::pending().await,
        Call::Floods(first, again) => {
            let unfinished = |tokens: &[u8]| {
                let mut packet = packet(ANSWER, tokens);
                packet[1] = 0;
                packet
            };
            wire.write(&unfinished(first)).await?;
            let again = unfinished(again);
            loop {
                wire.write(&again).await?;
            }
        }
    }
}

fn encryption_of(greeting: &[u8]) -> Option<u8> {
    let part = greeting.chunks(5).take_while(|part| part[0] != 0xff).find(|part| part[0] == 1)?;
    greeting.get(usize::from(u16::from_be_bytes([part[1], part[2]]))).copied()
}

// ---- the tests ----

#[tokio::test]
async fn answers_are_read_parameters_are_bound_and_everything_is_rolled_back() {
    let decimal = vec![0x6a, 17, 10, 2];
    let datetime2 = vec![0x2a, 7];
    // 739,649 days after the first of all is 2026-02-03; twelve hours in tenths of microseconds.
    let noon = [&[8][..], &432_000_000_000_u64.to_le_bytes()[..5], &739_649_u32.to_le_bytes()[..3]].concat();
    let kinds =
        [("orders", bigint()), ("note", nvarchar()), ("total", decimal), ("newest", datetime2), ("none", bigint())];
    let cells = [bigint_of(1200), nvarchar_of("a\u{1b}[2J"), vec![5, 1, 0xe2, 4, 0, 0], noon, vec![0]];
    let fake = Fake::new(Manner::says([columns(&kinds), row(&cells), done(0x10)].concat())).await;

    let query = "SELECT count(*) AS orders FROM orders WHERE customer = @P1 AND note = @P2";
    let hostile = "'; DROP TABLE orders; --";
    let seen = held(fake.ask(json!({ "query": query, "params": [hostile, null] })).await);
    for (name, value) in [
        ("orders", json!(1200)),
        ("note", json!("a\u{fffd}[2J")),
        ("total", json!(12.5)),
        ("newest", json!("2026-02-03T12:00:00Z")),
        ("none", json!(null)),
    ] {
        assert_eq!(seen.values[name], value, "{name}");
    }
    assert_eq!((seen.facts["rows"].as_str(), seen.facts["engine"].as_str()), ("1", "sqlserver"));
    assert_eq!(seen.facts["server_version"], "16.0.4035.4");
    assert!(seen.facts["tls"].starts_with("insecure-off") && seen.facts["newest time zone"].contains("UTC"));

    let login = fake.heard.lock().unwrap().login.take().unwrap();
    let wanted = Login {
        user: "probe".to_owned(),
        password: CANARY.to_owned(),
        database: "shop".to_owned(),
        program: "drill".to_owned(),
        only_reads: true,
    };
    assert_eq!(login, wanted);
    let statements = fake.statements();
    let [Statement::Batch(begin), call, Statement::Batch(end)] = statements.as_slice() else {
        panic!("{statements:?}")
    };
    assert!(begin.contains("SET LOCK_TIMEOUT 30000;") && begin.ends_with("BEGIN TRANSACTION"), "{begin}");
    assert!(end.contains("ROLLBACK TRANSACTION"), "{end}");
    // What a parameter holds is never a part of the statement.
    let wanted = Statement::Call {
        query: query.to_owned(),
        declared: "@P1 nvarchar(4000),@P2 nvarchar(4000)".to_owned(),
        params: vec![Some(hostile.to_owned()), None],
    };
    assert_eq!(call, &wanted);
}

#[tokio::test]
async fn rows_are_bounded_and_an_echoed_password_is_not_shown() {
    let rows: Vec<Vec<u8>> = (1..=5).map(|number| row(&[bigint_of(number)])).collect();
    let five = [columns(&[("id", bigint())]), rows.concat(), done(0x10)].concat();
    let fake = Fake::new(Manner::says(five)).await;
    let seen = held(fake.ask(json!({ "rows": 3 })).await);
    assert_eq!((seen.facts["rows"].as_str(), &seen.values["id"]), ("more than 3", &json!(1)));
    assert!(matches!(&fake.statements()[0], Statement::Batch(begin) if begin.contains("SET ROWCOUNT 4;")));
    let seen = held(fake.ask(json!({ "rows": 5, "answer": "all" })).await);
    assert_eq!(seen.values["id"], json!([1, 2, 3, 4, 5]));

    let fake = Fake::new(Manner::says(one("x", &format!("<{CANARY}>")))).await;
    assert_eq!(held(fake.ask(json!({})).await).values["x"], json!("<[secret]>"));
    let bytes = [columns(&[("x", vec![0xa5, 0x40, 0x1f])]), row(&[vec![1, 0, 7]]), done(0x10)].concat();
    let fake = Fake::new(Manner::says(bytes)).await;
    let miss = missed(fake.ask(json!({})).await, ProbeReason::Query);
    assert!(miss.message.contains("cast column `x` to text"), "{}", miss.message);
    let twice = [one("x", "a"), one("y", "b")].concat();
    let miss = missed(Fake::new(Manner::says(twice)).await.ask(json!({})).await, ProbeReason::Query);
    assert!(miss.message.contains("more than one answer"), "{}", miss.message);
}

#[tokio::test]
async fn what_the_server_refuses_has_its_reason() {
    let no = format!("Login failed for user 'probe' with {CANARY}\u{1b}[31m.");
    for (code, reason) in [(18_456, ProbeReason::Authentication), (4060, ProbeReason::Authentication)] {
        let refused = Manner { refusal: Some(error(code, 14, &no)), ..Manner::says(Vec::new()) };
        let fake = Fake::new(refused).await;
        let miss = missed(fake.ask(json!({})).await, reason);
        let shown =
            format!("the database said: Login failed for user 'probe' with [secret]\u{fffd}[31m. (error {code})");
        assert_eq!(miss.message, shown);
        assert!(fake.statements().is_empty());
    }
    for (code, reason, missing) in [
        (208, ProbeReason::Query, true),
        (207, ProbeReason::Query, true),
        (229, ProbeReason::Query, false),
        (1222, ProbeReason::Timeout, false),
    ] {
        let fake = Fake::new(Manner::says(error(code, 16, "no"))).await;
        let miss = missed(fake.ask(json!({})).await, reason);
        assert_eq!(miss.missing_data, missing, "{}", miss.message);
        let statements = fake.statements();
        let last = statements.last();
        assert!(matches!(last, Some(Statement::Batch(end)) if end.contains("ROLLBACK")), "{statements:?}");
    }
    // An error may come after rows.
    let late = [columns(&[("id", bigint())]), row(&[bigint_of(1)]), error(8134, 16, "Divide by zero")].concat();
    missed(Fake::new(Manner::says(late)).await.ask(json!({})).await, ProbeReason::Query);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_never_end_or_babble_cost_an_attempt_and_no_more() {
    let silent = Manner { call: Call::Nothing, ..Manner::says(Vec::new()) };
    let fake = Fake::new(silent).await;
    let miss = missed(fake.ask(json!({ "statement_timeout": "PT0.2S" })).await, ProbeReason::Timeout);
    assert!(miss.message.contains("200ms"), "{}", miss.message);
    for babble in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        b"\x04\x01\x00\x09\x00\x00\x01\x00\x02",
        b"\x04\x01\x00\x03\x00\x00\x01\x00",
        // A row that nobody announced, and columns that go on for ever.
        b"\x04\x01\x00\x0a\x00\x00\x01\x00\xd1\x00",
        b"\x04\x01\x00\x0b\x00\x00\x01\x00\x81\xfe\xff",
    ] {
        let babbling = Manner { call: Call::Babbles(babble), ..Manner::says(Vec::new()) };
        let miss = Fake::new(babbling).await.ask(json!({ "statement_timeout": "PT1S" })).await.unwrap_err();
        let known = [ProbeReason::Connection, ProbeReason::Timeout];
        assert!(known.contains(&miss.reason), "{babble:?}: {:?} {}", miss.reason, miss.message);
    }
    let block = row(&[nvarchar_of(&"x".repeat(3_900))]).repeat(8);
    let flooding = Manner { call: Call::Floods(columns(&[("x", nvarchar())]), block), ..Manner::says(Vec::new()) };
    let miss = missed(Fake::new(flooding).await.ask(json!({ "rows": 10 })).await, ProbeReason::Query);
    assert!(miss.message.contains("larger than 16 MiB"), "{}", miss.message);
}

#[tokio::test]
async fn what_answers_without_the_greeting_is_no_sql_server() {
    for says in [b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(), b"SSH-2.0-OpenSSH_9.2\r\n", b""] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(says).await.unwrap();
            stream.shutdown().await.ok();
            stream.read_to_end(&mut Vec::new()).await.ok();
        });
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({
            "engine": "sqlserver", "database": "shop", "user": "probe",
            "password": { "secretsmanager": "drill/orders" },
            "tls": { "mode": "insecure-off" }, "query": "SELECT 1 AS one",
        });
        let given = target(Some(("127.0.0.1", port)), folder.path());
        let miss = missed(attempt(ProbeKind::Sql, settings, &given, PATIENCE).await, ProbeReason::Connection);
        assert!(miss.message.contains("greeting"), "{}", miss.message);
    }
}

/// A server's configuration, and the certificate that it shows.
fn secured(versions: &[&'static SupportedProtocolVersion]) -> (Arc<ServerConfig>, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (Arc::new(config), made.cert.pem())
}

async fn secure(versions: &[&'static SupportedProtocolVersion]) -> Fake {
    let (config, pem) = secured(versions);
    let manner = Manner { encryption: ON, tls: Some(config), ..Manner::says(one("x", "a")) };
    let fake = Fake::new(manner).await;
    std::fs::write(fake.folder.path().join("ca.pem"), pem).unwrap();
    fake
}

#[tokio::test]
async fn the_server_proves_who_it_is_before_it_hears_a_password() {
    let verify = || json!({ "tls": { "mode": "verify" } });
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let fake = secure(&[version]).await;
        let seen = held(fake.ask(verify()).await);
        assert_eq!(
            (&seen.values["x"], seen.facts["tls"].as_str()),
            (&json!("a"), "certificate verified for 127.0.0.1")
        );
        let heard = fake.heard.lock().unwrap();
        assert_eq!(heard.encryption, Some(ON), "{version:?}");
        assert_eq!(heard.login.as_ref().unwrap().password, CANARY, "{version:?}");
    }

    let fake = secure(&[&rustls::version::TLS12]).await;
    let named = json!({ "tls": { "server_name": "db.example.com" } });
    let miss = missed(fake.ask(named).await, ProbeReason::Tls);
    assert!(miss.message.contains("tls.server_name"), "{}", miss.message);
    let (_, other) = secured(&[&rustls::version::TLS12]);
    std::fs::write(fake.folder.path().join("other.pem"), other).unwrap();
    let miss = missed(fake.ask(json!({ "tls": { "ca": "other.pem" } })).await, ProbeReason::Tls);
    assert!(miss.message.contains("did not prove who it is"), "{}", miss.message);
    assert!(fake.heard.lock().unwrap().login.is_none());

    let (_, pem) = secured(&[&rustls::version::TLS12]);
    for (encryption, settings, part) in [
        (NOT_SUPPORTED, verify(), "offers no TLS"),
        (REQUIRED, json!({}), "insists on TLS"),
        (ON, json!({}), "insists on TLS"),
    ] {
        let fake = Fake::new(Manner { encryption, ..Manner::says(Vec::new()) }).await;
        std::fs::write(fake.folder.path().join("ca.pem"), &pem).unwrap();
        let miss = missed(fake.ask(settings).await, ProbeReason::Tls);
        assert!(miss.message.contains(part), "{}", miss.message);
        assert!(fake.heard.lock().unwrap().login.is_none(), "{part}");
    }
}

#[tokio::test]
async fn a_schema_is_asked_for_by_questions_that_only_read() {
    let fake = Fake::new(Manner::says([columns(&[("c1", nvarchar())]), done(0x10)].concat())).await;
    let settings = json!({
        "engine": "sqlserver", "database": "shop", "user": "probe", "password": { "secretsmanager": "drill/orders" },
        "tls": { "mode": "insecure-off" },
    });
    let miss = attempt(ProbeKind::SqlSchema, settings, &fake.target(), PATIENCE).await;
    let miss = missed(miss, ProbeReason::Query);
    assert!(miss.missing_data && miss.message.contains("no table"), "{}", miss.message);
    let statements = fake.statements();
    let queries: Vec<&str> = statements
        .iter()
        .filter_map(|statement| match statement {
            Statement::Call { query, .. } => Some(query.as_str()),
            Statement::Batch(_) => None,
        })
        .collect();
    for part in [
        "sys.objects",
        "sys.columns",
        "sys.indexes",
        "sys.key_constraints",
        "sys.foreign_keys",
        "sys.check_constraints",
    ] {
        assert!(queries.iter().any(|query| query.contains(&format!("FROM {part} "))), "{part}: {queries:?}");
    }
    assert!(queries.len() == 6 && queries.iter().all(|query| query.starts_with("SELECT ")), "{queries:?}");
}

/// Against a real server: `DRILL_TEST_SQLSERVER=HOST:PORT,USER,PASSWORD cargo test sqlserver`. The user must be able to
/// log in to `master`. With `DRILL_TEST_SQLSERVER_CA=PATH` the connection is encrypted, and a CA of that bundle must
/// have signed the server's certificate; without it nothing is encrypted. Where the first variable is not set, the test
/// says so and does nothing: there is no server of this kind that a test could install.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "whoever has a real server names it by variables")]
async fn a_real_server_answers_alike() {
    let Ok(named) = std::env::var("DRILL_TEST_SQLSERVER") else {
        eprintln!("skipped: DRILL_TEST_SQLSERVER is not set to HOST:PORT,USER,PASSWORD of a SQL Server");
        return;
    };
    let ca = std::env::var("DRILL_TEST_SQLSERVER_CA").ok().map(PathBuf::from);
    let mut parts = named.splitn(3, ',');
    let (place, user, password) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let (host, port) = place.rsplit_once(':').unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("password"), password).unwrap();
    std::fs::write(folder.path().join("wrong"), format!("{password}-not")).unwrap();
    let mode = if ca.is_some() { "verify" } else { "insecure-off" };
    let given = Target { ca_bundle: ca, ..target(Some((host, port.parse().unwrap())), folder.path()) };
    let login = |password: &str| {
        json!({
            "engine": "sqlserver", "database": "master", "user": user, "password": { "file": password },
            "tls": { "mode": mode },
        })
    };
    let ask = async |password: &str, query: &str, params: Value| {
        let mut settings = login(password);
        settings["query"] = query.into();
        settings["params"] = params;
        attempt(ProbeKind::Sql, settings, &given, PATIENCE).await
    };
    let query = "SELECT @P1 AS text, CAST(@P2 AS int) + 1 AS number, CAST(1.50 AS decimal(9, 2)) AS price, \
                 CAST(NULL AS int) AS nothing, CAST('2026-02-03T04:05:06' AS datetime2) AS at, @P3 AS nobody";
    let seen = held(ask("password", query, json!(["it's; --", 41, null])).await);
    for (name, value) in [
        ("text", json!("it's; --")),
        ("number", json!(42)),
        ("price", json!(1.5)),
        ("nothing", json!(null)),
        ("at", json!("2026-02-03T04:05:06Z")),
        ("nobody", json!(null)),
    ] {
        assert_eq!(seen.values[name], value, "{name}");
    }
    assert!(!seen.facts["server_version"].is_empty());
    assert!(missed(ask("password", "SELECT x FROM no_such_table", json!([])).await, ProbeReason::Query).missing_data);
    let miss =
        missed(ask("password", "SELECT 1 AS x FROM sys.objects WHERE 1 / 0 = 1", json!([])).await, ProbeReason::Query);
    assert!(miss.message.contains("8134"), "{}", miss.message);
    missed(ask("wrong", "SELECT 1 AS x", json!([])).await, ProbeReason::Authentication);
    // `master` may hold no table of a user's. What counts is that the server takes every question.
    if let Err(miss) = attempt(ProbeKind::SqlSchema, login("password"), &given, PATIENCE).await {
        assert!(miss.missing_data && !miss.message.contains("the database said"), "{}", miss.message);
    }
}
