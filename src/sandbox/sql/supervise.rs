//! Ends a server when we end, however we end.
//!
//! The server runs below a shell that reads from a pipe. Only this process holds the pipe's other end, and nothing is
//! ever written to it: so the read returns when we let go of it or are gone, `kill -9` included. Then the shell stops
//! the server and removes its folder. The other way round, the server holds the write end of the shell's output, and
//! nothing is written to that either: its end says that the server has ended.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::sandbox::sql::engine::Kind;
use crate::sandbox::sql::programs::Programs;
use crate::sandbox::sql::servers::Ground;

/// How long the shell may take to end: its own bound for the server is 10 s.
const END_LIMIT: Duration = Duration::from_secs(15);

/// `$1` is the signal that ends the server, `$2` the folder; what follows is the server's command line, taken as it is.
///
/// - Signals are ignored: Ctrl-C and a closed terminal reach a whole group, and the pipe alone decides. The server
///   sets its own.
/// - The server is told to stop at once and, if it still is there after some 10 s, killed.
/// - The shell gives up its own copy of the output after the start, so that only the server holds it.
const SCRIPT: &str = r#"
trap '' HUP INT QUIT TERM
signal=$1
folder=$2
shift 2
"$@" </dev/null &
server=$!
exec >/dev/null 2>&1
while read -r _; do :; done
kill -s "$signal" "$server"
tries=0
while kill -0 "$server"; do
    tries=$((tries + 1))
    [ "$tries" -eq 200 ] && kill -KILL "$server"
    [ "$tries" -ge 220 ] && break
    sleep 0.05
done
rm -rf -- "$folder"
"#;

/// A server below its shell. Letting go of it ends the server; [`Supervised::end`] also waits for that.
pub(super) struct Supervised {
    leash: ChildStdin,
    output: ChildStdout,
    shell: Child,
}

/// Starts the server in a prepared folder. From now on the shell removes the folder.
///
/// # Errors
/// When there is no shell. That the server does not start is seen later: [`Supervised::gone`].
pub(super) fn launch(
    ground: &Ground,
    (kind, programs): (&dyn Kind, &Programs),
    folder: &Path,
    log: File,
) -> io::Result<Supervised> {
    let (program, before) = ground.as_account(programs.server());
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", SCRIPT, &format!("drill-{}", kind.word()), kind.farewell()])
        .arg(folder)
        .arg(program)
        .args(before)
        .args(kind.arguments(folder))
        .env_clear()
        .envs(programs.environment())
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log));
    let mut shell = command.spawn()?;
    let leash = shell.stdin.take().expect("standard input was asked for as a pipe");
    let output = shell.stdout.take().expect("standard output was asked for as a pipe");
    Ok(Supervised { leash, output, shell })
}

impl Supervised {
    /// Returns when the server has ended by itself. May be dropped and called again.
    pub(super) async fn gone(&mut self) {
        let mut nothing = [0; 64];
        while self.output.read(&mut nothing).await.is_ok_and(|count| count > 0) {}
    }

    /// Ends the server and waits until it and its folder are gone.
    pub(super) async fn end(self) {
        let Self { leash, output, mut shell } = self;
        drop(leash);
        // The shell bounds itself; if even that fails it is not killed, for it is the one that still could clean up.
        let _ = tokio::time::timeout(END_LIMIT, shell.wait()).await;
        drop(output);
    }
}
