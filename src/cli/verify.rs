//! `drill verify`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::aws::resource::facts;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::finding::{LARGEST_ADDENDUM, closed, line};
use crate::cli::place::Place;
use crate::cli::previous::LARGEST_MANIFEST;
use crate::cli::ui::{Ui, clean};
use crate::evidence::addendum::SeenAddendum;
use crate::evidence::bundle::{ADDENDA, Before, Bundle, JOURNAL, MANIFEST, SIGNATURE};
use crate::evidence::key::PublicKey;
use crate::evidence::manifest::Manifest;
use crate::evidence::verify::{Problem, Signer, Standing, Tools, TrustedKey, Verification, verify as verified};
use crate::journal::private;
use crate::report::json::measured;
use crate::run::step::report::rendered;
use crate::words::kind::Mode;
use crate::words::time::show_instant;

/// The largest file of a bundle that is read, in bytes. The journal is by far the largest.
const LARGEST_FILE: u64 = 256 * 1024 * 1024;

/// The most bytes that are read of all files together.
const LARGEST_BUNDLE: u64 = 512 * 1024 * 1024;

/// The most files that a bundle has, those of its addenda apart.
const MOST_FILES: usize = 100;

/// The most files of addenda: each may have a signature beside it.
const MOST_ADDENDA: usize = 2_000;

/// The largest file with a public key, in bytes.
const LARGEST_KEY: u64 = 64 * 1024;

/// What this drill verifies with.
pub(crate) const TOOLS: Tools<'static> = Tools { types: facts, render: rendered, version: env!("CARGO_PKG_VERSION") };

/// Verifies a run's evidence from its folder alone: hashes, the chain of the journal, signatures; makes verdict, measures
/// and report again from the journal and compares them. Asks nobody: no network, no AWS, no other file of drill.
///
/// Which keys are trusted is the reader's matter: those of --key, or else keys/*.pub in --dir.
///
/// Exit code: 0 genuine (of a rehearsal: a genuine rehearsal, which is no evidence), 1 something does not fit, 2 there is
/// no such folder or a key cannot be read, 3 everything fits, and no trusted key signed it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The bundle's folder, such as reports/NAME/RUN
    #[arg(value_name = "FOLDER")]
    path: PathBuf,

    /// A public key (PEM) that is trusted; may be given more than once
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
}

/// See [`Args`].
///
/// # Errors
/// When the folder or a key cannot be read.
pub fn verify(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let trusted = trusted(&args.keys, place)?;
    let bundle = read(&args.path).map_err(|source| CliError::Read { path: args.path.clone(), source })?;
    let verification = verified(&bundle, &trusted, &TOOLS);
    let exit = match verification.standing() {
        Standing::Genuine => Exit::Passed,
        Standing::Consistent => Exit::Inconclusive,
        Standing::Broken => Exit::Failed,
    };
    if ui.is_json() {
        ui.json(&as_json(&verification, &args.path, exit));
    } else {
        ui.print(&clean(&text(&verification, &args.path)));
    }
    Ok(exit)
}

/// The keys that are named, or else those of the repository.
///
/// # Errors
/// When one cannot be read, or is none.
pub(crate) fn trusted(named: &[PathBuf], place: &Place) -> Result<Vec<TrustedKey>, CliError> {
    if !named.is_empty() {
        return named.iter().map(|path| trusted_key(path)).collect();
    }
    let folder = place.keys();
    let failed = |source| CliError::Read { path: folder.clone(), source };
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>().map_err(failed)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pub"));
    paths.sort();
    paths.iter().map(|path| trusted_key(path)).collect()
}

fn trusted_key(path: &Path) -> Result<TrustedKey, CliError> {
    let failed = |source| CliError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(LARGEST_KEY).read_to_string(&mut text)).map_err(failed)?;
    let key = PublicKey::from_pem(&text).map_err(|error| failed(io::Error::other(error)))?;
    Ok(TrustedKey { name: Place::shown(path), key })
}

/// Everything that is in a bundle's folder, and the bundle before if it lies beside.
///
/// # Errors
/// When the folder cannot be read, or holds more than any bundle.
pub(crate) fn read(folder: &Path) -> io::Result<Bundle> {
    let mut bundle = Bundle::default();
    let mut left = LARGEST_BUNDLE;
    for (name, path) in entries(folder, MOST_FILES)? {
        if name == ADDENDA && fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            for (name, path) in entries(&path, MOST_ADDENDA)? {
                match private::bytes(&path, LARGEST_ADDENDUM) {
                    Ok(bytes) => drop(bundle.addenda.insert(name, bytes)),
                    Err(error) => bundle.odd.push((format!("{ADDENDA}/{name}"), why(&error))),
                }
            }
            continue;
        }
        let largest = if [MANIFEST, SIGNATURE].contains(&name.as_str()) { LARGEST_MANIFEST } else { LARGEST_FILE };
        match private::bytes(&path, largest.min(left)) {
            Ok(bytes) => {
                left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                bundle.files.insert(name, bytes);
            }
            Err(error) => bundle.odd.push((name, why(&error))),
        }
    }
    bundle.before = before(folder, &bundle);
    Ok(bundle)
}

fn why(error: &io::Error) -> String {
    format!("cannot be read as a file of a bundle: {error}")
}

/// The entries of a folder. A name that is no text is shown as well as it can be, and belongs nowhere.
fn entries(folder: &Path, most: usize) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        if found.len() == most {
            return Err(io::Error::other(format!("it holds more than {most} files, and no bundle does")));
        }
        let entry = entry?;
        found.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    found.sort();
    Ok(found)
}

fn before(folder: &Path, bundle: &Bundle) -> Option<Before> {
    let manifest = Manifest::read(bundle.files.get(MANIFEST)?).ok()?;
    let folder = fs::canonicalize(folder).ok()?.parent()?.join(manifest.previous?.run.to_string());
    let manifest = private::bytes(&folder.join(MANIFEST), LARGEST_MANIFEST).ok()?;
    Some(Before { manifest, journal: private::bytes(&folder.join(JOURNAL), LARGEST_FILE).ok() })
}

fn is_rehearsal(verification: &Verification) -> bool {
    verification.manifest.as_ref().is_some_and(|manifest| manifest.mode != Mode::Aws)
}

fn text(verification: &Verification, path: &Path) -> String {
    // What a broken bundle calls itself may be what somebody wants to be read.
    let whole = verification.manifest.as_ref().filter(|_| verification.standing() != Standing::Broken);
    let mut text = match whole {
        Some(manifest) => headline(manifest),
        None => format!("{}\n", Place::shown(path)),
    };
    let rehearsal = if is_rehearsal(verification) { " rehearsal, which is no evidence" } else { "" };
    text.push_str(&match verification.standing() {
        Standing::Genuine => format!("  genuine{rehearsal}: {}\n", signed(&verification.signer)),
        Standing::Consistent if rehearsal.is_empty() => {
            format!("  self-consistent: {}\n", signed(&verification.signer))
        }
        Standing::Consistent => format!("  self-consistent{rehearsal}: {}\n", signed(&verification.signer)),
        Standing::Broken => "  BROKEN: this is not what drill wrote\n".to_owned(),
    });
    for problem in &verification.problems {
        text.push_str(&format!("  {}: {}\n", problem.file, problem.what));
    }
    let closed = closed(verification.addenda.iter().map(|seen| &seen.addendum));
    for seen in &verification.addenda {
        text.push_str(&format!("  {}\n    {}\n", line(&seen.addendum, &closed), signed(&seen.signer)));
    }
    for note in &verification.notes {
        text.push_str(&format!("  note: {note}\n"));
    }
    text
}

/// The run, its verdict, and those before it: a bundle with one of them is as genuine, and older.
fn headline(manifest: &Manifest) -> String {
    let mut text = format!("{}  run {}  {}\n", manifest.drill, manifest.run, manifest.verdict);
    for earlier in &manifest.earlier_verdicts {
        text.push_str(&format!(
            "  the verdict was {} before, at {}: the bundle of that has the journal's head {}\n",
            earlier.verdict,
            show_instant(earlier.at),
            earlier.head
        ));
    }
    text
}

fn signed(signer: &Signer) -> String {
    match signer {
        Signer::Trusted { key_id, name } => format!("signed by key {key_id} ({name})"),
        Signer::Unknown { key_id } => {
            format!("signer unknown: key {key_id} is not among the trusted ones (`--key`, or `keys/*.pub` in `--dir`)")
        }
        Signer::Unsigned => "signer unknown: nobody signed it".to_owned(),
        Signer::Broken => "the signature does not fit".to_owned(),
    }
}

fn as_json(verification: &Verification, path: &Path, exit: Exit) -> Value {
    let manifest = verification.manifest.as_ref();
    let standing = match verification.standing() {
        Standing::Genuine => "genuine",
        Standing::Consistent => "consistent",
        Standing::Broken => "broken",
    };
    let whole = manifest.filter(|_| verification.standing() != Standing::Broken);
    let measures = verification.measures.as_ref().filter(|_| whole.is_some());
    let closed = closed(verification.addenda.iter().map(|seen| &seen.addendum));
    let problem = |problem: &Problem| json!({"file": problem.file, "what": problem.what});
    json!({
        "version": 1,
        "bundle": Place::shown(path),
        "standing": standing,
        "evidence": verification.is_evidence(),
        "rehearsal": is_rehearsal(verification),
        "run": manifest.map(|manifest| manifest.run),
        "drill": manifest.map(|manifest| &manifest.drill),
        "mode": manifest.map(|manifest| manifest.mode),
        "verdict": whole.map(|manifest| manifest.verdict),
        "earlier_verdicts": whole.map(|manifest| &manifest.earlier_verdicts),
        "measures": measures.map(measured),
        "signer": signer_json(&verification.signer),
        "problems": verification.problems.iter().map(problem).collect::<Vec<Value>>(),
        "notes": verification.notes,
        "addenda": verification.addenda.iter().map(|seen| addendum_json(seen, &closed)).collect::<Vec<Value>>(),
        "exit_code": exit.number(),
    })
}

fn signer_json(signer: &Signer) -> Value {
    match signer {
        Signer::Trusted { key_id, name } => json!({"state": "trusted", "key_id": key_id, "key": name}),
        Signer::Unknown { key_id } => json!({"state": "unknown", "key_id": key_id, "key": null}),
        Signer::Unsigned => json!({"state": "unsigned", "key_id": null, "key": null}),
        Signer::Broken => json!({"state": "broken", "key_id": null, "key": null}),
    }
}

fn addendum_json(seen: &SeenAddendum, closed: &BTreeMap<u32, u32>) -> Value {
    let addendum = &seen.addendum;
    json!({
        "number": addendum.number,
        "added": addendum.added,
        "by": addendum.by,
        "text": addendum.text,
        "severity": addendum.severity,
        "owner": addendum.owner,
        "due": addendum.due,
        "ticket": addendum.ticket,
        "closes": addendum.closes,
        "closed_by": closed.get(&addendum.number),
        "signer": signer_json(&seen.signer),
    })
}
