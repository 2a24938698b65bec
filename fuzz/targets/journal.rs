//! See the body.

#![no_main]

#[path = "../bodies/journal.rs"]
mod body;

#[path = "../bodies/seeded_run.rs"]
mod seeded_run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
