//! Repetitions: each in a process of its own, so that memory is fresh and a figure that hangs ends alone.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::figure::{Figure, Measured, Once, Reading};
use crate::measure::{Stopwatch, rest};

/// The word before a figure that is to be prepared.
pub(crate) const PREPARE: &str = "--prepare";

/// The word before a figure that is to be measured once.
pub(crate) const ONCE: &str = "--once";

/// What comes before the first repetition may take so long.
const PREPARES: Duration = Duration::from_secs(900);

/// The answer of a repetition, in its folder.
const ANSWER: &str = "once.json";

/// What a process answers: a repetition, or why there is none.
pub(crate) fn answer(once: &Result<Once, String>) -> io::Result<()> {
    let text = serde_json::to_string(once)?;
    writeln!(io::stdout(), "{text}")
}

/// All repetitions of a figure, below `folder`.
pub(crate) fn repeated(figure: &Figure, folder: &Path) -> Reading {
    let own = folder.join(figure.id);
    let _ = std::fs::remove_dir_all(&own);
    let measured = all(figure, &own);
    let _ = std::fs::remove_dir_all(&own);
    measured.map_or_else(Reading::NotMeasured, Reading::Measured)
}

fn all(figure: &Figure, folder: &Path) -> Result<Measured, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    answered(PREPARE, figure.id, folder, PREPARES)?;
    if figure.times > 1 {
        answered(ONCE, figure.id, folder, figure.deadline)?;
    }
    let once = |_| answered(ONCE, figure.id, folder, figure.deadline);
    let onces: Vec<Once> = (0..figure.times).map(once).collect::<Result<_, _>>()?;
    let limits = sorted(onces.iter().filter_map(|once| once.limit).collect());
    let notes = onces.last().map(|once| once.notes.clone()).unwrap_or_default();
    let values = sorted(onces.iter().map(|once| once.value).collect());
    Ok(Measured { values, limit: limits.get(limits.len() / 2).copied(), notes })
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// What a process of this program answers.
fn answered(word: &str, id: &str, folder: &Path, deadline: Duration) -> Result<Once, String> {
    let printed = child(word, id, folder, deadline)?;
    let printed = printed.ok_or_else(|| format!("it was not over after {} s", deadline.as_secs()))?;
    let unanswered = |_| "its process ended without an answer".to_owned();
    serde_json::from_str::<Result<Once, String>>(printed.trim()).map_err(unanswered)?
}

/// What a process of this program prints; nothing if it was not over in time.
fn child(word: &str, id: &str, folder: &Path, deadline: Duration) -> Result<Option<String>, String> {
    let path = folder.join(ANSWER);
    let failed = |error: io::Error| format!("no process for it: {error}");
    let answer = File::create(&path).map_err(failed)?;
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args([word, id]).arg(folder).stdin(Stdio::null()).stdout(answer).process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let watch = Stopwatch::start();
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            let mut text = String::new();
            File::open(&path).and_then(|mut file| file.read_to_string(&mut text)).map_err(failed)?;
            return if status.success() { Ok(Some(text)) } else { Err(format!("its process ended with {status}")) };
        }
        if watch.passed() > deadline {
            end(&mut child);
            return Ok(None);
        }
        rest(Duration::from_millis(5));
    }
}

/// Ends a process and those that it started.
fn end(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}
