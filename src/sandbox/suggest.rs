//! What somebody probably meant.

/// The word of `known` that `word` is most likely a slip of, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(80).collect::<String>().to_lowercase();
    let allowed = match word.chars().count() {
        0 | 1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?` for the nearest word, or nothing.
pub(crate) fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::{hint, nearest};

    #[test]
    fn a_slip_is_near_and_another_word_is_not() {
        assert_eq!(nearest("DeleteDBInstnce", ["DeleteDBCluster", "DeleteDBInstance"]), Some("DeleteDBInstance"));
        assert_eq!(hint("gremlins", ["throttle", "timeout"]), "");
        assert_eq!(hint("throtle", ["throttle", "timeout"]), "; did you mean `throttle`?");
    }
}
