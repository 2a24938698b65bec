//! B19: a whole drill of the real program against the simulated AWS over the wire, durable, with its report.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use restore_drill::sandbox::Inventory;
use serde_json::Value;

use crate::drill::{self, Running};
use crate::figure::{Figure, Once, REAL, UNPREPARED, explain, number};
use crate::limits;
use crate::measure::{Stopwatch, cpu};
use crate::table::shown;

/// World seconds for each real second: a restore and a removal of a second and every pause of the drill take some
/// milliseconds, and the 15 minutes of a preflight still 90.
const SPEED: &str = "10000";

/// Syncs of the journal of a drill of one restore, about: the floor that the definition of the figure adds to the calls.
const SYNCS: usize = 10;

/// Bare requests that are made to know what one takes.
const BARE: u32 = 200;

pub(crate) const FIGURES: &[Figure] = &[Figure {
    id: "B19",
    what: "a whole drill over the wire, durable, with its report: from exec to exit",
    unit: "ms",
    target: Some(25.0),
    moonshot: Some(12.0),
    more: false,
    times: REAL,
    deadline: Duration::from_secs(60),
    prepare: UNPREPARED,
    once,
}];

/// A simulated AWS in another process. Dropping it ends it.
pub(crate) struct Server {
    running: Running,
    url: String,
}

impl Server {
    /// Serves the worlds of the definitions of a repository.
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Result<Self, String> {
        let mut command = drill::command(dir);
        command.args(["sandbox", "--seed", "7", "--output", "json"]).args(arguments);
        let mut running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let mut line = String::new();
        let stdout = running.0.stdout.take().ok_or("the simulated AWS says nothing")?;
        BufReader::new(stdout).read_line(&mut line).map_err(explain)?;
        let said: Value = serde_json::from_str(&line).map_err(|_| "the simulated AWS did not start".to_owned())?;
        let url = said["url"].as_str().ok_or("the simulated AWS has no address")?.to_owned();
        Ok(Self { running, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The id of its process.
    pub(crate) fn process(&self) -> u32 {
        self.running.0.id()
    }

    /// Everything that was asked of it.
    pub(crate) fn inventory(&self) -> Result<Inventory, String> {
        let authority = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(authority).map_err(explain)?;
        let request = format!("GET /_world/inventory HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(explain)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(explain)?;
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the world answered nothing")?;
        serde_json::from_slice(&answer[head + 4..]).map_err(explain)
    }
}

fn once(folder: &Path) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    drill::write(own.path(), "drills/orders.yaml", drill::ORDERS)?;
    drill::write(own.path(), "drills/orders.world.yaml", &drill::instant_world())?;
    let server = Server::start(own.path(), &["--speed", SPEED])?;
    let mut command = drill::command(own.path());
    command.args(["run", "orders", "--quiet"]).arg(format!("--sandbox={}", server.url()));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let (watch, before) = (Stopwatch::start(), cpu()?);
    let status = command.status().map_err(explain)?;
    let (took, after) = (watch.millis(), cpu()?);
    if !status.success() {
        return Err(format!("the drill did not pass: {status}"));
    }
    let calls = server.inventory()?.calls.len();
    let (start, request) =
        (limits::process(drill::PROGRAM, Some("--version"))?, limits::sdk_request(server.url(), BARE)?.wall);
    let limit = start + number(calls) * request + limits::synced_appends(own.path(), SYNCS)?;
    let note = format!(
        "{calls} calls, {} ms of CPU; pauses and jobs take world time at {SPEED} to 1; limit: `drill --version` ({} ms), as many bare \
         requests of the official SDK, one after the other ({} ms each), and {SYNCS} syncs",
        shown((after.children - before.children) * 1_000.0),
        shown(start),
        shown(request)
    );
    Ok(Once::new(took).limit(limit).note(note))
}
