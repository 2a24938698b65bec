//! Real waits, all bounded: for locks, for child processes, for a server to answer.
//!
//! The run's clock does not rule here. A server on this machine starts in the machine's time, whatever the speed of
//! the simulated world.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::words::text::tame;

/// The time between two looks.
const PACE: Duration = Duration::from_millis(10);

/// Looks again and again until `look` finds something, for about `limit`. Blocks the thread.
#[expect(clippy::disallowed_methods, reason = "locks and child processes of this machine go by its own time")]
pub(super) fn blocking<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let looks = limit.as_millis() / PACE.as_millis();
    for _ in 0..looks {
        if let Some(found) = look() {
            return Some(found);
        }
        std::thread::sleep(PACE);
    }
    look()
}

/// Waits for the time between two looks. The caller bounds how often.
#[expect(clippy::disallowed_methods, reason = "a server on a real socket starts in real time")]
pub(super) async fn pause() {
    tokio::time::sleep(PACE).await;
}

/// Runs a program that prints little, and gives what it printed.
///
/// # Errors
/// When it cannot be started, fails (with the last of what it said), or takes longer than `limit`: then it is killed.
pub(super) fn finish(mut command: Command, limit: Duration) -> io::Result<String> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let Some(status) = blocking(limit, || child.try_wait().transpose()) else {
        // It may have ended just now; either way there is nothing more to do about it.
        let _ = child.kill();
        let _ = child.wait();
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("no end within {} s", limit.as_secs())));
    };
    let status = status?;
    let output = child.wait_with_output()?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(io::Error::other(format!("{status}: {}", tail(&String::from_utf8_lossy(&output.stderr)))))
}

/// The last lines of what a program said, as one harmless line.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    tame(&lines[lines.len().saturating_sub(6)..].join(" | "))
}

#[cfg(test)]
mod tests {
    use super::{blocking, finish, tail};
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_wait_ends_whether_or_not_the_thing_comes() {
        assert_eq!(blocking(Duration::from_millis(20), || None::<u8>), None);
        let mut looks = 0;
        let found = blocking(Duration::from_secs(5), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, Some(3));
    }

    #[test]
    fn a_program_that_fails_says_why_and_one_that_hangs_is_ended() {
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo no room >&2; exit 3"]);
        assert!(finish(failing, Duration::from_secs(10)).unwrap_err().to_string().contains("no room"));

        let mut hanging = Command::new("sleep");
        hanging.arg("600");
        let error = finish(hanging, Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    }

    #[test]
    fn the_tail_is_one_line() {
        assert_eq!(tail("a\n\nb\x1b\n"), "a | b\u{fffd}");
    }
}
