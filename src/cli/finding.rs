//! `drill finding`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;

use clap::ValueEnum;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::cli::clock::MachineClock;
use crate::cli::connect::CloudArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::previous::LARGEST_MANIFEST;
use crate::cli::resume::{reconnect, refuse_ended_world};
use crate::cli::run::started_by;
use crate::cli::signing;
use crate::cli::ui::{Ui, clean};
use crate::cloud::signature::Signatures;
use crate::definition::model::SignBy;
use crate::evidence::addendum::{Addendum, MOST, VERSION, is_open};
use crate::evidence::bundle::{ADDENDA, MANIFEST};
use crate::evidence::key::PublicKey;
use crate::evidence::manifest::{Manifest, SignedBy};
use crate::journal::chain::sha256_hex;
use crate::journal::private;
use crate::journal::state::State;
use crate::report::facts::finding::Weight;
use crate::run::step::seal::Unsigned;
use crate::words::arn::Arn;
use crate::words::text::tame;
use crate::words::time::Clock as _;

/// The longest text of a finding, in bytes.
const LONGEST_TEXT: usize = 16 * 1024;

/// The longest name of an owner or a ticket, in bytes.
const LONGEST_NAME: usize = 200;

/// The largest addendum that is read, in bytes.
pub(crate) const LARGEST_ADDENDUM: u64 = 256 * 1024;

/// Adds to the evidence of a run what was found after it, and what became of that.
///
/// The report stays as it is: a finding is an addendum, a file of its own beside the report, signed on its own, and so is
/// its end. `drill verify` and `drill report` show both. `add` takes --text, --severity (critical, high, medium, low), --owner,
/// --due and --ticket; `close` takes the number of the finding and --text.
///
/// Exit code: 0 when it was added, 2 when there is no such run, finding or evidence bundle, or what was given makes no
/// sense, 3 when the key of AWS KMS that signs the run's evidence did not sign it: then nothing was added.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Add a finding
    Add {
        /// The run's id, or at least four of its last digits
        run: String,

        /// What was found
        #[arg(long)]
        text: String,

        /// How much it matters
        #[arg(long, value_enum, default_value_t = Severity::Medium)]
        severity: Severity,

        /// Who sees to it [default: the owner of the drill]
        #[arg(long)]
        owner: Option<String>,

        /// Until when, such as 2027-01-31 [default: so many days from now: 1 critical, 14 high, 30 medium, 90 low]
        #[arg(long, value_name = "DATE")]
        due: Option<Date>,

        /// Where somebody works on it, such as the number of a ticket
        #[arg(long)]
        ticket: Option<String>,

        #[command(flatten)]
        cloud: CloudArgs,
    },
    /// Close a finding that was added: say how it was mended, or why it is accepted
    Close {
        /// The run's id, or at least four of its last digits
        run: String,

        /// The number of the finding, as `drill report` shows it
        number: u32,

        /// How it was mended, or why it is accepted
        #[arg(long)]
        text: String,

        #[command(flatten)]
        cloud: CloudArgs,
    },
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Severity {
    Critical,
    High,
    Medium,
    Low,
}

impl Severity {
    fn weight(self) -> Weight {
        match self {
            Self::Critical => Weight::Critical,
            Self::High => Weight::High,
            Self::Medium => Weight::Medium,
            Self::Low => Weight::Low,
        }
    }
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, it has no bundle, the finding makes no sense, or the addendum cannot be signed or written.
pub async fn finding(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let (run, text, cloud) = match &args.what {
        What::Add { run, text, cloud, .. } | What::Close { run, text, cloud, .. } => (run, text, cloud),
    };
    if text.trim().is_empty() || text.len() > LONGEST_TEXT {
        return Err(CliError::usage(format!("a finding has a text (`--text`, at most {LONGEST_TEXT} bytes)")));
    }
    let found = place.run(run)?;
    let folder = place.evidence(found.row.mode, &found.row.drill, &found.row.run);
    let manifest = private::bytes(&folder.join(MANIFEST), LARGEST_MANIFEST).ok();
    let manifest = manifest.and_then(|bytes| Manifest::read(&bytes).ok());
    let Some(manifest) = manifest.filter(|manifest| manifest.run == found.row.run) else {
        let what = format!("run {0} has no evidence bundle; `drill report {0}` writes it", found.row.run);
        return Err(CliError::usage(what));
    };
    let state = found.store.state(&found.row.run)?;
    let (earlier, before) = earlier(&folder)?;
    let mut addendum = Addendum {
        version: VERSION,
        run: manifest.run,
        number: earlier + 1,
        added: MachineClock.now(),
        by: started_by(),
        text: text.clone(),
        severity: None,
        owner: None,
        due: None,
        ticket: None,
        closes: None,
        journal_head: manifest.journal.head,
        before,
        signer: None,
    };
    match &args.what {
        What::Add { severity, owner, due, ticket, .. } => {
            let owner = short(owner.as_deref(), "--owner")?;
            addendum.ticket = short(ticket.as_deref(), "--ticket")?;
            addendum.severity = Some(severity.weight());
            addendum.owner = Some(owner.unwrap_or_else(|| state.started.plan.definition.owner.clone()));
            addendum.due = Some(due_by(*due, addendum.added, severity.weight())?);
        }
        What::Close { number, .. } => addendum.closes = Some(closes(*number, &folder)?),
    }
    let signature = match &state.started.plan.definition.report.sign {
        Some(SignBy::Kms(key)) => Some(signed_by_kms(&mut addendum, key, &state, (cloud, place)).await?),
        None => signed_here(&mut addendum, place)?,
    };
    let path = folder.join(ADDENDA).join(Addendum::name(addendum.number));
    write(&folder, &addendum, signature.as_deref()).map_err(|source| CliError::State { path: path.clone(), source })?;
    said(&addendum, &path, signature.is_some(), ui);
    Ok(Exit::Passed)
}

/// What was added, with what nobody gave and drill filled in.
fn said(addendum: &Addendum, path: &Path, is_signed: bool, ui: &Ui) {
    if ui.is_json() {
        ui.json(&json!({
            "version": 1,
            "run": addendum.run,
            "number": addendum.number,
            "severity": addendum.severity,
            "owner": addendum.owner,
            "due": addendum.due,
            "closes": addendum.closes,
            "file": Place::shown(path),
            "signed": is_signed,
        }));
        return;
    }
    ui.print(&Place::shown(path));
    ui.say(&line(addendum, &BTreeMap::new()));
    if !is_signed {
        ui.say("nobody signed it: there is no signing key; `drill key new` makes one");
    }
}

/// A name or a number, and not a letter to somebody.
fn short(text: Option<&str>, option: &str) -> Result<Option<String>, CliError> {
    match text {
        Some(text) if text.trim().is_empty() || text.len() > LONGEST_NAME => {
            Err(CliError::usage(format!("`{option}` is a short text, of at most {LONGEST_NAME} bytes and not empty")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// The day that was given, which must not be over anywhere, or the one that follows from the severity.
fn due_by(given: Option<Date>, now: Timestamp, severity: Weight) -> Result<Date, CliError> {
    let day_in = |hours: i64| {
        let at = now.checked_add(SignedDuration::from_hours(hours)).unwrap_or(now);
        at.to_zoned(TimeZone::UTC).date()
    };
    match given {
        // Where a day ends last it does so twelve hours after UTC.
        Some(due) if due < day_in(-12) => {
            Err(CliError::usage(format!("`--due {due}` is over; give the day until which it will be mended")))
        }
        Some(due) => Ok(due),
        None => Ok(day_in(24 * severity.days())),
    }
}

/// The number of a finding that is open.
fn closes(number: u32, folder: &Path) -> Result<u32, CliError> {
    if is_open(read_all(folder).iter(), number) {
        return Ok(number);
    }
    Err(CliError::usage(format!("there is no open finding {number} of this run; `drill report RUN` shows them")))
}

/// By the key of this machine, if there is one.
fn signed_here(addendum: &mut Addendum, place: &Place) -> Result<Option<String>, CliError> {
    let Some(key) = signing::key(place)? else { return Ok(None) };
    addendum.signer = Some(SignedBy::of(&key.public()));
    let failed = |error| CliError::Key { path: place.signing_key(), source: io::Error::other(error) };
    addendum.signed(&key).map(Some).map_err(failed)
}

/// By the key that signs the run's evidence.
async fn signed_by_kms(
    addendum: &mut Addendum,
    key: &Arn,
    state: &State,
    (cloud, place): (&CloudArgs, &Place),
) -> Result<String, CliError> {
    refuse_ended_world(state, "nothing was added, because the key of AWS KMS that signs the evidence cannot be asked")?;
    let connection = reconnect(state, cloud, place).await?;
    let signed = enveloped(addendum, key, connection.cloud.signatures.as_ref()).await;
    connection.close().await;
    signed.map_err(|why| CliError::Unsigned(Box::new(why)))
}

async fn enveloped(addendum: &mut Addendum, key: &Arn, signatures: &dyn Signatures) -> Result<String, Unsigned> {
    let half = signatures.public_key(key).await?;
    let public = PublicKey::from_spki(&half.spki)?;
    addendum.signer = Some(SignedBy::of(&public));
    let signature = signatures.sign(key, half.scheme, &addendum.to_sign()).await?;
    Ok(addendum.enveloped(&public, &signature)?)
}

/// How many addenda there are, and the hash of the last.
fn earlier(folder: &Path) -> Result<(u32, Option<String>), CliError> {
    let mut before = None;
    for number in 1..=MOST {
        let path = folder.join(ADDENDA).join(Addendum::name(number));
        match private::bytes(&path, LARGEST_ADDENDUM) {
            Ok(bytes) => before = Some(sha256_hex(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((number - 1, before)),
            Err(source) => return Err(CliError::Read { path, source }),
        }
    }
    Err(CliError::usage(format!("there are {MOST} findings already, and no run has more")))
}

/// The signature first: if the process dies between the two, the next try replaces it.
fn write(folder: &Path, addendum: &Addendum, signature: Option<&str>) -> io::Result<()> {
    let folder = folder.join(ADDENDA);
    private::folder(&folder)?;
    if let Some(signature) = signature {
        private::replace(&folder.join(Addendum::signature_name(addendum.number)), signature.as_bytes())?;
    }
    let mut file = private::create(&folder.join(Addendum::name(addendum.number)))?;
    file.write_all(addendum.text().as_bytes())?;
    file.sync_all()
}

/// The addenda beside a report, as far as they can be read one after the other.
fn read_all(folder: &Path) -> Vec<Addendum> {
    let read = |number: u32| {
        let bytes = private::bytes(&folder.join(ADDENDA).join(Addendum::name(number)), LARGEST_ADDENDUM).ok()?;
        Addendum::read(&bytes)
    };
    (1..=MOST).map_while(read).collect()
}

/// The findings beside a report, one a line; what cannot be read is for `drill verify` to say.
pub(crate) fn lines(folder: &Path) -> Vec<String> {
    let all = read_all(folder);
    let closed = closed(all.iter());
    all.iter().map(|addendum| line(addendum, &closed)).collect()
}

/// Which findings are closed, each with the number of the addendum that says so.
pub(crate) fn closed<'a>(addenda: impl Iterator<Item = &'a Addendum>) -> BTreeMap<u32, u32> {
    addenda.filter_map(|addendum| Some((addendum.closes?, addendum.number))).collect()
}

/// A finding, or its end, in a line for a terminal.
pub(crate) fn line(addendum: &Addendum, closed: &BTreeMap<u32, u32>) -> String {
    let number = addendum.number;
    if let Some(closes) = addendum.closes {
        return clean(&tame(&format!("finding {closes} closed by {} in {number}: {}", addendum.by, addendum.text)));
    }
    let severity = addendum.severity.map(|severity| format!(", {}", severity.word())).unwrap_or_default();
    let owner = addendum.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
    let due = addendum.due.map(|due| format!(", due {due}")).unwrap_or_default();
    let ticket = addendum.ticket.as_ref().map(|ticket| format!(", ticket {ticket}")).unwrap_or_default();
    let closed = closed.get(&number).map(|by| format!(", closed in {by}")).unwrap_or_default();
    clean(&tame(&format!("finding {number}{severity}{owner}{due}{ticket}{closed}: {}", addendum.text)))
}
