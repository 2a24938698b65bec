//! What the fuzz targets do with their bytes. The targets in `fuzz/targets` call these, and so does `tests/it/fuzz_corpus.rs`
//! with the whole corpus. A body panics if a promise is broken; it says nothing otherwise.

pub(crate) mod answers;
pub(crate) mod aws;
pub(crate) mod definition;
pub(crate) mod expectations;
pub(crate) mod journal;
pub(crate) mod lines;
pub(crate) mod markdown;
pub(crate) mod reference;
pub(crate) mod seeded_run;
pub(crate) mod settings;
pub(crate) mod verify;
pub(crate) mod world_file;
