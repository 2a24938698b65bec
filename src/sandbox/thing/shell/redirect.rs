//! Redirections: where streams come from and go to.

use crate::sandbox::thing::shell::exec::{Flow, Io, Shell};
use crate::sandbox::thing::shell::tree::{Redirect, To};

/// Where a stream of a redirected command ends.
#[derive(Debug, Clone)]
enum Sink {
    Out,
    Err,
    Nowhere,
    File(String),
}

impl Shell<'_> {
    /// Runs something with its streams redirected.
    pub(super) fn redirected(
        &mut self,
        redirects: &[Redirect],
        io: &mut Io,
        act: impl FnOnce(&mut Self, &mut Io) -> Flow,
    ) -> Flow {
        if redirects.is_empty() {
            return act(self, io);
        }
        let mut inner = Io { stdin: std::mem::take(&mut io.stdin), ..Io::default() };
        let (mut out, mut err) = (Sink::Out, Sink::Err);
        let mut kept = None;
        for redirect in redirects {
            let sink = match self.sink(&redirect.to, (&out, &err), io) {
                Ok(Some(sink)) => sink,
                Ok(None) => {
                    let text = self.source(&redirect.to, io);
                    let before = std::mem::replace(&mut inner.stdin, text.unwrap_or_default());
                    kept.get_or_insert(before);
                    continue;
                }
                Err(problem) => {
                    io.err.push_str(&format!("sh: {problem}\n"));
                    io.stdin = kept.unwrap_or(inner.stdin);
                    self.status = 1;
                    return Flow::Next;
                }
            };
            if redirect.stream == 2 {
                err = sink;
            } else {
                out = sink;
            }
        }
        let flow = act(self, &mut inner);
        io.stdin = kept.unwrap_or(inner.stdin);
        self.pour(&out, &inner.out, io);
        self.pour(&err, &inner.err, io);
        flow
    }

    /// Where a stream goes; nothing if the redirection is about standard input.
    fn sink(&mut self, to: &To, (out, err): (&Sink, &Sink), io: &mut Io) -> Result<Option<Sink>, String> {
        let (word, append) = match to {
            To::Stream(2) => return Ok(Some(err.clone())),
            To::Stream(_) => return Ok(Some(out.clone())),
            To::Here(_) => return Ok(None),
            To::From(word) => {
                let path = self.text(word, io);
                if let Some(connected) = self.dev_tcp(&path) {
                    return connected.map(|()| None);
                }
                if self.machine.files.is_unreadable(&path) {
                    return Err(format!("{path}: Input/output error"));
                }
                let there = path == "/dev/null" || self.machine.files.is_file(&path);
                return if there { Ok(None) } else { Err(format!("{path}: No such file or directory")) };
            }
            To::File(word) => (word, false),
            To::Append(word) => (word, true),
        };
        let path = self.text(word, io);
        match path.as_str() {
            "/dev/null" => Ok(Some(Sink::Nowhere)),
            "/dev/stdout" => Ok(Some(out.clone())),
            "/dev/stderr" => Ok(Some(err.clone())),
            _ => self.machine.files.write(&path, "", append).map(|()| Some(Sink::File(path))),
        }
    }

    fn source(&mut self, to: &To, io: &mut Io) -> Option<String> {
        match to {
            To::Here(word) => Some(self.text(word, io)),
            To::From(word) => {
                let path = self.text(word, io);
                self.machine.files.read(&path).map(str::to_owned)
            }
            To::File(_) | To::Append(_) | To::Stream(_) => None,
        }
    }

    fn pour(&mut self, sink: &Sink, text: &str, io: &mut Io) {
        match sink {
            Sink::Out => io.out.push_str(text),
            Sink::Err => io.err.push_str(text),
            Sink::Nowhere => {}
            Sink::File(path) => {
                if let Err(problem) = self.machine.files.write(path, text, true) {
                    io.err.push_str(&format!("sh: {problem}\n"));
                    self.status = 1;
                }
            }
        }
    }
}
