//! B17: every single point at which a process can die, of every drill that ships.

use std::path::Path;
use std::time::Duration;

use restore_drill::definition::load::names;

use crate::figure::{Figure, Once, REAL, UNPREPARED, explain};
use crate::measure::Stopwatch;
use crate::simulator::{counts, rehearse};

/// The ways to die, as `drill rehearse` names them.
const DEATHS: [&str; 5] = ["crash", "crash_unwritten", "crash_lost", "crash_away", "crash_twice"];

pub(crate) const FIGURES: &[Figure] = &[Figure {
    id: "B17",
    what: "all single crash points of the drills that ship, wall time",
    unit: "s",
    target: Some(60.0),
    moonshot: Some(10.0),
    more: false,
    times: REAL,
    deadline: Duration::from_secs(300),
    prepare: UNPREPARED,
    once,
}];

fn once(_: &Path) -> Result<Once, String> {
    let drills = names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("drills")).map_err(explain)?;
    let deaths: Vec<&str> = DEATHS.iter().flat_map(|death| ["--fault", death]).collect();
    let watch = Stopwatch::start();
    let (mut cases, mut findings) = (0.0, 0);
    for (name, _) in &drills {
        let said = rehearse(name.as_str(), &deaths)?;
        let (counted, found) = counts(&said, "scenarios");
        cases += counted;
        findings += found;
    }
    let took = watch.passed().as_secs_f64();
    Ok(Once::new(took).note(format!("{cases} deaths in {} drills, {findings} findings", drills.len())))
}
