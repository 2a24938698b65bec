//! Reads words: quotes, `$name`, `${name…}`, `$(…)`, `$((…))`.

use crate::sandbox::thing::shell::parse::{Parsed, Parser, ends_word, is_name};
use crate::sandbox::thing::shell::tree::{Cut, Piece, Word};

/// A piece's own text; a value or an output has none.
pub(super) fn literal(piece: &Piece) -> &str {
    match piece {
        Piece::Text { text, .. } => text,
        Piece::Value { .. } | Piece::Output { .. } | Piece::Sum { .. } => "",
    }
}

/// The lines of a here-document.
pub(super) fn here(body: &str, quoted: bool) -> Parsed<Word> {
    if quoted {
        return Ok(vec![Piece::Text { text: body.to_owned(), quoted: true }]);
    }
    let mut word = Word::new();
    Parser::new(body).double(&mut word, None)?;
    Ok(word)
}

fn push(word: &mut Word, added: char, is_quoted: bool) {
    match word.last_mut() {
        Some(Piece::Text { text, quoted }) if *quoted == is_quoted => text.push(added),
        _ => word.push(Piece::Text { text: added.to_string(), quoted: is_quoted }),
    }
}

impl Parser {
    /// A word; empty if none stands here.
    pub(super) fn word(&mut self) -> Parsed<Word> {
        self.pieces(ends_word)
    }

    fn pieces(&mut self, ends: fn(char) -> bool) -> Parsed<Word> {
        let mut word = Word::new();
        while let Some(c) = self.peek().filter(|c| !ends(*c)) {
            match c {
                '\'' => self.single(&mut word)?,
                '"' => {
                    self.at += 1;
                    self.double(&mut word, Some('"'))?;
                }
                '\\' => {
                    let next = self.peek_at(1).filter(|next| *next != '\n');
                    if let Some(next) = next {
                        push(&mut word, next, true);
                    }
                    self.at += 2;
                }
                '$' => self.dollar(&mut word, false)?,
                '`' => return Err("a simulated instance reads $(…), and no backquotes".to_owned()),
                c => {
                    push(&mut word, c, false);
                    self.at += 1;
                }
            }
        }
        Ok(word)
    }

    fn single(&mut self, word: &mut Word) -> Parsed<()> {
        let length = self.chars.iter().skip(self.at + 1).position(|c| *c == '\'').ok_or("a `'` is not closed")?;
        let text = self.chars.iter().skip(self.at + 1).take(length).collect();
        word.push(Piece::Text { text, quoted: true });
        self.at += length + 2;
        Ok(())
    }

    /// What stands between double quotes, or the whole rest.
    pub(super) fn double(&mut self, word: &mut Word, end: Option<char>) -> Parsed<()> {
        // Even nothing between quotes is a word.
        word.push(Piece::Text { text: String::new(), quoted: true });
        loop {
            let c = self.peek();
            if c == end {
                self.at += usize::from(end.is_some());
                return Ok(());
            }
            match c {
                None => return Err("a `\"` is not closed".to_owned()),
                Some('$') => self.dollar(word, true)?,
                Some('\\') if matches!(self.peek_at(1), Some('$' | '"' | '\\' | '`' | '\n')) => {
                    let next = self.peek_at(1).filter(|next| *next != '\n');
                    if let Some(next) = next {
                        push(word, next, true);
                    }
                    self.at += 2;
                }
                Some(c) => {
                    push(word, c, true);
                    self.at += 1;
                }
            }
        }
    }

    fn dollar(&mut self, word: &mut Word, quoted: bool) -> Parsed<()> {
        if self.take("$((") {
            let sum = self.nested(Self::sum)?;
            word.push(Piece::Sum { word: sum, quoted });
            return Ok(());
        }
        if self.take("$(") {
            let script = Box::new(self.list(&[])?);
            word.push(Piece::Output { script, quoted });
            return if self.take(")") { Ok(()) } else { Err("`$(` is not closed".to_owned()) };
        }
        self.at += 1;
        if self.take("{") {
            word.push(self.braced(quoted)?);
            return Ok(());
        }
        let name = match self.peek() {
            Some(c) if matches!(c, '?' | '#' | '@' | '*' | '$') || c.is_ascii_digit() => c.to_string(),
            _ => self.name(),
        };
        if name.is_empty() {
            push(word, '$', quoted);
            return Ok(());
        }
        // A special one was only looked at.
        self.at += usize::from(!name.starts_with(is_letter));
        word.push(Piece::Value { name, cut: None, quoted });
        Ok(())
    }

    /// What stands between `$((` and `))`.
    fn sum(&mut self) -> Parsed<Word> {
        let (mut word, mut open) = (Word::new(), 0_u32);
        loop {
            match self.peek() {
                Some(')') if open == 0 => {
                    return if self.take("))") { Ok(word) } else { Err("`$((` is not closed".to_owned()) };
                }
                None => return Err("`$((` is not closed".to_owned()),
                Some('$') => self.dollar(&mut word, true)?,
                Some(c) => {
                    open = match c {
                        '(' => open + 1,
                        ')' => open - 1,
                        _ => open,
                    };
                    push(&mut word, c, true);
                    self.at += 1;
                }
            }
        }
    }

    /// Takes a name.
    fn name(&mut self) -> String {
        let name: String = self.chars.iter().skip(self.at).take_while(|c| is_name(**c)).collect();
        self.at += name.len();
        name
    }

    fn braced(&mut self, quoted: bool) -> Parsed<Piece> {
        let length = self.peek() == Some('#') && self.peek_at(1) != Some('}');
        self.at += usize::from(length);
        let name = match self.peek() {
            Some(c @ ('?' | '#' | '@' | '*')) => {
                self.at += 1;
                c.to_string()
            }
            _ => self.name(),
        };
        let cut = if length { Some(Cut::Length) } else { self.cut()? };
        if name.is_empty() || !self.take("}") {
            return Err(format!("a simulated instance cannot read `${{{name}…}}`"));
        }
        Ok(Piece::Value { name, cut, quoted })
    }

    fn cut(&mut self) -> Parsed<Option<Cut>> {
        let signs = [(":-", 0), ("-", 0), ("%%", 1), ("%", 2), ("##", 3), ("#", 4)];
        let Some((_, kind)) = signs.into_iter().find(|(sign, _)| self.take(sign)) else { return Ok(None) };
        let pattern = self.pieces(|c| c == '}')?;
        Ok(Some(match kind {
            0 => Cut::Otherwise(pattern),
            1 | 2 => Cut::Suffix { longest: kind == 1, pattern },
            _ => Cut::Prefix { longest: kind == 3, pattern },
        }))
    }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}
