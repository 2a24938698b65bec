//! Runs a tree over a simulated instance, within bounds.

use std::collections::BTreeMap;

use crate::sandbox::thing::shell::Machine;
use crate::sandbox::thing::shell::parse::parse;
use crate::sandbox::thing::shell::pattern::fits;
use crate::sandbox::thing::shell::tree::{Node, Piece, Redirect, Word};

/// A script that runs more commands is ended.
const MOST_STEPS: u32 = 20_000;

/// Functions and compound commands do not call each other deeper.
const DEEPEST: u32 = 60;

/// No stream carries more bytes.
const MOST_OUTPUT: usize = 256 * 1024;

/// What a command reads and writes.
#[derive(Debug, Default)]
pub(super) struct Io {
    pub(super) stdin: String,
    pub(super) out: String,
    pub(super) err: String,
}

/// How a command leaves the ones around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    Return,
    Exit,
}

/// A shell at work.
pub(super) struct Shell<'m> {
    pub(super) machine: Machine<'m>,
    pub(super) vars: BTreeMap<String, String>,
    pub(super) functions: BTreeMap<String, Node>,
    pub(super) args: Vec<String>,
    pub(super) status: i32,
    /// World seconds that were slept.
    pub(super) slept: u64,
    /// When the last of what runs in the background ends, in the same seconds.
    pub(super) behind: u64,
    /// What runs at the end, `trap … EXIT`.
    pub(super) at_exit: Option<String>,
    /// It is `bash`, which knows more than others.
    pub(super) bash: bool,
    /// `set -e`
    pub(super) strict: bool,
    /// Above 0 while a failure is only asked for.
    asking: u32,
    steps: u32,
    depth: u32,
}

impl<'m> Shell<'m> {
    pub(super) fn new(machine: Machine<'m>) -> Self {
        let vars = [("PATH", "/usr/bin:/bin"), ("HOME", "/root"), ("USER", "root")];
        Self {
            machine,
            vars: vars.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            functions: BTreeMap::new(),
            args: Vec::new(),
            status: 0,
            slept: 0,
            behind: 0,
            at_exit: None,
            bash: false,
            strict: false,
            asking: 0,
            steps: 0,
            depth: 0,
        }
    }

    /// Runs a script's text.
    pub(super) fn script(&mut self, text: &str, io: &mut Io) -> Flow {
        match parse(text) {
            Ok(node) => self.run(&node, io),
            Err(problem) => {
                io.err.push_str(&format!("sh: {problem}\n"));
                self.status = 2;
                Flow::Exit
            }
        }
    }

    pub(super) fn run(&mut self, node: &Node, io: &mut Io) -> Flow {
        self.steps += 1;
        if self.steps > MOST_STEPS || self.depth > DEEPEST || io.out.len() > MOST_OUTPUT || io.err.len() > MOST_OUTPUT {
            io.err.push_str("sh: the simulated instance ends a script that does so much\n");
            self.status = 137;
            return Flow::Exit;
        }
        self.depth += 1;
        let flow = self.step(node, io);
        self.depth -= 1;
        flow
    }

    fn step(&mut self, node: &Node, io: &mut Io) -> Flow {
        match node {
            Node::List(nodes) => {
                let mut flow = Flow::Next;
                for node in nodes {
                    flow = self.run(node, io);
                    if flow != Flow::Next {
                        break;
                    }
                }
                flow
            }
            Node::Simple { assigns, words, redirects } => {
                let flow = self.simple(assigns, words, redirects, io);
                self.or_end(flow)
            }
            Node::Redirected(node, redirects) => self.redirected(redirects, io, |shell, io| shell.run(node, io)),
            Node::Pipe(parts) => {
                let flow = self.pipe(parts, io);
                self.or_end(flow)
            }
            Node::Not(node) => {
                let flow = self.ask(node, io);
                self.status = i32::from(self.status == 0);
                flow
            }
            Node::And(left, right) | Node::Or(left, right) => {
                let flow = self.ask(left, io);
                let goes_on = (self.status == 0) == matches!(node, Node::And(..));
                if flow == Flow::Next && goes_on { self.run(right, io) } else { flow }
            }
            Node::Subshell(node) => {
                self.isolated(node, io);
                Flow::Next
            }
            Node::Background(node) => self.background(node, io),
            Node::Function { name, body } => {
                self.functions.insert(name.clone(), (**body).clone());
                self.status = 0;
                Flow::Next
            }
            Node::If { arms, otherwise } => self.branch(arms, otherwise.as_deref(), io),
            Node::For { name, words, body } => self.each(name, words, body, io),
            Node::While { until, condition, body } => self.repeat(*until, condition, body, io),
            Node::Case { word, arms } => self.choose(word, arms, io),
        }
    }

    /// `set -e` ends the script after a failure that nobody asks about.
    fn or_end(&self, flow: Flow) -> Flow {
        let ends = self.strict && self.asking == 0 && self.status != 0 && flow == Flow::Next;
        if ends { Flow::Exit } else { flow }
    }

    /// Runs something whose failure is an answer.
    fn ask(&mut self, node: &Node, io: &mut Io) -> Flow {
        self.asking += 1;
        let flow = self.run(node, io);
        self.asking -= 1;
        flow
    }

    /// Runs in a copy of the shell: variables come back as they were, and leaving leaves only the copy.
    pub(super) fn isolated(&mut self, node: &Node, io: &mut Io) {
        let kept = (self.vars.clone(), self.args.clone(), self.functions.clone(), self.strict);
        let at_exit = self.at_exit.take();
        self.run(node, io);
        (self.vars, self.args, self.functions, self.strict) = kept;
        self.at_exit = at_exit;
    }

    fn pipe(&mut self, parts: &[Node], io: &mut Io) -> Flow {
        let mut passed = std::mem::take(&mut io.stdin);
        for part in parts {
            let mut inner = Io { stdin: passed, ..Io::default() };
            self.isolated(part, &mut inner);
            io.err.push_str(&inner.err);
            passed = inner.out;
        }
        io.out.push_str(&passed);
        Flow::Next
    }

    fn branch(&mut self, arms: &[(Node, Node)], otherwise: Option<&Node>, io: &mut Io) -> Flow {
        for (condition, body) in arms {
            let flow = self.ask(condition, io);
            if flow != Flow::Next {
                return flow;
            }
            if self.status == 0 {
                return self.run(body, io);
            }
        }
        self.status = 0;
        otherwise.map_or(Flow::Next, |node| self.run(node, io))
    }

    fn each(&mut self, name: &str, words: &[Word], body: &Node, io: &mut Io) -> Flow {
        let fields = self.fields(words, io);
        self.status = 0;
        for field in fields {
            self.vars.insert(name.to_owned(), field);
            match self.run(body, io) {
                Flow::Break => break,
                Flow::Next | Flow::Continue => {}
                flow => return flow,
            }
        }
        Flow::Next
    }

    fn repeat(&mut self, until: bool, condition: &Node, body: &Node, io: &mut Io) -> Flow {
        loop {
            let flow = self.ask(condition, io);
            if flow != Flow::Next {
                return flow;
            }
            if (self.status == 0) == until {
                self.status = 0;
                return Flow::Next;
            }
            match self.run(body, io) {
                Flow::Break => return Flow::Next,
                Flow::Next | Flow::Continue => {}
                flow => return flow,
            }
        }
    }

    fn choose(&mut self, word: &Word, arms: &[(Vec<Word>, Node)], io: &mut Io) -> Flow {
        let text: Vec<char> = self.text(word, io).chars().collect();
        for (patterns, body) in arms {
            for pattern in patterns {
                if fits(&self.marks(pattern, io), &text, false) {
                    self.status = 0;
                    return self.run(body, io);
                }
            }
        }
        self.status = 0;
        Flow::Next
    }

    fn simple(&mut self, assigns: &[(String, Word)], words: &[Word], redirects: &[Redirect], io: &mut Io) -> Flow {
        let values: Vec<(String, String)> =
            assigns.iter().map(|(name, word)| (name.clone(), self.text(word, io))).collect();
        let fields = self.fields(words, io);
        let Some((name, args)) = fields.split_first() else {
            // What a substitution in a value answered stays the status.
            let asks = |word: &Word| word.iter().any(|piece| matches!(piece, Piece::Output { .. }));
            if !assigns.iter().any(|(_, word)| asks(word)) {
                self.status = 0;
            }
            self.vars.extend(values);
            return self.redirected(redirects, io, |_, _| Flow::Next);
        };
        let before: Vec<(String, Option<String>)> =
            values.iter().map(|(name, _)| (name.clone(), self.vars.get(name).cloned())).collect();
        self.vars.extend(values);
        let flow = self.redirected(redirects, io, |shell, io| shell.invoke(name, args, io));
        for (name, value) in before {
            match value {
                Some(value) => drop(self.vars.insert(name, value)),
                None => drop(self.vars.remove(&name)),
            }
        }
        flow
    }

    /// A command by its name: the world's, the shell's own, a function, a program.
    pub(super) fn invoke(&mut self, name: &str, args: &[String], io: &mut Io) -> Flow {
        let line = std::iter::once(name).chain(args.iter().map(String::as_str)).collect::<Vec<&str>>().join(" ");
        if let Some(rule) = self.machine.rules.iter().find(|rule| rule.pattern.is_match(&line)) {
            io.out.push_str(&rule.stdout);
            self.status = rule.exit;
            return Flow::Next;
        }
        if let Some(body) = self.functions.get(name).cloned() {
            let before = std::mem::replace(&mut self.args, args.to_vec());
            let flow = self.run(&body, io);
            self.args = before;
            return if flow == Flow::Return { Flow::Next } else { flow };
        }
        match self.builtin(name, args, io) {
            Some(flow) => flow,
            None => {
                self.status = match self.runner(name, args, io) {
                    Some(status) => status,
                    None => self.program(name, args, io),
                };
                Flow::Next
            }
        }
    }
}
