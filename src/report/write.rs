//! The report's files on disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::journal::chain::sha256_hex;
use crate::journal::event::ReportFile;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `files` (name, content) into `folder`, which is made with mode 0700; files get mode 0600.
///
/// Each file is complete or absent: it is written beside its place, synced and renamed. A symbolic link in a file's
/// place is replaced, never followed.
///
/// # Errors
/// The first file that could not be written.
pub fn write(folder: &Path, files: &[(&str, &str)]) -> Result<Vec<ReportFile>, WriteError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError { path, source }
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed(folder))?;
    let mut written = Vec::with_capacity(files.len());
    for (name, content) in files {
        let path = folder.join(name);
        replace(&path, content.as_bytes()).map_err(failed(&path))?;
        written.push(ReportFile { name: (*name).to_owned(), sha256: sha256_hex(content.as_bytes()) });
    }
    Ok(written)
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("part");
    let _ = fs::remove_file(&beside);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}
