//! The evidence bundle before a run's: what it is chained to.

use std::fs;

use crate::cli::place::Place;
use crate::evidence::bundle::MANIFEST;
use crate::evidence::manifest::Manifest;
use crate::journal::chain::sha256_hex;
use crate::journal::event::PreviousBundle;
use crate::journal::private;
use crate::words::id::{DrillName, RunId};
use crate::words::kind::Mode;

/// The largest manifest that is read, in bytes.
pub(crate) const LARGEST_MANIFEST: u64 = 1024 * 1024;

/// The newest bundle of a drill and mode whose run began before this one.
pub(crate) fn before(place: &Place, mode: Mode, (drill, run): (&DrillName, &RunId)) -> Option<PreviousBundle> {
    let own = place.evidence(mode, drill, run);
    let folder = own.parent()?;
    let entries = fs::read_dir(folder).ok()?;
    let mut earlier: Vec<RunId> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<RunId>().ok())
        .filter(|other| other < run)
        .collect();
    earlier.sort_unstable();
    earlier.into_iter().rev().find_map(|other| {
        let bytes = private::bytes(&folder.join(other.to_string()).join(MANIFEST), LARGEST_MANIFEST).ok()?;
        let manifest = Manifest::read(&bytes).ok()?;
        let fits = manifest.run == other && manifest.mode == mode && manifest.drill == *drill;
        fits.then(|| PreviousBundle {
            run: other,
            manifest_sha256: sha256_hex(&bytes),
            journal_head: manifest.journal.head.clone(),
        })
    })
}
