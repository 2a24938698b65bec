//! Pages of long lists, with opaque tokens.

use std::fmt::Write;

use crate::sandbox::protocol::failure::Failure;

/// The part of a list that one answer carries, and the token for the rest.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) token: Option<String>,
}

impl<T> Page<T> {
    /// The same page with something else in the place of each item: what is not on it need not be made.
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), token: self.token }
    }
}

/// Cuts a page out of `all`. `what` goes into the token, so that a token of one list does not open another.
pub(crate) fn cut<T>(all: Vec<T>, what: &str, size: usize, token: Option<&str>) -> Result<Page<T>, Failure> {
    let from = match token {
        None => 0,
        Some(token) => read(token, what).ok_or_else(|| Failure::invalid("Provided NextToken is not valid"))?,
    };
    let total = all.len();
    let size = size.max(1);
    let items: Vec<T> = all.into_iter().skip(from).take(size).collect();
    let next = from.saturating_add(items.len());
    Ok(Page { items, token: (next < total).then(|| write(next, what)) })
}

fn write(next: usize, what: &str) -> String {
    let text = format!("{what}/{next}");
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut token, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(token, "{:02x}", byte ^ 0x5a);
        token
    })
}

fn read(token: &str, what: &str) -> Option<usize> {
    if token.len() > 400 || !token.is_ascii() || !token.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> = token
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().map(|byte| byte ^ 0x5a))
        .collect();
    let text = String::from_utf8(bytes?).ok()?;
    text.strip_prefix(what)?.strip_prefix('/')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn pages_join_to_the_whole_list() {
        let (mut seen, mut token) = (Vec::new(), None);
        loop {
            let page = cut((0..7).collect::<Vec<u32>>(), "list", 3, token.as_deref()).unwrap();
            seen.extend(page.items);
            token = page.token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..7).collect::<Vec<u32>>());
        assert!(cut(vec![1], "list", 3, Some("nonsense")).is_err());
        assert!(cut(vec![1], "other", 3, Some(&super::write(1, "list"))).is_err());
    }
}
