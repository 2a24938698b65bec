//! `drill key`: the key that signs evidence.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::place::Place;
use crate::cli::ui::Ui;
use crate::evidence::key::{PublicKey, SigningKey};
use crate::journal::private;
use crate::run::step::seal::signing_key;
use crate::words::id::Name;

/// Makes or shows the key that signs the evidence of runs: Ed25519, `signing.key` in the folder of journals.
///
/// `new` makes one (--replace: although there is one), `show` prints the public key. Whoever has the file can sign in its
/// name. Commit the public key, `keys/NAME.pub`, so that others can verify.
///
/// Exit code: 0 when that was done, 2 when there is a key already or none.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a key; its public half is written to keys/NAME.pub and printed
    New {
        /// Name of the public key's file [default: drill- and the first digits of the key's id]
        name: Option<Name>,

        /// Make one although there is one; what the old one signed stays genuine for whoever has its public key
        #[arg(long)]
        replace: bool,
    },
    /// Print the public key (PEM) and its id (SHA-256 of the key)
    Show,
}

/// See [`Args`].
///
/// # Errors
/// When a key cannot be read, made or written.
pub fn signing(args: &Args, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    match &args.what {
        What::New { name, replace } => new(name.as_ref(), *replace, place, ui),
        What::Show => {
            let none = "there is no signing key; `drill key new` makes one";
            let key = key(place)?.ok_or_else(|| CliError::usage(none))?;
            shown(&key.public(), None, ui);
            Ok(Exit::Passed)
        }
    }
}

/// The key of a state folder, if there is one.
///
/// # Errors
/// When what is there cannot be used.
pub(crate) fn key(place: &Place) -> Result<Option<SigningKey>, CliError> {
    let path = place.signing_key();
    signing_key(&path).map_err(|source| CliError::Key { path, source })
}

fn new(name: Option<&Name>, replaces: bool, place: &Place, ui: &Ui) -> Result<Exit, CliError> {
    let path = place.signing_key();
    let failed = |source| CliError::Key { path: path.clone(), source };
    if !replaces && fs::symlink_metadata(&path).is_ok() {
        let what = format!("`{}` is there already; `--replace` makes a new one in its place", Place::shown(&path));
        return Err(CliError::usage(what));
    }
    let (key, pem) = SigningKey::generate().map_err(|error| failed(io::Error::other(error)))?;
    let public = key.public();
    let file = public_file(name, &public, place);
    if fs::symlink_metadata(&file).is_ok() {
        let what = format!("`{}` is there already; name another: `drill key new NAME`", Place::shown(&file));
        return Err(CliError::usage(what));
    }
    place.make_state_root().map_err(failed)?;
    if replaces {
        private::replace(&path, pem.expose().as_bytes()).map_err(failed)?;
    } else {
        write_new(&path, pem.expose()).map_err(failed)?;
    }
    publish(&file, &public).map_err(|source| CliError::State { path: file.clone(), source })?;
    shown(&public, Some(&file), ui);
    Ok(Exit::Passed)
}

fn public_file(name: Option<&Name>, public: &PublicKey, place: &Place) -> PathBuf {
    let id = public.id();
    let stem = name.map_or_else(|| format!("drill-{}", id.get(..8).unwrap_or(&id)), ToString::to_string);
    place.keys().join(format!("{stem}.pub"))
}

/// Never over another process's.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = private::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn publish(path: &Path, public: &PublicKey) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(public.pem().as_bytes())
}

fn shown(public: &PublicKey, file: Option<&Path>, ui: &Ui) {
    let file = file.map(Place::shown);
    if ui.is_json() {
        ui.json(&json!({"version": 1, "key_id": public.id(), "public_key": public.pem(), "file": file}));
        return;
    }
    ui.say(&format!("key id {}", public.id()));
    if let Some(file) = file {
        ui.say(&format!("written to `{file}`: commit it, so that others can verify"));
    }
    ui.print(&public.pem());
}
