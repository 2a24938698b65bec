//! What a campaign of kills came to, and the commands that repeat its findings.

use std::path::Path;

use serde::Serialize;

use crate::cli::rehearse::kills::KillPlan;
use crate::cli::rehearse::kills::judge::{Expected, FindingKind, Found};
use crate::cli::rehearse::kills::moment::Moments;
use crate::words::kind::Verdict;

/// What came of it.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_field_names, reason = "the word of the JSON shape")]
pub struct Kills {
    /// The drill's name.
    pub drill: String,
    /// The seed of the first kill.
    pub seed: u64,
    /// The verdict of the run that nobody disturbed.
    pub verdict: Verdict,
    /// How many requests it made.
    pub requests: u32,
    /// How many runs were killed.
    pub kills: u32,
    /// How many of their resumes were killed too.
    pub killed_resumes: u32,
    /// How many runs were then resumed to their end. The others died before their first record.
    pub resumed: u32,
    /// How many ended as expected only in a slower world.
    pub slowed: u32,
    /// ARNs of what was left behind.
    pub leftovers: Vec<String>,
    /// What was restored more than once.
    pub double_restores: Vec<String>,
    /// Why something passed that may not.
    pub false_passes: Vec<String>,
    /// Everything that must not be, the above included. None is the only good number.
    pub findings: Vec<Finding>,
    /// A signal ended it before the last kill.
    pub ended_early: bool,
}

/// Something that must not be, and how to see it again.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Its kind.
    pub kind: FindingKind,
    /// The seed of the kill.
    pub seed: u64,
    /// When the processes died.
    pub moment: String,
    /// What is wrong.
    pub what: String,
    /// The command that repeats the kill.
    pub repeat: String,
}

/// What came of one kill.
pub(crate) struct Outcome {
    /// Its seed.
    pub(crate) seed: u64,
    /// When the processes died.
    pub(crate) moments: Moments,
    /// How many resumes were killed too.
    pub(crate) killed_resumes: u32,
    /// How many ran to their end.
    pub(crate) resumed: u32,
    /// It ended as expected only in a slower world.
    pub(crate) slowed: bool,
    /// What is wrong.
    pub(crate) found: Vec<Found>,
}

impl Kills {
    /// Before the first kill.
    pub(crate) fn none_yet(plan: &KillPlan, expected: &Expected) -> Self {
        Self {
            drill: plan.drill.clone(),
            seed: plan.seed,
            verdict: expected.verdict,
            requests: expected.requests,
            kills: 0,
            killed_resumes: 0,
            resumed: 0,
            slowed: 0,
            leftovers: Vec::new(),
            double_restores: Vec::new(),
            false_passes: Vec::new(),
            findings: Vec::new(),
            ended_early: false,
        }
    }

    /// Counts one more kill.
    pub(crate) fn add(&mut self, plan: &KillPlan, outcome: Outcome) {
        self.kills += 1;
        self.killed_resumes += outcome.killed_resumes;
        self.resumed += outcome.resumed;
        self.slowed += u32::from(outcome.slowed);
        for found in outcome.found {
            match found.kind {
                FindingKind::Leftover => self.leftovers.push(found.subject),
                FindingKind::DoubleRestore => self.double_restores.push(found.subject),
                FindingKind::FalsePass => self.false_passes.push(found.what.clone()),
                _ => {}
            }
            self.findings.push(Finding {
                kind: found.kind,
                seed: outcome.seed,
                moment: outcome.moments.to_string(),
                what: found.what,
                repeat: repeat(plan, outcome.seed),
            });
        }
    }
}

/// The command that kills the same run at the same moment.
fn repeat(plan: &KillPlan, seed: u64) -> String {
    let elsewhere = plan.dir != Path::new(".");
    let dir = if elsewhere { format!(" --dir {}", shell_word(&plan.dir.display().to_string())) } else { String::new() };
    format!("drill rehearse {} --kills 1 --seed {seed}{dir}", plan.drill)
}

/// A word as a shell reads it back.
fn shell_word(text: &str) -> String {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@".contains(c));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::repeat;
    use crate::cli::rehearse::kills::KillPlan;

    #[test]
    fn one_line_repeats_a_kill_wherever_the_drill_is() {
        let plan = |dir: &str| KillPlan { drill: "shop".to_owned(), dir: PathBuf::from(dir), kills: 100, seed: 7 };
        assert_eq!(repeat(&plan("."), 19), "drill rehearse shop --kills 1 --seed 19");
        assert_eq!(repeat(&plan("../a b's"), 8), r"drill rehearse shop --kills 1 --seed 8 --dir '../a b'\''s'");
    }
}
