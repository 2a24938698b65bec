//! `drill import`.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::past::{from, imported_json, whole};
use crate::cli::place::Place;
use crate::cli::ui::{Ui, clean};
use crate::cli::verify::{self, TOOLS, trusted};
use crate::evidence::bundle::{JOURNAL, MANIFEST};
use crate::evidence::recompute::misjudged;
use crate::evidence::verify::{Signer, TrustedKey, verify as verified};
use crate::journal::event::Recorded;
use crate::journal::lines::{check_form, read_lines};
use crate::journal::state::State;
use crate::journal::store::{Imported, Origin};
use crate::words::id::{DrillName, RunId};
use crate::words::kind::{Mode, Verdict};

/// The report in a bundle, which a bundle without a journal may have.
const REPORT: &str = "report.json";

/// The largest journal that is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// What follows from a signer that nobody knows.
const UNKNOWN: &str = "signer unknown: no trusted key signed these, so they prove nothing here. With the public key in `keys/` (or \
                       `--key`) import them again";

/// What is said of a bundle that is not the last of its run.
const OUTGROWN: &str = "the journal here goes on to a later verdict";

/// How deep below the folder that is named bundles may lie, and how many entries are looked at in all.
const DEEPEST: usize = 8;
const MOST_ENTRIES: usize = 1_000_000;

/// Takes the runs of bundles into the journals of this machine, such as after their loss: history, coverage, trends.
///
/// A bundle is verified first, as `drill verify` does, and a broken one is refused. Of a journal without a manifest the
/// chain and the verdict are checked. Anybody can make up either: what no trusted key signed is taken as `signer unknown`.
/// That sticks to the run: it proves nothing in `drill coverage`, and this machine never signs what it did not run. A run
/// that is known already stays as it is, but for what a later bundle of it adds behind its last record. Exit code: 0 nothing
/// was refused, 1 something was.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folders with bundles below them, such as reports/, or journals
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Take runs too that are not over, leaked or keep something: the next run and `drill resume` act on their journals
    #[arg(long)]
    owing: bool,

    /// A public key (PEM) that is trusted [default: keys/*.pub in --dir]; may be given more than once
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

/// What came of one bundle.
struct Bundle {
    file: PathBuf,
    /// The run, if its journal can be read.
    head: Option<Head>,
    outcome: Result<(Imported, Origin), String>,
}

/// What is said of a run.
struct Head {
    run: RunId,
    drill: DrillName,
    mode: Mode,
    verdict: Option<Verdict>,
}

/// What was found below the paths.
#[derive(Default)]
struct Found {
    journals: Vec<PathBuf>,
    /// Folders of reports without a journal.
    without: Vec<PathBuf>,
    entries: usize,
}

/// See [`Args`].
///
/// # Errors
/// When a folder cannot be read, nothing is found, or the journals of this machine cannot be used.
pub fn import(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let trusted = trusted(&args.keys, place)?;
    let mut found = Found::default();
    for path in &args.paths {
        look(path, 0, &mut found).map_err(|source| CliError::Read { path: path.clone(), source })?;
    }
    if found.journals.is_empty() && found.without.is_empty() {
        return Err(CliError::usage(format!("there is no `{JOURNAL}` below that; name the folder of reports")));
    }
    found.journals.sort();
    found.without.sort();
    let mut bundles = Vec::with_capacity(found.journals.len());
    for file in found.journals {
        bundles.push(of_bundle(file, args.owing, &trusted, place)?);
    }
    let refused = bundles.iter().any(|bundle| bundle.outcome.is_err());
    let exit = if refused { Exit::Failed } else { Exit::Passed };
    if ui.is_json() {
        let without: Vec<String> = found.without.iter().map(|folder| Place::shown(folder)).collect();
        let bundles: Vec<Value> = bundles.iter().map(value).collect();
        ui.json(&json!({ "version": 1, "bundles": bundles, "without_journal": without, "exit_code": exit.number() }));
        return Ok(exit);
    }
    for folder in &found.without {
        ui.say(&clean(&format!("{}: there is no `{JOURNAL}` in it", Place::shown(folder))));
    }
    ui.print(&Ui::table(&["file", "run", "drill", "verdict", "result"], bundles.iter().map(row).collect()));
    let count = |is: fn(&Bundle) -> bool| bundles.iter().filter(|bundle| is(bundle)).count();
    let continued = match count(|bundle| matches!(bundle.outcome, Ok((Imported::Continued, _)))) {
        0 => String::new(),
        more => format!(", {more} continued"),
    };
    ui.print(&format!(
        "\n{} taken{continued}, {} known already, {} refused",
        count(|bundle| matches!(bundle.outcome, Ok((Imported::Taken, _)))),
        count(|bundle| matches!(bundle.outcome, Ok((Imported::Had | Imported::Outgrown, _)))),
        count(|bundle| bundle.outcome.is_err())
    ));
    if bundles.iter().any(|bundle| matches!(bundle.outcome, Ok((_, Origin::Unknown)))) {
        ui.say(UNKNOWN);
    }
    Ok(exit)
}

/// Finds journals below a folder. No link is followed.
fn look(path: &Path, depth: usize, found: &mut Found) -> io::Result<()> {
    if depth == 0 && !fs::metadata(path)?.is_dir() {
        found.journals.push(path.to_owned());
        return Ok(());
    }
    let (mut journal, mut report) = (false, false);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        found.entries += 1;
        if found.entries > MOST_ENTRIES {
            return Err(io::Error::other(format!("more than {MOST_ENTRIES} files and folders; name a smaller folder")));
        }
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEEPEST {
            look(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() && entry.file_name() == JOURNAL {
            journal = true;
            found.journals.push(entry.path());
        } else if kind.is_file() && entry.file_name() == REPORT {
            report = true;
        }
    }
    if report && !journal {
        found.without.push(path.to_owned());
    }
    Ok(())
}

fn of_bundle(file: PathBuf, owing: bool, trusted: &[TrustedKey], place: &Place) -> Result<Bundle, CliError> {
    let refused = |file: PathBuf, head: Option<Head>, why: String| Ok(Bundle { file, head, outcome: Err(why) });
    let text = match text(&file) {
        Ok(text) => text,
        Err(error) => return refused(file, None, whole(&error)),
    };
    let records = match read_lines(&text) {
        Ok(records) => records,
        Err(error) => return refused(file, None, whole(&error)),
    };
    let state = match State::replay(&records) {
        Ok(state) => state,
        Err(illegal) => return refused(file, None, whole(&illegal)),
    };
    if let Some(why) = owed(&state).filter(|_| !owing) {
        return refused(
            file,
            Some(head(&state)),
            format!("{why}; --owing takes it, and drill acts on its journal then"),
        );
    }
    let signer = match signer(&file, &text, &records, trusted) {
        Ok(signer) => signer,
        Err(why) => return refused(file, Some(head(&state)), why),
    };
    // The records hold all of it that is needed.
    drop(text);
    let store = place.store(state.started.mode)?;
    let outcome = store.import(records, signer.as_deref()).map_err(|error| whole(&error));
    // Of a run that was known already, where that came from.
    let outcome = match outcome {
        Ok(imported) => Ok((imported, store.origin(&state.run)?)),
        Err(why) => Err(why),
    };
    Ok(Bundle { file, head: Some(head(&state)), outcome })
}

/// The id of the trusted key that signed the bundle of a journal; none if nobody known did, or there is no bundle.
///
/// # Errors
/// What does not fit.
fn signer(file: &Path, text: &str, records: &[Recorded], trusted: &[TrustedKey]) -> Result<Option<String>, String> {
    let folder = file.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let Some(folder) = folder.filter(|folder| fs::symlink_metadata(folder.join(MANIFEST)).is_ok()) else {
        check_form(text, records).map_err(|error| whole(&error))?;
        return match misjudged(records, &TOOLS).first() {
            Some(problem) => Err(problem.what.clone()),
            None => Ok(None),
        };
    };
    let bundle = verify::read(folder).map_err(|error| whole(&error))?;
    let verification = verified(&bundle, trusted, &TOOLS);
    if let Some(problem) = verification.problems.first() {
        let all = verification.problems.len();
        let more = if all == 1 { String::new() } else { format!(" (and {} more)", all - 1) };
        return Err(format!("the bundle is broken: {}: {}{more}; `drill verify` says all", problem.file, problem.what));
    }
    if bundle.files.get(JOURNAL).map(Vec::as_slice) != Some(text.as_bytes()) {
        return Err("it is not the journal of the bundle beside it".to_owned());
    }
    match verification.signer {
        Signer::Trusted { key_id, .. } => Ok(Some(key_id)),
        Signer::Unknown { .. } | Signer::Unsigned | Signer::Broken => Ok(None),
    }
}

/// Why the next run would act on a run's journal. A journal that somebody else wrote is a list of things to remove and of
/// programs to start: nobody takes one unasked.
fn owed(state: &State) -> Option<&'static str> {
    match &state.concluded {
        None => Some("the run is not over"),
        Some((_, conclusion)) if conclusion.verdict == Verdict::Leaked => Some("the run leaked, and owes its teardown"),
        Some(_) if state.lease().is_some() => Some("the run keeps something, and owes its removal"),
        Some(_) if !state.owed_undos().is_empty() => Some("the run owes the undoing of an action"),
        Some(_) => None,
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(text)
}

fn outcome(bundle: &Bundle) -> (&'static str, Option<&str>) {
    match &bundle.outcome {
        Ok((Imported::Taken, _)) => ("taken", None),
        Ok((Imported::Continued, _)) => ("continued", None),
        Ok((Imported::Had, _)) => ("known", None),
        Ok((Imported::Outgrown, _)) => ("known", Some(OUTGROWN)),
        Err(why) => ("refused", Some(why.as_str())),
    }
}

/// Where the run comes from, if it is there now.
fn origin(bundle: &Bundle) -> Option<&Origin> {
    bundle.outcome.as_ref().ok().map(|(_, origin)| origin)
}

fn head(state: &State) -> Head {
    Head {
        run: state.run,
        drill: state.started.drill.clone(),
        mode: state.started.mode,
        verdict: state.concluded.as_ref().map(|(_, conclusion)| conclusion.verdict),
    }
}

fn row(bundle: &Bundle) -> Vec<String> {
    let of = |text: fn(&Head) -> String| bundle.head.as_ref().map_or_else(|| "-".to_owned(), text);
    let (word, because) = outcome(bundle);
    let because = because.map(|why| format!(": {why}")).unwrap_or_default();
    let result = format!("{word}{}{because}", origin(bundle).map_or("", from));
    vec![
        Place::shown(&bundle.file),
        of(|head| head.run.short()),
        of(|head| head.drill.to_string()),
        of(|head| head.verdict.map_or_else(|| "not over".to_owned(), |verdict| verdict.to_string())),
        result,
    ]
}

fn value(bundle: &Bundle) -> Value {
    let (result, because) = outcome(bundle);
    let head = bundle.head.as_ref();
    json!({
        "file": Place::shown(&bundle.file),
        "run": head.map(|head| head.run),
        "drill": head.map(|head| &head.drill),
        "mode": head.map(|head| head.mode),
        "verdict": head.and_then(|head| head.verdict),
        "result": result,
        "because": because,
        "imported": origin(bundle).map(imported_json),
    })
}
