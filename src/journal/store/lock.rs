//! The lock of a drill, and the word that its last run left in it.
//!
//! The lock is the operating system's: a process that dies gives it back. The word says which run was the last and how many
//! records it had; a journal that knows of fewer was cut or lost.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::journal::event::{Event, Recorded};
use crate::journal::private;
use crate::journal::store::Store;
use crate::journal::store::error::StoreError;
use crate::journal::store::read::threads;
use crate::words::both::each;
use crate::words::id::{DrillName, RunId};
use crate::words::text::tame;

/// No word is longer, in bytes.
const LONGEST_WORD: usize = 200;

/// Nobody looks at a lock for longer than so many times [`LOOK_PASSES`], unless its process is stopped.
const MOST_LOOKS: u32 = 500;

/// Fewer locks are read, and looked for in the journal, by one thread.
pub(super) const MANY: usize = 256;

/// Real time: a look at a lock is over long before.
const LOOK_PASSES: Duration = Duration::from_millis(10);

/// The last word of a drill's last run, as it stands in the lock.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) run: RunId,
    /// How many records the run had.
    pub(super) records: u64,
    pub(super) lock: PathBuf,
}

/// The lock of a drill: one run of a drill at a time.
#[derive(Debug)]
pub struct DrillLock {
    drill: DrillName,
    file: File,
    /// How long the last word was that this process wrote.
    length: u64,
}

impl DrillLock {
    /// The drill that is locked.
    #[must_use]
    pub fn drill(&self) -> &DrillName {
        &self.drill
    }

    /// The same without what the run's journal says.
    pub(super) fn park(self) -> ParkedLock {
        let Self { file, length, .. } = self;
        ParkedLock { file, length }
    }

    /// How many records a run has, as this lock says it; nothing if it speaks of another run.
    pub(super) fn told(&self, run: &RunId) -> Option<u64> {
        word_in(&self.file).filter(|(named, _)| named == run).map(|(_, records)| records)
    }

    /// Leaves a word for whoever finds the drill locked, and for whoever finds a journal that is shorter than this says.
    /// Only a courtesy: the lock itself is the operating system's, and what was not written is not missed. It always has
    /// the same length, so that one write replaces all of it.
    pub(super) fn say(&mut self, run: &RunId, records: u64) {
        let word = format!("run {run}, process {}, record {records:<12}", std::process::id());
        let length = u64::try_from(word.len()).unwrap_or(0);
        let said = self.file.write_all_at(word.as_bytes(), 0);
        if length != self.length && said.and_then(|()| self.file.set_len(length)).is_ok() {
            self.length = length;
        }
    }
}

/// The lock of a drill whose run nobody drives for now: the journal names the drill.
#[derive(Debug)]
pub(super) struct ParkedLock {
    file: File,
    length: u64,
}

impl ParkedLock {
    /// This is the drill that is locked.
    pub(super) fn of(self, drill: DrillName) -> DrillLock {
        let Self { file, length } = self;
        DrillLock { drill, file, length }
    }
}

impl Store {
    fn locks(&self) -> PathBuf {
        self.shared.folder.join("locks")
    }

    fn lock_of(&self, drill: &DrillName) -> PathBuf {
        self.locks().join(format!("{drill}.lock"))
    }

    /// Takes the lock of a drill. Looks of others ([`Store::is_running`]) are let pass.
    ///
    /// # Errors
    /// When another process has it.
    pub fn lock(&self, drill: &DrillName) -> Result<DrillLock, StoreError> {
        let path = self.lock_of(drill);
        let failed = |source| StoreError::Folder { path: path.clone(), source };
        let mut file = private::open(&path).map_err(failed)?;
        for _ in 0..MOST_LOOKS {
            if had(file.try_lock()).map_err(failed)? {
                return Ok(DrillLock { drill: drill.clone(), file, length: 0 });
            }
            // Who runs the drill shares its lock with nobody.
            if !had(file.try_lock_shared()).map_err(failed)? {
                break;
            }
            file.unlock().map_err(failed)?;
            let_look_pass();
        }
        let mut by = String::new();
        let _ = (&mut file).take(200).read_to_string(&mut by);
        Err(StoreError::Locked { drill: drill.clone(), by: tame(by.trim()) })
    }

    /// Whether a process runs the drill now. To know it, the lock is shared for an instant: several may look at once, and
    /// whoever wants the lock for a run waits until they have looked.
    #[must_use]
    pub fn is_running(&self, drill: &DrillName) -> bool {
        let file = private::open(&self.lock_of(drill));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// The run that a process has now, if one has the drill.
    #[must_use]
    pub fn running(&self, drill: &DrillName) -> Option<RunId> {
        let lock = self.lock_of(drill);
        if self.is_running(drill) { word_of(&lock).map(|(run, _)| run) } else { None }
    }

    /// How many records a run has, as the lock of its drill says it; nothing if that speaks of a later run.
    pub(super) fn told(&self, drill: &DrillName, run: &RunId) -> Option<u64> {
        word_of(&self.lock_of(drill)).filter(|(named, _)| named == run).map(|(_, records)| records)
    }

    /// The same for a run of which the records are there.
    pub(super) fn told_of(&self, records: &[Recorded]) -> Option<u64> {
        let Some(Recorded { run, event: Event::RunStarted(started), .. }) = records.first() else { return None };
        self.told(&started.drill, run)
    }

    /// The last run of each drill, or of one, as the locks name them; each with its lock.
    pub(super) fn last_runs(&self, drill: Option<&DrillName>) -> Result<Vec<Word>, StoreError> {
        let folder = self.locks();
        let failed = |source| StoreError::Folder { path: folder.clone(), source };
        let mut locks = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let lock = entry.map_err(failed)?.path();
            if drill.is_none_or(|drill| lock.file_stem().is_some_and(|stem| stem == drill.as_str())) {
                locks.push(lock);
            }
        }
        Ok(words_of(&locks))
    }
}

/// The words in these locks, without those that say nothing.
fn words_of(locks: &[PathBuf]) -> Vec<Word> {
    let words = |locks: &[PathBuf]| -> Vec<Word> {
        let word = |lock: &PathBuf| word_of(lock).map(|(run, records)| Word { run, records, lock: lock.clone() });
        locks.iter().filter_map(word).collect()
    };
    if locks.len() < MANY {
        return words(locks);
    }
    let parts = locks.chunks(locks.len().div_ceil(threads())).collect();
    each(parts, words).into_iter().flatten().collect()
}

/// Whether a lock was had.
fn had(tried: Result<(), fs::TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(source)) => Err(source),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process looks at the lock, which takes real time and next to none"
)]
fn let_look_pass() {
    thread::sleep(LOOK_PASSES);
}

/// What a lock says of the last run of its drill: the run, and how many records it had.
fn word_of(lock: &Path) -> Option<(RunId, u64)> {
    word_in(&File::open(lock).ok()?)
}

fn word_in(lock: &File) -> Option<(RunId, u64)> {
    let mut word = [0; LONGEST_WORD];
    let length = lock.read_at(&mut word, 0).ok()?;
    let word = std::str::from_utf8(word.get(..length)?).ok()?;
    let mut parts = word.strip_prefix("run ")?.split(", ");
    let run = parts.next()?.parse().ok()?;
    let records = parts.find_map(|part| part.strip_prefix("record ")?.trim().parse().ok());
    Some((run, records.unwrap_or(0)))
}
