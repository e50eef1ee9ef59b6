//! What peers decide, seen from outside.

mod cheap;
mod course;
mod golden;
mod office;
mod outcomes;
mod refusals;
mod rejections;
mod theory;
