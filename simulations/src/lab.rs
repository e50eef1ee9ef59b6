//! The laboratory: experiments in virtual time, from closed forms up to whole markets.
//!
//! What a figure rests on stands here from the bottom: a [`calendar`] of events, distributions, statistics, models whose
//! answers are known, and scenarios that drive the brain of real peers.
//!
//! **Invariant:** a figure follows from a scenario, a seed and the version; nothing here reads a clock.

pub mod artefact;
pub mod attack;
mod build_mark;
pub mod calendar;
pub mod checking;
pub mod comparison;
pub mod distribution;
pub mod experiment;
pub mod figure_column;
pub mod gossip;
pub mod market;
pub mod parquet;
pub mod pieces;
pub mod quantiles;
pub mod queueing;
pub mod recording;
pub mod replication;
pub mod report;
mod rows;
pub mod run_table;
pub mod scenario;
pub mod seed_runs;
pub mod seek;
pub mod series;
pub mod sessions;
pub mod shipped;
pub mod shrink;
pub mod speed;
pub mod statistics;
pub mod student;
pub mod sweep;
pub mod validation;
pub mod voting;
