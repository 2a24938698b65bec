//! A report's context + a Handlebars template → Markdown.
//!
//! Invariants: strict, so a field that does not exist is an error that names template, line and column, in `{{#if}}`
//! too. Safe, so what a template puts out is escaped for Markdown, and that a run is a rehearsal is said above whatever
//! the template says. Bounded: `template` refuses what nests or recurs, `bound` ends what goes on. Nothing is read from
//! disk: `cli` reads a user's templates, and the journal keeps them.
//!
//! | helper | puts out |
//! |---|---|
//! | `{{x}}`, `{{md x}}` | ordinary text, one line |
//! | `{{cell x}}` | the same for a table's cell: never empty |
//! | `{{code x}}` | inline code, in a table too |
//! | `{{block "sh" x}}` | a fenced block |
//! | `{{mermaid x}}` | the inside of a quoted label of Mermaid |
//!
//! docs/report.md says which fields there are, and `sample` where that list comes from.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

use handlebars::{
    Context as Data, Handlebars, Helper, HelperDef, HelperResult, JsonRender as _, JsonTruthy as _, Output,
    RenderContext, RenderError, RenderErrorReason, Renderable as _, TemplateError,
};

use crate::plan::show::mermaid::label;
use crate::report::bound::{self, Bounded, Each};
use crate::report::facts::Context;
use crate::report::include::{self, Include, compiled};
use crate::report::markdown;
use crate::report::row::{ESCAPING, Escaping, is_plain};
use crate::report::sample::{DEEPEST, sample};
use crate::report::template::{Refused, check as look, include_problem};
use crate::words::id::Name;
use crate::words::text::is_hostile;

/// The most problems that are told of one runbook.
const MOST_PROBLEMS: usize = 50;

/// The templates that are built in: the same files that a user can copy and change.
const BUILT_IN: [(&str, &str); 19] = [
    ("audit", include_str!("../../runbooks/audit.md.hbs")),
    ("default", include_str!("../../runbooks/default.md.hbs")),
    ("executive", include_str!("../../runbooks/executive.md.hbs")),
    ("partials/actions", include_str!("../../runbooks/partials/actions.md.hbs")),
    ("partials/by-hand", include_str!("../../runbooks/partials/by-hand.md.hbs")),
    ("partials/controls", include_str!("../../runbooks/partials/controls.md.hbs")),
    ("partials/findings", include_str!("../../runbooks/partials/findings.md.hbs")),
    ("partials/isolation", include_str!("../../runbooks/partials/isolation.md.hbs")),
    ("partials/limits", include_str!("../../runbooks/partials/limits.md.hbs")),
    ("partials/objectives", include_str!("../../runbooks/partials/objectives.md.hbs")),
    ("partials/people", include_str!("../../runbooks/partials/people.md.hbs")),
    ("partials/probes", include_str!("../../runbooks/partials/probes.md.hbs")),
    ("partials/restores", include_str!("../../runbooks/partials/restores.md.hbs")),
    ("partials/scope", include_str!("../../runbooks/partials/scope.md.hbs")),
    ("partials/seal", include_str!("../../runbooks/partials/seal.md.hbs")),
    ("partials/steps", include_str!("../../runbooks/partials/steps.md.hbs")),
    ("partials/teardown", include_str!("../../runbooks/partials/teardown.md.hbs")),
    ("partials/trend", include_str!("../../runbooks/partials/trend.md.hbs")),
    ("partials/verdict", include_str!("../../runbooks/partials/verdict.md.hbs")),
];

/// Where in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The template's name.
    pub template: String,
    /// Line and column, from 1, where they are known.
    pub at: Option<(usize, usize)>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runbooks/{}.md.hbs", self.template)?;
        match self.at {
            Some((line, column)) => write!(f, ", line {line}, column {column}"),
            None => Ok(()),
        }
    }
}

impl RunbookError {
    /// Where it is; nothing where there is no such template.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Unknown { .. } => None,
            Self::Syntax { place, .. } | Self::Missing { place, .. } | Self::Render { place, .. } => Some(place),
        }
    }

    /// What it is, without its place.
    #[must_use]
    pub fn problem(&self) -> String {
        match self {
            Self::Unknown { .. } => self.to_string(),
            Self::Syntax { reason, .. } | Self::Render { reason, .. } => reason.clone(),
            Self::Missing { field, .. } => format!("there is no `{field}` in a report"),
        }
    }
}

/// A report that could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunbookError {
    /// No template has the name.
    #[error("there is no runbook `{name}`: write `runbooks/{name}.md.hbs`, or use one of {known}")]
    Unknown { name: String, known: String },
    /// A template that is no Handlebars.
    #[error("{place}: {reason}")]
    Syntax { place: Place, reason: String },
    /// A template that uses a field that does not exist.
    #[error("{place}: there is no `{field}` here; docs/report.md lists the fields of a report")]
    Missing { place: Place, field: String },
    /// Anything else.
    #[error("{place}: {reason}")]
    Render { place: Place, reason: String },
}

/// The templates that are built in, by name: `default`, `executive`, `audit`, and `partials/…`.
#[must_use]
pub fn built_in() -> BTreeMap<String, String> {
    BUILT_IN.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// Whether these are the templates that are built in, and no others.
#[must_use]
pub fn are_built_in(templates: &BTreeMap<String, String>) -> bool {
    let is_there = |(name, text): &(&str, &str)| templates.get(*name).is_some_and(|own| own == text);
    templates.len() == BUILT_IN.len() && BUILT_IN.iter().all(is_there)
}

/// Compiles a built-in runbook, unless it is compiled: whoever will render it can have that done meanwhile.
pub fn compile_built_in(runbook: &Name) {
    let _ = compiled_built_in(runbook);
}

/// Renders a runbook. `templates` are laid over the built-in ones, so a user's own may use any built-in partial.
///
/// # Errors
/// When there is no such runbook, a template is no Handlebars or is refused, or it uses what does not exist.
pub fn render(templates: &BTreeMap<String, String>, runbook: &Name, context: &Context) -> Result<String, RunbookError> {
    with_compiled(templates, runbook, |registry| {
        let text = text_of(registry, runbook.as_str(), context)?;
        Ok(below(context.banner.as_deref(), tidy(&text)))
    })
}

/// A runbook and all that it includes, compiled.
type Registered = Result<Handlebars<'static>, RunbookError>;

/// The built-in runbooks, each compiled once for all threads, when it is first wanted: a run renders one of them, and compiling
/// takes longer than rendering a short report.
static AUDIT: LazyLock<Registered> = LazyLock::new(|| registered_built_in("audit"));
static DEFAULT: LazyLock<Registered> = LazyLock::new(|| registered_built_in("default"));
static EXECUTIVE: LazyLock<Registered> = LazyLock::new(|| registered_built_in("executive"));

fn registered_built_in(runbook: &str) -> Registered {
    registered(&built_in(), Some(runbook), Branches::Chosen)
}

/// Nothing if no built-in runbook has the name.
fn compiled_built_in(runbook: &Name) -> Option<&'static Handlebars<'static>> {
    let compiled = match runbook.as_str() {
        "audit" => &AUDIT,
        "default" => &DEFAULT,
        "executive" => &EXECUTIVE,
        _ => return None,
    };
    LazyLock::force(compiled).as_ref().ok()
}

thread_local! {
    /// What was compiled last of others: many runs of one process have the same templates.
    static LAST: RefCell<Option<Compiled>> = const { RefCell::new(None) };
}

/// Templates, as a run has them and as they are rendered.
struct Compiled {
    templates: BTreeMap<String, String>,
    registry: Handlebars<'static>,
}

/// Does something with the templates, compiled: the built-in ones once, others once for each thread as long as they are the
/// same.
fn with_compiled<T>(
    templates: &BTreeMap<String, String>,
    runbook: &Name,
    act: impl FnOnce(&Handlebars<'static>) -> Result<T, RunbookError>,
) -> Result<T, RunbookError> {
    if (templates.is_empty() || are_built_in(templates))
        && let Some(registry) = compiled_built_in(runbook)
    {
        return act(registry);
    }
    LAST.with_borrow_mut(|last| {
        let is_it = |one: &&Compiled| one.templates == *templates && one.registry.has_template(runbook.as_str());
        if let Some(known) = last.as_ref().filter(is_it) {
            return act(&known.registry);
        }
        let all = laid_over(templates);
        known(&all, runbook.as_str())?;
        let registry = registered(&all, Some(runbook.as_str()), Branches::Chosen)?;
        act(&last.insert(Compiled { templates: templates.clone(), registry }).registry)
    })
}

/// Checks one runbook as [`problems`] does all of a user.
///
/// # Errors
/// The first problem.
pub fn check(templates: &BTreeMap<String, String>, runbook: &Name) -> Result<(), RunbookError> {
    let all = laid_over(templates);
    known(&all, runbook.as_str())?;
    try_all(&registered(&all, None, Branches::All)?, runbook.as_str())
}

/// The templates, parsed: those that a runbook includes, or all.
fn registered(
    all: &BTreeMap<String, String>,
    runbook: Option<&str>,
    branches: Branches,
) -> Result<Handlebars<'static>, RunbookError> {
    let mut registry = registry(branches);
    let mut includes = BTreeMap::new();
    for (name, text) in all {
        includes.insert(name.as_str(), look(text).map_err(|refused| refusal(name, text, refused))?);
    }
    if let Some((name, refused)) = include_problem(&includes) {
        let text = all.get(&name).map_or("", String::as_str);
        return Err(refusal(&name, text, refused));
    }
    let wanted = runbook.map(|runbook| reached(runbook, &includes));
    let mut plain = true;
    for (name, text) in all {
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(name.as_str())) {
            continue;
        }
        let template = compiled(name, text).map_err(|error| syntax(name, &error))?;
        plain &= is_plain(&template);
        registry.register_template(name, template);
    }
    registry.register_helper("each", Box::new(Each { plain }));
    Ok(registry)
}

/// A template and all that it includes.
fn reached<'a>(first: &'a str, includes: &'a BTreeMap<&str, Vec<(usize, String)>>) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![first]);
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(includes.get(name).into_iter().flatten().map(|(_, partial)| partial.as_str()));
        }
    }
    reached
}

/// Everything that is wrong with a user's templates, laid over the built-in ones: each that is refused or no Handlebars,
/// and in the others the uses of what a report does not have, up to the first that is a list. What is wrong with one hides
/// nothing in another. Every branch is tried, over a context in which everything has a value: a mistake is found even if it
/// would show only in a run that leaks.
#[must_use]
pub fn problems(templates: &BTreeMap<String, String>) -> Vec<RunbookError> {
    let mut all = laid_over(templates);
    let mut found: Vec<RunbookError> = all.iter().filter_map(|(name, text)| unparsed(name, text)).collect();
    found.iter().filter_map(RunbookError::place).for_each(|place| {
        all.insert(place.template.clone(), String::new());
    });
    // What would include itself does not, from here on: the next one is found, and the fields of the others are tried.
    while let Err(problem) = registered(&all, None, Branches::All) {
        let emptied = problem.place().and_then(|place| all.insert(place.template.clone(), String::new()));
        let is_new = emptied.is_some_and(|text| !text.is_empty());
        found.push(problem);
        if !is_new {
            return found;
        }
    }
    let runbooks: Vec<String> = all.keys().filter(|name| !name.contains('/')).cloned().collect();
    for runbook in runbooks {
        fields(&mut all, &runbook, &mut found);
    }
    found
}

/// Why a template is not taken, whatever the others are.
fn unparsed(name: &str, text: &str) -> Option<RunbookError> {
    if let Err(refused) = look(text) {
        return Some(refusal(name, text, refused));
    }
    Handlebars::new().register_template_string(name, text).err().map(|error| syntax(name, &error))
}

/// The problems of one runbook, each of which is taken out to find the next.
fn fields(all: &mut BTreeMap<String, String>, runbook: &str, found: &mut Vec<RunbookError>) {
    for _ in 0..MOST_PROBLEMS {
        let Ok(registry) = registered(all, None, Branches::All) else { return };
        let Err(problem) = try_all(&registry, runbook) else { return };
        let goes_on = problem.place().is_some_and(|place| take_out(all, place));
        if !found.contains(&problem) {
            found.push(problem);
        }
        if !goes_on {
            return;
        }
    }
}

/// Takes out what stands at a place: a tag that puts something out leaves spaces, a condition holds from now on. What
/// is inside of a list depends on it, so it stays.
fn take_out(all: &mut BTreeMap<String, String>, place: &Place) -> bool {
    let Some(text) = all.get_mut(&place.template) else { return false };
    let Some((start, end)) = place.at.and_then(|at| tag(text, at)) else { return false };
    let Some(found) = text.get(start..end).filter(|found| found.starts_with("{{") && found.ends_with("}}")) else {
        return false;
    };
    let word = found.trim_matches(['{', '}', '~']).trim_start();
    let instead = if word.starts_with("#if ") || word.starts_with("#unless ") {
        let word = word.split(' ').next().unwrap_or_default();
        format!("{{{{{word} @root.version}}}}")
    } else if word.starts_with(['#', '/', '^']) || word.starts_with("else") {
        return false;
    } else {
        " ".repeat(found.chars().count())
    };
    if instead == found {
        return false;
    }
    text.replace_range(start..end, &instead);
    true
}

/// From a line and a column, from 1, to the end of the tag that begins there, in bytes.
#[must_use]
pub fn tag(text: &str, (line, column): (usize, usize)) -> Option<(usize, usize)> {
    let before: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = text.get(before..)?;
    let this_line = rest.lines().next().unwrap_or_default();
    let skipped: usize = this_line.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
    let start = before + skipped;
    let tag = text.get(start..)?;
    let line_end = tag.find('\n').unwrap_or(tag.len());
    let length = tag.find("}}").map_or(line_end, |at| at + 2).min(line_end);
    Some((start, start + length))
}

/// A template that is refused, with the line and the column.
fn refusal(template: &str, text: &str, Refused { at, why }: Refused) -> RunbookError {
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let place = Place { template: template.to_owned(), at: Some((line, column)) };
    RunbookError::Syntax { place, reason: why }
}

fn text_of(registry: &Handlebars<'_>, runbook: &str, context: &Context) -> Result<String, RunbookError> {
    let mut text = Bounded::default();
    bound::begin();
    registry.render_to_write(runbook, context, &mut text).map_err(|error| failed(runbook, &error))?;
    Ok(text.into_text())
}

/// What a reader must know first stands right below the heading, or above all without one, whatever the template puts out.
fn below(banner: Option<&str>, text: String) -> String {
    let Some(banner) = banner else { return text };
    let quote = format!("> **{}**", markdown::inline(banner));
    let (heading, rest) = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("# ") => (Some(first), rest),
        _ => (None, text.as_str()),
    };
    let is_said = heading.is_some() && rest.strip_prefix('\n').is_some_and(|rest| rest.lines().next() == Some(&*quote));
    if is_said {
        return text;
    }
    match heading {
        Some(heading) => format!("{heading}\n\n{quote}\n\n{}", rest.trim_start_matches('\n')),
        None => format!("{quote}\n\n{rest}"),
    }
}

/// Renders over samples whose lists are full, and empty at each depth: `{{else}}` of a list is a branch, too.
fn try_all(registry: &Handlebars<'_>, runbook: &str) -> Result<(), RunbookError> {
    (0..=DEEPEST).rev().try_for_each(|depth| text_of(registry, runbook, &sample(depth)).map(drop))
}

fn laid_over(templates: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = built_in();
    all.extend(templates.iter().map(|(name, text)| (name.clone(), text.clone())));
    all
}

fn known(all: &BTreeMap<String, String>, runbook: &str) -> Result<(), RunbookError> {
    if all.contains_key(runbook) {
        return Ok(());
    }
    let known: Vec<String> = all.keys().filter(|name| !name.contains('/')).map(|name| format!("`{name}`")).collect();
    Err(RunbookError::Unknown { name: runbook.to_owned(), known: known.join(", ") })
}

/// Parts that are left out leave empty lines behind: outside code blocks one is enough. No control character that stands
/// in a template reaches a terminal.
fn tidy(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len());
    let mut fence: Option<&str> = None;
    let mut after_empty = false;
    for line in markdown.lines() {
        let marks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            None if marks.len() >= 3 => fence = Some(marks),
            Some(open) if marks.len() >= open.len() && line.len() == marks.len() => fence = None,
            _ => {}
        }
        let empty = fence.is_none() && line.trim().is_empty();
        if !(empty && after_empty) {
            let is_bad = |c: char| c != '\t' && is_hostile(c);
            if line.contains(is_bad) {
                out.extend(line.chars().map(|c| if is_bad(c) { '\u{fffd}' } else { c }));
            } else {
                out.push_str(line);
            }
            out.push('\n');
        }
        after_empty = empty;
    }
    out
}

/// Which branches of a condition are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branches {
    /// The one that it chooses.
    Chosen,
    /// Both, where the value is there: to see that neither uses what does not exist.
    All,
}

fn registry(branches: Branches) -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(|text| markdown::inline(text).into_owned());
    registry.register_helper(include::NAME, Box::new(Include));
    registry.register_helper("if", Box::new(If { when: true, branches }));
    registry.register_helper("unless", Box::new(If { when: false, branches }));
    for (name, escape) in ESCAPING {
        registry.register_helper(name, Box::new(Escape { name, escape }));
    }
    registry.register_helper("mermaid", Box::new(Escape { name: "mermaid", escape: |text| Cow::Owned(label(text)) }));
    registry.register_helper("block", Box::new(Block));
    registry
}

/// The helpers alone.
#[cfg(test)]
pub(crate) fn registry_for_tests(plain: bool) -> Handlebars<'static> {
    let mut registry = registry(Branches::Chosen);
    registry.register_helper("each", Box::new(Each { plain }));
    registry
}

fn syntax(name: &str, error: &TemplateError) -> RunbookError {
    let template = error.name().map_or(name, String::as_str).to_owned();
    RunbookError::Syntax { place: Place { template, at: error.pos() }, reason: error.reason().to_string() }
}

fn failed(runbook: &str, error: &RenderError) -> RunbookError {
    let template = error.template_name.clone().unwrap_or_else(|| runbook.to_owned());
    let place = Place { template, at: error.line_no.zip(error.column_no) };
    match error.reason() {
        RenderErrorReason::MissingVariable(field) => {
            RunbookError::Missing { place, field: field.clone().unwrap_or_else(|| "that field".to_owned()) }
        }
        RenderErrorReason::TemplateError(error) => syntax(runbook, error),
        RenderErrorReason::IOError(error) => RunbookError::Render { place, reason: error.to_string() },
        other => RunbookError::Render { place, reason: other.to_string() },
    }
}

/// The text of a helper's parameter. One that does not exist is an error; null is empty.
fn parameter(helper: &Helper<'_>, name: &'static str, index: usize) -> Result<String, RenderError> {
    let value = helper.param(index).ok_or(RenderErrorReason::ParamNotFoundForIndex(name, index))?;
    if value.is_value_missing() {
        return Err(RenderError::strict_error(value.relative_path()));
    }
    Ok(value.value().render())
}

/// A helper that puts out its one parameter, escaped.
struct Escape {
    name: &'static str,
    escape: Escaping,
}

impl HelperDef for Escape {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Data,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let text = parameter(helper, self.name, 0)?;
        out.write(&(self.escape)(&text))?;
        Ok(())
    }
}

/// `{{block "language" text}}`.
struct Block;

impl HelperDef for Block {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Data,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let (language, text) = (parameter(helper, "block", 0)?, parameter(helper, "block", 1)?);
        out.write(&markdown::block(&language, &text))?;
        Ok(())
    }
}

/// `{{#if}}` and `{{#unless}}` that refuse a field that does not exist; the ones of the crate take it for false.
struct If {
    when: bool,
    branches: Branches,
}

impl HelperDef for If {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        data: &'rc Data,
        context: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let value = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("if", 0))?;
        if value.is_value_missing() {
            return Err(RenderError::strict_error(value.relative_path()));
        }
        let is_truthy = value.value().is_truthy(false);
        let (mut chosen, mut other) = (helper.template(), helper.inverse());
        if is_truthy != self.when {
            std::mem::swap(&mut chosen, &mut other);
        }
        if let Some(template) = chosen {
            template.render(registry, data, context, out)?;
        }
        // What is not there has no fields: its branch is tried where it is.
        match other.filter(|_| self.branches == Branches::All && is_truthy) {
            Some(template) => template.render(registry, data, context, out),
            None => Ok(()),
        }
    }
}
