//! What IAM's simulation says, and what follows from it. IAM knows the identity's own policies, boundaries and the
//! organization's; it does not know what a request would carry.

use crate::cloud::surroundings::Decision;

/// What the decisions mean together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// All of it is allowed.
    Allowed,
    /// These are denied, whatever a request carries.
    Denied(Vec<String>),
    /// These are denied unless a request carries these keys of conditions.
    Depends(Vec<String>, Vec<String>),
    /// IAM left some of the questions open.
    Open,
}

/// `asked` are the actions that the question named.
pub(super) fn judge(asked: &[String], decisions: &[Decision]) -> Answer {
    let refused = || decisions.iter().filter(|decision| !decision.allowed);
    let certain: Vec<String> =
        refused().filter(|decision| decision.missing.is_empty()).map(|decision| decision.action.clone()).collect();
    if !certain.is_empty() {
        return Answer::Denied(certain);
    }
    if refused().next().is_some() {
        let mut keys: Vec<String> = refused().flat_map(|decision| decision.missing.clone()).collect();
        keys.sort();
        keys.dedup();
        return Answer::Depends(refused().map(|decision| decision.action.clone()).collect(), keys);
    }
    let answered = |action: &String| decisions.iter().any(|decision| decision.action.eq_ignore_ascii_case(action));
    if asked.iter().all(answered) { Answer::Allowed } else { Answer::Open }
}

#[cfg(test)]
mod tests {
    use super::{Answer, judge};
    use crate::cloud::surroundings::Decision;

    #[test]
    fn only_a_denial_that_depends_on_nothing_is_certain() {
        let decision = |action: &str, allowed: bool, missing: &[&str]| Decision {
            action: action.to_owned(),
            allowed,
            missing: missing.iter().map(|key| (*key).to_owned()).collect(),
        };
        let (one, two) = ("rds:A".to_owned(), "rds:B".to_owned());
        let asked = [one.clone(), two.clone()];
        let allowed = [decision("rds:A", true, &[]), decision("rds:b", true, &["aws:x"])];
        assert_eq!(judge(&asked, &allowed), Answer::Allowed);
        assert_eq!(judge(&asked, &allowed[..1]), Answer::Open);
        assert_eq!(judge(&asked, &[]), Answer::Open);
        let unclear = [decision("rds:A", true, &[]), decision("rds:B", false, &["aws:x"])];
        assert_eq!(judge(&asked, &unclear), Answer::Depends(vec![two], vec!["aws:x".to_owned()]));
        let denied = [decision("rds:A", false, &[]), decision("rds:B", false, &["aws:x"])];
        assert_eq!(judge(&asked, &denied), Answer::Denied(vec![one]));
    }
}
