//! The numbers of a gossip.

use assay_protocol::units::Rate;

use crate::kernel::Span;

/// The numbers of a gossip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GossipParameters {
    /// Peers that each dials.
    pub dials: usize,
    /// Peers that a mesh is mended to.
    pub degree: usize,
    /// Fewer than this are too few.
    pub degree_low: usize,
    /// More than this are too many.
    pub degree_high: usize,
    /// True if as many as that are too many already.
    pub prunes_full: bool,
    /// Peers of a mesh, at least, that its owner dialled.
    pub outbound_min: usize,
    /// Beats for which two peers stay out of each other's mesh once one of them left.
    pub backoff: u64,
    /// Peers beside the mesh that hear of what was heard, at least.
    pub lazy: usize,
    /// The share of all beside the mesh that do, at least, in hundredths.
    pub lazy_percent: usize,
    /// Beats for which a message is told of.
    pub window: u8,
    /// True if a source pushes to all whom it knows, and not to its mesh alone.
    pub flood: bool,
    /// True if a full mesh refuses those that it did not dial.
    pub refuses: bool,
    /// The shortest and the longest way between two peers; each time it takes up to a tenth more.
    pub latency: [Span; 2],
    /// How often what is said is lost, but for who joins a mesh and who leaves it.
    pub loss: Rate,
}

impl GossipParameters {
    /// Those of the figures that were published for another simulator.
    pub const PUBLISHED: Self = Self {
        dials: 20,
        degree: 6,
        degree_low: 4,
        degree_high: 12,
        prunes_full: false,
        outbound_min: 0,
        backoff: 0,
        lazy: 6,
        lazy_percent: 0,
        window: 3,
        flood: false,
        refuses: false,
        latency: [Span::millis(10), Span::millis(150)],
        loss: Rate::ZERO,
    };

    /// Those of the libp2p crate that peers use, where each dials as many. A test of the peer's own network holds what it sets to
    /// the same numbers.
    pub const LIBP2P: Self = Self {
        degree_low: 5,
        prunes_full: true,
        outbound_min: 2,
        backoff: 60,
        lazy_percent: 25,
        flood: true,
        refuses: true,
        ..Self::PUBLISHED
    };
}
