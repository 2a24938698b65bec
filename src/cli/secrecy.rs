//! What the process keeps to itself: its memory, and what the crates beneath it would log.

use rustix::process::{Resource, Rlimit, setrlimit};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Secrets are in memory while probes use them: no core dump holds them, and no other process of the same user may look
/// (`/proc/PID/mem`, `/proc/PID/environ`, a debugger). What drill starts is not affected by the second.
pub fn keep_memory_private() {
    // Lowering a limit is always allowed; where the kernel knows neither, there is nothing to keep it from.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Diagnostics for developers, off unless `DRILL_LOG` asks for them; they go to stderr.
///
/// Of other crates only warnings are shown, whatever is asked for: the SDK's own traces hold whole requests, with the
/// passwords that are set by them.
pub fn start_tracing() {
    let asked = EnvFilter::try_from_env("DRILL_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    let own =
        filter_fn(|event: &Metadata<'_>| event.target().starts_with("restore_drill") || *event.level() <= Level::WARN);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let _ = tracing_subscriber::registry().with(asked).with(own).with(lines).try_init();
}
