//! One event, one line: what a run prints where there is no live view, and what `drill logs` prints.

use crate::cloud::check::CheckResult;
use crate::cloud::resource::Found;
use crate::journal::event::{Event, GoneProof, Recorded, StepEnd, Tried, Witness};
use crate::report::facts::deviation::lease_end;
use crate::run::decide::why_ended;
use crate::words::time::{show_duration, show_instant};

/// The line of a record: time, what, details.
#[must_use]
pub fn line(record: &Recorded) -> String {
    let time = record.at.strftime("%H:%M:%S");
    let (what, details) = words(&record.event);
    let subject = subject(&record.event);
    format!("{time}  {:<28} {what:<12} {details}", subject.as_deref().unwrap_or("run")).trim_end().to_owned()
}

/// The line with its date, for logs that are read later.
#[must_use]
pub fn dated_line(record: &Recorded) -> String {
    format!("{:>4}  {}  {}", record.seq, record.at.strftime("%Y-%m-%d"), line(record))
}

fn subject(event: &Event) -> Option<String> {
    match event {
        Event::StepStarted { step }
        | Event::StepEnded { step, .. }
        | Event::Stumbled { step, .. }
        | Event::Warned { step, .. } => Some(step.to_string()),
        Event::Preflighted { .. } => Some("preflight".into()),
        Event::Picked { restore, .. } => Some(format!("pick.{restore}")),
        Event::RestoreIntended { restore, .. }
        | Event::GroundIntended { restore }
        | Event::GroundLaid { restore }
        | Event::Searched { restore, .. }
        | Event::RestoreAccepted { restore, .. }
        | Event::RestoreNotFound { restore }
        | Event::RestoreDoubtful { restore, .. }
        | Event::RestoreRefused { restore, .. }
        | Event::JobSeen { restore, .. } => Some(format!("restore.{restore}")),
        Event::ResourceSeen { restore, .. } => Some(format!("resource.{restore}")),
        Event::StampIntended { restore, .. } | Event::Stamped { restore } | Event::StampFailed { restore, .. } => {
            Some(format!("ready.{restore}"))
        }
        Event::FinishIntended { restore, .. } | Event::FinishAsked { restore } => Some(format!("finish.{restore}")),
        Event::PasswordIntended { restore } | Event::PasswordSet { restore } => Some(format!("resource.{restore}")),
        Event::ActionIntended { action, .. } | Event::ActionTried { action, .. } => Some(format!("action.{action}")),
        Event::UndoIntended { action, .. } | Event::UndoTried { action, .. } => Some(format!("undo.{action}")),
        Event::GateAnswered { gate, .. } => Some(format!("gate.{gate}")),
        Event::ProbeTried { probe, .. } | Event::ControlTried { probe, .. } => Some(format!("probe.{probe}")),
        Event::TagsSeen { restore, .. }
        | Event::UnprotectIntended { restore }
        | Event::Unprotected { restore }
        | Event::RemovalIntended { restore, .. }
        | Event::RemovalAccepted { restore }
        | Event::AbsenceSeen { restore }
        | Event::Gone { restore, .. }
        | Event::Kept { restore, .. }
        | Event::LeaseTagged { restore }
        | Event::LeaseTagFailed { restore, .. } => Some(format!("teardown.{restore}")),
        Event::Concluded { .. }
        | Event::ReportWritten { .. }
        | Event::ReportFailed { .. }
        | Event::ArchiveIntended { .. }
        | Event::Archived { .. }
        | Event::ArchiveFailed { .. } => Some("report".into()),
        Event::RunStarted(_)
        | Event::RunResumed { .. }
        | Event::CancelRequested { .. }
        | Event::TeardownReopened
        | Event::LeaseExtended { .. }
        | Event::LeaseEnded { .. } => None,
    }
}

fn words(event: &Event) -> (&'static str, String) {
    match event {
        Event::RunStarted(started) => {
            ("started", format!("{} ({}), drill {}", started.drill, started.mode, started.version))
        }
        Event::RunResumed { by } => ("resumed", format!("by {by}")),
        Event::CancelRequested { by } => ("ending", why_ended(by).to_owned()),
        Event::TeardownReopened => ("reopened", "teardown of what was left".into()),
        Event::StepStarted { .. } => ("begins", String::new()),
        Event::StepEnded { end, .. } => ended(end),
        Event::Stumbled { error, .. } => ("again", error.to_string()),
        Event::Warned { text, .. } => ("warning", text.clone()),
        Event::Preflighted { checks, .. } => {
            let count = |result| checks.iter().filter(|check| check.result == result).count();
            let counts = [
                (count(CheckResult::Ok), "ok"),
                (count(CheckResult::Failed), "failed"),
                (count(CheckResult::Warning), "odd"),
                (count(CheckResult::NotChecked), "not checked"),
            ];
            let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
            ("looked", told.collect::<Vec<String>>().join(", "))
        }
        Event::Picked { picked, .. } => match &picked.chosen {
            Some(point) => {
                ("chose", format!("{} from {}", point.arn, point.created.map_or_else(|| "?".into(), show_instant)))
            }
            None => ("chose", format!("none; {} rejected", picked.rejected.len())),
        },
        Event::ProbeTried { attempt, result, .. } => tried("attempt", *attempt, result),
        Event::ActionTried { attempt, result, .. } => tried("attempt", *attempt, result),
        Event::UndoTried { attempt, result, .. } => tried("undo", *attempt, result),
        Event::ActionIntended { attempt, .. } => ("intends", format!("attempt {attempt}")),
        Event::UndoIntended { attempt, .. } => ("intends", format!("to undo it, attempt {attempt}")),
        Event::GateAnswered { answer, .. } => {
            let said = if answer.approved { "yes" } else { "no" };
            ("answered", format!("{said}, by {} {}", answer.by, answer.note))
        }
        Event::ControlTried { attempt, result, .. } => tried("control", *attempt, result),
        Event::Concluded { conclusion } => {
            let why: Vec<&str> = conclusion.reasons.iter().map(|reason| reason.text.as_str()).collect();
            ("verdict", format!("{} {}", conclusion.verdict, why.join("; ")))
        }
        Event::ReportWritten { files } => {
            let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
            ("written", names.join(", "))
        }
        Event::ReportFailed { message } => ("not written", message.clone()),
        Event::ArchiveIntended { place, until } => {
            ("intends", format!("to keep a copy in {place} until {}", show_instant(*until)))
        }
        Event::Archived { place, files, .. } => ("archived", format!("{} files in {place}", files.len())),
        Event::ArchiveFailed { message } => ("not archived", message.clone()),
        of_resource => resource_words(of_resource),
    }
}

fn resource_words(event: &Event) -> (&'static str, String) {
    match event {
        Event::RestoreIntended { entry, .. } => ("intends", format!("{} from {}", entry.expected.name, entry.point)),
        Event::GroundIntended { .. } => ("intends", "to make what the restore job needs to find".into()),
        Event::GroundLaid { .. } => ("made", "what the restore job needs to find".into()),
        Event::Searched { found, .. } => ("searched", found_words(found)),
        Event::FinishIntended { parts, .. } => {
            let parts: Vec<String> = parts.iter().map(|part| format!("{} {}", part.kind, part.id)).collect();
            ("intends", format!("to add {}", parts.join(", ")))
        }
        Event::PasswordIntended { .. } => ("intends", "to set a new master password, which nobody writes down".into()),
        Event::PasswordSet { .. } => ("set", "a new master password".into()),
        Event::FinishAsked { .. } => ("asked for", "what is missing".into()),
        Event::RestoreAccepted { job, found, .. } => {
            (if *found { "found" } else { "accepted" }, format!("restore job {job}"))
        }
        Event::RestoreNotFound { .. } => ("no job", "no restore job was found for the start in doubt".into()),
        Event::RestoreDoubtful { jobs, .. } => ("in doubt", format!("{} restore jobs may be the run's", jobs.len())),
        Event::RestoreRefused { error, .. } => ("refused", error.to_string()),
        Event::JobSeen { job, .. } => {
            ("job", format!("{} {}", job.status.word(), job.message.as_deref().unwrap_or_default()))
        }
        Event::ResourceSeen { observation, .. } => {
            let at = observation.endpoint.as_ref().map(|at| match at.port {
                Some(port) => format!("at {}:{port}", at.host),
                None => format!("at {}", at.host),
            });
            ("seen", format!("{} {}", observation.status, at.unwrap_or_default()))
        }
        Event::StampIntended { remove, add, .. } => {
            ("tags", format!("{} inherited to take off, {} to put on", remove.len(), add.len()))
        }
        Event::Stamped { .. } => ("tagged", String::new()),
        Event::StampFailed { error, .. } => ("not tagged", error.to_string()),
        Event::TagsSeen { tags, .. } => ("tags", format!("{} read as a witness", tags.len())),
        Event::UnprotectIntended { .. } => ("intends", "to switch deletion protection off".into()),
        Event::Unprotected { .. } => ("unprotected", String::new()),
        Event::RemovalIntended { witness, .. } => {
            ("intends", format!("to delete; witness: {}", witness_words(witness)))
        }
        Event::RemovalAccepted { .. } => ("deleting", String::new()),
        Event::AbsenceSeen { .. } => ("absent", "once".into()),
        Event::Gone { proof, .. } => ("gone", proof_words(proof)),
        Event::Kept { until, .. } => ("intends", format!("to keep it until {}", show_instant(*until))),
        Event::LeaseTagged { .. } => ("kept", "its tag says until when".into()),
        Event::LeaseTagFailed { error, .. } => ("kept", format!("without a tag: {error}")),
        Event::LeaseExtended { until, by } => ("kept", format!("until {}, by {by}", show_instant(*until))),
        Event::LeaseEnded { by } => ("lease", format!("ended: {}", lease_end(*by))),
        _ => ("recorded", String::new()),
    }
}

fn found_words(found: &Found) -> String {
    match found {
        Found::Nothing => "found nothing".into(),
        Found::Marked(arn) => format!("found {arn}, by the run's own mark"),
        Found::Suspects(arns) => {
            let arns: Vec<String> = arns.iter().map(ToString::to_string).collect();
            format!("found what may be it: {}", arns.join(", "))
        }
    }
}

fn witness_words(witness: &Witness) -> String {
    match witness {
        Witness::RestoreJob { job } => format!("restore job {job}"),
        Witness::Tag => "its drill:run tag".into(),
        Witness::Request => "the run's own request".into(),
    }
}

fn proof_words(proof: &GoneProof) -> String {
    match proof {
        GoneProof::AbsentTwice { first, second } => {
            format!("absent at {} and {}", show_instant(*first), show_instant(*second))
        }
        GoneProof::NeverStarted => "the restore never started".into(),
        GoneProof::WorldLost => "the simulated AWS ended".into(),
    }
}

fn ended(end: &StepEnd) -> (&'static str, String) {
    match end {
        StepEnd::Passed => ("passed", String::new()),
        StepEnd::Failed(failure) => {
            let id = failure.request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default();
            ("failed", format!("{}{id}", failure.message))
        }
        StepEnd::Unneeded { because } => ("not needed", because.clone()),
        StepEnd::Skipped { because } => ("skipped", because.clone()),
        StepEnd::NotMeasured { because } => ("not measured", because.clone()),
    }
}

fn tried(what: &'static str, attempt: u32, result: &Tried) -> (&'static str, String) {
    match result {
        Tried::Held { explained, .. } => (what, format!("{attempt} held {}", explained.join("; "))),
        Tried::Missed { miss } => (what, format!("{attempt} missed: {}", miss.message)),
    }
}

/// How long something took, or nothing.
#[must_use]
pub fn took(since: Option<jiff::Timestamp>, until: Option<jiff::Timestamp>) -> String {
    match (since, until) {
        (Some(since), Some(until)) => show_duration(until.duration_since(since)),
        _ => String::new(),
    }
}
