//! The tables that are drawn in the headers of the machines, held against what the machines do.
//!
//! **Invariant:** each cell is asked: what has a point is refused for its time and changes nothing, what has a name leads
//! to the state of that name, and what says the same to none.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Debug;

use super::heard::Fault;

/// Stands in the cell of a step that is refused.
const REFUSED: &str = ".";
/// Stands in the cell of a step that leads to the state that it was taken in.
const SAME: &str = "same";

/// Holds a machine against the table in the header of its source. Each of its states and steps comes with its name in
/// the table; `name` tells in which state one is.
pub(super) fn check<M: Clone + Debug, T: Clone>(
    source: &str,
    states: &[M],
    name: impl Fn(&M) -> &'static str,
    steps: &[(&'static str, T)],
    apply: impl Fn(&mut M, T) -> Result<(), Fault>,
) {
    let mut drawn = rows(source);
    let columns: Vec<String> = drawn.next().into_iter().flatten().skip(1).collect();
    assert!(columns.iter().eq(steps.iter().map(|(step, _)| step)), "{columns:?} are drawn as steps");
    assert_eq!(rows(source).count(), states.len() + 1, "the states that are drawn");
    for (row, machine) in drawn.zip(states) {
        assert_eq!(row.len(), steps.len() + 1, "{row:?}");
        assert_eq!(row[0], name(machine), "the order of the states");
        for ((step, taken), cell) in steps.iter().zip(&row[1..]) {
            let mut after = machine.clone();
            let answer = apply(&mut after, taken.clone());
            let found = match answer {
                Ok(()) if name(&after) == name(machine) => SAME,
                Ok(()) => name(&after),
                Err(_) => REFUSED,
            };
            assert_eq!(found, cell, "{step} in {}", row[0]);
            if found == REFUSED {
                assert_eq!(answer, Err(Fault::Untimely), "{step} in {}", row[0]);
                assert_eq!(format!("{after:?}"), format!("{machine:?}"), "{step} changes {}", row[0]);
            }
        }
    }
}

/// The cells of each row of the table in a header, the rule below its head left out.
fn rows(source: &str) -> impl Iterator<Item = Vec<String>> {
    let rows =
        source.lines().filter_map(|line| line.strip_prefix("//! |")).filter(|line| !line.starts_with('-'));
    rows.map(|line| line.trim_end_matches('|').split('|').map(|cell| cell.trim().to_string()).collect())
}
