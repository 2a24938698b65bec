//! B1: the real program from its start to the first journalled step of a drill, over the wire.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::drill::{self, Running};
use crate::figure::{Figure, Once, REAL, UNPREPARED, explain};
use crate::measure::Stopwatch;
use crate::table::shown;
use crate::{limits, many, no_op, waits, wire};

pub(crate) const FIGURES: &[Figure] = &[Figure {
    id: "B1",
    what: "start: from exec to the first journalled step",
    unit: "ms",
    target: Some(10.0),
    moonshot: Some(6.0),
    more: false,
    times: REAL,
    deadline: Duration::from_secs(60),
    prepare: UNPREPARED,
    once,
}];

fn once(folder: &Path) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    drill::write(own.path(), "drills/orders.yaml", drill::ORDERS)?;
    let client = client()?;
    let process = limits::process(drill::PROGRAM, Some("--version"))?;
    let server = wire::Server::start(own.path(), &[])?;
    let mut command = drill::command(own.path());
    command.args(["run", "orders", "--quiet"]).arg(format!("--sandbox={}", server.url()));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let watch = Stopwatch::start();
    let mut running = Running::start(&mut command)?;
    let lines = running.0.stderr.take().map(|stderr| BufReader::new(stderr).lines()).ok_or("nothing is said")?;
    let mut begun = None;
    for line in lines {
        // The line comes after the record.
        let line = line.map_err(explain)?;
        if line.contains("preflight") && line.contains("begins") {
            begun = Some(watch.millis());
            break;
        }
    }
    drop(running);
    let begun = begun.ok_or("the drill did not begin its first step")?;
    let note = format!(
        "a new folder each time; limit: `drill --version` ({} ms) and a session with the official SDK ({} ms)",
        shown(process),
        shown(client)
    );
    Ok(Once::new(begun).limit(process + client).note(note))
}

/// A session of both sides, in ms: its clients are made when they are first used.
fn client() -> Result<f64, String> {
    let definition = no_op::definition(drill::ORDERS)?;
    many::runtime()?.block_on(async {
        let watch = Stopwatch::start();
        waits::cloud(&definition).await?;
        Ok(watch.millis())
    })
}
