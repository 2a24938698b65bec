//! The programs that read files or their input: `cat`, `head`, `tail`, `wc`, `grep`, `sort`, `uniq`, `cut`, `tee`, `ls`,
//! `find`, `sha256sum`, `awk`.

use regex_lite::Regex;

use crate::sandbox::thing::shell::awk;
use crate::sandbox::thing::shell::exec::{Io, Shell};
use crate::sandbox::thing::shell::files::{ancestors, plain};
use crate::sandbox::thing::shell::programs::fail;

impl Shell<'_> {
    /// Runs one of these programs; nothing if it is another.
    pub(super) fn text_program(&mut self, name: &str, args: &[String], io: &mut Io) -> Option<i32> {
        let status = match name {
            "ls" => self.ls(args, io),
            "find" => self.find(args, io),
            "grep" => self.grep(args, io),
            "awk" => self.awk(args, io),
            "cat" | "head" | "tail" | "wc" | "sort" | "uniq" | "cut" | "sha256sum" | "tee" => {
                self.filter(name, args, io)
            }
            _ => return None,
        };
        Some(status)
    }

    /// The named files, or the input.
    fn inputs(&self, program: &str, named: &[&str], io: &mut Io) -> (Vec<(String, String)>, i32) {
        if named.is_empty() || named == ["-"] {
            return (vec![("-".to_owned(), std::mem::take(&mut io.stdin))], 0);
        }
        let (mut found, mut status) = (Vec::new(), 0);
        for path in named {
            if self.machine.files.is_unreadable(path) {
                status = fail(io, &format!("{program}: {path}: Input/output error"), 1);
                continue;
            }
            match self.machine.files.read(path) {
                Some(text) => found.push(((*path).to_owned(), text.to_owned())),
                None => status = fail(io, &format!("{program}: {path}: No such file or directory"), 1),
            }
        }
        (found, status)
    }

    fn filter(&mut self, name: &str, args: &[String], io: &mut Io) -> i32 {
        let Operands { number, field, delimiter, names } = operands(name, args);
        if name == "tee" {
            return self.tee(&names, args, io);
        }
        let (inputs, status) = self.inputs(name, &names, io);
        for (path, text) in &inputs {
            let lines: Vec<&str> = text.lines().collect();
            let shown = match name {
                "cat" => text.clone(),
                "head" => joined(lines.iter().take(number.unwrap_or(10))),
                "tail" => joined(lines.iter().skip(lines.len().saturating_sub(number.unwrap_or(10)))),
                "wc" => counted(args, path, text),
                "sort" => sorted(args, lines),
                "uniq" => {
                    let mut lines = lines;
                    lines.dedup();
                    joined(lines.iter())
                }
                "cut" => joined(lines.iter().map(|line| line.split(&delimiter).nth(field).unwrap_or(line))),
                _ => format!("{}  {path}\n", sha256(text)),
            };
            io.out.push_str(&shown);
        }
        status
    }

    fn tee(&mut self, names: &[&str], args: &[String], io: &mut Io) -> i32 {
        let text = std::mem::take(&mut io.stdin);
        io.out.push_str(&text);
        for path in names {
            if let Err(problem) = self.machine.files.write(path, &text, args.iter().any(|arg| arg == "-a")) {
                return fail(io, &format!("tee: {problem}"), 1);
            }
        }
        0
    }

    fn grep(&mut self, args: &[String], io: &mut Io) -> i32 {
        let flag = |sign: char| args.iter().any(|arg| arg.starts_with('-') && arg.contains(sign));
        let mut words = args.iter().filter(|arg| !arg.starts_with('-')).map(String::as_str);
        let Some(wanted) = words.next() else { return fail(io, "grep: a pattern is needed", 2) };
        let pattern = if flag('i') { format!("(?i){wanted}") } else { wanted.to_owned() };
        let Ok(pattern) = Regex::new(&pattern) else { return fail(io, "grep: the pattern cannot be read", 2) };
        let names: Vec<&str> = words.collect();
        let (inputs, status) = self.inputs("grep", &names, io);
        let fits = |line: &str| if flag('F') { line.contains(wanted) } else { pattern.is_match(line) };
        let lines = inputs.iter().flat_map(|(_, text)| text.lines());
        let found: Vec<&str> = lines.filter(|line| fits(line) != flag('v')).collect();
        if flag('c') {
            io.out.push_str(&format!("{}\n", found.len()));
        } else if !flag('q') {
            io.out.push_str(&joined(found.iter()));
        }
        if status != 0 { 2 } else { i32::from(found.is_empty()) }
    }

    /// `awk PROGRAM [FILE…]`.
    fn awk(&mut self, args: &[String], io: &mut Io) -> i32 {
        let Some((program, named)) = args.split_first().filter(|(program, _)| !program.starts_with('-')) else {
            return fail(io, "awk: the simulated instance knows `awk PROGRAM [FILE…]`", 2);
        };
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let (inputs, status) = self.inputs("awk", &named, io);
        let input: String = inputs.into_iter().map(|(_, text)| text).collect();
        match awk::run(program, &input) {
            Ok(text) => {
                io.out.push_str(&text);
                status
            }
            Err(problem) => fail(io, &format!("awk: {problem}"), 2),
        }
    }

    fn ls(&mut self, args: &[String], io: &mut Io) -> i32 {
        let named: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-')).map(String::as_str).collect();
        for path in if named.is_empty() { vec!["/root"] } else { named } {
            let files = &*self.machine.files;
            if files.is_folder(path) {
                let folder = plain(path);
                let below = if folder == "/" { folder } else { format!("{folder}/") };
                let all = files.paths();
                let mut names: Vec<&str> = all
                    .iter()
                    .filter_map(|known| known.strip_prefix(&below)?.split('/').next())
                    .filter(|name| !name.is_empty() && !name.starts_with('.'))
                    .collect();
                names.dedup();
                io.out.push_str(&joined(names.iter()));
            } else if files.is_file(path) || files.disk(path).is_some() {
                io.out.push_str(&format!("{path}\n"));
            } else {
                return fail(io, &format!("ls: cannot access '{path}': No such file or directory"), 2);
            }
        }
        0
    }

    /// Files by folder, `-type f` or `-type d`, `-name`, and `-printf` with `%p`, `%s` and `%T@`.
    fn find(&mut self, args: &[String], io: &mut Io) -> i32 {
        let from = args.first().filter(|arg| !arg.starts_with('-')).map_or("/root", String::as_str);
        let option = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
        let files = &*self.machine.files;
        if !files.is_folder(from) && !files.is_file(from) {
            return fail(io, &format!("find: '{from}': No such file or directory"), 1);
        }
        let kind = option("-type").map(String::as_str);
        let folder = plain(from);
        let below = if folder == "/" { folder.clone() } else { format!("{folder}/") };
        let mut found = files.files_below(from);
        if kind != Some("f") {
            let parents = files.paths().into_iter().flat_map(|path| ancestors(&path));
            let folders = parents.filter(|path| *path == folder || path.starts_with(&below));
            found = if kind == Some("d") { folders.collect() } else { folders.chain(found).collect() };
            found.push(folder.clone());
            found.sort();
            found.dedup();
        }
        if let Some(name) = option("-name") {
            let marks: Vec<(char, bool)> = name.chars().map(|c| (c, false)).collect();
            let fits = |path: &String| {
                let last: Vec<char> = path.rsplit('/').next().unwrap_or_default().chars().collect();
                crate::sandbox::thing::shell::pattern::fits(&marks, &last, true)
            };
            found.retain(fits);
        }
        match option("-printf") {
            Some(format) => {
                let told: String = found.iter().map(|path| self.described(format, path)).collect();
                io.out.push_str(&told);
            }
            None => io.out.push_str(&joined(found.iter())),
        }
        0
    }

    /// A file as `find -printf` tells it.
    fn described(&self, format: &str, path: &str) -> String {
        let files = &*self.machine.files;
        let modified = files.modified(path).unwrap_or(self.machine.now);
        let seconds = format!("{}.{:010}", modified.as_second(), i64::from(modified.subsec_nanosecond()) * 10);
        let size = files.read(path).map_or(4_096, str::len).to_string();
        format.replace("%T@", &seconds).replace("%s", &size).replace("%p", path).replace("\\n", "\n")
    }
}

struct Operands<'a> {
    number: Option<usize>,
    field: usize,
    delimiter: String,
    names: Vec<&'a str>,
}

/// `-n 3`, `-n3`, `-3`, `-f2`, `-d:`, and the names of files.
fn operands<'a>(program: &str, args: &'a [String]) -> Operands<'a> {
    let mut found = Operands { number: None, field: 0, delimiter: "\t".to_owned(), names: Vec::new() };
    let takes: &[char] = match program {
        "head" | "tail" => &['n', 'c'],
        "cut" => &['f', 'd'],
        _ => &[],
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
            found.names.push(word);
            continue;
        };
        let Some(sign) = option.chars().next().filter(|sign| takes.contains(sign)) else {
            found.number = option.parse().ok().or(found.number);
            continue;
        };
        let attached = option.get(1..).unwrap_or_default();
        let value = if attached.is_empty() { words.next().map_or("", String::as_str) } else { attached };
        match sign {
            'f' => found.field = value.parse::<usize>().unwrap_or(1).saturating_sub(1),
            'd' => value.clone_into(&mut found.delimiter),
            _ => found.number = value.parse().ok(),
        }
    }
    found
}

fn joined<T: AsRef<str>>(lines: impl Iterator<Item = T>) -> String {
    lines.fold(String::new(), |mut text, line| {
        text.push_str(line.as_ref());
        text.push('\n');
        text
    })
}

fn counted(args: &[String], path: &str, text: &str) -> String {
    let name = if path == "-" { String::new() } else { format!(" {path}") };
    let flag = |sign: &str| args.iter().any(|arg| arg == sign);
    let (lines, words, bytes) = (text.matches('\n').count(), text.split_whitespace().count(), text.len());
    if flag("-l") {
        format!("{lines}{name}\n")
    } else if flag("-w") {
        format!("{words}{name}\n")
    } else if flag("-c") {
        format!("{bytes}{name}\n")
    } else {
        format!("{lines} {words} {bytes}{name}\n")
    }
}

fn sorted(args: &[String], mut lines: Vec<&str>) -> String {
    let flag = |sign: char| args.iter().any(|arg| arg.starts_with('-') && arg.contains(sign));
    if flag('n') {
        lines.sort_by_key(|line| line.split_whitespace().next().and_then(|word| word.parse::<i64>().ok()).unwrap_or(0));
    } else {
        lines.sort_unstable();
    }
    if flag('r') {
        lines.reverse();
    }
    if flag('u') {
        lines.dedup();
    }
    joined(lines.iter())
}

fn sha256(text: &str) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}
