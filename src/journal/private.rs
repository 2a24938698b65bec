//! Files and folders that drill keeps: their owner alone may read them, and no symbolic link is followed to one.
//!
//! Folders are made with mode 0700, files with 0600. What stands above the folder that a user named may be a link: where
//! a repository is, is the user's own matter. Used for the journals, the key and the reports.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

/// The largest file that [`read`] reads, in bytes.
const LARGEST: u64 = 64 * 1024;

/// So many files are synced at a time: the disk does it for all of them together.
const SYNCED_AT_ONCE: usize = 3;

/// Real time between two looks whether others still write, and how many looks there are.
const TURN: Duration = Duration::from_millis(5);
const MOST_TURNS: u32 = 400;

/// A thread that does nothing but sync needs no more, in bytes.
const SMALL_STACK: usize = 128 * 1024;

/// Makes a folder, and those above it, unless it is there.
///
/// # Errors
/// When it is a symbolic link or a file, or cannot be made.
pub fn folder(path: &Path) -> io::Result<()> {
    // A slash at the end would lead through a link.
    let path: PathBuf = path.components().collect();
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(found) if found.is_symlink() => Err(link()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)
        }
        Err(error) => Err(error),
    }
}

/// A new file, for writing.
///
/// # Errors
/// When anything is there, a link that leads nowhere included.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes an empty file unless there is one. One that is there is not opened: whoever closes a database's file again takes
/// SQLite's locks on it from the whole process.
///
/// # Errors
/// When it is a symbolic link or no file, or cannot be made.
pub fn ensure(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) if found.is_symlink() => Err(link()),
        Ok(_) => Err(no_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map(drop),
        },
        Err(error) => Err(error),
    }
}

/// A file for reading and writing, made if it is not there.
///
/// # Errors
/// When it is a symbolic link or no file, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = unfollowed();
    regular(options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(said)?)
}

/// A file for reading and writing, which must be there.
///
/// # Errors
/// When it is not, is a symbolic link or no file, or cannot be opened.
pub fn existing(path: &Path) -> io::Result<File> {
    regular(unfollowed().read(true).write(true).open(path).map_err(said)?)
}

/// The text of a small file.
///
/// # Errors
/// When it is a symbolic link or no file, or cannot be read.
pub fn read(path: &Path) -> io::Result<String> {
    let file = regular(unfollowed().read(true).open(path).map_err(said)?)?;
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// The bytes of a file of at most `largest` bytes.
///
/// # Errors
/// When it is a symbolic link or no file, is larger, or cannot be read.
pub fn bytes(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let file = regular(unfollowed().read(true).open(path).map_err(said)?)?;
    let mut bytes = Vec::new();
    file.take(largest.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= largest) {
        Ok(bytes)
    } else {
        Err(io::Error::other(format!("it is larger than {largest} bytes")))
    }
}

/// Gives a file that was written aside its place, unless something is there: then that stays. Nothing is left aside.
///
/// # Errors
/// When it cannot get that place, or what is aside cannot be removed.
pub fn place(aside: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, aside, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => fs::remove_file(aside),
        // Some file systems know no such renaming, but a second name.
        Err(_) => {
            let linked = fs::hard_link(aside, path);
            fs::remove_file(aside)?;
            linked.or_else(|error| if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
        }
    }
}

/// Writes a file as a whole: beside its place, then synced and renamed. A symbolic link in its place is replaced.
///
/// # Errors
/// When it cannot be written. What was there before is still there then.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let _turn = turn(path);
    let begun = begin(path, content)?;
    begun.file.sync_all()?;
    fs::rename(&begun.beside, path)
}

/// Writes several files, each as [`replace`] does. They are synced some at a time, and none gets its place before all are
/// on the disk; then they get their places in this order.
///
/// # Errors
/// The first that cannot be written, and why.
pub fn replace_all<'a>(files: &[(&'a Path, &[u8])]) -> Result<(), (&'a Path, io::Error)> {
    let _turn = files.first().and_then(|(path, _)| turn(path));
    let placed = try_replace_all(files);
    if placed.is_err() {
        for (path, _) in files {
            drop(fs::remove_file(beside(path)));
        }
    }
    placed
}

fn try_replace_all<'a>(files: &[(&'a Path, &[u8])]) -> Result<(), (&'a Path, io::Error)> {
    let mut begun = Vec::with_capacity(files.len());
    for &(path, content) in files {
        begun.push(begin(path, content).map_err(|error| (path, error))?);
    }
    let each = begun.len().div_ceil(SYNCED_AT_ONCE).max(1);
    thread::scope(|scope| {
        let mut parts = begun.chunks(each);
        let own = parts.next().unwrap_or_default();
        let small = || thread::Builder::new().stack_size(SMALL_STACK);
        let apart = |part| (part, small().spawn_scoped(scope, move || synced(part)));
        let others: Vec<_> = parts.map(apart).collect();
        others.into_iter().fold(synced(own), |so_far, (part, other)| {
            so_far.and(match other {
                Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic)),
                // No thread could be had.
                Err(_) => synced(part),
            })
        })
    })?;
    begun.iter().try_for_each(|one| fs::rename(&one.beside, one.path).map_err(|error| (one.path, error)))
}

/// Waits until nobody else writes into the folder of a file this way, and keeps others from it until this is dropped: what is
/// written beside its place has one name there. Nothing where the folder has no lock to give, or where somebody keeps it for
/// longer than any write takes, as a stopped process does; then they write at the same time.
fn turn(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = File::open(folder).ok()?;
    for _ in 0..MOST_TURNS {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => let_others_write(),
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

#[expect(clippy::disallowed_methods, reason = "another process writes, which takes real time and next to none")]
fn let_others_write() {
    thread::sleep(TURN);
}

/// A file that was written beside its place.
struct Begun<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: File,
}

/// Where a file is written before it gets its place.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn begin<'a>(path: &'a Path, content: &[u8]) -> io::Result<Begun<'a>> {
    let beside = beside(path);
    // Of a process that died, or planted: a link itself is removed, not what it leads to.
    let _ = fs::remove_file(&beside);
    let mut file = create(&beside)?;
    file.write_all(content)?;
    Ok(Begun { path, beside, file })
}

fn synced<'a>(files: &[Begun<'a>]) -> Result<(), (&'a Path, io::Error)> {
    files.iter().try_for_each(|one| one.file.sync_all().map_err(|error| (one.path, error)))
}

fn unfollowed() -> OpenOptions {
    let mut options = OpenOptions::new();
    // A named pipe would wait for its other end.
    options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    options
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

fn no_file() -> io::Error {
    io::Error::other("it is not a file")
}

/// The system's own word for a refused link is about loops.
fn said(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) { link() } else { error }
}

fn link() -> io::Error {
    io::Error::other("it is a symbolic link, and drill writes through none: name the place that it leads to")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use super::{bytes, create, ensure, folder, open, place, read, replace, replace_all};

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        folder(&inner).unwrap();
        folder(&inner).unwrap();
        let file = inner.join("file");
        ensure(&file).unwrap();
        ensure(&file).unwrap();
        replace(&inner.join("other"), b"text").unwrap();
        assert_eq!((mode(&inner), mode(&root.path().join("a"))), (0o700, 0o700));
        assert_eq!((mode(&file), mode(&inner.join("other"))), (0o600, 0o600));
        assert_eq!(read(&inner.join("other")).unwrap(), "text");
        assert!(create(&file).is_err() && folder(&file).is_err() && open(&inner).is_err());
    }

    #[test]
    fn no_more_is_read_than_was_said() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "four").unwrap();
        assert_eq!(bytes(&file, 4).unwrap(), b"four");
        assert!(bytes(&file, 3).unwrap_err().to_string().contains("larger than 3"));
        assert!(bytes(root.path(), 4).is_err());
        symlink(&file, root.path().join("link")).unwrap();
        assert!(bytes(&root.path().join("link"), 4).unwrap_err().to_string().contains("symbolic link"));
    }

    #[test]
    fn a_file_gets_its_place_unless_something_is_there() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for text in ["first", "second"] {
            fs::write(at("aside"), text).unwrap();
            place(&at("aside"), &at("file")).unwrap();
            assert_eq!((fs::read_to_string(at("file")).unwrap().as_str(), at("aside").exists()), ("first", false));
        }
        fs::write(at("aside"), "third").unwrap();
        assert!(place(&at("aside"), &at("no/file")).is_err());
        assert!(!at("aside").exists());
    }

    #[test]
    fn of_several_files_all_get_their_places_or_none() {
        let root = tempfile::tempdir().unwrap();
        let (one, other, nowhere) = (root.path().join("one"), root.path().join("other"), root.path().join("no/file"));
        replace_all(&[(one.as_path(), b"1".as_slice()), (other.as_path(), b"2".as_slice())]).unwrap();
        assert_eq!((read(&one).unwrap(), read(&other).unwrap()), ("1".to_owned(), "2".to_owned()));
        assert_eq!((mode(&one), mode(&other)), (0o600, 0o600));
        let (path, _) =
            replace_all(&[(one.as_path(), b"3".as_slice()), (nowhere.as_path(), b"4".as_slice())]).unwrap_err();
        assert_eq!(path, nowhere);
        assert_eq!(read(&one).unwrap(), "1");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
        replace_all(&[]).unwrap();
    }

    #[test]
    fn whoever_writes_at_the_same_time_writes_whole_files() {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = (root.path().join("one"), root.path().join("other"));
        let text = |writer: u8| vec![b'a' + writer; 100_000];
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (one, other) = (&one, &other);
                scope.spawn(move || {
                    for _ in 0..4 {
                        let content = text(writer);
                        replace_all(&[(one.as_path(), content.as_slice()), (other.as_path(), content.as_slice())])
                            .unwrap();
                        replace(one, &content).unwrap();
                    }
                });
            }
        });
        for path in [&one, &other] {
            let found = fs::read(path).unwrap();
            assert!((0..4).any(|writer| found == text(writer)), "{} bytes", found.len());
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
    }

    #[test]
    fn no_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), "mine").unwrap();
        let at = |name: &str| root.path().join(name);
        symlink(&outside, at("folder")).unwrap();
        symlink(outside.join("file"), at("file")).unwrap();
        symlink(outside.join("none"), at("dangling")).unwrap();
        assert!(folder(&at("folder")).is_err() && folder(&at("folder/")).is_err() && folder(&at("dangling")).is_err());
        for name in ["file", "dangling"] {
            let said = open(&at(name)).unwrap_err().to_string();
            assert!(said.contains("symbolic link"), "{said}");
            assert!(ensure(&at(name)).is_err() && read(&at(name)).is_err() && create(&at(name)).is_err());
        }
        replace(&at("file"), b"new").unwrap();
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "mine");
        assert!(fs::symlink_metadata(at("file")).unwrap().is_file() && !outside.join("none").exists());
    }
}
