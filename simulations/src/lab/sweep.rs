//! A sweep: a scenario at each point of a grid of its keys, with the same seeds at each.
//!
//! A cell is a point of the grid, a scenario of its own; its runs are kept together, and once all of them are there they are one
//! file. So a sweep can be broken off and gone on with, and spread over machines, by whole cells.
//!
//! **Invariant:** what a whole sweep leaves follows from its plan, whoever ran which cell, on however many threads.

mod axis;
mod cell;
mod course;
mod outcome;
mod plan;
#[cfg(test)]
mod tests;

pub use self::{
    axis::SweepAxis,
    cell::SweptCell,
    course::{CellsUnderWay, SweptRun, begin},
    outcome::{SweepArtefact, SweptFigure},
    plan::{CellShare, PLAN, SweepPlan},
};
use super::scenario::{OverError, ScenarioError};

/// Where the files of cells lie.
pub const CELLS: &str = "cells";

/// Why there is no such sweep.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SweepError {
    /// A key and its values are not written as they should be.
    #[error("--over {over}: {problem}")]
    Malformed {
        /// What was written.
        over: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A key is not one that can be swept.
    #[error("--over {0}")]
    Key(OverError),
    /// A point of the grid is no scenario.
    #[error("{cell}: {problem}")]
    Cell {
        /// Which.
        cell: String,
        /// What is wrong with it.
        problem: OverError,
    },
    /// Two points of the grid are one scenario.
    #[error("{first} and {second} are the same scenario")]
    Alike {
        /// The one.
        first: String,
        /// And the other.
        second: String,
    },
    /// There are too many points.
    #[error("the grid has more than {most} cells")]
    TooManyCells {
        /// The bound.
        most: usize,
    },
    /// The file of a plan is none.
    #[error("sweep.toml is no plan of a sweep: {problem}")]
    BadPlan {
        /// What is wrong with it.
        problem: String,
    },
    /// The scenario of a plan cannot be read.
    #[error(transparent)]
    BadScenario(#[from] ScenarioError),
}
