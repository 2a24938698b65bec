//! B4: how much longer a drill of 50 steps takes than what AWS itself needs for it, in virtual time, polls included. It ran
//! once before, and each of its restores and removals took up to three per cent more or less then.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use restore_drill::aws::exchange::Exchange;
use restore_drill::aws::resource::facts;
use restore_drill::history::past::earlier;
use restore_drill::journal::event::Earlier;
use restore_drill::journal::state::State;
use restore_drill::journal::store::Store;
use restore_drill::plan::compile::compile;
use restore_drill::run::drive::Ended;
use restore_drill::run::pace::ABSENT_FOR;
use restore_drill::sandbox::{IdleClock, Inventory, WorldFile, WorldSpec};
use restore_drill::words::kind::Verdict;
use restore_drill::words::time::Clock;

use crate::figure::{EXACT, Figure, Once, UNPREPARED, explain};
use crate::inside::Inside;
use crate::many::{self, Begun};
use crate::table::shown;
use crate::{no_op, waits};

/// Each has four steps.
const RESTORES: usize = 8;

/// With the preflight and the report, 50 steps.
const PROBES: usize = 16;

/// Between two looks at the world's own books.
const SAMPLE: SignedDuration = SignedDuration::from_secs(1);

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        id: "B4",
        what: "a drill of 50 steps that ran once before by its critical path in AWS, virtual time",
        unit: "×",
        target: Some(1.010),
        moonshot: Some(1.002),
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(120),
        prepare: UNPREPARED,
        once: again,
    },
    Figure {
        id: "B4f",
        what: "the same in the first run of the drill",
        unit: "×",
        target: None,
        moonshot: None,
        more: false,
        times: EXACT,
        deadline: Duration::from_secs(120),
        prepare: UNPREPARED,
        once: first,
    },
];

fn text() -> String {
    let mut text = String::from(
        "version: 1\nname: fifty\ntitle: Fifty steps\nowner: platform@example.com\nlimits: { max_duration: 30d, \
         max_parallel_restores: 8 }\nsource: { region: eu-west-2, account: \"123456789012\" }\ndestination:\n  region: \
         eu-west-1\n  account: \"123456789012\"\n  vault: prod-rds-vault-dr\n  restore_role: \
         arn:aws:iam::123456789012:role/drill-restore\nrestore:\n",
    );
    for number in 1..=RESTORES {
        text.push_str(&format!(
            "  db-{number}:\n    type: rds\n    resource: arn:aws:rds:eu-west-2:123456789012:db:db-{number}\n    timeout: 10d\n"
        ));
    }
    text.push_str("probes:\n");
    for number in 1..=PROBES {
        text.push_str(&format!("  probe-{number}: {{ on: db-{}, tcp: {{}} }}\n", (number - 1) % RESTORES + 1));
    }
    text
}

/// The world of the run that counts, or of the one before.
fn world(is_before: bool) -> String {
    let mut text = String::from("version: 1\nstarts: \"2026-11-21T12:00:00Z\"\nresources:\n");
    for number in 1..=RESTORES {
        // From 97 to 103.
        let percent = if is_before { 97 + number * 5 % 7 } else { 100 };
        let (restore, removal) = ((660 + 17 * number) * percent / 100, 240 * percent / 100);
        text.push_str(&format!(
            "  db-{number}: {{ restore: {{ takes: {restore}s }}, removal: {{ takes: {removal}s }} }}\n"
        ));
    }
    text
}

/// What the world's books say of one restored thing.
#[derive(Default)]
struct Life {
    /// When it was last seen without being usable: the best that is known of one that was usable for less than a look.
    coming: Option<Timestamp>,
    usable: Option<Timestamp>,
    gone: Option<Timestamp>,
}

fn again(folder: &Path) -> Result<Once, String> {
    let before = lived(folder, true, 1, Vec::new())?.left;
    Ok(lived(folder, false, 2, vec![before])?.once())
}

fn first(folder: &Path) -> Result<Once, String> {
    Ok(lived(folder, false, 1, Vec::new())?.once())
}

/// A run that is over. In seconds.
struct Lived {
    steps: usize,
    wall: f64,
    path: f64,
    /// What it leaves for the next one.
    left: Earlier,
}

impl Lived {
    /// The least is what AWS needs and the time between the two looks that prove an absence.
    fn once(&self) -> Once {
        let Self { steps, wall, path, .. } = *self;
        let proof = ABSENT_FOR.as_secs_f64();
        let note = format!(
            "{steps} steps: {} s, and {} s are AWS's own; limit: the {} s between two sights of an absence come to that",
            shown(wall),
            shown(path),
            shown(proof)
        );
        Once::new(wall / path).limit((path + proof) / path).note(note)
    }
}

fn lived(folder: &Path, is_before: bool, number: u32, history: Vec<Earlier>) -> Result<Lived, String> {
    let folder = &folder.join(format!("run-{number}"));
    std::fs::create_dir_all(folder).map_err(explain)?;
    let definition = no_op::definition(&text())?;
    let file = WorldFile::read("fifty.world.yaml", &world(is_before)).map_err(explain)?;
    let spec = WorldSpec::from_definition(&definition).overlay(file);
    let clock = IdleClock::new(spec.starts.ok_or("the world has no start")?);
    many::virtual_runtime(&clock)?.block_on(async {
        let inside = Inside::new(spec, &clock);
        let exchange: Arc<dyn Exchange> = Arc::clone(&inside) as Arc<dyn Exchange>;
        let cloud = waits::cloud_over(&definition, &exchange).await?;
        let mut services = no_op::services(cloud, &definition.destination.region, folder);
        services.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        services.look_for_requests = Duration::from_secs(24 * 3_600);
        let store = Store::open(&folder.join("state")).map_err(explain)?;
        let plan = compile(&definition, facts).map_err(explain)?;
        let steps = plan.steps.len();
        let (state, journal) = many::begin_after(&store, plan, clock.now(), number, history)?;
        let mut end: Option<Box<State>> = None;
        let mut lives = BTreeMap::new();
        tokio::select! {
            biased;
            () = many::drive_all(vec![Begun { services, state, journal }], |ended| {
                end = match ended {
                    Ok(Ended::Concluded(state)) => Some(state),
                    _ => None,
                };
            }) => {}
            () = survey(&inside, &clock, &mut lives) => {}
        }
        note_lives(&inside.direct().inventory(), &mut lives);
        let state = end.ok_or("the drill did not end")?;
        let (at, conclusion) = state.concluded.as_ref().ok_or("the drill has no verdict")?;
        if conclusion.verdict != Verdict::Passed {
            return Err(format!("the drill ended {}", conclusion.verdict));
        }
        let wall = at.duration_since(state.started_at).as_secs_f64();
        let path = critical(&inside.direct().inventory(), &lives)?;
        let left = earlier(&state).ok_or("the drill leaves nothing for the next one")?;
        Ok(Lived { steps, wall, path, left })
    })
}

/// Looks at the world's books again and again.
async fn survey(inside: &Inside, clock: &Arc<IdleClock>, lives: &mut BTreeMap<String, Life>) {
    loop {
        note_lives(&inside.direct().inventory(), lives);
        clock.sleep_until(clock.now().saturating_add(SAMPLE).unwrap_or(Timestamp::MAX)).await;
    }
}

fn note_lives(books: &Inventory, lives: &mut BTreeMap<String, Life>) {
    for job in books.restore_jobs.iter().filter(|job| job.status == "COMPLETED") {
        let Some(made) = &job.makes else { continue };
        let life = lives.entry(made.clone()).or_default();
        match books.things.iter().find(|thing| thing.arn == *made) {
            Some(thing) if thing.state == "available" => {
                life.usable.get_or_insert(books.now);
            }
            Some(thing) if thing.state == "deleting" => life.usable = life.usable.or(life.coming),
            Some(_) => life.coming = Some(books.now),
            None if life.usable.is_some() => {
                life.gone.get_or_insert(books.now);
            }
            None => {}
        }
    }
}

/// The longest of all: from the accepted start until it can be used, and from its deletion until it is gone. In seconds.
fn critical(books: &Inventory, lives: &BTreeMap<String, Life>) -> Result<f64, String> {
    let mut longest: f64 = 0.0;
    for job in &books.restore_jobs {
        let made = job.makes.as_deref().ok_or("a restore job made nothing")?;
        let life = lives.get(made).ok_or("a restored database was never seen")?;
        let (Some(usable), Some(gone)) = (life.usable, life.gone) else {
            return Err(format!("`{made}` was not seen to come and to go"));
        };
        let name = made.rsplit(':').next().unwrap_or(made);
        let deletes = |operation: &str| operation.ends_with(":DeleteDBInstance");
        let asked = books.calls.iter().find(|call| deletes(&call.operation) && call.resource.as_deref() == Some(name));
        let asked = asked.ok_or_else(|| format!("nobody deleted `{made}`"))?.at;
        let there = usable.duration_since(job.created_at) + gone.duration_since(asked);
        longest = longest.max(there.as_secs_f64());
    }
    if longest > 0.0 { Ok(longest) } else { Err("nothing was restored".to_owned()) }
}
