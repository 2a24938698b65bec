//! Reads a script of the POSIX shell into a tree, as far as the interpreter goes.

use crate::sandbox::thing::shell::tree::{Node, Word};

/// No script is longer, in bytes.
const LONGEST: usize = 64 * 1024;

/// Compound commands do not nest deeper.
const DEEPEST: u32 = 40;

/// A part of the tree, or what is wrong with the script.
pub(super) type Parsed<T> = Result<T, String>;

/// Reads a whole script.
pub(super) fn parse(script: &str) -> Parsed<Node> {
    if script.len() > LONGEST {
        return Err("the script is too long for a simulated instance".to_owned());
    }
    let mut parser = Parser::new(script);
    let node = parser.list(&[])?;
    match parser.peek() {
        None => Ok(node),
        Some(c) => Err(near(c)),
    }
}

/// A place in a script.
pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    depth: u32,
}

pub(super) fn near(c: char) -> String {
    format!("syntax error near `{c}`")
}

/// What ends a word.
pub(super) fn ends_word(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

impl Parser {
    pub(super) fn new(script: &str) -> Self {
        Self { chars: script.chars().filter(|c| *c != '\r').collect(), at: 0, depth: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, further: usize) -> Option<char> {
        self.chars.get(self.at.saturating_add(further)).copied()
    }

    pub(super) fn starts(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(index, c)| self.peek_at(index) == Some(c))
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.starts(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    /// Blanks, joined lines and a comment.
    pub(super) fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t') => self.at += 1,
                Some('\\') if self.peek_at(1) == Some('\n') => self.at += 2,
                Some('#') if self.at == 0 || self.chars.get(self.at - 1).is_some_and(|c| ends_word(*c)) => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// What stands between commands.
    pub(super) fn gaps(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some('\n') => self.at += 1,
                Some(';') if !self.starts(";;") => self.at += 1,
                _ => return,
            }
        }
    }

    fn newlines(&mut self) {
        self.blanks();
        while self.peek() == Some('\n') {
            self.at += 1;
            self.blanks();
        }
    }

    /// The characters up to the end of the word: a reserved word, if it is one.
    pub(super) fn bare(&self) -> String {
        self.chars.iter().skip(self.at).take_while(|c| !ends_word(**c)).take(12).collect()
    }

    pub(super) fn accept(&mut self, reserved: &str) -> bool {
        self.gaps();
        let found = self.bare() == reserved;
        if found {
            self.at += reserved.len();
        }
        found
    }

    pub(super) fn expect(&mut self, reserved: &str) -> Parsed<()> {
        if self.accept(reserved) { Ok(()) } else { Err(format!("syntax error: `{reserved}` is missing")) }
    }

    /// Commands up to one of the reserved words, a `)`, a `;;`, or the end.
    pub(super) fn list(&mut self, ends: &[&str]) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("commands nest too deeply for a simulated instance".to_owned());
        }
        let mut nodes = Vec::new();
        loop {
            self.gaps();
            let over = matches!(self.peek(), None | Some(')')) || self.starts(";;");
            if over || ends.contains(&self.bare().as_str()) {
                break;
            }
            let node = self.and_or()?;
            self.blanks();
            if self.take("&") {
                nodes.push(Node::Background(Box::new(node)));
                continue;
            }
            nodes.push(node);
            match self.peek() {
                None | Some('\n' | ';' | ')') => {}
                Some(c) => return Err(near(c)),
            }
        }
        self.depth -= 1;
        Ok(Node::List(nodes))
    }

    /// Reads something that may hold more of its own kind.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("commands nest too deeply for a simulated instance".to_owned());
        }
        let found = read(self)?;
        self.depth -= 1;
        Ok(found)
    }

    fn and_or(&mut self) -> Parsed<Node> {
        let mut left = self.pipeline()?;
        loop {
            self.blanks();
            let and = self.take("&&");
            if !and && !self.take("||") {
                return Ok(left);
            }
            self.newlines();
            let right = Box::new(self.pipeline()?);
            left = if and { Node::And(Box::new(left), right) } else { Node::Or(Box::new(left), right) };
        }
    }

    fn pipeline(&mut self) -> Parsed<Node> {
        self.blanks();
        if self.bare() == "!" {
            self.at += 1;
            return Ok(Node::Not(Box::new(self.pipeline()?)));
        }
        let first = self.command()?;
        let mut parts = vec![first];
        loop {
            self.blanks();
            if self.peek() != Some('|') || self.starts("||") {
                break;
            }
            self.at += 1;
            self.newlines();
            parts.push(self.command()?);
        }
        Ok(match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => Node::Pipe(parts.into_iter().chain(last).collect()),
        })
    }

    fn command(&mut self) -> Parsed<Node> {
        self.blanks();
        let word = self.bare();
        if self.peek() != Some('(') && !matches!(word.as_str(), "if" | "for" | "while" | "until" | "case" | "{") {
            return match self.function_name() {
                Some(name) => {
                    self.newlines();
                    Ok(Node::Function { name, body: Box::new(self.command()?) })
                }
                None => self.simple(),
            };
        }
        self.at += word.len();
        let node = match word.as_str() {
            "if" => self.branch()?,
            "for" => self.each()?,
            "while" | "until" => {
                let condition = Box::new(self.list(&["do"])?);
                Node::While { until: word == "until", condition, body: Box::new(self.body()?) }
            }
            "case" => self.case()?,
            "{" => {
                let node = self.list(&["}"])?;
                self.expect("}")?;
                node
            }
            _ => self.subshell()?,
        };
        let redirects = self.redirects()?;
        Ok(if redirects.is_empty() { node } else { Node::Redirected(Box::new(node), redirects) })
    }

    /// `name()`, if a function begins here.
    fn function_name(&mut self) -> Option<String> {
        let name: String = self.chars.iter().skip(self.at).take_while(|c| is_name(**c)).collect();
        let after = self.at + name.len();
        let opens = self.chars.get(after) == Some(&'(') && self.chars.get(after + 1) == Some(&')');
        if name.is_empty() || !opens {
            return None;
        }
        self.at = after + 2;
        Some(name)
    }

    pub(super) fn filled_word(&mut self) -> Parsed<Word> {
        let word = self.word()?;
        if word.is_empty() {
            Err(self.peek().map_or_else(|| "unexpected end of the script".to_owned(), near))
        } else {
            Ok(word)
        }
    }

    fn simple(&mut self) -> Parsed<Node> {
        let (mut assigns, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            if matches!(self.peek(), None | Some('\n' | ';' | '&' | '|' | ')')) {
                break;
            }
            match self.assigned().filter(|_| words.is_empty()) {
                Some(name) => {
                    self.at += name.len() + 1;
                    assigns.push((name, self.word()?));
                }
                None => words.push(self.filled_word()?),
            }
        }
        if assigns.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(self.peek().map_or_else(|| "unexpected end of the script".to_owned(), near));
        }
        Ok(Node::Simple { assigns, words, redirects })
    }

    /// The name in `name=`, if that stands here.
    fn assigned(&self) -> Option<String> {
        let name: String = self.chars.iter().skip(self.at).take_while(|c| is_name(**c)).collect();
        let fits = name.starts_with(|c: char| !c.is_ascii_digit()) && self.peek_at(name.len()) == Some('=');
        fits.then_some(name)
    }
}
