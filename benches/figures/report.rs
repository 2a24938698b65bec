//! B12: the report of a run of 10,000 steps, in Markdown, JSON and HTML, from its journal; and the real program that writes
//! the bundle of one with 500 restores.

use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use restore_drill::aws::resource::facts;
use restore_drill::cli::clock::MachineClock;
use restore_drill::journal::store::Store;
use restore_drill::run::step::report::rendered;
use restore_drill::words::time::Clock as _;

use crate::drill::{self, Running};
use crate::figure::{Figure, Once, REAL, explain, number};
use crate::measure::{Stopwatch, memory_kib, rest};
use crate::table::shown;
use crate::{histories, limits, no_op};

const STEPS: usize = 10_000;

/// What the bundle of the large run has. It came by import, so nobody signs it here.
const BUNDLE: [&str; 7] =
    ["report.md", "report.html", "report.json", "junit.xml", "journal.jsonl", "definition.yaml", "manifest.json"];

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(2);

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B12",
        what: "report of a run of 10,000 steps in three formats, from its journal",
        unit: "ms",
        target: Some(20.0),
        moonshot: Some(8.0),
        more: false,
        times: REAL,
        deadline: Duration::from_secs(120),
        prepare,
        once,
    },
    Figure {
        id: "B12p",
        what: "`drill report` of a run of 5,000 steps, 500 restores and 3,000 probes among them: all forms, verification and \
               bundle, exec to exit",
        unit: "ms",
        target: Some(1_000.0),
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(60),
        prepare: import,
        once: program,
    },
    Figure {
        id: "B12pm",
        what: "of it, the most memory",
        unit: "MB",
        target: Some(200.0),
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(60),
        prepare: import,
        once: memory,
    },
];

fn prepare(folder: &Path) -> Result<(), String> {
    let store = Store::open(&folder.join("state")).map_err(explain)?;
    histories::over(&store, no_op::plan(STEPS, false)?, MachineClock.now())
}

fn once(folder: &Path) -> Result<Once, String> {
    let store = Store::open(&folder.join("state")).map_err(explain)?;
    let row = store.runs(None).map_err(explain)?.pop().ok_or("there is no run")?;
    let watch = Stopwatch::start();
    let records = store.load(&row.run).map_err(explain)?;
    let read = watch.millis();
    let files = rendered(&records, facts)?;
    let took = watch.millis();
    if files.len() < 3 {
        return Err(format!("only {} formats were rendered", files.len()));
    }
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let note = format!(
        "{} ms to read and verify {} records, {} ms to render {} kB; limit: the records read, hashed and parsed into \
         nothing, on two threads, and a plain row a step and format",
        shown(read),
        records.len(),
        shown(took - read),
        shown(number(bytes) / 1_000.0)
    );
    Ok(Once::new(took).limit(limit(&folder.join("state"))?).note(note))
}

/// What nobody can spare: the records read, hashed and parsed into nothing, and a plain row for each step and format. In ms.
fn limit(state: &Path) -> Result<f64, String> {
    let read = limits::records(state)?;
    let watch = Stopwatch::start();
    for _format in 0..3 {
        let mut text = String::new();
        for step in 0..STEPS {
            let _ = writeln!(
                text,
                "| action.step-{step:05} | passed | 2026-11-21 12:00:00 UTC | 1s | nothing more to say |"
            );
        }
        std::hint::black_box(&text);
    }
    Ok(read + watch.millis())
}

/// The large run comes by `drill import`.
fn import(folder: &Path) -> Result<(), String> {
    drill::write(folder, "elsewhere/journal.jsonl", &histories::large()?)?;
    let mut command = drill::command(folder);
    succeeded(command.args(["import", "elsewhere"]))
}

fn succeeded(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(explain)?;
    if output.status.success() {
        return Ok(());
    }
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Err(format!("`drill` failed ({}): {} {}", output.status, said(&output.stdout), said(&output.stderr)))
}

/// `drill report` of the large run, whose report was not written before.
fn report(folder: &Path) -> Result<Command, String> {
    if let Err(error) = std::fs::remove_dir_all(folder.join("reports"))
        && error.kind() != ErrorKind::NotFound
    {
        return Err(format!("an earlier report stays: {error}"));
    }
    let mut command = drill::command(folder);
    command.arg("report").arg(histories::large_run()?.to_string());
    Ok(command)
}

fn program(folder: &Path) -> Result<Once, String> {
    let mut command = report(folder)?;
    let watch = Stopwatch::start();
    succeeded(&mut command)?;
    let took = watch.millis();
    let size = bundle_size(folder)?;
    Ok(Once::new(took).note(format!("{} files of {} kB in all, unsigned", BUNDLE.len(), shown(size / 1_000.0))))
}

/// What Linux says is the most that the process had in memory until then, asked every 2 ms until it ends. The last answer
/// counts: of a process that is over nothing is told, so what it took in its last 2 ms may be missing.
fn memory(folder: &Path) -> Result<Once, String> {
    let mut command = report(folder)?;
    let mut running = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let process = running.0.id().to_string();
    let mut most = None;
    let status = loop {
        most = memory_kib(&process, "VmHWM").ok().or(most);
        if let Some(status) = running.0.try_wait().map_err(explain)? {
            break status;
        }
        rest(LOOK);
    };
    if !status.success() {
        return Err(format!("the report was not written: {status}"));
    }
    bundle_size(folder)?;
    let most = most.ok_or("nothing was told of its memory")?;
    Ok(Once::new(most * 1_024.0 / 1_000_000.0))
}

/// Bytes of all files of the bundle: each is there.
fn bundle_size(folder: &Path) -> Result<f64, String> {
    let bundle = folder.join("reports").join(histories::LARGE).join(histories::large_run()?.to_string());
    let size = |file: &str| -> Result<f64, String> {
        let known = std::fs::metadata(bundle.join(file)).map_err(|error| format!("{file}: {error}"))?;
        usize::try_from(known.len()).map(number).map_err(explain)
    };
    BUNDLE.into_iter().map(size).sum()
}
