//! The git commit of a definition's folder, as git itself says it. Where there is no git or no repository there is none,
//! and the evidence says so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use tokio::process::Command;

use crate::journal::event::Commit;

/// Real time that git has for each answer: a run does not wait for a file system that hangs.
const LONGEST: Duration = Duration::from_secs(5);

/// Variables that would lead git to another repository.
const ELSEWHERE: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"];

/// The commit of a folder, once git has said it.
pub(crate) type Committed = Shared<BoxFuture<'static, Option<Commit>>>;

/// Asks git now, beside everything else.
pub(crate) fn asked(folder: PathBuf) -> Committed {
    let asked = tokio::spawn(async move { commit(&folder).await });
    asked.map(|said| said.ok().flatten()).boxed().shared()
}

/// The commit of a folder, and whether something in the folder is not committed.
async fn commit(folder: &Path) -> Option<Commit> {
    if !may_be_in_a_repository(folder) {
        return None;
    }
    let (said, changed) = tokio::join!(
        git(folder, &["rev-parse", "--verify", "HEAD^{commit}"]),
        git(folder, &["status", "--porcelain", "--untracked-files=normal", "--", "."]),
    );
    let said = said?;
    let id = said.trim();
    if !matches!(id.len(), 40 | 64) || !id.chars().all(|c| c.is_ascii_hexdigit()) {
        return None;
    }
    // What cannot be said to be clean is not.
    let dirty = changed.is_none_or(|changes| !changes.trim().is_empty());
    Some(Commit { id: id.to_owned(), dirty })
}

/// Whether git could find a repository: a `.git` in the folder or above it, or what a repository without a folder of its own
/// consists of. In doubt git is asked.
fn may_be_in_a_repository(folder: &Path) -> bool {
    let Ok(real) = fs::canonicalize(folder) else { return true };
    real.ancestors().any(|above| {
        let may_have = |name: &str| {
            let found = fs::symlink_metadata(above.join(name));
            !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        may_have(".git") || (may_have("HEAD") && may_have("objects"))
    })
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::may_be_in_a_repository;

    #[test]
    fn git_is_asked_wherever_it_could_find_a_repository() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/drills");
        fs::create_dir_all(&folder).unwrap();
        // Unless the folder of temporary files is in a repository itself.
        let is_above = may_be_in_a_repository(root.path());
        assert_eq!(may_be_in_a_repository(&folder), is_above);
        // A worktree has a file of that name.
        fs::write(root.path().join(".git"), "gitdir: elsewhere\n").unwrap();
        assert!(may_be_in_a_repository(&folder));
        fs::remove_file(root.path().join(".git")).unwrap();
        fs::write(root.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        assert_eq!(may_be_in_a_repository(&folder), is_above);
        fs::create_dir(root.path().join("objects")).unwrap();
        assert!(may_be_in_a_repository(&folder));
        assert!(may_be_in_a_repository(&root.path().join("not there")));
    }
}
