//! Paging a list to its end, with bounds.
//!
//! Only the absence of a token ends a list: a page may be short or empty while a token is present (facts 1.1).

use std::collections::BTreeSet;

use crate::cloud::error::{CloudError, ErrorKind};

/// More pages than any list that a drill reads can have (a thousand entries a page for AWS Backup).
const MOST_PAGES: usize = 1_000;

/// The tokens of one list, as they come.
pub(crate) struct Pages {
    operation: &'static str,
    seen: BTreeSet<String>,
}

impl Pages {
    /// Before the first page.
    pub(crate) fn new(operation: &'static str) -> Self {
        Self { operation, seen: BTreeSet::new() }
    }

    /// What to ask for next, given a page's token; `None` at the end.
    ///
    /// # Errors
    /// When a token comes a second time, or never ends: the list cannot be trusted to be whole.
    pub(crate) fn next(&mut self, token: Option<&str>) -> Result<Option<String>, CloudError> {
        // EC2's and RDS's XML carries an empty element where JSON has no key at all.
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        if self.seen.len() >= MOST_PAGES {
            return Err(self.endless(&format!("the list has more than {MOST_PAGES} pages")));
        }
        if !self.seen.insert(token.to_owned()) {
            return Err(self.endless("the list gave the same page's token twice"));
        }
        Ok(Some(token.to_owned()))
    }

    fn endless(&self, message: &str) -> CloudError {
        CloudError::new(self.operation, ErrorKind::Unreadable, "endless_list", message, None)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_PAGES, Pages};

    #[test]
    fn only_an_absent_token_ends_a_list() {
        let mut pages = Pages::new("backup:ListRestoreJobs");
        assert_eq!(pages.next(Some("a")).unwrap().as_deref(), Some("a"));
        assert_eq!(pages.next(Some("b")).unwrap().as_deref(), Some("b"));
        assert_eq!(pages.next(None).unwrap(), None);
        assert_eq!(pages.next(Some("")).unwrap(), None);
    }

    #[test]
    fn a_list_that_goes_in_circles_is_refused() {
        let mut pages = Pages::new("backup:ListRestoreJobs");
        pages.next(Some("a")).unwrap();
        assert_eq!(pages.next(Some("a")).unwrap_err().code, "endless_list");
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let mut pages = Pages::new("backup:ListRestoreJobs");
        for page in 0..MOST_PAGES {
            pages.next(Some(&page.to_string())).unwrap();
        }
        assert!(pages.next(Some("one more")).is_err());
    }
}
