//! What a template may be, told before it is parsed: a template comes from a user, or out of somebody else's bundle.
//!
//! Invariant: after `check` the parser and the renderer nest no deeper than `DEEPEST_BLOCKS` and `DEEPEST_PARENTHESES`; after
//! `include_problem` no template includes itself, partials nest no deeper than `DEEPEST_INCLUDES`, and one rendering includes
//! at most `MOST_INCLUDES`. All of it together fits any stack. What could hide a tag from this look is refused and not guessed
//! at: raw blocks, inline partials, blocks given to a partial, braces or escapes inside of a tag. So is text that would not
//! be escaped.

use std::collections::BTreeMap;

/// The largest template, in bytes.
pub const LARGEST_BYTES: usize = 1024 * 1024;

/// The most blocks in each other; an `{{else}}` counts as one more until its block ends.
pub const DEEPEST_BLOCKS: usize = 16;

/// The most parentheses in each other.
pub const DEEPEST_PARENTHESES: usize = 4;

/// The most partials in each other.
pub const DEEPEST_INCLUDES: usize = 8;

/// The most partials that one rendering includes, those inside of a list counted once.
pub const MOST_INCLUDES: usize = 1_000;

/// Why a template is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Position in the text, in bytes.
    pub(crate) at: usize,
    /// In words.
    pub(crate) why: String,
}

impl Refused {
    fn new(at: usize, why: impl Into<String>) -> Self {
        Self { at, why: why.into() }
    }
}

/// Looks at a template's tags, and returns the partials that it includes, each as often as it does, with its place.
///
/// # Errors
/// The first thing for which it is not parsed.
pub(crate) fn check(text: &str) -> Result<Vec<(usize, String)>, Refused> {
    if text.len() > LARGEST_BYTES {
        return Err(Refused::new(0, "it is larger than 1 MiB"));
    }
    let mut look = Look { text, at: 0, blocks: Vec::new(), includes: Vec::new() };
    while let Some(tag) = look.next_tag() {
        look.tag(tag)?;
    }
    Ok(look.includes)
}

/// A look at a template, from its beginning on.
struct Look<'a> {
    text: &'a str,
    at: usize,
    /// For each open block, how deep it is: itself, and each `else` in it.
    blocks: Vec<usize>,
    includes: Vec<(usize, String)>,
}

impl<'a> Look<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The place of the next tag. One backslash before it makes it text, with four braces as with two; more do not.
    fn next_tag(&mut self) -> Option<usize> {
        loop {
            let found = self.at + self.rest().find("{{")?;
            let before = self.text.get(self.at..found).unwrap_or_default();
            let backslashes = before.len() - before.trim_end_matches('\\').len();
            if backslashes != 1 {
                return Some(found);
            }
            self.at = found + "{{".len();
            if self.rest().starts_with("{{") {
                self.at += "{{".len();
            }
        }
    }

    fn tag(&mut self, start: usize) -> Result<(), Refused> {
        self.at = start + "{{".len();
        if self.rest().starts_with('!') {
            self.comment();
            return Ok(());
        }
        let body = self.body(start)?;
        let inside = body.trim_start_matches(|c: char| c == '~' || is_space(c));
        let after = inside.get(1..).unwrap_or_default().trim_start_matches(is_space);
        match inside.chars().next() {
            Some('#') => self.opens(start, after),
            Some('/') => {
                self.blocks.pop();
                Ok(())
            }
            Some('>') => {
                let name: String = after.chars().take_while(|c| !is_space(*c) && *c != '~').collect();
                let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | '.');
                if name.is_empty() || !name.chars().all(is_plain) {
                    return Err(Refused::new(
                        start,
                        "a partial is included by its plain name, as in `{{> partials/x}}`",
                    ));
                }
                self.includes.push((start, name));
                Ok(())
            }
            Some('*') => Err(Refused::new(start, "decorators are not known here")),
            Some('&') => Err(Refused::new(start, UNESCAPED)),
            Some('^') => self.deeper(start, false),
            _ if inside.starts_with("else") => self.deeper(start, false),
            _ => Ok(()),
        }
    }

    fn opens(&mut self, start: usize, after: &str) -> Result<(), Refused> {
        match after.chars().next() {
            Some('*') => Err(Refused::new(
                start,
                "inline partials are not known here: write the part into a file, `runbooks/partials/NAME.md.hbs`",
            )),
            Some('>') => Err(Refused::new(start, "a partial takes no block: include it with `{{> partials/x}}`")),
            _ => self.deeper(start, true),
        }
    }

    fn deeper(&mut self, start: usize, opens: bool) -> Result<(), Refused> {
        if opens {
            self.blocks.push(1);
        } else if let Some(block) = self.blocks.last_mut() {
            *block += 1;
        }
        if self.blocks.iter().sum::<usize>() > DEEPEST_BLOCKS {
            let why = format!("blocks are in each other more than {DEEPEST_BLOCKS} deep");
            return Err(Refused::new(start, why));
        }
        Ok(())
    }

    /// A comment ends with `}}`, or with `--}}` if it begins with `--` and has such an end.
    fn comment(&mut self) {
        let text = self.rest().get(1..).unwrap_or_default();
        let trimmed = text.trim_start_matches(is_space);
        let skipped = 1 + text.len() - trimmed.len();
        let long = trimmed.strip_prefix("--").and_then(|inner| inner.find("--}}").map(|end| end + "----}}".len()));
        self.at = match long {
            Some(end) => self.at + skipped + end,
            None => self.rest().find("}}").map_or(self.text.len(), |end| self.at + end + "}}".len()),
        };
    }

    /// What stands between the braces, with nothing in it that could be another tag or the end of this one.
    fn body(&mut self, start: usize) -> Result<&'a str, Refused> {
        let begin = self.at;
        let refused = |at: usize, why: &str| Err(Refused::new(at, why));
        let mut chars = self.rest().char_indices();
        let mut parentheses = 0_usize;
        while let Some((offset, c)) = chars.next() {
            let at = begin + offset;
            match c {
                '{' => return refused(start, UNESCAPED),
                '}' => {
                    let ends = self.text.get(at..).is_some_and(|rest| rest.starts_with("}}"));
                    if !ends {
                        return refused(at, "a tag ends with two braces");
                    }
                    self.at = at + "}}".len();
                    return Ok(self.text.get(begin..at).unwrap_or_default());
                }
                '(' => {
                    parentheses += 1;
                    if parentheses > DEEPEST_PARENTHESES {
                        let why = format!("parentheses are in each other more than {DEEPEST_PARENTHESES} deep");
                        return Err(Refused::new(at, why));
                    }
                }
                ')' => parentheses = parentheses.saturating_sub(1),
                '\\' => return refused(at, "a tag holds no backslash"),
                '[' => {
                    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ');
                    if chars.by_ref().find(|(_, c)| !plain(*c)).is_none_or(|(_, c)| c != ']') {
                        return refused(at, "only a plain name or a number stands in brackets");
                    }
                }
                '"' | '\'' => {
                    let plain = |other: char| !matches!(other, '\\' | '{' | '}') && other != c;
                    if chars.by_ref().find(|(_, other)| !plain(*other)).is_none_or(|(_, end)| end != c) {
                        return refused(at, "a text in quotes ends with the same quote, without braces or backslashes");
                    }
                }
                _ => {}
            }
        }
        // Without an end there is nothing after it: the parser says what is wrong.
        self.at = self.text.len();
        Ok("")
    }
}

/// What the parser takes for space.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

const UNESCAPED: &str = "nothing is put out unescaped: write `{{x}}`, or `{{block \"\" x}}` for several lines";

/// What is wrong with what templates include: the name of one that does it, where, and why. A partial that does not exist
/// is found by the renderer.
pub(crate) fn include_problem(includes: &BTreeMap<&str, Vec<(usize, String)>>) -> Option<(String, Refused)> {
    let mut sizes = BTreeMap::new();
    for name in includes.keys() {
        if let Err(problem) = size(name, includes, &mut sizes, &mut Vec::new()) {
            return Some(problem);
        }
    }
    None
}

/// How many partials a template includes in all. Recursion ends: a name that is on the way already is a problem, and no
/// way is longer than [`DEEPEST_INCLUDES`].
fn size<'a>(
    name: &'a str,
    includes: &'a BTreeMap<&str, Vec<(usize, String)>>,
    sizes: &mut BTreeMap<&'a str, usize>,
    way: &mut Vec<&'a str>,
) -> Result<usize, (String, Refused)> {
    if let Some(size) = sizes.get(name) {
        return Ok(*size);
    }
    way.push(name);
    let mut all = 0_usize;
    for (at, partial) in includes.get(name).into_iter().flatten() {
        let refused = |why: String| (name.to_owned(), Refused::new(*at, why));
        if way.contains(&partial.as_str()) {
            return Err(refused(format!("`{partial}` would include itself: {} -> {partial}", way.join(" -> "))));
        }
        if way.len() > DEEPEST_INCLUDES {
            return Err(refused(format!("partials include each other more than {DEEPEST_INCLUDES} deep")));
        }
        all = all.saturating_add(1).saturating_add(size(partial, includes, sizes, way)?);
        if all > MOST_INCLUDES {
            return Err(refused(format!("more than {MOST_INCLUDES} partials would be included")));
        }
    }
    way.pop();
    sizes.insert(name, all);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{DEEPEST_BLOCKS, check, include_problem};

    fn refusal(text: &str) -> String {
        check(text).expect_err(text).why
    }

    #[test]
    fn blocks_are_counted_where_the_parser_sees_them() {
        let deep = |open: &str, close: &str| {
            format!("{}{}", open.repeat(DEEPEST_BLOCKS + 1), close.repeat(DEEPEST_BLOCKS + 1))
        };
        assert!(refusal(&deep("{{#if a}}", "{{/if}}")).contains("deep"));
        assert!(refusal(&deep("{{~ #if a}}", "{{/if}}")).contains("deep"));
        assert!(
            refusal(&format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if b}}".repeat(DEEPEST_BLOCKS))).contains("deep")
        );
        // Not closed: the end is in a text, in a comment, or escaped.
        for hidden in [r"\{{/if}}", r"\{{{{{/if}}", "{{!-- {{/if}} --}}", "{{! {{/if}}", "{{!-- }}{{/if}}--}}"] {
            assert!(refusal(&format!("{{{{#if a}}}}{hidden}").repeat(DEEPEST_BLOCKS + 1)).contains("deep"), "{hidden}");
        }
        assert!(check(&"{{#if a}}x{{else}}y{{/if}}\n".repeat(1_000)).is_ok());
        assert!(check(r"\\{{#if a}}{{/if}} \{{#if}} {{! a }} {{!-- {{#if}} --}}").is_ok());
    }

    #[test]
    fn what_could_hide_a_tag_or_is_not_escaped_is_refused() {
        for (text, why) in [
            ("{{{a}}}", "unescaped"),
            ("{{&a}}", "unescaped"),
            ("{{~{a}~}}", "unescaped"),
            ("{{{{raw}}}}x{{{{/raw}}}}", "unescaped"),
            ("{{#*inline \"a\"}}{{/inline}}", "inline"),
            ("{{*inline \"a\"}}", "decorators"),
            ("{{#> a}}{{/a}}", "no block"),
            ("{{> (lookup a \"b\")}}", "plain name"),
            ("{{> @partial-block}}", "plain name"),
            ("{{md \"}}{{/if}}\"}}", "quotes"),
            ("{{md a.[}}{{/if}}]}}", "brackets"),
            ("{{md (((((a)))))}}", "parentheses"),
            ("{{md [[1]]}}", "brackets"),
            (r#"{{md "\""}}"#, "quotes"),
        ] {
            assert!(refusal(text).contains(why), "{text}: {}", refusal(text));
        }
        assert!(check("{{md restores.[0].name}} {{block \"sh\" this.command}} {{#if (eq a 'b')}}{{/if}}").is_ok());
    }

    #[test]
    fn no_template_includes_itself_or_too_much() {
        let templates = |pairs: &[(&'static str, &str)]| -> Option<String> {
            let includes: BTreeMap<&str, _> = pairs.iter().map(|(name, text)| (*name, check(text).unwrap())).collect();
            include_problem(&includes).map(|(_, refused)| refused.why)
        };
        assert_eq!(templates(&[("a", "{{> b}}"), ("b", "x")]), None);
        assert!(templates(&[("a", "{{> a}}")]).unwrap().contains("a -> a"));
        assert!(templates(&[("a", "{{> b}}"), ("b", "{{> c}}"), ("c", "{{~> a}}")]).unwrap().contains("itself"));
        let ten = |name: &str| format!("{{{{> {name}}}}}").repeat(10);
        let many = [("a", ten("b")), ("b", ten("c")), ("c", ten("d")), ("d", String::new())];
        let many: Vec<(&'static str, &str)> = many.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert!(templates(&many).unwrap().contains("partials would be included"));
    }
}
