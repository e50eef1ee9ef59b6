//! The books of a notary and those who write in them: the files that the tests of `crates/market` are made of.

#[path = "../../crates/market/tests/it/cheap.rs"]
mod cheap;
#[path = "../../crates/market/tests/it/course.rs"]
mod course;
#[path = "../../crates/market/tests/it/facts.rs"]
pub(crate) mod facts;
#[path = "../../crates/market/tests/it/office.rs"]
mod office;
#[path = "../../crates/market/tests/it/play.rs"]
mod play;

use super::dice;
