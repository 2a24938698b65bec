//! A page → PDF, printed by a Chromium or Chrome of this machine.
//!
//! The page lies in a private folder that is the browser's home, too, and goes with it. No name resolves for the browser,
//! and the page itself allows neither scripts nor loading: nothing of a report leaves the machine. The browser inherits
//! nothing but PATH, LANG and TZ, and is ended with everything that it started when its time is over.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::probe::process::{Program, run};

/// The variable that names the browser.
pub const BROWSER: &str = "DRILL_BROWSER";

/// Real time for one page.
const TIME: Duration = Duration::from_secs(90);

/// The largest result that is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Names of the programs, the likeliest first.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// Where it is on systems that put it into no PATH.
const PLACES: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// A page that could not be printed.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// There is none.
    #[error("no Chromium or Chrome was found in PATH; install one, or name its program in DRILL_BROWSER")]
    NoBrowser,
    /// The one that is named is none.
    #[error("DRILL_BROWSER names `{browser}`, which is no program")]
    NoProgram { browser: String },
    /// It took too long.
    #[error("`{browser}` did not print it within 90 s")]
    Late { browser: String },
    /// It failed.
    #[error("`{browser}` could not print it: {why}")]
    Failed { browser: String, why: String },
    /// There is no place to work.
    #[error("the folder to print it in cannot be used")]
    Folder(#[source] io::Error),
}

/// Prints a page on A4. `environment` looks up variables: [`BROWSER`], else PATH, says which browser.
///
/// # Errors
/// When there is no browser, or it fails, prints nothing, or takes too long.
pub async fn pdf(page: &str, environment: fn(&str) -> Option<String>) -> Result<Vec<u8>, PrintError> {
    let browser = browser(environment)?;
    let home = tempfile::Builder::new().prefix("drill-print-").tempdir().map_err(PrintError::Folder)?;
    let (from, to) = (home.path().join("report.html"), home.path().join("report.pdf"));
    std::fs::write(&from, page).map_err(PrintError::Folder)?;
    let name = browser.display().to_string();
    let program = Program {
        name: name.clone(),
        path: browser,
        arguments: arguments(home.path(), &from, &to),
        folder: home.path().to_owned(),
        variables: vec![("HOME".to_owned(), home.path().display().to_string())],
        input: None,
    };
    let failed = |why: String| PrintError::Failed { browser: name.clone(), why };
    match tokio::time::timeout(TIME, run(program)).await {
        Err(_) => return Err(PrintError::Late { browser: name }),
        Ok(Err(miss)) => return Err(failed(miss.message)),
        Ok(Ok(ended)) => {
            if let Some(miss) = ended.failure(&[]) {
                return Err(failed(miss.message));
            }
        }
    }
    result(&to).map_err(|error| failed(format!("it ended, and what it left is no PDF ({error})")))
}

fn result(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > LARGEST {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    let bytes = std::fs::read(path)?;
    if bytes.starts_with(b"%PDF-") { Ok(bytes) } else { Err(io::Error::other("it begins otherwise")) }
}

fn arguments(home: &Path, from: &Path, to: &Path) -> Vec<String> {
    let mut all: Vec<String> = [
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-extensions",
        "--disable-sync",
        "--disable-component-update",
        "--disable-background-networking",
        "--no-first-run",
        "--no-default-browser-check",
        "--no-pdf-header-footer",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]
    .map(str::to_owned)
    .into();
    // Chromium does not start as root with its sandbox.
    if rustix::process::geteuid().is_root() {
        all.push("--no-sandbox".to_owned());
    }
    all.push(format!("--user-data-dir={}", home.join("profile").display()));
    all.push(format!("--print-to-pdf={}", to.display()));
    all.push(from.display().to_string());
    all
}

/// The browser that is named, else the first that is found.
fn browser(environment: fn(&str) -> Option<String>) -> Result<PathBuf, PrintError> {
    let path = environment("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    if let Some(named) = environment(BROWSER).filter(|named| !named.is_empty()) {
        // A name without a folder is looked for in PATH; a place is meant from here.
        let found = if named.contains('/') {
            std::path::absolute(&named).ok().filter(|path| is_program(path))
        } else {
            folders.iter().map(|folder| folder.join(&named)).find(|path| is_program(path))
        };
        return found.ok_or(PrintError::NoProgram { browser: named });
    }
    let in_path = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    in_path.chain(PLACES.iter().map(PathBuf::from)).find(|path| is_program(path)).ok_or(PrintError::NoBrowser)
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
