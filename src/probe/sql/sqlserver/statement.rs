//! Which queries may be asked. SQL Server has no read-only transaction: a batch may end the transaction that it was
//! begun in, and then write. So a query that is only to read is one statement without a word that writes.
//!
//! It guards against slips. Against everything else guards a user who may only read.

use std::iter::Peekable;
use std::str::Chars;

/// Words that begin a statement which is no question, or that write inside of one. All of them are reserved: as names
/// they stand in brackets.
const WRITING: &[&str] = &[
    "ALTER",
    "BACKUP",
    "BEGIN",
    "BULK",
    "COMMIT",
    "CREATE",
    "DBCC",
    "DECLARE",
    "DELETE",
    "DENY",
    "DROP",
    "EXEC",
    "EXECUTE",
    "GRANT",
    "INSERT",
    "INTO",
    "KILL",
    "MERGE",
    "OPENDATASOURCE",
    "OPENQUERY",
    "OPENROWSET",
    "RECONFIGURE",
    "RESTORE",
    "REVOKE",
    "ROLLBACK",
    "SAVE",
    "SET",
    "SHUTDOWN",
    "TRUNCATE",
    "UPDATE",
    "UPDATETEXT",
    "USE",
    "WRITETEXT",
];

/// Whether a query only reads, as far as its words tell.
///
/// # Errors
/// A sentence for the user.
pub(crate) fn check_query(query: &str) -> Result<(), String> {
    let refused = |what: &str| {
        Err(format!(
            "SQL Server has no read-only transaction, so `query` is one SELECT, or WITH and a SELECT: {what}; with \
             `read_only: false` it is asked all the same, and rolled back"
        ))
    };
    let words = words(query);
    let first = words.iter().find_map(Token::word);
    if !matches!(first, Some("SELECT" | "WITH")) {
        return refused("this one begins with something else");
    }
    if let Some(word) = words.iter().filter_map(Token::word).find(|word| WRITING.contains(word)) {
        return refused(&format!("`{word}` may not stand in it"));
    }
    let all: Vec<&str> = words.iter().filter_map(Token::word).collect();
    if all.windows(3).any(|three| three == ["NEXT", "VALUE", "FOR"]) {
        return refused("`NEXT VALUE FOR` changes a sequence");
    }
    let after_end = words.iter().skip_while(|token| **token != Token::End).any(|token| token.word().is_some());
    if after_end { refused("this one holds more than one statement") } else { Ok(()) }
}

/// What a statement is made of, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// A word in upper case that is neither quoted nor a variable.
    Word(String),
    /// A semicolon.
    End,
}

impl Token {
    fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::End => None,
        }
    }
}

/// Without comments, texts and quoted names.
fn words(query: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => quoted(&mut rest, c),
            '[' => quoted(&mut rest, ']'),
            '-' if rest.peek() == Some(&'-') => while rest.next_if(|c| *c != '\n').is_some() {},
            '/' if rest.peek() == Some(&'*') => comment(&mut rest),
            ';' => found.push(Token::End),
            c if is_part(c) => {
                let mut word: String = c.to_uppercase().collect();
                while let Some(c) = rest.next_if(|c| is_part(*c)) {
                    word.extend(c.to_uppercase());
                }
                if !word.starts_with(['@', '#']) {
                    found.push(Token::Word(word));
                }
            }
            _ => {}
        }
    }
    found
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')
}

/// Skips to the end of a text or a name; a doubled end is part of it.
fn quoted(rest: &mut Peekable<Chars<'_>>, end: char) {
    while let Some(c) = rest.next() {
        if c == end && rest.next_if_eq(&end).is_none() {
            return;
        }
    }
}

/// Skips a comment of several lines; they are nested.
fn comment(rest: &mut Peekable<Chars<'_>>) {
    let mut depth = 1_usize;
    rest.next();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'/').is_some() => depth -= 1,
            '/' if rest.next_if_eq(&'*').is_some() => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check_query;

    #[test]
    fn questions_are_let_through() {
        for query in [
            "SELECT count(*) AS orders FROM orders",
            "  select 1;  ",
            "-- delete all\nSELECT 1 /* drop /* it */ all */ AS x",
            "WITH newest AS (SELECT max(placed_at) AS at FROM orders) SELECT at FROM newest",
            "(SELECT 1 AS x) UNION ALL (SELECT 2)",
            "SELECT 'it''s; DROP TABLE orders' AS text, [delete], \"into\" FROM [my ]]; table] WHERE id = @P1",
            "SELECT updated_at, is_deleted, #set FROM dbo.created WHERE @update = 1",
            "SELECT 1 -- the end",
        ] {
            assert_eq!(check_query(query), Ok(()), "{query}");
        }
    }

    #[test]
    fn what_writes_is_refused_wherever_it_stands() {
        for (query, part) in [
            ("", "begins with something else"),
            ("UPDATE orders SET id = 1", "begins with something else"),
            ("EXEC sp_who", "begins with something else"),
            ("SELECT * INTO copy FROM orders", "`INTO`"),
            ("WITH old AS (SELECT 1 AS x) DELETE FROM orders", "`DELETE`"),
            ("SELECT 1; COMMIT; DROP TABLE orders", "`COMMIT`"),
            ("SELECT 1 commit drop table orders", "`COMMIT`"),
            ("SELECT 1; SELECT 2", "more than one statement"),
            ("SELECT [a]]'], 1 UPDATE orders SET b = ']'", "`UPDATE`"),
            ("SELECT 'a''' DELETE FROM orders WHERE x = ''", "`DELETE`"),
            ("SELECT 1 /* */ */ DELETE FROM orders", "`DELETE`"),
            ("SELECT 1 -- x\nDELETE FROM orders", "`DELETE`"),
            ("SELECT NEXT VALUE FOR numbers", "changes a sequence"),
            ("SELECT * FROM OPENQUERY(other, 'DELETE FROM x')", "`OPENQUERY`"),
        ] {
            let problem = check_query(query).unwrap_err();
            assert!(problem.contains(part) && problem.contains("no read-only transaction"), "{query}: {problem}");
        }
    }

    #[test]
    fn what_never_ends_ends() {
        for query in ["SELECT 'abc", "SELECT [abc", "SELECT /* abc", "SELECT /* /* */", "SELECT 1 --", "SELECT 1 /*"] {
            assert_eq!(check_query(query), Ok(()), "{query}");
        }
    }
}
