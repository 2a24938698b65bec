//! One problem, and where it stands. Drawing it is `snippet`'s.
//!
//! Invariant: a message never holds a secret's value, and never a character that could harm a terminal. Every stage
//! from reading to checking makes diagnostics; none of them stops at the first.

use serde_json::{Value, json};

use crate::words::text::tame;
use crate::yaml::snippet::locate;
use crate::yaml::source::{Sources, Span};

/// How many problems of one definition are kept. The rest is counted: a broken file must not fill a terminal.
pub const MOST: usize = 100;

macro_rules! codes {
    ($($(#[$doc:meta])* $item:ident = $word:literal,)+) => {
        /// What kind of problem. The word is stable: programs may match on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $item,)+ }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$item,)+];

            /// The stable word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$item => $word,)+ }
            }
        }
    };
}

codes! {
    /// The text is not YAML.
    Syntax = "syntax",
    /// The bytes are not UTF-8, or hold control characters.
    Encoding = "encoding",
    /// The file cannot be read.
    File = "file",
    /// The file is over 2 MiB.
    TooLarge = "too-large",
    /// Lists and mappings are nested too deeply.
    TooDeep = "too-deep",
    /// Too many nodes or aliases, as in a YAML bomb.
    TooMany = "too-many",
    /// More than one YAML document in the file.
    SeveralDocuments = "several-documents",
    /// An alias, an anchor or a merge that cannot be followed.
    Alias = "alias",
    /// A tag that is not supported.
    Tag = "tag",
    /// A number that cannot be held: infinite, not a number, too large.
    NumberRange = "number-range",
    /// The same key twice in one mapping.
    DuplicateKey = "duplicate-key",
    /// A key that is not text.
    KeyNotText = "key-not-text",
    /// A key that the definition does not know.
    UnknownKey = "unknown-key",
    /// A key that must be there and is not.
    MissingKey = "missing-key",
    /// Keys that exclude each other.
    ConflictingKeys = "conflicting-keys",
    /// A value of another type than expected.
    WrongType = "wrong-type",
    /// A value of the right type that is not acceptable.
    BadValue = "bad-value",
    /// A part of the design that this version does not act on yet.
    NotSupportedYet = "not-supported-yet",
    /// A secret written down instead of referred to.
    LiteralSecret = "literal-secret",
    /// `${{ … }}` that cannot be read.
    BadReference = "bad-reference",
    /// `${{ … }}` where none is allowed.
    UnexpectedReference = "unexpected-reference",
    /// A reference to, or a name of, something that does not exist.
    UnknownName = "unknown-name",
    /// A name that two things carry.
    AmbiguousName = "ambiguous-name",
    /// A variable that the definition does not declare.
    UnknownVariable = "unknown-variable",
    /// A variable whose value cannot be one.
    BadVariable = "bad-variable",
    /// The definition's name is not the file's stem.
    NameMismatch = "name-mismatch",
    /// Source and destination are the same region.
    SameRegion = "same-region",
    /// An ARN of another type, region or account than the definition says.
    WrongResource = "wrong-resource",
    /// An ARN that is not an IAM role's, or of another account.
    WrongRole = "wrong-role",
    /// Things that wait for each other.
    Cycle = "cycle",
    /// A restore that no required probe proves.
    Unproven = "unproven",
    /// Retries that cannot work.
    Retry = "retry",
    /// An expectation that says nothing or cannot hold.
    Expectation = "expectation",
    /// A negative control that proves nothing.
    NegativeControl = "negative-control",
    /// A restore metadata key that drill itself sets, or that AWS refuses.
    ForbiddenMetadata = "forbidden-metadata",
    /// A probe that looks at no answer (warning).
    NoExpectation = "no-expectation",
    /// An objective that nothing measures (warning).
    Unmeasured = "unmeasured",
    /// A required probe of the data without a negative control (only asked for by `--strict`).
    NoControl = "no-control",
    /// A setting without effect (warning).
    NoEffect = "no-effect",
    /// A runbook's template that is no Handlebars, or that uses what a report does not have.
    Template = "template",
    /// More problems than are shown.
    More = "more",
    /// A defect of drill itself.
    Defect = "defect",
}

/// Whether it stops the drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It is worth a look.
    Warning,
    /// It is shown only to those who ask for it, and then stops them.
    Strict,
}

impl Severity {
    /// `error`, `warning` or `strict`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Strict => "strict",
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    /// Which kind.
    pub code: Code,
    /// Whether it stops the drill.
    pub severity: Severity,
    /// What is wrong: lower case, one sentence, names in backticks.
    pub message: String,
    /// Where, if it has a place.
    pub place: Option<Span>,
    /// What to say under the place.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that belong to it.
    pub related: Vec<(Span, String)>,
    /// Text that must not be shown, whichever diagnostic shows its line.
    pub hidden: Option<Span>,
}

impl Diagnostic {
    /// A problem that stops the drill.
    #[must_use]
    pub fn error(code: Code, message: impl AsRef<str>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: tame(message.as_ref()),
            place: None,
            label: None,
            help: None,
            related: Vec::new(),
            hidden: None,
        }
    }

    /// A problem that does not stop the drill.
    #[must_use]
    pub fn warning(code: Code, message: impl AsRef<str>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// A problem for those who ask for strictness.
    #[must_use]
    pub fn strict(code: Code, message: impl AsRef<str>) -> Self {
        Self { severity: Severity::Strict, ..Self::error(code, message) }
    }

    /// The same problem as one that stops the drill.
    #[must_use]
    pub fn into_error(self) -> Self {
        Self { severity: Severity::Error, ..self }
    }

    /// Points at a place.
    #[must_use]
    pub fn at(mut self, place: Span) -> Self {
        self.place = Some(place);
        self
    }

    /// Says something under the place.
    #[must_use]
    pub fn label(mut self, label: impl AsRef<str>) -> Self {
        self.label = Some(tame(label.as_ref()));
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl AsRef<str>) -> Self {
        self.help = Some(tame(help.as_ref()));
        self
    }

    /// Says what to do, if anything is known.
    #[must_use]
    pub fn maybe_help(self, help: Option<impl AsRef<str>>) -> Self {
        match help {
            Some(help) => self.help(help),
            None => self,
        }
    }

    /// Points at a further place.
    #[must_use]
    pub fn related(mut self, place: Span, label: impl AsRef<str>) -> Self {
        self.related.push((place, tame(label.as_ref())));
        self
    }

    /// Keeps a text from being shown.
    #[must_use]
    pub fn hiding(mut self, text: Span) -> Self {
        self.hidden = Some(text);
        self
    }

    fn json(&self, sources: &Sources) -> Value {
        let mut json = json!({
            "code": self.code.word(),
            "severity": self.severity.word(),
            "message": self.message,
        });
        if let Some(at) = self.place.and_then(|span| locate(sources, span)) {
            json["line"] = at.line.into();
            json["column"] = at.column.into();
            json["end_line"] = at.end_line.into();
            json["end_column"] = at.end_column.into();
        }
        if let Some(help) = &self.help {
            json["help"] = help.as_str().into();
        }
        json
    }
}

/// Collects problems; past [`MOST`] it only counts.
#[derive(Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    more: usize,
    errors: usize,
}

impl Diagnostics {
    /// Adds one. What hides a secret is kept however many there are.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.kept.len() < MOST || diagnostic.hidden.is_some() {
            self.kept.push(diagnostic);
        } else {
            self.more += 1;
        }
    }

    /// Adds one of this severity, which hides nothing. Past [`MOST`] it is not even made.
    pub fn push_made(&mut self, severity: Severity, make: impl FnOnce() -> Diagnostic) {
        if self.kept.len() < MOST {
            self.push(make());
        } else {
            self.errors += usize::from(severity == Severity::Error);
            self.more += 1;
        }
    }

    /// Adds several.
    pub fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            self.push(diagnostic);
        }
    }

    /// Whether any of them stops the drill.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether one of those that were kept is an error inside a place.
    #[must_use]
    pub fn has_errors_in(&self, place: Span) -> bool {
        let inside =
            |one: Span| one.source() == place.source() && place.start() <= one.start() && one.end() <= place.end();
        self.kept.iter().any(|one| one.severity == Severity::Error && one.place.is_some_and(inside))
    }

    /// All that were kept, in the order of the text, and a last one that counts the rest.
    #[must_use]
    pub fn into_vec(self) -> Vec<Diagnostic> {
        let mut kept = self.kept;
        kept.sort_by_key(|one| one.place.map(|place| (place.source(), place.start())));
        if self.more > 0 {
            kept.push(Diagnostic::error(Code::More, format!("{} more problems are not shown", self.more)));
        }
        kept
    }
}

/// The candidate that `word` is most likely a slip of, if any is near.
#[must_use]
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(64).collect::<String>().to_lowercase().replace('_', "-");
    let allowed = match word.chars().count() {
        0 | 1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase().replace('_', "-")), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` for the nearest candidate; otherwise the list of what is known, if it is short.
#[must_use]
pub fn suggestion(word: &str, candidates: &[&str]) -> Option<String> {
    if let Some(near) = did_you_mean(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{near}`?"));
    }
    (!candidates.is_empty() && candidates.len() <= 24).then(|| format!("known here: {}", ticked(candidates)))
}

/// `` `a`, `b`, `c` ``.
#[must_use]
pub fn ticked(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// What `drill validate --output json` prints (version 1) for each file's name, sources and problems.
///
/// ```json
/// {"version":1,"ok":false,"files":[{"file":"drills/a.yaml","ok":false,"diagnostics":[
///   {"code":"unknown-key","severity":"error","message":"…","line":3,"column":1,"end_line":3,"end_column":6,"help":"…"}]}]}
/// ```
/// Lines and columns count from 1, columns in characters. A diagnostic that stands in another file than the drill's
/// (`_defaults.yaml`) says so in `in`.
#[must_use]
pub fn to_json(files: &[(String, &Sources, &[Diagnostic])]) -> Value {
    let mut all_ok = true;
    let mut list = Vec::new();
    for (file, sources, diagnostics) in files {
        let ok = diagnostics.iter().all(|one| one.severity != Severity::Error);
        all_ok &= ok;
        let shown: Vec<Value> = diagnostics
            .iter()
            .map(|one| {
                let mut json = one.json(sources);
                let inside = one.place.and_then(|place| sources.get(place.source()));
                if let Some(source) = inside.filter(|source| &source.name != file) {
                    json["in"] = source.name.as_str().into();
                }
                json
            })
            .collect();
        list.push(json!({ "file": file, "ok": ok, "diagnostics": shown }));
    }
    json!({ "version": 1, "ok": all_ok, "files": list })
}

#[cfg(test)]
mod tests {
    use super::{Code, Diagnostic, Diagnostics, MOST, Severity, did_you_mean, suggestion};

    #[test]
    fn what_comes_after_the_last_that_is_kept_is_counted_and_not_made() {
        let mut problems = Diagnostics::default();
        problems.extend((0..MOST).map(|_| Diagnostic::warning(Code::Retry, "x")));
        problems.push_made(Severity::Error, || unreachable!("nobody would see it"));
        assert!(problems.has_errors());
        let shown = problems.into_vec();
        assert_eq!(shown.len(), MOST + 1);
        assert!(shown[MOST].message.starts_with("1 more"), "{}", shown[MOST].message);
    }

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["timeout", "recovery_point", "needs"];
        assert_eq!(did_you_mean("timeuot", known), Some("timeout"));
        assert_eq!(did_you_mean("recovery-point", known), Some("recovery_point"));
        assert_eq!(did_you_mean("banana", known), None);
        assert_eq!(did_you_mean("", known), None);
        assert_eq!(suggestion("ned", &["needs"]).as_deref(), Some("known here: `needs`"));
    }

    #[test]
    fn codes_are_different_slugs() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.word()).collect();
        assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
