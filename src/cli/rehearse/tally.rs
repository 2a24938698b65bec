//! What a rehearsal found: a table of fault × step with counts, and every finding with the command that repeats it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cli::rehearse::crew::Judged;
use crate::cli::rehearse::judge::Finding;
use crate::cli::rehearse::kills::Kills;
use crate::cli::rehearse::space::Places;
use crate::cli::ui::{Ui, clean};
use crate::words::kind::Verdict;

/// The order of the columns.
const COLUMNS: [&str; 11] =
    ["run", "preflight", "pick", "restore", "ready", "finish", "probe", "action", "gate", "undo", "teardown"];

/// The counts.
#[derive(Debug)]
pub(crate) struct Tally {
    usual: Option<Verdict>,
    /// Why an undisturbed run does not pass.
    reasons: Vec<String>,
    cells: BTreeMap<(String, String), u32>,
    combined: u32,
    verdicts: BTreeMap<String, u32>,
    findings: Vec<(String, Finding)>,
    calls: usize,
    scenarios: u32,
    /// Scenarios of which something never came: they count for nothing.
    missed: u32,
    kills: Option<Kills>,
}

impl Tally {
    pub(crate) fn new(usual: Option<Verdict>) -> Self {
        Self {
            usual,
            reasons: Vec::new(),
            cells: BTreeMap::new(),
            combined: 0,
            verdicts: BTreeMap::new(),
            findings: Vec::new(),
            calls: 0,
            scenarios: 0,
            missed: 0,
            kills: None,
        }
    }

    /// What came of real kills.
    pub(crate) fn kills(&mut self, kills: Kills) {
        self.kills = Some(kills);
    }

    /// Nothing was found, and nothing was left out.
    pub(crate) fn is_clean(&self) -> bool {
        let killed = self.kills.as_ref().is_none_or(|kills| kills.findings.is_empty() && !kills.ended_early);
        self.findings.is_empty() && killed
    }

    /// No scenario came as it was meant to, and nothing else is wrong.
    pub(crate) fn tried_nothing(&self) -> bool {
        self.scenarios == 0 && self.findings.is_empty()
    }

    /// The run that nobody disturbs.
    pub(crate) fn undisturbed(&mut self, findings: Vec<Finding>, reasons: Vec<String>) {
        self.findings.extend(findings.into_iter().map(|finding| (String::new(), finding)));
        self.reasons = reasons;
    }

    /// One more scenario.
    pub(crate) fn count(&mut self, judged: &Judged, places: &Places) {
        self.calls += judged.calls;
        self.findings.extend(judged.findings.iter().map(|finding| (judged.scenario.to_string(), finding.clone())));
        if !judged.struck {
            self.missed += 1;
            return;
        }
        self.scenarios += 1;
        match judged.scenario.0.as_slice() {
            [one] => *self.cells.entry((one.word(), places.column(one))).or_default() += 1,
            _ => self.combined += 1,
        }
        let verdict = match judged.verdict {
            _ if judged.refused => "journal refused".to_owned(),
            Some(verdict) => verdict.to_string(),
            None => "no verdict".to_owned(),
        };
        *self.verdicts.entry(verdict).or_default() += 1;
    }

    fn columns(&self) -> Vec<&str> {
        let used: BTreeSet<&str> = self.cells.keys().map(|(_, column)| column.as_str()).collect();
        let known = COLUMNS.iter().copied().filter(|column| used.contains(column));
        let other = used.iter().copied().filter(|column| !COLUMNS.contains(column));
        known.chain(other).collect()
    }

    fn table(&self) -> String {
        let columns = self.columns();
        let mut header = vec!["fault \\ step"];
        header.extend(columns.iter().copied());
        header.push("all");
        let words: BTreeSet<&str> = self.cells.keys().map(|(word, _)| word.as_str()).collect();
        let row = |word: &str| {
            let cell = |column: &&str| self.cells.get(&(word.to_owned(), (*column).to_owned())).copied().unwrap_or(0);
            let counts: Vec<u32> = columns.iter().map(cell).collect();
            let shown = counts.iter().map(|count| if *count == 0 { "·".to_owned() } else { count.to_string() });
            let mut row = vec![word.to_owned()];
            row.extend(shown);
            row.push(counts.iter().sum::<u32>().to_string());
            row
        };
        Ui::table(&header, words.into_iter().map(row).collect())
    }

    /// For people.
    pub(crate) fn text(&self, drill: &str, seed: u64) -> String {
        let mut text = if self.scenarios + self.missed > 0 { self.explored(drill, seed) } else { String::new() };
        if let Some(kills) = &self.kills {
            text.push_str(&killed(kills));
        }
        text
    }

    fn explored(&self, drill: &str, seed: u64) -> String {
        let mut text = format!("{}\n\n", self.table());
        if self.combined > 0 {
            text.push_str(&format!("combinations of several: {}\n", self.combined));
        }
        if self.missed > 0 {
            text.push_str(&format!("not counted, because something of them never came: {}\n", self.missed));
        }
        let usual = self.usual.map_or_else(|| "no verdict".to_owned(), |verdict| verdict.to_string());
        text.push_str(&format!("undisturbed, the drill ends: {usual}\n"));
        for reason in &self.reasons {
            text.push_str(&format!("  {}\n", clean(reason)));
        }
        let verdicts: Vec<String> = self.verdicts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
        text.push_str(&format!("verdicts: {}\n", verdicts.join(", ")));
        text.push_str(&format!(
            "\n{drill}  rehearsed: {} scenarios, {} requests, seed {seed}: {} finding(s)\n",
            self.scenarios,
            self.calls,
            self.findings.len()
        ));
        for (scenario, finding) in &self.findings {
            text.push_str(&format!("  {} {}\n", finding.promise, clean(&finding.what)));
            text.push_str(&format!("     {}\n", command(drill, seed, scenario)));
        }
        text
    }

    /// For programs: version 1, `docs/json.md`.
    pub(crate) fn json(&self, drill: &str, seed: u64) -> Value {
        let table: Vec<Value> = self
            .cells
            .iter()
            .map(|((fault, step), count)| json!({ "fault": fault, "step": step, "scenarios": count }))
            .collect();
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|(scenario, finding)| {
                json!({
                    "promise": finding.promise,
                    "what": finding.what,
                    "scenario": scenario,
                    "repeat": command(drill, seed, scenario),
                })
            })
            .collect();
        json!({
            "version": 1,
            "drill": drill,
            "seed": seed,
            "scenarios": self.scenarios,
            "combinations": self.combined,
            "not_counted": self.missed,
            "requests": self.calls,
            "undisturbed": self.usual.map(|verdict| verdict.to_string()),
            "verdicts": self.verdicts,
            "table": table,
            "findings": findings,
            "kills": self.kills,
        })
    }
}

fn command(drill: &str, seed: u64, scenario: &str) -> String {
    format!("drill rehearse {drill} --seed {seed} --only '{scenario}'")
}

fn killed(kills: &Kills) -> String {
    let mut text = format!(
        "{}  killed: {} runs at random moments, {} of their resumes too, {} resumed to their end, seed {}: {} finding(s)\n",
        kills.drill,
        kills.kills,
        kills.killed_resumes,
        kills.resumed,
        kills.seed,
        kills.findings.len()
    );
    if kills.ended_early {
        text.push_str("  ended before the last kill\n");
    }
    for finding in &kills.findings {
        text.push_str(&format!("  {}\n     {}\n", clean(&finding.what), finding.repeat));
    }
    text
}
