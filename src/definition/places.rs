//! What a definition says about regions, accounts and ARNs, held against itself.

use serde_json::Value as Json;

use crate::cloud::resource::{REQUEST_ID, Settings};
use crate::cloud::vault::Metadata;
use crate::definition::check::Subject;
use crate::words::arn::Arn;
use crate::words::id::{Name, RunId};
use crate::words::kind::{Control, ResourceKind};
use crate::yaml::diagnostic::{Code, Diagnostic, Diagnostics, ticked};
use crate::yaml::node::Value;

/// Checks names, regions, ARNs, roles and raw metadata.
pub fn check(subject: &Subject<'_>, stem: &str, problems: &mut Diagnostics) {
    name(subject, stem, problems);
    regions(subject, problems);
    roles(subject, problems);
    for (restore, _) in subject.entries(&["restore"]) {
        what(subject, restore, problems);
        resource(subject, restore, problems);
        recovery_point(subject, restore, problems);
        metadata(subject, restore, problems);
        rehearsed_metadata(subject, restore, problems);
    }
    controls(subject, problems);
    formats(subject, problems);
}

fn name(subject: &Subject<'_>, stem: &str, problems: &mut Diagnostics) {
    if let Some(name) = subject.text(&["name"])
        && name != stem
    {
        let message = format!("the drill is named `{name}`, its file `{stem}.yaml`");
        let diagnostic = Diagnostic::error(Code::NameMismatch, message).at(subject.value_span(&["name"]));
        problems.push(diagnostic.help("a drill has its file's name, so that both lead to the same thing"));
    }
}

fn regions(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let (source, destination) = (subject.text(&["source", "region"]), subject.text(&["destination", "region"]));
    let allowed = subject.at(&["destination", "same_region"]).is_some_and(|value| value == true);
    if let (Some(source), Some(destination)) = (source, destination)
        && source == destination
        && !allowed
    {
        let message = format!("source and destination are the same region, {source}");
        let place = subject.value_span(&["destination", "region"]);
        let diagnostic = Diagnostic::error(Code::SameRegion, message).at(place);
        let diagnostic = diagnostic.related(subject.value_span(&["source", "region"]), "the source");
        problems
            .push(diagnostic.help(
                "a drill restores in another region; if this is meant, add `same_region: true` to `destination`",
            ));
    }
}

fn roles(subject: &Subject<'_>, problems: &mut Diagnostics) {
    for route in [["source", "access_role"], ["destination", "access_role"], ["destination", "restore_role"]] {
        let Some(arn) = subject.text(&route).and_then(|text| text.parse::<Arn>().ok()) else { continue };
        if arn.service() != "iam" || !arn.resource().starts_with("role/") || arn.account().is_none() {
            let message = format!("`{}` must be an IAM role", route[1]);
            let diagnostic = Diagnostic::error(Code::WrongRole, message).at(subject.value_span(&route));
            problems.push(diagnostic.help("write it like arn:aws:iam::123456789012:role/drill-restore"));
            continue;
        }
        let wanted = subject.text(&["destination", "account"]);
        let account = arn.account().map(String::from);
        if route[1] == "restore_role" && wanted.is_some() && account.as_deref() != wanted {
            let message = "`restore_role` must be a role of the destination's account";
            let diagnostic = Diagnostic::error(Code::WrongRole, message).at(subject.value_span(&route));
            problems
                .push(diagnostic.related(subject.value_span(&["destination", "account"]), "the destination's account"));
        }
    }
}

/// Exactly one of `resource` and `select`, and a selection that chooses.
fn what(subject: &Subject<'_>, restore: &str, problems: &mut Diagnostics) {
    let Some(node) = subject.node(&["restore", restore]) else { return };
    let place = subject.key_span(&["restore", restore]);
    match (node.get("resource"), node.get("select")) {
        (Some(_), Some((key, _))) => {
            let message = "`resource` names one thing and `select` several: keep one of them";
            problems.push(Diagnostic::error(Code::BadValue, message).at(key.span));
        }
        (None, None) if !node.entries().is_empty() => {
            let message = format!("the restore `{restore}` says neither `resource` nor `select`");
            let help = "name the source with `resource: arn:aws:…`, or choose several with `select: { tags: { … } }`";
            problems.push(Diagnostic::error(Code::MissingKey, message).at(place).help(help));
        }
        (None, Some(_)) => selection(subject, restore, problems),
        _ => {}
    }
}

fn selection(subject: &Subject<'_>, restore: &str, problems: &mut Diagnostics) {
    let route = ["restore", restore, "select"];
    if let (Some(own), Some(again)) =
        (subject.text(&["restore", restore, "type"]), subject.text(&["restore", restore, "select", "type"]))
        && own != again
    {
        let message = format!("the restore is of type `{own}` and selects `{again}`");
        let place = subject.value_span(&["restore", restore, "select", "type"]);
        problems.push(Diagnostic::error(Code::BadValue, message).at(place));
    }
    for list in ["arns", "except"] {
        let arns = subject.at(&["restore", restore, "select", list]).and_then(Json::as_array);
        for arn in arns.into_iter().flatten().filter_map(|arn| arn.as_str()?.parse::<Arn>().ok()) {
            if let Some(kind) = kind(subject, restore)
                && let Err(message) = (subject.types)(kind).check_arn(&arn)
            {
                let place = subject.value_span(&["restore", restore, "select", list]);
                problems.push(Diagnostic::error(Code::WrongResource, message).at(place));
            }
        }
    }
    let chooses = ["tags", "arns", "plan"].iter().any(|key| {
        let route = [route[0], route[1], route[2], key];
        subject.at(&route).is_some()
    });
    if !chooses && !problems.has_errors_in(subject.value_span(&route)) {
        let message = "this selection restores every resource of its type in the vault";
        let diagnostic = Diagnostic::warning(Code::NoEffect, message).at(subject.key_span(&route));
        problems.push(diagnostic.help("choose with `tags`, `arns` or `plan`, if that is not meant"));
    }
}

fn resource(subject: &Subject<'_>, restore: &str, problems: &mut Diagnostics) {
    let route = ["restore", restore, "resource"];
    let Some(arn) = subject.text(&route).and_then(|text| text.parse::<Arn>().ok()) else { return };
    let place = subject.value_span(&route);
    if let Some(kind) = kind(subject, restore)
        && let Err(message) = (subject.types)(kind).check_arn(&arn)
    {
        problems.push(Diagnostic::error(Code::WrongResource, message).at(place));
    }
    let region = arn.region().map(String::from);
    let account = arn.account().map(String::from);
    for (what, found) in [("region", region), ("account", account)] {
        if let (Some(found), Some(wanted)) = (found, subject.text(&["source", what]))
            && found != wanted
        {
            let message = format!("the resource is in the {what} {found}, the source is {wanted}");
            let diagnostic = Diagnostic::error(Code::WrongResource, message).at(place);
            problems.push(diagnostic.related(subject.value_span(&["source", what]), format!("the source's {what}")));
        }
    }
}

fn recovery_point(subject: &Subject<'_>, restore: &str, problems: &mut Diagnostics) {
    let route = ["restore", restore, "recovery_point", "pick"];
    let Some(pick) = subject.at(&route) else { return };
    let text =
        pick.get("arn").and_then(|arn| arn.as_str()).or_else(|| pick.as_str()?.strip_prefix("arn:").map(str::trim));
    let region = text.and_then(|text| text.parse::<Arn>().ok()).and_then(|arn| arn.region()).map(String::from);
    if let (Some(found), Some(wanted)) = (region, subject.text(&["destination", "region"]))
        && found != wanted
    {
        let message = format!("the recovery point is in the region {found}, the destination is {wanted}");
        let diagnostic = Diagnostic::error(Code::WrongResource, message).at(subject.value_span(&route));
        problems.push(diagnostic.help("name the copy in the destination's vault"));
    }
}

/// The type of a restore, if it is known.
pub(crate) fn kind(subject: &Subject<'_>, restore: &str) -> Option<ResourceKind> {
    subject.text(&["restore", restore, "type"]).and_then(ResourceKind::from_word)
}

fn metadata(subject: &Subject<'_>, restore: &str, problems: &mut Diagnostics) {
    let none = Settings::new();
    let with = subject.at(&["restore", restore, "with"]).and_then(Json::as_object).unwrap_or(&none);
    let naming_key = kind(subject, restore).and_then(|kind| (subject.types)(kind).naming_key(with));
    let is_other = kind(subject, restore) == Some(ResourceKind::Other);
    for (key, value) in subject.entries(&["restore", restore, "metadata"]) {
        let lower = key.to_lowercase();
        let is = |other: &str| lower == other.to_lowercase();
        let why = if is("DBInstanceIdentifier") || naming_key.as_deref().is_some_and(is) {
            Some("drill gives the restored resource its name, so that it can be found and removed whatever happens")
        } else if is("DBSnapshotIdentifier") {
            Some("it names the snapshot of the source; restore jobs that carry it fail within seconds")
        } else if lower.starts_with("aws:") && (!is_other || is(REQUEST_ID)) {
            Some("keys that start with `aws:` are AWS Backup's own")
        } else if lower.starts_with("informationalonly:") {
            Some("keys that start with `InformationalOnly:` are read-only")
        } else if value.is_null() {
            Some("its value is empty; leave the key out")
        } else {
            None
        };
        if let Some(why) = why {
            let message = format!("the metadata key `{key}` cannot be set: {why}");
            let place = subject.key_span(&["restore", restore, "metadata", key]);
            problems.push(Diagnostic::error(Code::ForbiddenMetadata, message).at(place));
        }
    }
}

/// A control that nobody knows is no error: frameworks are many. The report only names it.
fn controls(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let Some(Value::List(items)) = subject.node(&["controls"]).map(|node| &node.value) else { return };
    for item in items {
        let Some(text) = item.text().filter(|text| Control::from_word(text).is_none()) else { continue };
        let message = format!("drill does not know the control `{text}`: the report only names it");
        let diagnostic = Diagnostic::warning(Code::UnknownName, message).at(item.span);
        problems.push(diagnostic.help(near_control(text)));
    }
}

/// A near number is another control: only another spelling is a slip. Otherwise those of the framework that are known.
fn near_control(text: &str) -> String {
    let spelt = |word: &str| word.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    if let Some(same) = Control::WORDS.iter().copied().find(|word| spelt(word) == spelt(text)) {
        return format!("did you mean `{same}`?");
    }
    let framework = |word: &str| word.split_once(':').map(|(framework, _)| spelt(framework));
    let of_it = Control::WORDS.iter().copied().filter(|word| framework(word) == framework(text));
    let of_it: Vec<&str> = of_it.collect();
    format!("known here: {}", ticked(if of_it.is_empty() { Control::WORDS } else { &of_it }))
}

fn formats(subject: &Subject<'_>, problems: &mut Diagnostics) {
    let Some(formats) = subject.at(&["report", "formats"]).and_then(|formats| formats.as_array()) else { return };
    if !["markdown", "json"].iter().all(|format| formats.iter().any(|given| given == format)) {
        let message = "a report is always written as `markdown` and as `json`";
        problems.push(Diagnostic::warning(Code::NoEffect, message).at(subject.value_span(&["report", "formats"])));
    }
}

/// Builds the metadata as a run would, so that what the type refuses is found before anything starts.
fn rehearsed_metadata(subject: &Subject<'_>, restore: &str, problems: &mut Diagnostics) {
    let route = ["restore", restore];
    let Some(node) = subject.node(&route) else { return };
    if problems.has_errors_in(node.span) {
        return;
    }
    let parsed = |route: &[&str]| subject.text(route).map(str::to_owned);
    let Some(kind) = kind(subject, restore) else { return };
    let Ok(name) = restore.parse::<Name>() else { return };
    let Some(region) = parsed(&["destination", "region"]).and_then(|text| text.parse().ok()) else { return };
    let Some(account) = parsed(&["destination", "account"]).and_then(|text| text.parse().ok()) else { return };
    let none = Settings::new();
    let with = subject.at(&["restore", restore, "with"]).and_then(Json::as_object).unwrap_or(&none);
    let raw: Metadata = subject
        .entries(&["restore", restore, "metadata"])
        .filter_map(|(key, value)| value.as_str().map(|value| (key.clone(), value.to_owned())))
        .collect();
    let facts = (subject.types)(kind);
    let expected = facts.expected(&RunId::new(0, [0; 10]), &name, 1, &region, &account, "aws");
    if let Err(message) = facts.metadata(&Metadata::new(), with, &raw, &expected) {
        let blamed = if raw.is_empty() { "with" } else { "metadata" };
        let place = subject.key_span(&["restore", restore, blamed]);
        problems.push(Diagnostic::error(Code::ForbiddenMetadata, message).at(place));
    }
}
