//! `$((…))`: whole numbers, names, `+ - * / %` and parentheses.

/// Parentheses and signs do not nest deeper.
const DEEPEST: u32 = 40;

/// The value of an expression; names are looked up.
pub(super) fn calculate(text: &str, look_up: &dyn Fn(&str) -> String) -> Result<i64, String> {
    let mut sum = Sum { chars: text.chars().collect(), at: 0, depth: 0, look_up };
    let value = sum.terms()?;
    match sum.next() {
        None => Ok(value),
        Some(c) => Err(format!("arithmetic expression: `{c}` is not understood")),
    }
}

struct Sum<'a> {
    chars: Vec<char>,
    at: usize,
    depth: u32,
    look_up: &'a dyn Fn(&str) -> String,
}

impl Sum<'_> {
    /// The next character that is no blank.
    fn next(&mut self) -> Option<char> {
        while self.chars.get(self.at).is_some_and(char::is_ascii_whitespace) {
            self.at += 1;
        }
        self.chars.get(self.at).copied()
    }

    fn terms(&mut self) -> Result<i64, String> {
        let mut value = self.factors()?;
        while let Some(sign @ ('+' | '-')) = self.next() {
            self.at += 1;
            let further = self.factors()?;
            value = if sign == '+' { value.wrapping_add(further) } else { value.wrapping_sub(further) };
        }
        Ok(value)
    }

    fn factors(&mut self) -> Result<i64, String> {
        let mut value = self.operand()?;
        while let Some(sign @ ('*' | '/' | '%')) = self.next() {
            self.at += 1;
            let further = self.operand()?;
            let result = match sign {
                '*' => Some(value.wrapping_mul(further)),
                '/' => value.checked_div(further),
                _ => value.checked_rem(further),
            };
            value = result.ok_or("arithmetic expression: division by zero")?;
        }
        Ok(value)
    }

    fn operand(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("arithmetic expression: too deep".to_owned());
        }
        let value = match self.next() {
            Some('(') => {
                self.at += 1;
                let value = self.terms()?;
                if self.next() != Some(')') {
                    return Err("arithmetic expression: `)` is missing".to_owned());
                }
                self.at += 1;
                value
            }
            Some('-') => {
                self.at += 1;
                self.operand()?.wrapping_neg()
            }
            _ => self.number()?,
        };
        self.depth -= 1;
        Ok(value)
    }

    fn number(&mut self) -> Result<i64, String> {
        let is_part = |c: &&char| c.is_ascii_alphanumeric() || **c == '_';
        let word: String = self.chars.iter().skip(self.at).take_while(is_part).collect();
        self.at += word.chars().count();
        if word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let value = (self.look_up)(&word);
            // A name that nobody set is nothing.
            return if value.is_empty() { Ok(0) } else { parsed(&value) };
        }
        parsed(&word)
    }
}

fn parsed(word: &str) -> Result<i64, String> {
    word.trim().parse().map_err(|_| format!("arithmetic expression: `{word}` is no number"))
}

#[cfg(test)]
mod tests {
    use super::calculate;

    #[test]
    fn sums_are_those_of_a_shell() {
        let of = |text: &str| calculate(text, &|name| if name == "n" { "5".to_owned() } else { String::new() });
        assert_eq!(of("1 + 2*3 - (4 - -n) / 2 % 3"), Ok(6));
        assert_eq!(of("none + 1"), Ok(1));
        for wrong in ["", "1 +", "1 / 0", "2 x", "(1", "1.5"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert!(of(&"(".repeat(500)).is_err());
    }
}
