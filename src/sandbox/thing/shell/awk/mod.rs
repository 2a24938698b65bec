//! A small `awk`: rules with a comparison, `END` or nothing before them; assignments, `if`, `next`, `print` and `printf`.
//! What else a program does is refused, never guessed.

mod parse;

use std::collections::BTreeMap;

use crate::sandbox::thing::shell::awk::parse::{Act, Expr, Rule, When, program};

/// What a program prints for its input.
pub(super) fn run(text: &str, input: &str) -> Result<String, String> {
    let rules = program(text)?;
    let mut awk = Awk { vars: BTreeMap::new(), fields: Vec::new(), out: String::new() };
    for line in input.lines() {
        awk.fields = std::iter::once(line).chain(line.split_whitespace()).map(str::to_owned).collect();
        awk.rules(&rules, false);
    }
    awk.rules(&rules, true);
    Ok(awk.out)
}

struct Awk {
    vars: BTreeMap<String, String>,
    /// The whole line, then its words.
    fields: Vec<String>,
    out: String,
}

impl Awk {
    fn rules(&mut self, rules: &[Rule], at_end: bool) {
        for rule in rules {
            let fits = match &rule.when {
                When::Always => !at_end,
                When::End => at_end,
                When::Where(condition) => !at_end && is_true(&self.value(condition)),
            };
            if fits && self.acts(&rule.acts) {
                return;
            }
        }
    }

    /// Whether the rest of the rules is left out.
    fn acts(&mut self, acts: &[Act]) -> bool {
        acts.iter().any(|act| match act {
            Act::Next => true,
            Act::Set(name, value) => {
                let value = self.value(value);
                self.vars.insert(name.clone(), value);
                false
            }
            Act::If(condition, act) => is_true(&self.value(condition)) && self.acts(std::slice::from_ref(act)),
            Act::Print(values) => {
                let texts: Vec<String> = values.iter().map(|value| self.value(value)).collect();
                let line =
                    if texts.is_empty() { self.fields.first().cloned().unwrap_or_default() } else { texts.join(" ") };
                self.out.push_str(&format!("{line}\n"));
                false
            }
            Act::Printf(format, values) => {
                let texts: Vec<String> = values.iter().map(|value| self.value(value)).collect();
                let format = self.value(format);
                self.out.push_str(&formatted(&format, &texts));
                false
            }
        })
    }

    fn value(&self, expr: &Expr) -> String {
        match expr {
            Expr::Text(text) => text.clone(),
            Expr::Name(name) => self.vars.get(name).cloned().unwrap_or_default(),
            Expr::Field(number) => self.fields.get(*number).cloned().unwrap_or_default(),
            Expr::Binary(left, sign, right) => {
                let (left, right) = (self.value(left), self.value(right));
                match sign.as_str() {
                    "+" => shown(number(&left) + number(&right)),
                    "-" => shown(number(&left) - number(&right)),
                    "*" => shown(number(&left) * number(&right)),
                    "/" => shown(number(&left) / number(&right)),
                    _ => u8::from(holds(&left, sign, &right)).to_string(),
                }
            }
        }
    }
}

/// Numbers are compared as such, everything else as text.
fn holds(left: &str, sign: &str, right: &str) -> bool {
    let is_number = |text: &str| text.is_empty() || text.parse::<f64>().is_ok();
    let order = if is_number(left) && is_number(right) && !(left.is_empty() && right.is_empty()) {
        number(left).partial_cmp(&number(right))
    } else {
        Some(left.cmp(right))
    };
    let Some(order) = order else { return false };
    match sign {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn is_true(text: &str) -> bool {
    !text.is_empty() && text != "0"
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

fn shown(number: f64) -> String {
    format!("{number}")
}

/// `%s`, `%d`, `%.0f` and `%%`.
fn formatted(format: &str, values: &[String]) -> String {
    let (mut out, mut values) = (String::new(), values.iter());
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let mut value = || values.next().cloned().unwrap_or_default();
        rest = if let Some(after) = after.strip_prefix(".0f").or_else(|| after.strip_prefix('d')) {
            out.push_str(&format!("{:.0}", number(&value())));
            after
        } else if let Some(after) = after.strip_prefix('s') {
            out.push_str(&value());
            after
        } else {
            out.push('%');
            after.strip_prefix('%').unwrap_or(after)
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::run;

    #[test]
    fn sums_maxima_and_comparisons() {
        let program = "$1 == \"end\" { code = $2; next }\n{ files++; bytes += $2; if ($1 > newest) newest = $1 }\n\
                       END { printf \"%.0f %.0f %.0f %d\\n\", files, bytes, newest, code }";
        let input = "1732190400.0000000000 10\n99.5 5\nend 3\n";
        assert_eq!(run(program, input).unwrap(), "2 15 1732190400 3\n");
        assert_eq!(run(program, "").unwrap(), "0 0 0 0\n");
        assert_eq!(run("$2 >= 10 { print $1, $2 * 2 }", "a 9\nb 10\n").unwrap(), "b 20\n");
        assert_eq!(run("{ print }", "a b\n").unwrap(), "a b\n");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for program in ["BEGIN { x = 1 }", "{ for (;;) x++ }", "{ gsub(/a/, \"b\") }", "{ x = 1", "/a/ { print }"] {
            assert!(run(program, "a\n").is_err(), "{program}");
        }
    }
}
