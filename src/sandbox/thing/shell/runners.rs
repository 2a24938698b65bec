//! What runs other commands: `timeout`, `command`, `bash -c`, `… &` with `wait`, and the trap at the end of a script.

use crate::sandbox::thing::shell::exec::{Flow, Io, Shell};
use crate::sandbox::thing::shell::parse::parse;
use crate::sandbox::thing::shell::programs::{KNOWN, fail};
use crate::sandbox::thing::shell::tree::Node;

/// The commands of the shell itself.
const BUILTINS: &[&str] = &[
    "break", "command", "continue", "exit", "export", "local", "read", "readonly", "return", "set", "shift", "trap",
    "umask", "unset", "wait",
];

impl Shell<'_> {
    /// Runs one of these; nothing if it is another.
    pub(super) fn runner(&mut self, name: &str, args: &[String], io: &mut Io) -> Option<i32> {
        match name.rsplit('/').next().unwrap_or(name) {
            "timeout" => Some(self.timeout(args, io)),
            "command" => Some(self.command(args, io)),
            shell @ ("bash" | "sh") => Some(self.inner(shell, args, io)),
            _ => None,
        }
    }

    /// `timeout [-k SECONDS] SECONDS COMMAND…`: what takes longer in world time is ended with 124.
    fn timeout(&mut self, args: &[String], io: &mut Io) -> i32 {
        let args = match args {
            [flag, _, rest @ ..] if flag == "-k" => rest,
            args => args,
        };
        let [limit, name, rest @ ..] = args else { return fail(io, "timeout: missing operand", 125) };
        let Ok(limit) = limit.trim_end_matches('s').parse::<u64>() else {
            return fail(io, &format!("timeout: invalid time interval '{limit}'"), 125);
        };
        let before = self.slept;
        self.invoke(name, rest, io);
        if self.slept.saturating_sub(before) > limit {
            self.slept = before.saturating_add(limit);
            return 124;
        }
        self.status
    }

    /// `command -v NAME`, or a command that is no function.
    fn command(&mut self, args: &[String], io: &mut Io) -> i32 {
        match args {
            [flag, name] if flag == "-v" => {
                let own = BUILTINS.contains(&name.as_str()) || self.functions.contains_key(name);
                let path = if own { name.clone() } else { format!("/usr/bin/{name}") };
                if !own && !KNOWN.contains(&name.as_str()) {
                    return 1;
                }
                io.out.push_str(&format!("{path}\n"));
                0
            }
            [name, rest @ ..] => self.program(name, rest, io),
            [] => 0,
        }
    }

    /// `bash -c SCRIPT [NAME [ARGUMENT…]]`.
    fn inner(&mut self, shell: &str, args: &[String], io: &mut Io) -> i32 {
        let [flag, script, rest @ ..] = args else {
            return fail(io, &format!("{shell}: the simulated instance knows `{shell} -c SCRIPT`"), 2);
        };
        let node = match parse(script) {
            Ok(node) if flag == "-c" => node,
            Ok(_) => return fail(io, &format!("{shell}: the simulated instance knows `{shell} -c SCRIPT`"), 2),
            Err(problem) => return fail(io, &format!("{shell}: {problem}"), 2),
        };
        let arguments = rest.get(1..).unwrap_or_default().to_vec();
        let before = (std::mem::replace(&mut self.args, arguments), std::mem::replace(&mut self.bash, shell == "bash"));
        self.isolated(&node, io);
        (self.args, self.bash) = before;
        self.status
    }

    /// `… &`: it runs at once, and its time passes while others run. Nobody asks how it ends.
    pub(super) fn background(&mut self, node: &Node, io: &mut Io) -> Flow {
        let before = self.slept;
        let mut own = Io::default();
        self.isolated(node, &mut own);
        io.out.push_str(&own.out);
        io.err.push_str(&own.err);
        let took = self.slept.saturating_sub(before);
        self.behind = self.behind.max(before.saturating_add(took));
        self.slept = before;
        self.status = 0;
        Flow::Next
    }

    /// `wait`: the time of what runs in the background has passed.
    pub(super) fn wait(&mut self) -> i32 {
        self.slept = self.slept.max(std::mem::take(&mut self.behind));
        0
    }

    /// `trap ACTION EXIT`; other signals never come.
    pub(super) fn trap(&mut self, args: &[String]) -> i32 {
        if let [action, signals @ ..] = args
            && signals.iter().any(|signal| signal == "EXIT" || signal == "0")
        {
            self.at_exit = Some(action.clone()).filter(|action| action != "-");
        }
        0
    }

    /// The end of the script: its trap runs, and may say another exit code.
    pub(super) fn leave(&mut self, io: &mut Io) {
        let Some(action) = self.at_exit.take() else { return };
        let status = self.status;
        if self.script(&action, io) != Flow::Exit {
            self.status = status;
        }
    }
}
