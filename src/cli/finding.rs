//! `drill finding`.

use std::io::{self, Write as _};
use std::path::Path;

use jiff::civil::Date;
use serde_json::json;

use crate::cli::clock::MachineClock;
use crate::cli::connect::CloudArgs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::previous::LARGEST_MANIFEST;
use crate::cli::resume::reconnect;
use crate::cli::run::started_by;
use crate::cli::signing;
use crate::cli::ui::{Ui, clean};
use crate::cloud::signature::Signatures;
use crate::definition::model::SignBy;
use crate::evidence::addendum::{Addendum, MOST, VERSION};
use crate::evidence::bundle::{ADDENDA, MANIFEST};
use crate::evidence::key::PublicKey;
use crate::evidence::manifest::{Manifest, SignedBy};
use crate::journal::chain::sha256_hex;
use crate::journal::private;
use crate::journal::state::State;
use crate::run::step::seal::Unsigned;
use crate::words::arn::Arn;
use crate::words::text::tame;
use crate::words::time::Clock as _;

/// The longest text of a finding, in bytes.
const LONGEST_TEXT: usize = 16 * 1024;

/// The largest addendum that is read, in bytes.
pub(crate) const LARGEST_ADDENDUM: u64 = 256 * 1024;

/// Adds to the evidence of a run what was found after it.
///
/// The report stays as it is: a finding is an addendum, a file of its own beside the report, signed on its own.
/// `drill verify` and `drill report` show it. `add` takes --text, and --owner and --due where somebody sees to it.
///
/// Exit code: 0 when it was added, 2 when there is no such run or it has no evidence bundle, 3 when the key of AWS KMS that
/// signs the run's evidence did not sign it: then nothing was added.
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

        /// Who sees to it
        #[arg(long)]
        owner: Option<String>,

        /// Until when, such as 2027-01-31
        #[arg(long, value_name = "DATE")]
        due: Option<Date>,

        #[command(flatten)]
        cloud: CloudArgs,
    },
}

/// See [`Args`].
///
/// # Errors
/// When there is no such run, it has no bundle, or the addendum cannot be signed or written.
pub async fn finding(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let What::Add { run, text, owner, due, cloud } = &args.what;
    let empty = |text: &str| text.trim().is_empty();
    if empty(text)
        || text.len() > LONGEST_TEXT
        || owner.as_deref().is_some_and(|owner| empty(owner) || owner.len() > 200)
    {
        let what =
            format!("a finding has a text (`--text`, at most {LONGEST_TEXT} bytes), and an owner is a short name");
        return Err(CliError::usage(what));
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
        owner: owner.clone(),
        due: *due,
        journal_head: manifest.journal.head,
        before,
        signer: None,
    };
    let signature = match &state.started.plan.definition.report.sign {
        Some(SignBy::Kms(key)) => Some(signed_by_kms(&mut addendum, key, &state, (cloud, place)).await?),
        None => signed_here(&mut addendum, place)?,
    };
    let path = folder.join(ADDENDA).join(Addendum::name(addendum.number));
    write(&folder, &addendum, signature.as_deref()).map_err(|source| CliError::State { path: path.clone(), source })?;
    if ui.is_json() {
        let file = Place::shown(&path);
        ui.json(&json!({"version": 1, "run": addendum.run, "number": addendum.number, "file": file, "signed": signature.is_some()}));
    } else {
        ui.print(&Place::shown(&path));
        if signature.is_none() {
            ui.say("nobody signed it: there is no signing key; `drill key new` makes one");
        }
    }
    Ok(Exit::Passed)
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

/// The findings beside a report, one a line; what cannot be read is for `drill verify` to say.
pub(crate) fn lines(folder: &Path) -> Vec<String> {
    let read = |number: u32| {
        let bytes = private::bytes(&folder.join(ADDENDA).join(Addendum::name(number)), LARGEST_ADDENDUM).ok()?;
        Addendum::read(&bytes)
    };
    (1..=MOST).map_while(read).map(|addendum| line(&addendum)).collect()
}

/// A finding in a line for a terminal.
pub(crate) fn line(addendum: &Addendum) -> String {
    let owner = addendum.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
    let due = addendum.due.map(|due| format!(", due {due}")).unwrap_or_default();
    clean(&tame(&format!("finding {}{owner}{due}: {}", addendum.number, addendum.text)))
}
