//! `initdb` once: a data folder in the cache that every server starts from as a copy.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use uuid::Uuid;

use crate::sandbox::sql::home::{Folder, copy_tree, locked};
use crate::sandbox::sql::seed::ADMIN;
use crate::sandbox::sql::servers::Ground;
use crate::sandbox::sql::wait;

/// Changes when the arguments of `initdb` below do.
const FORM: u32 = 1;

/// How long `initdb` may take. It takes 0.5 s on a fast disk, 6 s on a slow one.
const INITDB_LIMIT: Duration = Duration::from_secs(75);

/// The template's folder; made now if the cache has none for this major version and this version of drill.
pub(super) fn folder(ground: &Ground) -> io::Result<PathBuf> {
    let (major, ours) = (ground.binaries.major(), env!("CARGO_PKG_VERSION"));
    let template = ground.cache.join(format!("template-{major}-{ours}-{FORM}"));
    if template.is_dir() {
        return Ok(template);
    }
    let gate = locked(&ground.cache.join("template.lock"))?;
    if !template.is_dir() {
        make(ground, &template)?;
    }
    drop(gate);
    Ok(template)
}

/// Runs `initdb` where the server's account can write, then copies the result into the cache and renames it, so that
/// a template is whole or not there.
fn make(ground: &Ground, template: &Path) -> io::Result<()> {
    let scratch = Folder::make(ground.home.place(&format!("initdb-{}", Uuid::new_v4().simple())))?;
    scratch.give_to(ground.account.as_ref())?;
    let data = scratch.path().join("data");
    wait::finish(initdb(ground, &data), INITDB_LIMIT)
        .map_err(|error| io::Error::new(error.kind(), format!("`initdb` failed: {error}")))?;
    clear_unfinished(&ground.cache);
    let aside = ground.cache.join(format!("{UNFINISHED}{}", Uuid::new_v4().simple()));
    copy_tree(&data, &aside)?;
    fs::rename(&aside, template)
}

/// What a copy is called until it is whole.
const UNFINISHED: &str = "copying-";

/// Removes what a killed process left. Only for the holder of the lock.
fn clear_unfinished(cache: &Path) {
    let Ok(entries) = fs::read_dir(cache) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn initdb(ground: &Ground, data: &Path) -> Command {
    let (program, before) = ground.as_account("initdb");
    let mut command = Command::new(program);
    command
        .args(before)
        .arg("-D")
        .arg(data)
        .arg(format!("--username={ADMIN}"))
        // One-megabyte segments: a data folder of 28 MB and not 44, copied for every server.
        .args(["--encoding=UTF8", "--no-locale", "--wal-segsize=1", "--no-sync"])
        // Replaced before any server starts; stated so that initdb does not warn.
        .args(["--auth-local=trust", "--auth-host=reject"])
        .env_clear()
        .envs(ground.binaries.environment())
        .current_dir("/");
    command
}
