//! What a world file says of AWS as a whole, where nobody documents it or an account differs: request rates, restores at a
//! time, and how long restores take, by type.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;

use crate::sandbox::file::Span;
use crate::sandbox::service::operations;
use crate::sandbox::suggest::hint;
use crate::words::kind::ResourceKind;
use crate::words::text::tame;

/// Requests of an operation, for each account and region.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateFile {
    /// So many a second.
    pub each_second: f64,
    /// So many at once, after a pause.
    pub at_once: u32,
}

/// How long the restores of a type take.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimesFile {
    /// Half of them take longer.
    pub median: Span,
    /// How far they spread: the standard deviation of the logarithm.
    pub sigma: f64,
}

/// How fast requests may come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    pub(crate) each_second: f64,
    pub(crate) at_once: f64,
}

/// How long restores take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times {
    pub(crate) median_seconds: f64,
    pub(crate) sigma: f64,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Profile {
    /// By operation, such as `backup:StartRestoreJob`, or what several begin with, such as `rds:Delete*`: these share one.
    rates: BTreeMap<String, Rate>,
    places: BTreeMap<ResourceKind, u32>,
    times: BTreeMap<ResourceKind, Times>,
}

impl Profile {
    /// What the parts of a world file say that [`sense`] has found to make sense.
    pub(crate) fn of(
        rates: BTreeMap<String, RateFile>,
        places: &BTreeMap<String, u32>,
        times: &BTreeMap<String, TimesFile>,
    ) -> Self {
        let rate = |file: RateFile| Rate { each_second: file.each_second, at_once: f64::from(file.at_once) };
        let time = |file: &TimesFile| Times {
            median_seconds: SignedDuration::from(file.median).as_secs_f64(),
            sigma: file.sigma,
        };
        let kind = |word: &String| ResourceKind::from_word(word);
        Self {
            rates: rates.into_iter().map(|(operation, file)| (operation, rate(file))).collect(),
            places: places.iter().filter_map(|(word, most)| Some((kind(word)?, *most))).collect(),
            times: times.iter().filter_map(|(word, file)| Some((kind(word)?, time(file)))).collect(),
        }
    }

    /// Lays this one over another.
    pub(crate) fn over(mut self, mut below: Self) -> Self {
        below.rates.append(&mut self.rates);
        below.places.append(&mut self.places);
        below.times.append(&mut self.times);
        below
    }

    /// The rate of an operation, and what shares it.
    pub(crate) fn rate(&self, operation: &str) -> Option<(&str, Rate)> {
        let begins = |name: &str| name.strip_suffix('*').is_some_and(|start| operation.starts_with(start));
        let shared = || self.rates.iter().filter(|(name, _)| begins(name)).max_by_key(|(name, _)| name.len());
        let found = self.rates.get_key_value(operation).or_else(shared);
        found.map(|(name, rate)| (name.as_str(), *rate))
    }

    /// So many restores of a type at a time, in an account and region; nothing where only quotas bound them.
    pub(crate) fn places(&self, kind: ResourceKind) -> Option<usize> {
        self.places.get(&kind).map(|most| usize::try_from(*most).unwrap_or(usize::MAX))
    }

    /// How long restores of a type take; nothing where their size says it.
    pub(crate) fn times(&self, kind: ResourceKind) -> Option<Times> {
        self.times.get(&kind).copied()
    }
}

/// Whether rates are of operations that are known, places and times of types that are known, and all are possible.
///
/// # Errors
/// Says what is wrong.
pub(crate) fn sense(
    rates: &BTreeMap<String, RateFile>,
    places: &BTreeMap<String, u32>,
    times: &BTreeMap<String, TimesFile>,
) -> Result<(), String> {
    for (operation, rate) in rates {
        if !is_known(operation) {
            let operation = tame(operation);
            return Err(format!(
                "`{operation}` under `rates` is no operation of the simulated AWS; write `backup:StartRestoreJob` or `rds:Delete*`"
            ));
        }
        if !rate.each_second.is_finite() || rate.each_second <= 0.0 || rate.at_once == 0 {
            return Err(format!("`{operation}` under `rates` must be above 0, so that something is answered"));
        }
    }
    for (key, word) in places.keys().map(|word| ("places", word)).chain(times.keys().map(|word| ("times", word))) {
        if ResourceKind::from_word(word).is_none() {
            let known = ResourceKind::WORDS;
            let near = hint(word, known.iter().copied());
            return Err(format!("`{}` under `{key}` is no type{near}; known are: {}", tame(word), known.join(", ")));
        }
    }
    let takes_time = |time: &TimesFile| time.sigma.is_finite() && time.sigma >= 0.0 && time.median.0.is_positive();
    match times.iter().find(|(_, time)| !takes_time(time)) {
        Some((word, _)) => {
            Err(format!("`{word}` under `times` needs a median above 0 and a sigma that is not below 0"))
        }
        None => Ok(()),
    }
}

fn is_known(operation: &str) -> bool {
    let Some((prefix, name)) = operation.split_once(':') else { return false };
    match name.strip_suffix('*') {
        Some(start) => operations(prefix).iter().any(|known| known.starts_with(start)),
        None => operations(prefix).contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;
    use crate::sandbox::file::WorldFile;
    use crate::sandbox::spec::WorldSpec;
    use crate::words::kind::ResourceKind;

    #[test]
    fn the_reference_profile_is_a_world_file() {
        let file = WorldFile::read("ref-1", include_str!("../../benches/ref-1.world.yaml")).unwrap();
        let profile = WorldSpec::empty().overlay(file).profile;
        let rate =
            |operation| profile.rate(operation).map(|(name, rate)| (name.to_owned(), rate.each_second, rate.at_once));
        assert_eq!(rate("backup:StartRestoreJob"), Some(("backup:StartRestoreJob".to_owned(), 1.0, 10.0)));
        assert_eq!(rate("rds:DeleteDBInstance"), Some(("rds:Delete*".to_owned(), 5.0, 50.0)));
        assert_eq!(rate("rds:DescribeDBInstances"), None);
        assert_eq!((profile.places(ResourceKind::S3), profile.places(ResourceKind::Efs)), (Some(30), None));
        let times = profile.times(ResourceKind::DynamoDb).unwrap();
        assert!((times.median_seconds - 1_500.0).abs() < 0.001 && (times.sigma - 0.35).abs() < 0.001);
    }

    #[test]
    fn a_slip_is_pointed_at() {
        for (text, said) in [
            ("rates: { \"backup:StartRestore\": { each_second: 1, at_once: 1 } }", "no operation"),
            ("rates: { \"rds:*\": { each_second: 0, at_once: 1 } }", "above 0"),
            ("places: { rdss: 3 }", "did you mean `rds`?"),
            ("times: { rds: { median: 12m, sigma: -1 } }", "a sigma"),
        ] {
            let error = WorldFile::read("w", &format!("version: 1\n{text}\n")).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn one_profile_is_laid_over_another() {
        let of = |text: &str| {
            let file = WorldFile::read("w", &format!("version: 1\n{text}\n")).unwrap();
            WorldSpec::empty().overlay(file).profile
        };
        let both = of("places: { rds: 3 }").over(of("places: { rds: 5, s3: 7 }"));
        assert_eq!(both, of("places: { rds: 3, s3: 7 }"));
        assert_eq!(both.clone().over(Profile::default()), both);
    }
}
