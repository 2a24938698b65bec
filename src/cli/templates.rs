//! A user's templates: read from `runbooks/`, and checked.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::cli::error::CliError;
use crate::cli::place::Place;
use crate::definition::model::Definition;
use crate::report::runbook::{self, RunbookError, tag};
use crate::report::sample;
use crate::words::id::Name;
use crate::yaml::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::yaml::source::{Sources, Span};

/// The largest template that is read.
const LARGEST_BYTES: u64 = 1024 * 1024;

/// The templates of a run, as read now: the built-in ones, and the user's, which win. Where there are such, the definition's
/// is checked in all of its branches: a report that cannot be written is found out before anything is restored. The built-in
/// ones alone are checked by a test.
///
/// # Errors
/// When they cannot be read, the definition's runbook is not among them, or it uses what a report does not have.
pub(crate) fn templates(place: &Place, definition: &Definition) -> Result<BTreeMap<String, String>, CliError> {
    let mut templates = runbook::built_in();
    templates.extend(own(place)?);
    let wanted = &definition.report.runbook;
    if !templates.contains_key(wanted.as_str()) {
        return Err(CliError::usage(missing(place, wanted, &templates)));
    }
    if !runbook::are_built_in(&templates) {
        runbook::check(&templates, wanted).map_err(|error| CliError::Render(error.to_string()))?;
    }
    Ok(templates)
}

/// The user's own, by name: `NAME` and `partials/NAME`.
///
/// # Errors
/// When one cannot be read.
pub(crate) fn own(place: &Place) -> Result<BTreeMap<String, String>, CliError> {
    let Found { texts, unreadable } = found(place)?;
    match unreadable.into_iter().next() {
        Some(Unreadable { path, source, .. }) => Err(CliError::Read { path, source }),
        None => Ok(texts),
    }
}

/// What lies in the folder of runbooks.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The templates, by name.
    pub(crate) texts: BTreeMap<String, String>,
    /// Those that cannot be read, in the order of their names.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A template that cannot be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// Its name.
    pub(crate) name: String,
    path: PathBuf,
    source: std::io::Error,
}

/// Everything that lies there: what cannot be read hides nothing else.
///
/// # Errors
/// When a folder cannot be listed.
pub(crate) fn found(place: &Place) -> Result<Found, CliError> {
    let root = place.runbooks();
    let mut found = Found::default();
    read(&root, &root, "", &mut found)?;
    read(&root, &root.join("partials"), "partials/", &mut found)?;
    found.unreadable.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// What to say of a runbook that does not exist.
pub(crate) fn missing(place: &Place, wanted: &Name, templates: &BTreeMap<String, String>) -> String {
    let known: Vec<&str> = templates.keys().map(String::as_str).filter(|name| !name.contains('/')).collect();
    let hint = did_you_mean(wanted.as_str(), known.iter().copied())
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    format!(
        "there is no runbook `{wanted}`: `{}` does not exist; known: {}{hint}",
        Place::shown(&place.runbooks().join(format!("{wanted}.md.hbs"))),
        known.join(", ")
    )
}

/// Each of a user's templates with its text and what is wrong with it. One that cannot be read counts as empty for the
/// others.
pub(crate) fn checked(place: &Place, own: &Found) -> Vec<(String, Sources, Vec<Diagnostic>)> {
    let mut all = own.texts.clone();
    all.extend(own.unreadable.iter().map(|one| (one.name.clone(), String::new())));
    let problems = if all.is_empty() { Vec::new() } else { runbook::problems(&all) };
    let one = |(name, text): (&String, &String)| {
        let file = Place::shown(&place.runbooks().join(format!("{name}.md.hbs")));
        let mut sources = Sources::default();
        let source = sources.add(&file, text.clone());
        let own = problems.iter().filter(|problem| problem.place().is_some_and(|place| &place.template == name));
        let diagnostics = own.map(|problem| diagnostic(problem, text, |start, end| Span::new(source, start, end)));
        let diagnostics: Vec<Diagnostic> = diagnostics.collect();
        (file, sources, diagnostics)
    };
    let unreadable = own.unreadable.iter().map(|one| {
        let file = Place::shown(&one.path);
        let problem = Diagnostic::error(Code::Template, format!("`{file}` cannot be read: {}", one.source))
            .help("write it in UTF-8, as a file of at most 1 MiB in the folder of runbooks, and no link out of it");
        (file, Sources::default(), vec![problem])
    });
    own.texts.iter().map(one).chain(unreadable).collect()
}

fn diagnostic(problem: &RunbookError, text: &str, span: impl Fn(usize, usize) -> Span) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(Code::Template, problem.problem());
    if let Some((start, end)) = problem.place().and_then(|place| place.at).and_then(|at| tag(text, at)) {
        diagnostic = diagnostic.at(span(start, end));
    }
    let near = match problem {
        RunbookError::Missing { field, .. } => near(field),
        _ => None,
    };
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("docs/report.md lists the fields of a report, and what stands in a template"),
    }
}

/// The field that was most likely meant: of the report, or of what a list holds.
fn near(field: &str) -> Option<String> {
    let fields = sample::fields();
    if let Some(part) = field.strip_prefix("this.") {
        let last = fields.iter().filter_map(|known| known.rsplit("[].").next());
        return did_you_mean(part, last).map(|near| format!("this.{near}"));
    }
    did_you_mean(field, fields.iter().map(String::as_str)).map(str::to_owned)
}

fn read(root: &Path, folder: &Path, prefix: &str, into: &mut Found) -> Result<(), CliError> {
    let failed = |source| CliError::Read { path: folder.to_owned(), source };
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".md.hbs"));
        let Some(name) = name.map(|name| format!("{prefix}{name}")) else { continue };
        match template(root, &path) {
            Ok(text) => drop(into.texts.insert(name, text)),
            Err(source) => into.unreadable.push(Unreadable { name, path, source }),
        }
    }
    Ok(())
}

/// The text of a template, which lies below the folder of runbooks: what it says goes into journal and report.
fn template(root: &Path, path: &Path) -> std::io::Result<String> {
    let real = std::fs::canonicalize(path)?;
    if !real.starts_with(std::fs::canonicalize(root)?) {
        return Err(std::io::Error::other("it is a link that leaves the folder of runbooks; copy the file into it"));
    }
    if !real.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    let mut text = String::new();
    std::fs::File::open(real)?.take(LARGEST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_BYTES {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::near;
    use crate::report::runbook::tag;

    #[test]
    fn a_line_and_a_column_are_a_range_of_bytes() {
        let text = "# ü {{a}}\nx {{md scope.drll}} y\n";
        let at = |line, column| tag(text, (line, column)).map(|(start, end)| &text[start..end]);
        assert_eq!(at(1, 5), Some("{{a}}"));
        assert_eq!(at(2, 3), Some("{{md scope.drll}}"));
        assert_eq!(at(2, 400), Some(""));
        assert_eq!((at(9, 1), at(0, 1)), (Some(""), None));
    }

    #[test]
    fn a_slip_is_recognised() {
        assert_eq!(near("scope.drll").as_deref(), Some("scope.drill"));
        assert_eq!(near("this.outcom").as_deref(), Some("this.outcome"));
        assert_eq!(near("nothing.like.it"), None);
    }
}
