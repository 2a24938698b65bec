//! The run: plan → journal.
//!
//! | who decides (pure) | who does (I/O) |
//! |---|---|
//! | `ready_set`: which steps are asked at all | |
//! | `decide`: which step may begin, is skipped, or asks its own file | `drive`: the one loop; intent durable, call, outcome durable |
//! | `step/KIND::next`: what this step needs now, from the journal's state alone | `step/KIND::perform`: one call, turned into events |
//! | `guard`: whether a thing may be deleted; `cost`: whether a run may go on | `stop`: whether somebody stopped everything |
//! | `places`: which of the runs of a process begins next, and when | `admission`: the bell for those who wait; `park`: a run that waits for its jobs and is not driven meanwhile |
//! | `sweep`: what may be left of runs, and who may remove it | `sweep/remove`: one thing, after a person typed its ARN |
//! | | `print`: a report's page on paper, by a browser of this machine |
//!
//! Nothing but the journal's state decides, so a resumed run goes on exactly where the killed one stood. What is only
//! pace (when a job was last looked at) lives in memory and is lost without harm.

pub mod admission;
pub mod call;
pub mod cost;
pub mod decide;
pub mod drive;
pub mod guard;
pub mod guards;
pub mod needed;
mod other;
pub mod pace;
pub mod park;
pub mod places;
pub mod print;
pub mod prober;
pub mod ready_set;
pub mod select;
pub mod services;
pub mod step;
pub mod stop;
pub mod sweep;
pub(crate) mod target;
pub mod watch;
