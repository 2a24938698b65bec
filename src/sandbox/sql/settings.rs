//! A server's folder before it starts: a copy of the template, a certificate of its own, and what its engine writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::sandbox::sql::authority::write_private;
use crate::sandbox::sql::engine::{CERTIFICATE, Engine, KEY, Place};
use crate::sandbox::sql::home::{Folder, copy_tree};
use crate::sandbox::sql::servers::{Ground, Missing};
use crate::sandbox::sql::template;

/// A folder from which a server can start, and the file that takes what it says.
pub(super) struct Prepared {
    pub(super) folder: Folder,
    pub(super) log: File,
}

/// Why there is no such folder.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unprepared {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("its files cannot be prepared: {0}")]
    Files(#[from] io::Error),
}

/// Makes the folder of a server.
pub(super) fn prepare(
    ground: &Ground,
    engine: Engine,
    folder: &Path,
    (name, port, tokens): (&str, u16, Option<u16>),
) -> Result<Prepared, Unprepared> {
    let template = template::folder(ground, engine)?;
    let issued = ground.authority.issue()?;
    let folder = Folder::make(folder.to_owned())?;
    let data = folder.path().join("data");
    copy_tree(&template, &data)?;
    write_private(&data.join(CERTIFICATE), issued.certificate.as_bytes())?;
    write_private(&data.join(KEY), issued.key.as_bytes())?;
    engine.kind().settle(&Place { folder: folder.path(), data: &data, name: &plain(name), port, tokens })?;
    let log = OpenOptions::new().create_new(true).append(true).open(log_path(folder.path()))?;
    folder.give_to(ground.account.as_ref())?;
    Ok(Prepared { folder, log })
}

/// Where a server's own messages are.
pub(super) fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// A name that can stand in settings without quoting.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(48).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_name_cannot_add_a_setting() {
        assert_eq!(plain("orders'\nfsync = on #"), "ordersfsyncon");
    }
}
