//! What peers decide, seen from outside.

mod accounts;
mod cheap;
mod course;
mod day;
mod golden;
mod histories;
mod money;
mod office;
mod outcomes;
mod play;
mod refusals;
mod rejections;
mod replay;
mod theory;
