//! What the script on the probe host said, and what that means for the probe.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::definition::model::ProbeReason;
use crate::probe::input::miss;
use crate::probe::mounted::script::{Job, Source};
use crate::probe::output::{last_words, nothing};
use crate::probe::{Miss, Observed, Outcome};
use crate::words::text::tame;

/// The JSON object that the script prints last. Nothing in it was written by what was restored, but for checksums.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Said {
    /// How far it came: `done`, or where it stopped.
    stage: String,
    mounted: bool,
    /// The type; empty while it is not known.
    file_system: String,
    /// Whether a check found nothing; none if nothing was checked.
    checked: Option<bool>,
    /// `clean` or `dirty`, as the check said; empty without one.
    journal: String,
    /// The exit code of what failed.
    code: u64,
    files: Option<u64>,
    bytes: Option<u64>,
    /// Seconds since 1970.
    newest: Option<i64>,
    /// A checksum for each file, or a word for why there is none.
    sums: Vec<String>,
    /// It could not be unmounted.
    left: bool,
}

impl Said {
    /// The last line, if it is the script's own.
    pub(crate) fn read(stdout: &str) -> Option<Self> {
        serde_json::from_str(stdout.lines().rev().find(|line| line.starts_with('{'))?).ok()
    }

    /// Held against what was asked for. `errors` is what the script wrote to standard error, `host` where it ran, `wanted`
    /// gives the checksum that a file must have.
    pub(crate) fn judged(
        &self,
        job: &Job,
        host: &str,
        errors: &str,
        wanted: impl Fn(&str) -> Option<String>,
    ) -> Outcome {
        let mut observed = self.observed(job);
        observed.facts.insert("probe host".to_owned(), tame(host));
        let problem = match self.stage.as_str() {
            "done" => self.sums_wrong(job, wanted).map(|problem| (ProbeReason::Expectation, problem)),
            stage => Some(self.stopped(stage, job, host, errors)),
        };
        let left = self.left.then(|| left_behind(job, host));
        let (reason, message) = match (problem, left) {
            (None, None) => return Ok(observed),
            (None, Some(left)) => (ProbeReason::Setup, left),
            (Some((reason, problem)), None) => (reason, problem),
            (Some((reason, problem)), Some(left)) => (reason, format!("{problem}; {left}")),
        };
        Err(Miss { observed: Some(observed), ..miss(reason, &message) })
    }

    fn observed(&self, job: &Job) -> Observed {
        let mut seen = nothing();
        let mut add = |name: &str, value: Value| drop(seen.values.insert(name.to_owned(), value));
        add("mounted", self.mounted.into());
        if !self.file_system.is_empty() {
            add("file_system", tame(&self.file_system).into());
        }
        if let Some(checked) = self.checked {
            add("checked", checked.into());
        }
        if !self.journal.is_empty() {
            add("journal", tame(&self.journal).into());
        }
        if let (Some(files), Some(bytes)) = (self.files, self.bytes) {
            add("files", files.into());
            add("bytes", bytes.into());
            let newest = self.newest.and_then(|seconds| Timestamp::from_second(seconds).ok());
            add("newest", newest.map_or(Value::Null, |newest| newest.to_string().into()));
        }
        if !job.sums.is_empty() {
            let known = job.sums.iter().zip(&self.sums).filter(|(_, sum)| is_sum(sum));
            add("checksums", known.map(|(path, sum)| Value::from(tame(&format!("{sum}  {path}")))).collect());
        }
        seen
    }

    fn sums_wrong(&self, job: &Job, wanted: impl Fn(&str) -> Option<String>) -> Option<String> {
        if self.sums.len() != job.sums.len() {
            return Some(format!("{} checksums came back for {} files", self.sums.len(), job.sums.len()));
        }
        let wrong = |(path, sum): (&String, &String)| match (sum.as_str(), wanted(path)) {
            ("missing", _) => Some(format!("there is no file `{path}` in it")),
            (sum, _) if !is_sum(sum) => Some(format!("`{path}` cannot be read to its end")),
            (sum, Some(wanted)) if !wanted.eq_ignore_ascii_case(sum) => {
                Some(format!("`{path}`: expected the SHA-256 {wanted}, observed {sum}"))
            }
            _ => None,
        };
        let wrong: Vec<String> = job.sums.iter().zip(&self.sums).filter_map(wrong).collect();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    /// Why it stopped, and whose fault that is.
    fn stopped(&self, stage: &str, job: &Job, host: &str, errors: &str) -> (ProbeReason, String) {
        let said = last_words(errors.as_bytes(), &[]);
        let with = |message: String| if said.is_empty() { message } else { format!("{message}; it said: {said}") };
        let setup = |message: String| (ProbeReason::Setup, message);
        let data = |message: &str| (ProbeReason::Expectation, with(message.to_owned()));
        match stage {
            "tool" => setup(with(format!("`{host}` lacks a program that this needs; install it there"))),
            "folder" => setup(with(format!("`{}` cannot be made on `{host}`", job.at))),
            "device" => setup(unattached(host)),
            "other" => {
                setup(format!("`device` is another volume on `{host}`, not the restored one; leave `device` out"))
            }
            "foreign" => setup(format!(
                "the volume holds `{}`, which this probe cannot mount; read it with a script of your own (`ssm`)",
                self.file_system
            )),
            "none" => data("no such file system was found on the volume, neither on it nor in a partition"),
            "check" => self.unsound(&said),
            "mount" => unmounted(job, host, errors, with("it cannot be mounted".to_owned())),
            "restored" => data("there is no folder `aws-backup-restore_…` in it: nothing was restored into it"),
            "several" => data("there are several folders `aws-backup-restore_…` in it: it holds more than one restore"),
            "path" => data(&format!("there is no `{}` in it, or it leads out of it", job.path)),
            "walk" if errors.contains("Permission denied") => setup(with(format!(
                "`{host}` may not read all files; export the file system so that root stays root (no_root_squash)"
            ))),
            "walk" => data("the files could not all be read"),
            "time" => (ProbeReason::Timeout, "it took too long; give the probe more time with `timeout`".to_owned()),
            _ => setup(with(format!("the script on `{host}` did not get to its end"))),
        }
    }

    /// A check that fails. One whose journal was not replayed finds what recovery would have mended.
    fn unsound(&self, said: &str) -> (ProbeReason, String) {
        let said = if said.is_empty() { String::new() } else { format!("; it said: {said}") };
        // From 8 on, e2fsck could not look at all.
        if self.file_system.starts_with("ext") && self.code >= 8 {
            return (ProbeReason::Setup, format!("the file system could not be checked (code {}){said}", self.code));
        }
        if said.contains("mounted filesystem") || said.contains("is mounted") {
            let message = format!("it is mounted already; leave `mount` out of the restore's `attach`{said}");
            return (ProbeReason::Setup, message);
        }
        if self.journal == "dirty" {
            let message = format!(
                "the check says nothing: the file system was in use when it was backed up, and what it finds may be \
                 mended by its journal, which is not replayed here; freeze the file system for the backup, or leave \
                 `check` out{said}"
            );
            return (ProbeReason::Setup, message);
        }
        (ProbeReason::Expectation, format!("the check of the {} file system found errors{said}", self.file_system))
    }
}

/// The volume is not there: nothing said that it should be.
fn unattached(host: &str) -> String {
    format!(
        "the restored volume is not attached to `{host}`; let the restore attach it, with `with: {{ attach: {{ \
         instance: {host}, device: /dev/sdf }} }}`, or name its `device` where the instance is not a Nitro instance"
    )
}

/// `message` is what was said; the words of `mount` and of its helpers tell what is missing.
fn unmounted(job: &Job, host: &str, errors: &str, message: String) -> (ProbeReason, String) {
    let says = |words: &[&str]| words.iter().any(|word| errors.contains(word));
    if says(&["unknown filesystem type", "helper program", "No such device"]) && !says(&["bad superblock"]) {
        return (ProbeReason::Setup, format!("{message}; install the client for it on `{host}`"));
    }
    let Source::Share { .. } = job.source else { return (ProbeReason::Expectation, message) };
    if says(&["timed out", "No route", "unreachable", "resolve", "Name or service", "Host is down"]) {
        let mend = format!("let `{host}` in: security groups, the same VPC or a route, and the file system's port");
        return (ProbeReason::Unreachable, format!("{message}; {mend}"));
    }
    if says(&["access denied", "Permission denied", "Operation not permitted"]) {
        return (ProbeReason::Authentication, message);
    }
    (ProbeReason::Connection, message)
}

/// What a person must do about a mount that stays.
pub(crate) fn left_behind(job: &Job, host: &str) -> String {
    format!("`{at}` on `{host}` stays mounted and could not be unmounted; run `umount {at}` there", at = job.at)
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
