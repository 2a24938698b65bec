//! Reads a program of the small `awk`.

/// `if` and parentheses do not nest deeper.
const DEEPEST: u32 = 30;

/// No program has more words and signs.
const MOST_TOKENS: usize = 500;

/// When a rule acts.
pub(super) enum When {
    Always,
    End,
    Where(Expr),
}

/// One rule.
pub(super) struct Rule {
    pub(super) when: When,
    pub(super) acts: Vec<Act>,
}

/// What it does.
pub(super) enum Act {
    Next,
    Set(String, Expr),
    If(Expr, Box<Act>),
    /// Without values, the whole line.
    Print(Vec<Expr>),
    Printf(Expr, Vec<Expr>),
}

/// A value.
pub(super) enum Expr {
    Text(String),
    Name(String),
    Field(usize),
    Binary(Box<Expr>, String, Box<Expr>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

/// Longer signs come first.
const SIGNS: &[&str] =
    &["==", "!=", "<=", ">=", "+=", "++", "<", ">", "=", "+", "-", "*", "/", "(", ")", "{", "}", ";", ",", "$"];

/// The rules of a program.
pub(super) fn program(text: &str) -> Result<Vec<Rule>, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let mut rules = Vec::new();
    loop {
        while parser.takes(";") {}
        if parser.peek().is_none() {
            return Ok(rules);
        }
        let when = if parser.is("{") {
            When::Always
        } else if parser.takes_word("END") {
            When::End
        } else if parser.takes_word("BEGIN") {
            return Err("the simulated awk knows no BEGIN".to_owned());
        } else {
            When::Where(parser.expr()?)
        };
        parser.wants("{")?;
        let mut acts = Vec::new();
        while !parser.takes("}") {
            if !parser.takes(";") {
                acts.push(parser.act()?);
            }
        }
        rules.push(Rule { when, acts });
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        if found.len() > MOST_TOKENS {
            return Err("the simulated awk takes no program as long as this".to_owned());
        }
        if first == '\n' {
            // The end of a line ends a statement.
            found.push(Token::Sign(";".to_owned()));
            rest = rest.get(1..).unwrap_or_default();
        } else if first.is_whitespace() {
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else if let Some(after) = rest.strip_prefix('"') {
            let end = after.find('"').ok_or("a text is not closed")?;
            let (inside, outside) = after.split_at(end);
            found.push(Token::Text(inside.replace("\\n", "\n").replace("\\t", "\t")));
            rest = outside.get(1..).unwrap_or_default();
        } else if first.is_ascii_alphanumeric() || first == '_' {
            let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
            let (word, after) = rest.split_at(rest.find(|c: char| !part(c)).unwrap_or(rest.len()));
            found.push(Token::Word(word.to_owned()));
            rest = after;
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("the simulated awk does not know `{first}`"))?;
            found.push(Token::Sign((*sign).to_owned()));
            rest = rest.get(sign.len()..).unwrap_or_default();
        }
    }
    Ok(found)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if found == sign)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    fn wants(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("the simulated awk misses a `{sign}`")) }
    }

    fn act(&mut self) -> Result<Act, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the simulated awk does not go so deep".to_owned());
        }
        let act = if self.takes_word("next") {
            Act::Next
        } else if self.takes_word("if") {
            self.wants("(")?;
            let condition = self.expr()?;
            self.wants(")")?;
            Act::If(condition, Box::new(self.act()?))
        } else if self.takes_word("print") {
            Act::Print(self.values()?)
        } else if self.takes_word("printf") {
            let mut values = self.values()?.into_iter();
            let format = values.next().ok_or("the simulated awk misses a format")?;
            Act::Printf(format, values.collect())
        } else {
            self.assignment()?
        };
        self.depth -= 1;
        Ok(act)
    }

    fn assignment(&mut self) -> Result<Act, String> {
        let Some(Token::Word(name)) = self.peek().cloned() else {
            return Err("the simulated awk expects a statement".to_owned());
        };
        self.at += 1;
        let own = || Box::new(Expr::Name(name.clone()));
        let value = if self.takes("++") {
            Expr::Binary(own(), "+".to_owned(), Box::new(Expr::Text("1".to_owned())))
        } else if self.takes("+=") {
            Expr::Binary(own(), "+".to_owned(), Box::new(self.expr()?))
        } else if self.takes("=") {
            self.expr()?
        } else {
            return Err(format!("the simulated awk does not know what `{name}` does"));
        };
        Ok(Act::Set(name, value))
    }

    fn values(&mut self) -> Result<Vec<Expr>, String> {
        let mut values = Vec::new();
        if self.is(";") || self.is("}") {
            return Ok(values);
        }
        loop {
            values.push(self.expr()?);
            if !self.takes(",") {
                return Ok(values);
            }
        }
    }

    fn expr(&mut self) -> Result<Expr, String> {
        self.chain(&["==", "!=", "<=", ">=", "<", ">"], |parser| {
            parser.chain(&["+", "-"], |parser| parser.chain(&["*", "/"], Self::operand))
        })
    }

    fn chain(&mut self, signs: &[&str], below: impl Fn(&mut Self) -> Result<Expr, String>) -> Result<Expr, String> {
        let mut left = below(self)?;
        while let Some(sign) = signs.iter().find(|sign| self.is(sign)) {
            self.at += 1;
            left = Expr::Binary(Box::new(left), (*sign).to_owned(), Box::new(below(self)?));
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expr, String> {
        if self.takes("(") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err("the simulated awk does not go so deep".to_owned());
            }
            let inside = self.expr()?;
            self.depth -= 1;
            self.wants(")")?;
            return Ok(inside);
        }
        let is_field = self.takes("$");
        let token = self.peek().cloned();
        self.at += 1;
        match token {
            Some(Token::Word(word)) if is_field => {
                word.parse().map(Expr::Field).map_err(|_| format!("the simulated awk has no field `{word}`"))
            }
            Some(Token::Word(word)) if word.starts_with(|c: char| c.is_ascii_digit()) => Ok(Expr::Text(word)),
            Some(Token::Word(word)) => Ok(Expr::Name(word)),
            Some(Token::Text(text)) if !is_field => Ok(Expr::Text(text)),
            _ => Err("the simulated awk expects a value".to_owned()),
        }
    }
}
