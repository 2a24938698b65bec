//! Expands words: values, outputs, sums, fields, paths.

use std::collections::BTreeSet;

use crate::sandbox::thing::shell::arithmetic::calculate;
use crate::sandbox::thing::shell::exec::{Io, Shell};
use crate::sandbox::thing::shell::files::ancestors;
use crate::sandbox::thing::shell::pattern::{Mark, cut, fits, is_open};
use crate::sandbox::thing::shell::tree::{Cut, Node, Piece, Word};

impl Shell<'_> {
    /// Words as the fields that a command is given.
    pub(super) fn fields(&mut self, words: &[Word], io: &mut Io) -> Vec<String> {
        let mut fields = Vec::new();
        for word in words {
            for field in self.split(word, io) {
                fields.extend(self.paths(&field));
            }
        }
        fields
    }

    /// A word as one text, neither split nor taken for a path.
    pub(super) fn text(&mut self, word: &Word, io: &mut Io) -> String {
        self.marks(word, io).into_iter().map(|(c, _)| c).collect()
    }

    /// A word as a pattern.
    pub(super) fn marks(&mut self, word: &Word, io: &mut Io) -> Vec<Mark> {
        let mut marks = Vec::new();
        for piece in word {
            let (text, quoted, _) = self.piece(piece, io);
            marks.extend(text.chars().map(|c| (c, quoted)));
        }
        marks
    }

    fn split(&mut self, word: &Word, io: &mut Io) -> Vec<Vec<Mark>> {
        let (mut fields, mut field, mut open) = (Vec::new(), Vec::new(), false);
        for piece in word {
            if let Piece::Value { name, cut: None, quoted: true } = piece
                && name == "@"
            {
                // Each argument stays a word of its own.
                for (index, argument) in self.args.iter().enumerate() {
                    if index > 0 {
                        fields.push(std::mem::take(&mut field));
                    }
                    field.extend(argument.chars().map(|c| (c, true)));
                }
                open |= !self.args.is_empty();
                continue;
            }
            let (text, quoted, is_value) = self.piece(piece, io);
            open |= quoted;
            for c in text.chars() {
                if is_value && !quoted && c.is_ascii_whitespace() {
                    if open {
                        fields.push(std::mem::take(&mut field));
                    }
                    open = false;
                } else {
                    field.push((c, quoted));
                    open = true;
                }
            }
        }
        if open {
            fields.push(field);
        }
        fields
    }

    /// A field as a pattern of paths; as it is, if nothing fits.
    fn paths(&self, field: &[Mark]) -> Vec<String> {
        let text: String = field.iter().map(|(c, _)| *c).collect();
        if !is_open(field) || !text.starts_with('/') {
            return vec![text];
        }
        let fit = |path: &String| fits(field, &path.chars().collect::<Vec<char>>(), true);
        let files = self.machine.files.paths();
        let folders = files.iter().flat_map(|path| ancestors(path));
        let known: BTreeSet<String> = folders.chain(files.iter().cloned()).collect();
        let found: Vec<String> = known.into_iter().filter(fit).collect();
        if found.is_empty() { vec![text] } else { found }
    }

    /// Its text, whether it is quoted, and whether it is split where it is not.
    fn piece(&mut self, piece: &Piece, io: &mut Io) -> (String, bool, bool) {
        match piece {
            Piece::Text { text, quoted } => (text.clone(), *quoted, false),
            Piece::Output { script, quoted } => (self.output(script, io), *quoted, true),
            Piece::Sum { word, quoted } => (self.sum(word, io), *quoted, true),
            Piece::Value { name, cut, quoted } => {
                let value = self.value(name);
                (self.cut_value(value, cut.as_ref(), io), *quoted, true)
            }
        }
    }

    fn output(&mut self, script: &Node, io: &mut Io) -> String {
        let mut inner = Io::default();
        self.isolated(script, &mut inner);
        io.err.push_str(&inner.err);
        inner.out.trim_end_matches('\n').to_owned()
    }

    fn sum(&mut self, word: &Word, io: &mut Io) -> String {
        let text = self.text(word, io);
        match calculate(&text, &|name| self.value(name).unwrap_or_default()) {
            Ok(value) => value.to_string(),
            Err(problem) => {
                io.err.push_str(&format!("sh: {problem}\n"));
                self.status = 2;
                String::new()
            }
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        match name {
            "?" => Some(self.status.to_string()),
            "$" => Some("4711".to_owned()),
            "#" => Some(self.args.len().to_string()),
            "@" | "*" => Some(self.args.join(" ")),
            "0" => Some("sh".to_owned()),
            name => match name.parse::<usize>() {
                Ok(number) => self.args.get(number.saturating_sub(1)).cloned(),
                Err(_) => self.vars.get(name).cloned(),
            },
        }
    }

    fn cut_value(&mut self, value: Option<String>, how: Option<&Cut>, io: &mut Io) -> String {
        match how {
            None => value.unwrap_or_default(),
            Some(Cut::Length) => value.unwrap_or_default().chars().count().to_string(),
            Some(Cut::Otherwise(word)) => {
                let value = value.filter(|text| !text.is_empty());
                value.unwrap_or_else(|| self.text(word, io))
            }
            Some(Cut::Suffix { longest, pattern }) => {
                let pattern = self.marks(pattern, io);
                cut(&pattern, &value.unwrap_or_default(), false, *longest)
            }
            Some(Cut::Prefix { longest, pattern }) => {
                let pattern = self.marks(pattern, io);
                cut(&pattern, &value.unwrap_or_default(), true, *longest)
            }
        }
    }
}
