//! The figures that `drill` owes: how fast it is, how small, and how near to what the machine and AWS allow.
//!
//! ```text
//! scripts/bench [FIGURE...] [--gate]
//! figure ──repeat──▶ a process of its own, once to warm up and seven times ──▶ table ──▶ stdout, target/bench/figures.json
//! ```
//!
//! A file a figure; each says in `FIGURES` what it measures, what is owed, and how one repetition goes. The physical limit
//! is measured in the process of the repetition. What code that exists cannot reach says why, in the place of a number.
//! Nothing here is a test: `docs/performance.md` has the definitions and what was learnt.

mod calls;
mod chain;
mod client;
mod compile;
mod crashes;
mod drill;
mod events;
mod fan_out;
mod figure;
mod footprint;
mod histories;
mod inside;
mod limits;
mod makespan;
mod many;
mod measure;
mod memory;
mod no_op;
mod overhead;
mod profile;
mod repeat;
mod report;
mod resume;
mod simulator;
mod start;
mod table;
mod throttle;
mod waits;
mod wire;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::figure::{Figure, Once, Row};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Every figure, in the order of the table.
fn figures() -> Vec<&'static Figure> {
    let all: [&'static [Figure]; 16] = [
        start::FIGURES,
        chain::FIGURES,
        fan_out::FIGURES,
        overhead::FIGURES,
        calls::FIGURES,
        makespan::FIGURES,
        throttle::FIGURES,
        memory::FIGURES,
        client::FIGURES,
        resume::FIGURES,
        compile::FIGURES,
        report::FIGURES,
        events::FIGURES,
        simulator::FIGURES,
        crashes::FIGURES,
        wire::FIGURES,
    ];
    all.into_iter().flatten().chain(footprint::FIGURES).collect()
}

fn main() -> ExitCode {
    // `cargo bench` adds a word of its own.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let done = match words.as_slice() {
        [flag, id, folder] if flag == repeat::PREPARE => in_this_process(id, folder, true),
        [flag, id, folder] if flag == repeat::ONCE => in_this_process(id, folder, false),
        _ => measure_all(&words),
    };
    done.unwrap_or_else(|error| {
        say(&format!("figures: {error}"));
        ExitCode::from(2)
    })
}

/// One repetition, or what comes before the first.
fn in_this_process(id: &str, folder: &str, prepares: bool) -> Result<ExitCode, String> {
    let figure = figures().into_iter().find(|figure| figure.id == id).ok_or_else(|| format!("there is no {id}"))?;
    let folder = Path::new(folder);
    let once = if prepares { (figure.prepare)(folder).map(|()| Once::new(0.0)) } else { (figure.once)(folder) };
    repeat::answer(&once).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn measure_all(words: &[String]) -> Result<ExitCode, String> {
    let (flags, wanted): (Vec<&String>, Vec<&String>) = words.iter().partition(|word| word.starts_with("--"));
    if let Some(unknown) = flags.iter().find(|flag| **flag != "--gate") {
        return Err(format!("there is no option `{unknown}`; write `scripts/bench [FIGURE...] [--gate]`"));
    }
    let chosen: Vec<&Figure> = figures()
        .into_iter()
        .filter(|figure| wanted.is_empty() || wanted.iter().any(|wish| figure.answers_to(wish)))
        .collect();
    if let Some(wish) = wanted.iter().find(|wish| !chosen.iter().any(|figure| figure.answers_to(wish))) {
        let known: Vec<&str> = figures().iter().map(|figure| figure.id).collect();
        return Err(format!("there is no figure `{wish}`; there are {}", known.join(", ")));
    }
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("cannot use {}: {error}", folder.display()))?;
    let mut rows = Vec::new();
    for figure in chosen {
        say(&format!("{}  {}", figure.id, figure.what));
        rows.push(Row { figure, reading: repeat::repeated(figure, &folder) });
    }
    print(&table::text(&rows));
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    write("figures.json", table::json(&rows))?;
    write("figures.md", table::markdown(&rows))?;
    let missed = rows.iter().filter(|row| row.met() == Some(false)).count();
    let gate = flags.iter().any(|flag| **flag == "--gate");
    Ok(if gate && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The build's folder, on a disk: this program is in `release/deps` of it.
fn target() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors().nth(3).map_or_else(|| PathBuf::from("target"), Path::to_owned)
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
