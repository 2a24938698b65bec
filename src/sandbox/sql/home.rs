//! Folders on disk: the one of a sandbox, with a lock that says that it lives, and those of its servers in it.
//!
//! They stand in the machine's folder for temporary files and not in the cache, because the path of a socket may have
//! 107 bytes (103 on macOS), and because the server's account must be able to reach them.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::sandbox::sql::account::Account;
use crate::sandbox::sql::wait;

/// The file whose lock says that a sandbox lives.
const ALIVE: &str = "alive";

/// The longest path of the folder for temporary files. Ours adds up to 32 bytes, the socket 15.
const LONGEST_BASE_BYTES: usize = 56;

/// How long another process may hold a lock: longer than a data folder takes to be made on a slow machine.
const LOCK_LIMIT: Duration = Duration::from_secs(90);

/// How long servers that were just told to end may take, before the folder is removed under them.
const LAST_SERVER_LIMIT: Duration = Duration::from_secs(3);

/// The folder of one sandbox. It is removed when this is dropped, or by the next sandbox of the same user.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    _alive: File,
}

impl Home {
    /// Makes the folder, and removes those of dead sandboxes.
    pub(super) fn open(account: Option<&Account>) -> io::Result<Self> {
        let base = base(account)?;
        // Between making a folder and locking it, it would look like that of a dead sandbox.
        let gate = locked(&base.join("gate"))?;
        sweep(&base);
        let id = Uuid::new_v4().simple().to_string();
        let folder = base.join(id.get(..10).unwrap_or(&id));
        make_folder(&folder, passable(account))?;
        let alive = locked(&folder.join(ALIVE))?;
        drop(gate);
        Ok(Self { folder, _alive: alive })
    }

    /// The folder for the sandbox's server, or other work, of that name. It is not made yet.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn is_empty(&self) -> bool {
        let Ok(entries) = fs::read_dir(&self.folder) else { return true };
        entries.flatten().all(|entry| entry.file_name() == ALIVE)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Servers end and remove their folders by themselves, in some 50 ms; what then remains is removed here or, at
        // the worst, by the next sandbox.
        let _ = wait::blocking(LAST_SERVER_LIMIT, || self.is_empty().then_some(()));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A folder that is removed when this is dropped, unless it was handed over to someone who removes it later.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    ours: bool,
}

impl Folder {
    /// Makes the folder, for us alone.
    pub(super) fn make(path: PathBuf) -> io::Result<Self> {
        make_folder(&path, 0o700)?;
        Ok(Self { path, ours: true })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whoever calls this removes the folder from now on.
    pub(super) fn hand_over(mut self) {
        self.ours = false;
    }

    /// Gives the folder and all that is in it to the account that runs the server.
    pub(super) fn give_to(&self, account: Option<&Account>) -> io::Result<()> {
        let Some(account) = account else { return Ok(()) };
        let mut open = vec![self.path.clone()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    open.push(entry.path());
                } else {
                    lchown(entry.path(), Some(account.uid), Some(account.gid))?;
                }
            }
            lchown(&folder, Some(account.uid), Some(account.gid))?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Copies the folders and files in `from` to the new folder `to`. Anything else, such as a link, is an error.
pub(super) fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let mut open = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = open.pop() {
        make_folder(&to, 0o700)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let target = to.join(entry.file_name());
            if kind.is_dir() {
                open.push((entry.path(), target));
            } else if kind.is_file() {
                fs::copy(entry.path(), target)?;
            } else {
                return Err(io::Error::other(format!("`{}` is neither file nor folder", entry.path().display())));
            }
        }
    }
    Ok(())
}

/// Makes a folder with exactly these permissions, whatever the process's mask.
pub(super) fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// Opens a file and takes its lock, waiting for another process as long as that may have work to do.
pub(super) fn locked(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let taken = wait::blocking(LOCK_LIMIT, || match file.try_lock() {
        Ok(()) => Some(Ok(())),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(error)) => Some(Err(error)),
    });
    match taken {
        Some(Ok(())) => Ok(file),
        Some(Err(error)) => Err(error),
        None => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("another process has held the lock `{}` for {} s", path.display(), LOCK_LIMIT.as_secs()),
        )),
    }
}

/// Removes the folders of sandboxes that are dead: their lock is free. Only for the holder of the gate.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let dead = match File::open(entry.path().join(ALIVE)) {
            Ok(file) => file.try_lock().is_ok(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if dead {
            // A server whose folder disappears ends by itself; what cannot be removed now is tried again next time.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The folder of all sandboxes of this user, in the first folder for temporary files that will do.
fn base(account: Option<&Account>) -> io::Result<PathBuf> {
    let mut last = io::Error::other("no folder for temporary files is short, plain and reachable");
    for candidate in [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")] {
        let Ok(candidate) = fs::canonicalize(candidate) else { continue };
        if !is_plain(&candidate) || (account.is_some() && !is_reachable(&candidate)) {
            continue;
        }
        match own_folder(&candidate, passable(account)) {
            Ok(base) => return Ok(base),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// `drill-pg-UID` in a folder where everybody may write: it is used only if it is ours.
fn own_folder(parent: &Path, mode: u32) -> io::Result<PathBuf> {
    let us = rustix::process::geteuid().as_raw();
    let folder = parent.join(format!("drill-pg-{us}"));
    match make_folder(&folder, mode) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&folder)?;
    if !found.is_dir() || found.uid() != us || found.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!("`{}` exists and belongs to someone else; remove it", folder.display())));
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(mode))?;
    Ok(folder)
}

/// Others must be able to pass through to the server's own folder, if others run the server. None of them can list.
fn passable(account: Option<&Account>) -> u32 {
    if account.is_some() { 0o711 } else { 0o700 }
}

/// Whether a path can stand in a server's settings without quoting, and leaves room for a socket's name.
fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes.len() <= LONGEST_BASE_BYTES
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+'))
}

/// Whether every account can pass through the folder and those above it.
fn is_reachable(folder: &Path) -> bool {
    folder.ancestors().all(|part| fs::metadata(part).is_ok_and(|found| found.mode() & 0o001 != 0))
}

#[cfg(test)]
mod tests {
    use super::{Folder, Home, copy_tree, is_plain, locked, make_folder, sweep};
    use crate::sandbox::sql::account::Account;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[test]
    fn a_home_is_there_while_it_lives_and_gone_after() {
        let account = Account::needed().ok().flatten();
        let home = Home::open(account.as_ref()).unwrap();
        let place = home.place("0");
        let folder = Folder::make(place.clone()).unwrap();
        assert_eq!(fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(place.join(".s.PGSQL.65535").as_os_str().len() <= 103);
        drop(folder);
        assert!(!place.exists());
        let above = place.parent().unwrap().to_owned();
        drop(home);
        assert!(!above.exists());
    }

    #[test]
    fn the_folders_of_the_dead_are_swept_and_those_of_the_living_stay() {
        let base = tempfile::tempdir().unwrap();
        for name in ["dead", "living", "unfinished"] {
            make_folder(&base.path().join(name), 0o700).unwrap();
        }
        drop(locked(&base.path().join("dead/alive")).unwrap());
        let alive = locked(&base.path().join("living/alive")).unwrap();
        sweep(base.path());
        assert!(!base.path().join("dead").exists());
        assert!(!base.path().join("unfinished").exists());
        assert!(base.path().join("living").exists());
        drop(alive);
    }

    #[test]
    fn a_copied_tree_is_whole_and_private() {
        let base = tempfile::tempdir().unwrap();
        let from = base.path().join("from");
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/b/c"), "text").unwrap();
        let to = base.path().join("to");
        copy_tree(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("a/b/c")).unwrap(), "text");
        assert_eq!(fs::metadata(to.join("a")).unwrap().permissions().mode() & 0o777, 0o700);
        std::os::unix::fs::symlink("/etc/passwd", from.join("link")).unwrap();
        assert!(copy_tree(&from, &base.path().join("other")).is_err());
    }

    #[test]
    fn a_folder_that_a_server_could_misread_is_not_used() {
        assert!(is_plain(Path::new("/private/var/folders/zz/zyxvpxvq6csfxvn_n000000/T")));
        for path in ["/tmp/it's", "/tmp/a b", "/tmp/a,b", "/tmp/ü"] {
            assert!(!is_plain(Path::new(path)), "{path}");
        }
        assert!(!is_plain(Path::new(&format!("/{}", "x".repeat(80)))));
    }
}
