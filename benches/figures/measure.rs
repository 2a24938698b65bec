//! Time, CPU and memory of this process. The only place of the benches that looks at the machine's clock.

use std::fs;
use std::time::{Duration, Instant};

/// Ticks of `/proc/PID/stat` in a second, on every Linux that matters.
const TICKS: u32 = 100;

/// Real time since some moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "what is measured here is real time")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn passed(self) -> Duration {
        self.0.elapsed()
    }

    pub(crate) fn millis(self) -> f64 {
        self.passed().as_secs_f64() * 1_000.0
    }
}

/// Waits in real time.
#[expect(clippy::disallowed_methods, reason = "a bench waits for another process, beside no runtime")]
pub(crate) fn rest(real: Duration) {
    std::thread::sleep(real);
}

/// CPU time, user and system, of this process and of the children that it has waited for, in seconds. A hundredth of a
/// second is the finest difference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) own: f64,
    pub(crate) children: f64,
}

pub(crate) fn cpu() -> Result<Cpu, String> {
    let text = fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    // The name of the program is in brackets and may hold anything; the fields behind it are numbers.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let seconds = |first: usize| -> Option<f64> {
        let ticks: u32 = fields.get(first..first + 2)?.iter().filter_map(|field| field.parse::<u32>().ok()).sum();
        Some(f64::from(ticks) / f64::from(TICKS))
    };
    match (seconds(11), seconds(13)) {
        (Some(own), Some(children)) => Ok(Cpu { own, children }),
        _ => Err("/proc/self/stat cannot be read".to_owned()),
    }
}

/// Memory of a process in KiB, by the name of a line of its `/proc/PID/status`: `VmRSS` now, `VmHWM` at its most.
pub(crate) fn memory_kib(process: &str, line: &str) -> Result<f64, String> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let found = text.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(':'));
    let kib = found.and_then(|rest| rest.split_whitespace().next()?.parse::<u32>().ok());
    kib.map(f64::from).ok_or_else(|| format!("{path} has no {line}"))
}
