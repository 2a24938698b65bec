//! A script as a tree.

/// A command, simple or compound.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Simple {
        assigns: Vec<(String, Word)>,
        words: Vec<Word>,
        redirects: Vec<Redirect>,
    },
    /// A compound command with redirections of its own.
    Redirected(Box<Node>, Vec<Redirect>),
    Pipe(Vec<Node>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Subshell(Box<Node>),
    If {
        arms: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    For {
        name: String,
        words: Vec<Word>,
        body: Box<Node>,
    },
    While {
        until: bool,
        condition: Box<Node>,
        body: Box<Node>,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, Node)>,
    },
    Function {
        name: String,
        body: Box<Node>,
    },
    /// `… &`
    Background(Box<Node>),
}

/// A word before it is expanded.
pub(super) type Word = Vec<Piece>;

/// A part of a word.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Text {
        text: String,
        quoted: bool,
    },
    Value {
        name: String,
        cut: Option<Cut>,
        quoted: bool,
    },
    Output {
        script: Box<Node>,
        quoted: bool,
    },
    /// `$((…))`
    Sum {
        word: Word,
        quoted: bool,
    },
}

/// What `${name…}` does to the value.
#[derive(Debug, Clone)]
pub(super) enum Cut {
    Suffix {
        longest: bool,
        pattern: Word,
    },
    Prefix {
        longest: bool,
        pattern: Word,
    },
    /// `${name:-word}`
    Otherwise(Word),
    /// `${#name}`
    Length,
}

/// Where a stream goes, or comes from.
#[derive(Debug, Clone)]
pub(super) struct Redirect {
    pub(super) stream: u8,
    pub(super) to: To,
}

/// See [`Redirect`].
#[derive(Debug, Clone)]
pub(super) enum To {
    File(Word),
    Append(Word),
    From(Word),
    Here(Word),
    Stream(u8),
}
