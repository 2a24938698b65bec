//! What this machine allows, measured beside the figure that it bounds.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_backup::config::{BehaviorVersion, Credentials, Region};
use restore_drill::sandbox::access_key;
use rusqlite::{Connection, Rows};
use serde::de::IgnoredAny;

use crate::figure::{explain, number};
use crate::measure::{Stopwatch, cpu};
use crate::{drill, many, no_op};

/// A record of a journal, about.
const RECORD: [u8; 256] = [b'x'; 256];

/// Appends of 256 bytes, each followed by `fdatasync`: all of them, in ms.
pub(crate) fn synced_appends(folder: &Path, appends: usize) -> Result<f64, String> {
    groups(folder, appends, 1)
}

/// The same in groups with one `fdatasync` each: all of them, in ms.
pub(crate) fn groups(folder: &Path, groups: usize, size: usize) -> Result<f64, String> {
    let path = folder.join("limit");
    let mut file = File::create(&path).map_err(explain)?;
    let group = RECORD.repeat(size);
    let watch = Stopwatch::start();
    for _ in 0..groups {
        file.write_all(&group).and_then(|()| file.sync_data()).map_err(explain)?;
    }
    let took = watch.millis();
    drop(file);
    std::fs::remove_file(&path).map_err(explain)?;
    Ok(took)
}

/// A program from its start to its end, in ms: the least of some.
pub(crate) fn process(program: &str, argument: Option<&str>) -> Result<f64, String> {
    let mut least = f64::MAX;
    for _ in 0..5 {
        let mut command = Command::new(program);
        command.args(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let watch = Stopwatch::start();
        command.status().map_err(explain)?;
        least = least.min(watch.millis());
    }
    Ok(least)
}

/// What one request takes, in ms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Real time.
    pub(crate) wall: f64,
    /// CPU of the side that asks.
    pub(crate) cpu: f64,
}

/// A request of the official SDK with nothing around it, to a simulated AWS in another process: the mean of so many, one after
/// the other.
pub(crate) fn sdk_request(url: &str, count: u32) -> Result<Request, String> {
    let definition = no_op::definition(drill::ORDERS)?;
    let key = access_key(&definition.destination.account);
    let config = aws_sdk_backup::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(definition.destination.region.to_string()))
        .endpoint_url(url)
        .credentials_provider(Credentials::new(key, "sandbox", None, None, "bench"))
        .build();
    let client = aws_sdk_backup::Client::from_conf(config);
    many::runtime()?.block_on(async {
        let ask = || client.list_restore_jobs().send();
        ask().await.map_err(explain)?;
        let (watch, before) = (Stopwatch::start(), cpu()?);
        for _ in 0..count {
            ask().await.map_err(explain)?;
        }
        let each = |all: f64| all / f64::from(count);
        Ok(Request { wall: each(watch.millis()), cpu: each((cpu()?.own - before.own) * 1_000.0) })
    })
}

/// CPU of one request and its answer over loopback with neither HTTP library nor TLS, both sides together, in ms.
pub(crate) fn loopback_cpu() -> Result<f64, String> {
    const ROUNDS: usize = 20_000;
    const REQUEST: &[u8] = b"GET /restore-jobs/0 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let listener = TcpListener::bind("127.0.0.1:0").map_err(explain)?;
    let address = listener.local_addr().map_err(explain)?;
    let before = cpu()?;
    let server = std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut request = vec![0; REQUEST.len()];
        for _ in 0..ROUNDS {
            stream.read_exact(&mut request)?;
            stream.write_all(ANSWER)?;
        }
        Ok(())
    });
    let ask = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut answer = vec![0; ANSWER.len()];
        for _ in 0..ROUNDS {
            stream.write_all(REQUEST)?;
            stream.read_exact(&mut answer)?;
        }
        Ok(())
    };
    ask().map_err(explain)?;
    server.join().map_err(|_| "the server of the limit panicked".to_owned())?.map_err(explain)?;
    Ok((cpu()?.own - before.own) * 1_000.0 / number(ROUNDS))
}

/// Every record of a store, and every text that stands apart from its first record, read, hashed and parsed into nothing, half
/// of them on each of two threads, in ms. Less than there is: a text that several records have is hashed with each of them.
pub(crate) fn records(state: &Path) -> Result<f64, String> {
    let open = || Connection::open(state.join("drill.db")).map_err(explain);
    let last = "SELECT max(rowid) FROM records";
    let last: i64 = open()?.query_row(last, [], |row| row.get(0)).map_err(explain)?;
    let part = |records: [i64; 2], texts: &str| -> Result<(), String> {
        let connection = open()?;
        let bodies = "SELECT body FROM records NOT INDEXED WHERE rowid > ?1 AND rowid <= ?2";
        let mut statement = connection.prepare(bodies).map_err(explain)?;
        looked_at(statement.query(records).map_err(explain)?)?;
        let texts = format!("SELECT text FROM texts WHERE sha256 {texts} x'80'");
        let mut statement = connection.prepare(&texts).map_err(explain)?;
        looked_at(statement.query([]).map_err(explain)?)
    };
    let watch = Stopwatch::start();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| part([last / 2, last], ">="));
        let own = part([0, last / 2], "<");
        own.and(other.join().unwrap_or_else(|_| Err("the other half panicked".to_owned())))
    })?;
    Ok(watch.millis())
}

/// The text of each row hashed, and parsed into nothing.
fn looked_at(mut rows: Rows<'_>) -> Result<(), String> {
    while let Some(row) = rows.next().map_err(explain)? {
        let text = row.get_ref(0).and_then(|text| Ok(text.as_bytes()?)).map_err(explain)?;
        black_box(digest(&SHA256, text));
        // Marks stand in a first record for the texts that stand apart: it is parsed up to there.
        let _ = black_box(serde_json::from_slice::<IgnoredAny>(text));
    }
    Ok(())
}
