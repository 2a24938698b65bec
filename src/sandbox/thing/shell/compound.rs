//! Reads compound commands and redirections.

use crate::sandbox::thing::shell::parse::{Parsed, Parser};
use crate::sandbox::thing::shell::tree::{Node, Redirect, To, Word};
use crate::sandbox::thing::shell::words::{here, literal};

impl Parser {
    pub(super) fn subshell(&mut self) -> Parsed<Node> {
        self.at += 1;
        let node = self.list(&[])?;
        if self.take(")") { Ok(Node::Subshell(Box::new(node))) } else { Err("syntax error: `)` is missing".to_owned()) }
    }

    pub(super) fn branch(&mut self) -> Parsed<Node> {
        let mut arms = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            arms.push((condition, self.list(&["elif", "else", "fi"])?));
            if !self.accept("elif") {
                break;
            }
        }
        let otherwise = if self.accept("else") { Some(Box::new(self.list(&["fi"])?)) } else { None };
        self.expect("fi")?;
        Ok(Node::If { arms, otherwise })
    }

    pub(super) fn body(&mut self) -> Parsed<Node> {
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(body)
    }

    pub(super) fn each(&mut self) -> Parsed<Node> {
        self.blanks();
        let name = self.bare();
        self.at += name.len();
        self.expect("in")?;
        let mut words = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None | Some('\n' | ';') => break,
                Some(_) => words.push(self.filled_word()?),
            }
        }
        Ok(Node::For { name, words, body: Box::new(self.body()?) })
    }

    pub(super) fn case(&mut self) -> Parsed<Node> {
        self.blanks();
        let word = self.filled_word()?;
        self.expect("in")?;
        let mut arms = Vec::new();
        while !self.accept("esac") {
            self.take("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.filled_word()?);
                self.blanks();
                if self.take(")") {
                    break;
                }
                if !self.take("|") {
                    return Err("syntax error: a pattern of `case` ends in `)`".to_owned());
                }
            }
            arms.push((patterns, self.list(&["esac"])?));
            self.take(";;");
        }
        Ok(Node::Case { word, arms })
    }

    pub(super) fn redirects(&mut self) -> Parsed<Vec<Redirect>> {
        let mut found = Vec::new();
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => found.push(redirect),
                None => return Ok(found),
            }
        }
    }

    pub(super) fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        let number = self.peek().and_then(|c| c.to_digit(10)).filter(|_| matches!(self.peek_at(1), Some('<' | '>')));
        let sign = self.peek_at(usize::from(number.is_some()));
        let Some(sign @ ('<' | '>')) = sign else { return Ok(None) };
        self.at += 1 + usize::from(number.is_some());
        let stream = number.and_then(|number| u8::try_from(number).ok()).unwrap_or(u8::from(sign == '>'));
        let to = if sign == '<' {
            if self.take("<") { To::Here(self.here()?) } else { To::From(self.target()?) }
        } else if self.take("&") {
            let digit = self.peek().and_then(|c| c.to_digit(10)).and_then(|digit| u8::try_from(digit).ok());
            self.at += 1;
            To::Stream(digit.filter(|digit| (1..=2).contains(digit)).ok_or("only the streams 1 and 2 can be joined")?)
        } else if self.take(">") {
            To::Append(self.target()?)
        } else {
            To::File(self.target()?)
        };
        Ok(Some(Redirect { stream, to }))
    }

    fn target(&mut self) -> Parsed<Word> {
        self.blanks();
        self.filled_word()
    }

    /// A here-document: its lines are taken out of the script, so that what follows on this line is read next.
    fn here(&mut self) -> Parsed<Word> {
        let tabs = self.take("-");
        self.blanks();
        let start = self.at;
        let mark = self.filled_word()?;
        let quoted = self.chars.iter().skip(start).take(self.at - start).any(|c| matches!(c, '\'' | '"' | '\\'));
        let end: String = mark.iter().map(literal).collect();
        let line = self.chars.iter().skip(self.at).position(|c| *c == '\n').ok_or("the here-document has no lines")?;
        let from = self.at + line + 1;
        let rest: String = self.chars.iter().skip(from).collect();
        let (mut body, mut length) = (String::new(), 0);
        for line in rest.split_inclusive('\n') {
            length += line.chars().count();
            let line = if tabs { line.trim_start_matches('\t') } else { line };
            if line.trim_end_matches('\n') == end {
                self.chars.drain(from..from + length);
                return here(&body, quoted);
            }
            body.push_str(line);
        }
        Err(format!("the here-document does not end: `{end}` is missing"))
    }
}
