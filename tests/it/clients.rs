//! Unmodified AWS clients against `drill sandbox`: boto3 (tests/clients/walk.py) and the `aws` command line
//! (tests/clients/cli.sh, tests/clients/other.sh; what a report says to do by hand: tests/clients/hand.py), from the folder
//! that `scripts/setup.sh` makes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::shell::environment;

/// A client that needs longer has lost itself.
const LONGEST: Duration = Duration::from_secs(200);

/// From the start of `drill sandbox` to its address.
const START: Duration = Duration::from_secs(30);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the clients' programs; `None` if whoever runs the tests does without them.
///
/// A missing folder is a failure: a test that skips itself in silence proves nothing.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says so in the environment")]
pub(crate) fn programs() -> Option<PathBuf> {
    if std::env::var_os("DRILL_WITHOUT_CLIENTS").is_some_and(|value| value == "1") {
        return None;
    }
    let programs = root().join("target/clients/bin");
    assert!(
        programs.join("python").exists() && programs.join("aws").exists(),
        "boto3 and the aws command line are not in target/clients: run `DRILL_SETUP=tests scripts/setup.sh`, or do without \
         these tests with DRILL_WITHOUT_CLIENTS=1"
    );
    Some(programs)
}

/// A running `drill sandbox`, which goes with it.
struct Served {
    child: Child,
    drill: String,
    url: String,
    home: TempDir,
}

/// Serves the world of a drill in a folder.
async fn serve(folder: &str, drill: &str) -> Served {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let mut child = Command::new(env!("CARGO_BIN_EXE_drill"))
        .args(["sandbox", drill, "--seed", "7", "--output", "json"])
        .current_dir(root().join(folder))
        .env_clear()
        .envs(environment(home.path()))
        .env("DRILL_STATE", home.path().join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("drill can be started");
    let stdout = child.stdout.take().expect("it is piped");
    let mut line = String::new();
    let read = tokio::time::timeout(START, BufReader::new(stdout).read_line(&mut line)).await;
    read.expect("the sandbox says its address in time").expect("its address can be read");
    let said: Value =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("the first line is no JSON: {error}: {line}"));
    let url = said["url"].as_str().expect("it says its address").to_owned();
    Served { child, drill: drill.to_owned(), url, home }
}

impl Served {
    /// Runs a client with the address as its argument.
    async fn answers(&self, program: &Path, script: &str, programs: &Path) {
        let mut path = programs.as_os_str().to_owned();
        for (name, value) in environment(self.home.path()) {
            if name == "PATH" {
                path.push(":");
                path.push(value);
            }
        }
        let client = Command::new(program)
            .arg(root().join(script))
            .arg(&self.url)
            .env_clear()
            .envs(environment(self.home.path()))
            .env("PATH", path)
            .env("DRILL", env!("CARGO_BIN_EXE_drill"))
            .env("DRILL_NAME", &self.drill)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(LONGEST, client).await;
        let output =
            output.unwrap_or_else(|_| panic!("{script} did not end within {LONGEST:?}")).expect("it can be started");
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script} ended with {}:\n{said}\n{told}", output.status);
    }

    /// SIGTERM ends it, database servers included, and is no failure.
    async fn end(mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw).expect("it is running");
        kill_process(pid, Signal::TERM).expect("a child can be told to end");
        let ended = tokio::time::timeout(START, self.child.wait()).await.expect("it ends when told to");
        assert!(ended.expect("a child can be waited for").success());
    }
}

#[tokio::test]
async fn boto3_reads_every_answer_as_one_of_aws() {
    let Some(programs) = programs() else {
        eprintln!("skipped: DRILL_WITHOUT_CLIENTS=1");
        return;
    };
    let served = serve("", "rds-prod").await;
    served.answers(&programs.join("python"), "tests/clients/walk.py", &programs).await;
    served.end().await;
}

#[tokio::test]
async fn the_aws_command_line_works() {
    let Some(programs) = programs() else {
        eprintln!("skipped: DRILL_WITHOUT_CLIENTS=1");
        return;
    };
    let served = serve("", "rds-prod").await;
    served.answers(Path::new("/bin/sh"), "tests/clients/cli.sh", &programs).await;
    served.end().await;
}

#[tokio::test]
async fn the_example_of_another_type_restores_and_removes_a_cluster() {
    let Some(programs) = programs() else {
        eprintln!("skipped: DRILL_WITHOUT_CLIENTS=1");
        return;
    };
    let served = serve("examples/redshift", "redshift").await;
    served.answers(Path::new("/bin/sh"), "tests/clients/other.sh", &programs).await;
    served.end().await;
}

/// Runs a drill, and types what its report says to do by hand.
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
async fn typed(drill: &str) {
    let Some(programs) = programs() else {
        eprintln!("skipped: DRILL_WITHOUT_CLIENTS=1");
        return;
    };
    let served = serve("", drill).await;
    served.answers(&programs.join("python"), "tests/clients/hand.py", &programs).await;
    served.end().await;
}

#[tokio::test]
async fn a_shop_is_restored_and_removed_by_hand_as_its_report_says() {
    typed("shop").await;
}

#[tokio::test]
async fn a_cluster_is_restored_and_removed_by_hand_as_its_report_says() {
    typed("aurora").await;
}

#[tokio::test]
async fn a_file_system_is_restored_and_removed_by_hand_as_its_report_says() {
    typed("efs").await;
}
