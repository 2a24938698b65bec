//! `drill`: argv to exit code. Everything else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    restore_drill::cli::main(std::env::args_os())
}
