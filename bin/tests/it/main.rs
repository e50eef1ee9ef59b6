//! `assay` as people and programs meet it: what it prints, how it fails, what it leaves behind.
#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

mod arrows;
mod assay;
mod backups;
mod batches;
#[allow(dead_code, reason = "what fails otherwise than by a power cut is tried where the files are")]
#[path = "../../../crates/peer/tests/it/brittle.rs"]
mod brittle;
mod cards;
mod chances;
mod configs;
mod containers;
mod dashboards;
mod demo;
mod devnets;
mod docs;
mod doctors;
mod earnings;
mod endurance;
mod errors;
mod exits;
#[allow(dead_code, reason = "what a hub may do otherwise is tried where it is asked")]
#[path = "../../../crates/hub/tests/it/fake_hub.rs"]
mod fake_hub;
mod faults;
mod foundings;
mod gateways;
mod handed_in;
mod handovers;
mod help;
mod homes;
mod hubs;
mod jobs;
mod joins;
mod keys;
mod kill_loops;
mod kills;
mod laboratory;
mod leavings;
mod libraries;
mod likeness;
mod load;
mod logs;
mod mute;
mod names;
#[allow(dead_code, reason = "the other networks are tried where they run")]
#[path = "../../../crates/runtime/tests/it/onnx.rs"]
mod onnx;
mod outages;
mod pages;
mod person;
#[path = "../../../crates/peer/tests/it/ports.rs"]
mod ports;
mod providers;
mod publications;
mod quotes;
mod reader;
mod real_models;
mod receipts;
mod recordings;
mod refusals;
mod refuted;
mod rough_clients;
mod rules;
mod schema_draft;
mod schema_set;
mod schemas;
mod screen;
mod served;
#[allow(dead_code, reason = "what a server may do otherwise is tried where it is asked")]
#[path = "../../../crates/hub/tests/it/server.rs"]
mod server;
mod services;
#[path = "../../../crates/engine/tests/it/splitter.rs"]
mod splitter;
mod stand_in;
mod statuses;
mod sweeps;
mod terminals;
mod tidy;
mod tool_calls;
mod town;
mod transcripts;
mod troubles;
mod typed;
mod unwanted;
mod village;
