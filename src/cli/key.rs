//! The machine's own key: what passwords are derived from that a run sets on what it restored.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::error::CliError;
use crate::journal::private;
use crate::words::secret::Secret;

/// Characters of a whole key.
const LENGTH: usize = 64;

/// The key in a state folder; made now if there is none. Only its owner may read it.
///
/// # Errors
/// When it can be neither read nor made.
pub fn key(folder: &Path) -> Result<Secret, CliError> {
    let path = folder.join("key");
    let failed = |source| CliError::Read { path: path.clone(), source };
    if !path.exists() {
        make(folder, &path).map_err(failed)?;
    }
    let text = private::read(&path).map_err(failed)?;
    if text.trim().len() < LENGTH {
        let message = "it is cut off; remove it, and the next run makes another one";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, message)));
    }
    Ok(Secret::new(text.trim().to_owned()))
}

/// Whole or not at all, and never over another process's.
fn make(folder: &Path, path: &Path) -> io::Result<()> {
    private::folder(folder)?;
    let aside = folder.join(format!("key-{}", uuid::Uuid::new_v4().simple()));
    let text = format!("{}{}\n", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let mut file = private::create(&aside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written.and_then(|()| private::place(&aside, path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::key;

    #[test]
    fn all_that_make_it_at_once_have_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let keys: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| key(&state).unwrap().expose().to_owned())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.windows(2).all(|two| two[0] == two[1]), "not all have the same");
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = key(&state).unwrap();
        assert_eq!(first.expose(), key(&state).unwrap().expose());
        assert_eq!(first.expose().len(), 64);
        let mode = std::fs::metadata(state.join("key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&state).unwrap().count(), 1);
        std::fs::write(state.join("key"), "short").unwrap();
        assert!(key(&state).is_err());
    }
}
