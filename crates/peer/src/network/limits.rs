//! How much of everything this peer takes on.
//!
//! **Invariant:** each number bounds something that another peer could make grow.

use std::time::Duration;

/// How much this peer takes on.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at a time; at most two thirds of them may be opened by others. Where those are taken, a newcomer has the
    /// place of whoever is of least use; known peers come on top.
    pub connections_max: u32,
    /// Of those that others open, how many from one address.
    pub connections_per_address_max: usize,
    /// Bytes of memory that this process may use before it refuses new connections.
    pub memory_bytes_max: usize,
    /// Events that may wait for the driver: at most 16 MiB of messages.
    pub events_max: usize,
    /// Messages and questions from one peer in one second, over a longer time.
    pub messages_per_second: u32,
    /// Gossip of one author in one second, over a longer time, whoever passes it on.
    pub gossip_per_second: u32,
    /// Gossip of all authors together in one second, over a longer time.
    pub gossip_total_per_second: u32,
    /// Own questions without an answer at a time, but for the short ones by which a notary asks each peer that is connected what it
    /// said last: those wait for nobody.
    pub asks_max: usize,
    /// Questions of others being answered at a time, each up to [`ANSWER_BYTES_MAX`](super::ANSWER_BYTES_MAX) of memory.
    pub answers_max: usize,
    /// Blobs fetched at a time, each up to [`BLOB_BYTES_MAX`](assay_protocol::codec::BLOB_BYTES_MAX) of memory.
    pub fetches_max: usize,
    /// Of these, how many from one peer. Less than it serves one peer, which may not yet know that a fetch has ended.
    pub fetches_per_peer_max: usize,
    /// Long blobs fetched at a time, beside those: they take hours, and what a job reads waits for none of them.
    pub long_fetches_max: usize,
    /// Of these, how many from one peer.
    pub long_fetches_per_peer_max: usize,
    /// Blobs served at a time. They are read from their files as they leave.
    pub serves_max: usize,
    /// Speeches that others listen to, or wait for, at a time.
    pub listeners_max: usize,
    /// Of these, how many one peer.
    pub listeners_per_peer_max: usize,
    /// Of answers and blobs, how many one peer may be given at a time.
    pub per_peer_max: usize,
    /// How slowly a blob may be fetched or served.
    pub pace: Pace,
    /// How long an ending network waits for messages that are on their way.
    pub shutdown_wait: Duration,
}

/// The least pace of a transfer, and how long it may fall short of it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes in a second.
    pub bytes_per_second_min: u32,
    /// The longest stall.
    pub grace: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { bytes_per_second_min: 16 * 1024, grace: Duration::from_secs(8) }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 384,
            connections_per_address_max: 64,
            memory_bytes_max: 4 * 1024 * 1024 * 1024,
            events_max: 256,
            messages_per_second: 200,
            gossip_per_second: 5,
            gossip_total_per_second: 400,
            asks_max: 32,
            answers_max: 64,
            fetches_max: 16,
            fetches_per_peer_max: 2,
            long_fetches_max: 4,
            long_fetches_per_peer_max: 1,
            serves_max: 32,
            listeners_max: 1_024,
            listeners_per_peer_max: 64,
            per_peer_max: 4,
            pace: Pace::default(),
            shutdown_wait: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers that a gateway has written at a time, all of which it may hear from a few providers.
    const GATEWAY_ANSWERS: usize = 256;

    #[test]
    fn a_gateway_hears_four_providers_write_all_of_its_answers_and_keeps_nobody_else_from_hearing() {
        let Limits { listeners_max, listeners_per_peer_max, .. } = Limits::default();
        assert!(4 * listeners_per_peer_max >= GATEWAY_ANSWERS);
        assert!(16 * listeners_per_peer_max <= listeners_max);
    }
}
