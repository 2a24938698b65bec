//! Damages a journal's file, as a bad disk would.

use std::fs;
use std::path::Path;

use crate::cli::rehearse::trouble::Damage;

/// Damages the database of a folder of journals. `false`: it is as it was, and nothing was shown.
#[must_use]
pub(crate) fn damage(folder: &Path, how: Damage, place: u64) -> bool {
    // Rows that are still in the write-ahead log are rows of the journal as well.
    let files = ["drill.db-wal", "drill.db"].map(|name| folder.join(name));
    let Some(path) = files.into_iter().find(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0)) else {
        return false;
    };
    let Ok(before) = fs::read(&path) else { return false };
    let mut bytes = before.clone();
    // Behind everything that was written there may be room for more.
    let written = before.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let spot = spot(written, place);
    match how {
        Damage::BitFlip => bytes.iter_mut().skip(spot).take(1).for_each(|byte| *byte ^= 0x10),
        Damage::Truncated => bytes.truncate(spot),
        Damage::ZeroTail => bytes.iter_mut().skip(spot).for_each(|byte| *byte = 0),
    }
    bytes != before && fs::write(&path, bytes).is_ok()
}

const FILES: [&str; 2] = ["drill.db", "drill.db-wal"];

/// Keeps the files of a journal as they are now.
pub(crate) fn keep(folder: &Path) {
    for name in FILES {
        let _ = fs::copy(folder.join(name), folder.join(format!("{name}.kept")));
    }
}

/// Puts them back, as if nobody had touched them since.
pub(crate) fn back(folder: &Path) {
    let _ = fs::remove_file(folder.join("drill.db-shm"));
    for name in FILES {
        let _ = fs::remove_file(folder.join(name));
        let _ = fs::rename(folder.join(format!("{name}.kept")), folder.join(name));
    }
}

/// Somewhere in the file, another place for each number.
fn spot(length: usize, place: u64) -> usize {
    let mixed = place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    usize::try_from(mixed % u64::try_from(length.max(1)).unwrap_or(1)).unwrap_or(0)
}
