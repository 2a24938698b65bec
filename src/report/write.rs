//! The report's files on disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::journal::chain::sha256_hex;
use crate::journal::event::ReportFile;
use crate::journal::private;
use crate::words::both::both;

/// The folder of rehearsals, below that of reports.
pub const REHEARSALS: &str = ".rehearsal";

/// Of so many bytes the hashes are made while the disk writes: it takes about a millisecond, and a thread much less.
const LARGE: usize = 1024 * 1024;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{}`", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `files` (name, content) into `folder`, which is made with mode 0700; files get mode 0600.
///
/// Each file is complete or absent: it is written beside its place, synced and renamed, none before all are synced. A
/// symbolic link in a file's place is replaced, never followed; one in the place of a folder
/// (the run's, the drill's, that of rehearsals, that of all reports) is refused.
///
/// # Errors
/// The first file or folder that could not be written.
pub fn write(folder: &Path, files: &[(&str, &[u8])]) -> Result<Vec<ReportFile>, WriteError> {
    for own in own_folders(folder) {
        private::folder(own).map_err(|source| WriteError { path: own.to_owned(), source })?;
    }
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.join(name)).collect();
    let whole: Vec<(&Path, &[u8])> =
        paths.iter().zip(files).map(|(path, (_, content))| (path.as_path(), *content)).collect();
    let hashed = || files.iter().map(|(name, content)| written(name, content)).collect::<Vec<ReportFile>>();
    let place = || private::replace_all(&whole);
    let is_large = files.iter().map(|(_, content)| content.len()).sum::<usize>() >= LARGE;
    let (written, placed) = if is_large { both(hashed, place) } else { (hashed(), place()) };
    placed.map_err(|(path, source)| WriteError { path: path.to_owned(), source })?;
    Ok(written)
}

fn written(name: &str, content: &[u8]) -> ReportFile {
    ReportFile { name: name.to_owned(), sha256: sha256_hex(content) }
}

/// Writes one more file into a folder that [`write()`] made, in the same way.
///
/// # Errors
/// When it could not be written.
pub fn add(folder: &Path, name: &str, content: &[u8]) -> Result<ReportFile, WriteError> {
    let path = folder.join(name);
    match private::replace(&path, content) {
        Ok(()) => Ok(written(name, content)),
        Err(source) => Err(WriteError { path, source }),
    }
}

/// The folders of a report, the outermost first: that of all reports, of rehearsals, the drill's, the run's.
fn own_folders(folder: &Path) -> Vec<&Path> {
    let is_rehearsal = folder.ancestors().nth(2).is_some_and(|above| above.ends_with(REHEARSALS));
    let depth = if is_rehearsal { 4 } else { 3 };
    let mut own: Vec<&Path> = folder.ancestors().take(depth).filter(|path| !path.as_os_str().is_empty()).collect();
    own.reverse();
    own
}
