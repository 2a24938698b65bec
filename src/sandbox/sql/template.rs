//! The data folder that is made once: it stays in the cache, and every server starts from a copy of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use uuid::Uuid;

use crate::sandbox::sql::engine::{Engine, Kind};
use crate::sandbox::sql::home::{Folder, copy_tree, locked};
use crate::sandbox::sql::programs::Programs;
use crate::sandbox::sql::servers::Ground;
use crate::sandbox::sql::settings::Unprepared;
use crate::sandbox::sql::wait;

/// How long the maker may take. `initdb` takes 0.5 s on a fast disk, 6 s on a slow one.
const MAKER_LIMIT: Duration = Duration::from_secs(75);

/// The template's folder; made now if the cache has none for this series of the engine and this version of drill.
pub(super) fn folder(ground: &Ground, engine: Engine) -> Result<PathBuf, Unprepared> {
    let (kind, programs) = (engine.kind(), ground.programs(engine)?);
    let (word, series, ours) = (kind.word(), programs.series(), env!("CARGO_PKG_VERSION"));
    let template = ground.cache.join(format!("{word}-{series}-{ours}-{}", kind.form()));
    if template.is_dir() {
        return Ok(template);
    }
    let gate = locked(&ground.cache.join(format!("{word}.lock")))?;
    if !template.is_dir() {
        make(ground, kind, programs, &template)?;
    }
    drop(gate);
    Ok(template)
}

/// Runs the maker where the server's account can write, then copies the result into the cache and renames it, so that
/// a template is whole or not there.
fn make(ground: &Ground, kind: &dyn Kind, programs: &Programs, template: &Path) -> io::Result<()> {
    let scratch = Folder::make(ground.home.place(&format!("made-{}", Uuid::new_v4().simple())))?;
    scratch.give_to(ground.account.as_ref())?;
    let data = scratch.path().join("data");
    wait::finish(maker(ground, kind, programs, &data), MAKER_LIMIT)
        .map_err(|error| io::Error::new(error.kind(), format!("`{}` failed: {error}", kind.wanted().maker)))?;
    // A copy is called so until it is whole.
    let unfinished = format!("copying-{}-", kind.word());
    clear(&ground.cache, &unfinished);
    let aside = ground.cache.join(format!("{unfinished}{}", Uuid::new_v4().simple()));
    copy_tree(&data, &aside)?;
    fs::rename(&aside, template)
}

/// Removes what a killed process left. Only for the holder of the engine's lock.
fn clear(cache: &Path, unfinished: &str) {
    let Ok(entries) = fs::read_dir(cache) else { return };
    for entry in entries.flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(unfinished.as_bytes()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn maker(ground: &Ground, kind: &dyn Kind, programs: &Programs, data: &Path) -> Command {
    let (program, before) = ground.as_account(programs.maker());
    let mut command = Command::new(program);
    command.args(before).args(kind.making(data)).env_clear().envs(programs.environment()).current_dir("/");
    command
}
