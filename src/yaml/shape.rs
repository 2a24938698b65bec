//! What a construct of the definition may hold: one description from which checking, the JSON Schema, near-match
//! suggestions and the documentation come.

/// One key of a mapping.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// Whether it must be there.
    pub need: Need,
    /// One sentence for editors and documents.
    pub doc: &'static str,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may.
    Optional,
    /// The design knows it, this version does not act on it: using it is an error, never ignored.
    NotYet,
}

/// What a value may be.
#[derive(Debug, Clone)]
pub enum Shape {
    /// Text, at least one character.
    Text,
    /// Text in which `${{ … }}` references to other steps are allowed.
    Template,
    /// Text that `parse` accepts; the error is a sentence for the user. `format` is a regular expression for editors.
    Parsed { what: &'static str, format: Option<&'static str>, parse: fn(&str) -> Result<(), String> },
    /// `true` or `false`.
    Bool,
    /// A whole number, bounds included.
    Integer { min: i64, max: i64 },
    /// Any finite number.
    Number,
    /// A duration with a unit, more than zero. Checked into ISO 8601, as `jiff` writes it.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Text, number, boolean or null: an operand of an expectation.
    Scalar,
    /// Whatever YAML can say, unchecked here: whoever owns it checks it. References are allowed in its texts.
    Any,
    /// A list. `min` elements at least.
    List { of: Box<Shape>, min: usize },
    /// One value, or a list of at least one; read as a list.
    OneOrMore(Box<Shape>),
    /// A mapping with known keys.
    Map(Vec<Field>),
    /// A mapping from names of the user's choice; each key must satisfy `key`.
    Dictionary { key: Box<Shape>, of: Box<Shape>, min: usize },
    /// A mapping with exactly one of these keys (need is ignored).
    OneOf(Vec<Field>),
    /// A mapping with these keys, of which exactly one of `exactly_one_of` is there.
    Tagged { fields: Vec<Field>, exactly_one_of: Vec<&'static str> },
    /// A mapping whose keys depend on the word at `key`, one of the words of `cases`.
    Kinds { key: &'static str, cases: Vec<(&'static str, Vec<Field>)> },
    /// Text of the first shape, or a mapping of the second.
    Either { text: Box<Shape>, map: Box<Shape> },
    /// A secret: a reference (`env:`, `file:`, `ssm:`, `secretsmanager:`), never the value itself. A database's
    /// password may also be `rds_iam: true` or `master_password_reset: true`; other kinds refuse these in `check`.
    SecretRef,
}

impl Field {
    /// A key that must be there.
    #[must_use]
    pub fn required(key: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { key, shape, need: Need::Required, doc }
    }

    /// A key that may be there.
    #[must_use]
    pub fn optional(key: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { key, shape, need: Need::Optional, doc }
    }

    /// A key of the design that this version does not act on yet.
    #[must_use]
    pub fn not_yet(key: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self { key, shape, need: Need::NotYet, doc }
    }
}
