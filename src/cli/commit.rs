//! The git commit of a definition's folder, as git itself says it. Where there is no git or no repository there is none,
//! and the evidence says so.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::journal::event::Commit;

/// Real time that git has for each answer: a run does not wait for a file system that hangs.
const LONGEST: Duration = Duration::from_secs(5);

/// Variables that would lead git to another repository.
const ELSEWHERE: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"];

/// The commit of a folder, and whether something in the folder is not committed.
pub(crate) async fn commit(folder: &Path) -> Option<Commit> {
    let said = git(folder, &["rev-parse", "--verify", "HEAD^{commit}"]).await?;
    let id = said.trim();
    if !matches!(id.len(), 40 | 64) || !id.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    let changed = git(folder, &["status", "--porcelain", "--untracked-files=normal", "--", "."]).await;
    // What cannot be said to be clean is not.
    let dirty = changed.is_none_or(|changes| !changes.trim().is_empty());
    Some(Commit { id: id.to_owned(), dirty })
}

async fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "core.fsmonitor=false"]).args(arguments);
    for name in ELSEWHERE {
        command.env_remove(name);
    }
    // Nothing is written, not even a fresher index.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LONGEST, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
