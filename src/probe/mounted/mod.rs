//! What `ebs`, `efs` and `fsx` share: a probe host mounts what was restored, read-only, in a directory that is made for
//! the attempt alone, reads of it what is asked for, and unmounts it again, whatever happened in between.
//!
//! One script does all of it. It ends by itself before the attempt does, and a trap unmounts at its end; what a script
//! that was killed may have left is unmounted by a second one. Where neither succeeds the probe misses and says what
//! stays mounted.

mod said;
mod script;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use crate::cloud::remote::ScriptEnd;
use crate::cloud::resource::Settings;
use crate::definition::model::ProbeReason;
use crate::probe::input::{Given, miss, shown, typed};
use crate::probe::mounted::said::{Said, left_behind};
pub(crate) use crate::probe::mounted::script::{Job, Source};
use crate::probe::script::{on_our_side, run, trouble};
use crate::probe::target::Target;
use crate::probe::{Miss, Outcome};
use crate::words::text::tame;
use crate::yaml::shape::{Field, Shape};

/// Files whose checksums one probe takes at most.
const MOST_SUMS: usize = 200;

/// The paths of these files are together no longer, in bytes: they are part of the script.
const LONGEST_SUMS: usize = 16 * 1024;

/// The longest path, in bytes.
const LONGEST_PATH: usize = 1_000;

/// The most that is kept back of an attempt's time for cleaning up after a script that did not end.
const MOST_FOR_CLEANING: Duration = Duration::from_secs(20);

/// The settings that the three kinds share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    host: Given,
    path: Option<Given>,
    count: Option<bool>,
    #[serde(default)]
    checksums: Vec<String>,
    #[serde(default)]
    sha256: BTreeMap<String, Given>,
}

/// Their fields.
pub(crate) fn fields() -> Vec<Field> {
    let path = || Shape::Parsed { what: "a path in what was restored", format: None, parse: check_path };
    let sums = Shape::Dictionary { key: Box::new(path()), of: Box::new(Shape::Template), min: 1 };
    vec![
        Field::required(
            "host",
            Shape::Template,
            "The probe host: a running Linux instance that SSM reaches, by its id.",
        ),
        Field::optional(
            "path",
            Shape::Template,
            "Where files are counted, relative to what was restored. Default: all.",
        ),
        Field::optional(
            "count",
            Shape::Bool,
            "Whether files are counted; `false` where there are too many. Default: true.",
        ),
        Field::optional(
            "checksums",
            Shape::List { of: Box::new(path()), min: 1 },
            "Files whose SHA-256 is observed, relative to what was restored.",
        ),
        Field::optional("sha256", sums, "The SHA-256 that each of these files must have, in hexadecimal."),
    ]
}

/// The settings that a negative control may change.
pub(crate) const CONTROL_KEYS: [&str; 4] = ["host", "path", "checksums", "sha256"];

/// What the three kinds need of IAM.
pub(crate) const PERMISSIONS: &[&str] = &["ssm:GetCommandInvocation", "ssm:SendCommand"];

/// The settings of a kind's own, and those that the three share.
pub(crate) fn apart(settings: &Settings, own: &[&str]) -> (Settings, Settings) {
    settings.clone().into_iter().partition(|(key, _)| own.contains(&key.as_str()))
}

impl Reading {
    /// Reads the shared settings.
    pub(crate) fn read(settings: &Settings) -> Result<Self, String> {
        let read: Self = typed(settings)?;
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), String> {
        self.host.check("host")?;
        self.host.literal().map_or(Ok(()), |host| check_instance(&host))?;
        if let Some(path) = &self.path {
            path.check("path")?;
            path.literal().map_or(Ok(()), |path| check_path(&path).map_err(|wrong| format!("`path`: {wrong}")))?;
        }
        let sums = self.sums();
        if sums.len() > MOST_SUMS || sums.iter().map(String::len).sum::<usize>() > LONGEST_SUMS {
            return Err(format!("`checksums` and `sha256` name more than {MOST_SUMS} files, or too long paths"));
        }
        sums.iter().try_for_each(|path| check_path(path))?;
        for (path, sum) in &self.sha256 {
            sum.check("sha256")?;
            sum.literal().map_or(Ok(()), |sum| check_sum(path, &sum))?;
        }
        Ok(())
    }

    /// The files whose checksums are taken, in the order of the definition.
    fn sums(&self) -> Vec<String> {
        let further = self.sha256.keys().filter(|path| !self.checksums.contains(path));
        self.checksums.iter().chain(further).cloned().collect()
    }

    /// The checksums that files must have.
    fn wanted(&self, target: &Target) -> Result<BTreeMap<String, String>, Miss> {
        let fill = |(path, sum): (&String, &Given)| -> Result<(String, String), Miss> {
            let sum = sum.fill("sha256", target)?.trim().to_owned();
            check_sum(path, &sum).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
            Ok((path.clone(), sum))
        };
        self.sha256.iter().map(fill).collect()
    }

    fn job(&self, source: Source, target: &Target) -> Result<Job, Miss> {
        let path = self.path.as_ref().map_or(Ok(String::new()), |path| path.fill("path", target))?;
        check_path(&path).map_err(|problem| miss(ProbeReason::Setup, &format!("`path`: {problem}")))?;
        Ok(Job {
            // Nobody can have put anything there before.
            at: format!("/run/drill-probe-{}", Uuid::new_v4().simple()),
            source,
            path,
            count: self.count.unwrap_or(true),
            sums: self.sums(),
        })
    }
}

/// One attempt: `source` is mounted on the host and read.
pub(crate) async fn attempt(reading: &Reading, source: Source, target: &Target, timeout: Duration) -> Outcome {
    let host = reading.host.fill("host", target)?;
    check_instance(&host).map_err(|problem| miss(ProbeReason::Setup, &problem))?;
    let (job, wanted) = (reading.job(source, target)?, reading.wanted(target)?);
    let kept_back = (timeout / 4).min(MOST_FOR_CLEANING);
    let within = timeout.saturating_sub(kept_back);
    // The script ends first, so that its own end unmounts.
    let text = job.script((within * 4 / 5).as_secs().max(1));
    let ran = tokio::time::timeout(within, run(target.remote.as_ref(), &host, &text, within)).await;
    let (killed, began) = match ran {
        Ok(Ok(end)) => match Said::read(&end.stdout) {
            Some(said) => return said.judged(&job, &host, &end.stderr, |path| wanted.get(path).cloned()),
            None => (silent(&end), began(&end)),
        },
        Ok(Err(trouble)) => return Err(on_our_side(trouble)),
        Err(_) => {
            let message = format!("the script on `{host}` did not end within {}", shown(within));
            (miss(ProbeReason::Timeout, &format!("{message}; give the probe more time with `timeout`")), true)
        }
    };
    if !began || clean(&job, &host, target, kept_back).await {
        return Err(killed);
    }
    Err(miss(killed.reason, &format!("{}; {}", killed.message, left_behind(&job, &host))))
}

/// The script ended without its own last line: it never ran, or was killed.
fn silent(end: &ScriptEnd) -> Miss {
    let unheard = || miss(ProbeReason::Setup, "the script on the probe host did not say what it found");
    trouble(end).map_or_else(unheard, on_our_side)
}

/// Whether the script ran at all, and so may have mounted something.
fn began(end: &ScriptEnd) -> bool {
    match end.status.as_str() {
        "AccessDenied" | "DeliveryTimedOut" | "Undeliverable" => false,
        "TimedOut" => end.exit_code.is_some(),
        _ => true,
    }
}

/// Whether nothing stays mounted.
async fn clean(job: &Job, host: &str, target: &Target, within: Duration) -> bool {
    let script = job.cleaning();
    let ran = tokio::time::timeout(within, run(target.remote.as_ref(), host, &script, within)).await;
    matches!(ran, Ok(Ok(end)) if end.stdout.lines().last() == Some("clean"))
}

/// An instance of EC2, or a machine elsewhere that SSM manages.
fn check_instance(text: &str) -> Result<(), String> {
    let hex = text.strip_prefix("i-").or_else(|| text.strip_prefix("mi-")).unwrap_or_default();
    if (8..=17).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(format!("`host` needs the id of an instance, such as i-0a1b2c3d4e5f60718, not `{}`", tame(text)))
    }
}

/// Whether a text can be the host that a file system is mounted from: a name or an address, and nothing that `mount`
/// could take for something else.
pub(crate) fn check_address(text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == ':');
    if text.len() <= 253 && starts && text.chars().all(fits) {
        Ok(())
    } else {
        Err("`address` needs a DNS name or an address".to_owned())
    }
}

/// Such as `10.0.0.7:/exports`; an IPv6 address in brackets.
pub(crate) fn nfs(address: &str, export: &str) -> String {
    if address.contains(':') { format!("[{address}]:{export}") } else { format!("{address}:{export}") }
}

/// A path in what was restored. Nothing in it can lead out of that.
fn check_path(text: &str) -> Result<(), String> {
    let inside = !text.starts_with('/') && text.split('/').all(|part| part != "..");
    if inside && text.len() <= LONGEST_PATH && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err("a path is relative to what was restored, without `..`, such as exports/2026".to_owned())
    }
}

fn check_sum(path: &str, sum: &str) -> Result<(), String> {
    if sum.trim().len() == 64 && sum.trim().bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(format!("`sha256`: the checksum of `{path}` must be 64 hexadecimal digits, as `sha256sum` prints them"))
    }
}
