//! The commands that change the shell itself, or leave it.

use crate::sandbox::thing::shell::exec::{Flow, Io, Shell};

impl Shell<'_> {
    /// The commands that change the shell itself.
    pub(super) fn builtin(&mut self, name: &str, args: &[String], io: &mut Io) -> Option<Flow> {
        let number = args.first().and_then(|text| text.parse::<i32>().ok());
        let (status, flow) = match name {
            "exit" => (number.unwrap_or(self.status), Flow::Exit),
            "return" => (number.unwrap_or(self.status), Flow::Return),
            "break" => (0, Flow::Break),
            "continue" => (0, Flow::Continue),
            "set" => (self.set(args), Flow::Next),
            "export" | "local" | "readonly" => {
                let values = args.iter().filter_map(|word| word.split_once('='));
                self.vars.extend(values.map(|(name, value)| (name.to_owned(), value.to_owned())));
                (0, Flow::Next)
            }
            "unset" => {
                for name in args {
                    self.vars.remove(name);
                }
                (0, Flow::Next)
            }
            "shift" => {
                let taken = number.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).min(self.args.len());
                self.args.drain(..taken);
                (0, Flow::Next)
            }
            "read" => (self.read(args, io), Flow::Next),
            "trap" => (self.trap(args), Flow::Next),
            "wait" => (self.wait(), Flow::Next),
            "umask" => (0, Flow::Next),
            "sleep" => {
                let seconds = args.first().and_then(|text| text.trim_end_matches('s').parse::<f64>().ok());
                self.slept += std::time::Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).map_or(0, |d| d.as_secs());
                (0, Flow::Next)
            }
            _ => return None,
        };
        self.status = status;
        Some(flow)
    }

    fn set(&mut self, args: &[String]) -> i32 {
        if let Some(flags) = args.iter().find(|flags| flags.starts_with(['-', '+']) && flags.contains('e')) {
            self.strict = flags.starts_with('-');
        }
        0
    }

    /// One line of the input into variables; the last takes the rest.
    fn read(&mut self, args: &[String], io: &mut Io) -> i32 {
        if io.stdin.is_empty() {
            return 1;
        }
        let (line, rest) = io.stdin.split_once('\n').unwrap_or((io.stdin.as_str(), ""));
        let (line, rest) = (line.trim().to_owned(), rest.to_owned());
        io.stdin = rest;
        let names: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
        let mut left = line.as_str();
        for (index, name) in names.iter().enumerate() {
            let (value, after) = if index + 1 == names.len() {
                (left, "")
            } else {
                left.split_once(char::is_whitespace).unwrap_or((left, ""))
            };
            self.vars.insert((*name).clone(), value.to_owned());
            left = after.trim_start();
        }
        0
    }
}
