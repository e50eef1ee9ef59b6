//! What the parts of a peer do with real sockets and files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test waits for some events and passes the others over"
)]

mod blobs;
mod crowds;
mod daemon;
mod executor;
mod floods;
mod gossip;
mod gossipers;
mod handles;
mod home;
mod hostile;
mod market;
mod messages;
mod models;
mod peers;
mod ports;
mod questions;
mod rules;
mod severed;
mod strangers;
mod trickler;
mod trickles;
mod world;
