//! One file for each thing a person can ask for.

pub(crate) mod account;
pub(crate) mod chat;
pub(crate) mod config;
pub mod demo;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod earnings;
pub(crate) mod finding;
pub(crate) mod finish;
pub(crate) mod init;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod model;
pub(crate) mod network;
pub(crate) mod notary;
pub(crate) mod offers;
pub(crate) mod pause;
pub(crate) mod provide;
pub(crate) mod quote;
pub(crate) mod receipt;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod why;
