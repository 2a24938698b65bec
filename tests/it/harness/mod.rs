//! What the tests of the promises share: worlds, lives of a run, the real binary as a child, and what must hold of a
//! world afterwards.
//!
//! | file | for |
//! |---|---|
//! | `worlds` | small definitions and world files, and simulated AWS worlds in this process |
//! | `life` | driving a run in this process, with a journal that can kill it or fail at any event |
//! | `child` | the real `drill` with a scrubbed environment, to be waited for or killed |
//! | `check` | what the world's own inventory must show; never what drill says of itself |
//! | `seam` | stand-ins at the seam that tell the truth of the simulated AWS differently |
//! | `still` | a world in memory whose time stands still while anything can be done, and runs in it: exact times and counts |
//! | `paper` | histories written by hand, without any world |
//! | `json_schema` | whether JSON fits a schema that others published |

pub(crate) mod check;
pub(crate) mod child;
pub(crate) mod json_schema;
pub(crate) mod life;
pub(crate) mod paper;
pub(crate) mod seam;
pub(crate) mod still;
pub(crate) mod worlds;
