//! What peers decide, seen from outside.

mod absences;
mod accounts;
mod cheap;
mod course;
mod crowd;
mod day;
#[allow(dead_code, reason = "the targets of the protocol use more of it")]
#[path = "../../../protocol/tests/it/fuzz/dice.rs"]
mod dice;
mod facts;
mod fuzz;
mod golden;
mod histories;
mod juries;
mod money;
mod node;
mod office;
mod outages;
mod outcomes;
mod play;
mod refusals;
mod rejections;
mod remainders;
mod replay;
mod theory;
mod traps;
mod unrevealed;
mod withheld;
