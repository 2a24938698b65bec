//! B20: how large the program is, and what it takes while it does nothing.

use std::path::Path;
use std::time::Duration;

use crate::drill;
use crate::figure::{EXACT, Figure, Once, REAL, UNPREPARED, explain};
use crate::measure::memory_kib;
use crate::wire::Server;

/// Bytes in a MB.
const MB: f64 = 1_000_000.0;

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B20a",
        what: "the stripped program: all that is installed",
        unit: "MB",
        target: Some(30.0),
        moonshot: Some(15.0),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(10),
        prepare: UNPREPARED,
        once: size,
    },
    Figure {
        id: "B20b",
        what: "memory of an idle `drill serve`",
        unit: "MB",
        target: Some(25.0),
        moonshot: Some(14.0),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(10),
        prepare: UNPREPARED,
        once: |_| Err("there is no `drill serve` yet".to_owned()),
    },
    Figure {
        id: "B20c",
        what: "memory of an idle `drill sandbox`",
        unit: "MB",
        target: None,
        moonshot: None,
        more: false,
        times: REAL,
        deadline: Duration::from_secs(10),
        prepare: UNPREPARED,
        once: idle,
    },
];

fn size(_: &Path) -> Result<Once, String> {
    let bytes = std::fs::metadata(drill::PROGRAM).map_err(explain)?.len();
    let kib = u32::try_from(bytes / 1_024).map_err(explain)?;
    Ok(Once::new(f64::from(kib) * 1_024.0 / MB))
}

fn idle(folder: &Path) -> Result<Once, String> {
    let own = tempfile::tempdir_in(folder).map_err(explain)?;
    drill::write(own.path(), "drills/orders.yaml", drill::ORDERS)?;
    let server = Server::start(own.path(), &[])?;
    server.inventory()?;
    Ok(Once::new(memory_kib(&server.process().to_string(), "VmRSS")? * 1_024.0 / MB))
}
