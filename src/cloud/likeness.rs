//! Whether two things are equal, without keeping either: for what is remembered of many.

use std::hash::{Hash, Hasher};

use aws_lc_rs::digest::{Context, SHA256};

/// Of everything that counts for a thing's equality, the first half of its SHA-256. Only for comparisons within a process:
/// another version may have other fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likeness([u8; 16]);

impl Likeness {
    /// Of this thing. Of two that are not equal it differs.
    #[must_use]
    pub fn of(thing: &impl Hash) -> Self {
        let mut digest = Digested(Context::new(&SHA256));
        thing.hash(&mut digest);
        let whole = digest.0.finish();
        let mut half = [0; 16];
        for (byte, of_whole) in half.iter_mut().zip(AsRef::<[u8]>::as_ref(&whole)) {
            *byte = *of_whole;
        }
        Self(half)
    }
}

/// What is hashed goes into a digest.
struct Digested(Context);

impl Hasher for Digested {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nobody asks.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::Likeness;

    #[test]
    fn only_what_is_equal_is_alike() {
        let of = |one: &str, other: Option<&str>| Likeness::of(&(one.to_owned(), other.map(str::to_owned)));
        assert_eq!(of("a", Some("b")), of("a", Some("b")));
        let different = [("a", Some("b")), ("ab", Some("")), ("a", None), ("a", Some("")), ("", Some("ab"))];
        for (position, (one, other)) in different.iter().enumerate() {
            for (more, another) in &different[position + 1..] {
                assert_ne!(of(one, *other), of(more, *another));
            }
        }
    }
}
