//! Staying connected with the peers we know: when to dial which of them again.
//!
//! ```text
//! waiting ── due ──▶ dialling ── connected ──▶ connected
//!    ▲                   │                         │
//!    └── lost, longer ◀──┴────── lost, short ◀─────┘
//! ```
//!
//! **Invariant:** a peer is dialled at most once per wait; the wait doubles with each failure up to `WAIT_MAX`, and a
//! random half of it keeps peers that lost the same notary from coming back together.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use libp2p::PeerId;

/// The wait after the first failure.
const WAIT_MIN: Duration = Duration::from_millis(500);
/// The wait after many.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// The known peers and where we stand with each.
pub(super) struct Redial {
    peers: HashMap<PeerId, DialState>,
    chance: u64,
}

enum DialState {
    Waiting { until: Instant, failures: u32 },
    Dialling { failures: u32 },
    Connected,
}

impl Redial {
    /// All peers are due at once.
    pub(super) fn new(peers: impl Iterator<Item = PeerId>, seed: u64, now: Instant) -> Self {
        let peers = peers.map(|peer| (peer, DialState::Waiting { until: now, failures: 0 })).collect();
        Self { peers, chance: seed | 1 }
    }

    /// When the next peer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        let until = |standing: &DialState| match standing {
            DialState::Waiting { until, .. } => Some(*until),
            DialState::Dialling { .. } | DialState::Connected => None,
        };
        self.peers.values().filter_map(until).min()
    }

    /// The peers to dial now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<PeerId> {
        let mut due = Vec::new();
        for (peer, standing) in &mut self.peers {
            if let DialState::Waiting { until, failures } = *standing
                && until <= now
            {
                *standing = DialState::Dialling { failures };
                due.push(*peer);
            }
        }
        due
    }

    /// The peer is there.
    pub(super) fn connected(&mut self, peer: &PeerId) {
        if let Some(standing) = self.peers.get_mut(peer) {
            *standing = DialState::Connected;
        }
    }

    /// The peer is gone, or could not be reached.
    pub(super) fn lost(&mut self, peer: &PeerId, now: Instant) {
        let random = self.random();
        let Some(standing) = self.peers.get_mut(peer) else { return };
        let failures = match *standing {
            // Somebody else's attempt to reach a peer says nothing about ours.
            DialState::Waiting { .. } => return,
            DialState::Dialling { failures } => failures + 1,
            DialState::Connected => 0,
        };
        *standing = DialState::Waiting { until: now + wait(failures, random), failures };
    }

    /// There is reason to think that the peer can be reached now.
    pub(super) fn hasten(&mut self, peer: &PeerId, now: Instant) {
        if let Some(standing @ DialState::Waiting { .. }) = self.peers.get_mut(peer) {
            *standing = DialState::Waiting { until: now, failures: 0 };
        }
    }

    fn random(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }
}

/// Between half and all of the full wait.
fn wait(failures: u32, random: u64) -> Duration {
    let full = WAIT_MIN.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX)).min(WAIT_MAX);
    let share = (random >> 32) as f64 / f64::from(u32::MAX);
    full.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_stays_away_is_dialled_less_and_less_often() {
        let (peer, mut now) = (PeerId::random(), Instant::now());
        let mut redial = Redial::new([peer].into_iter(), 7, now);
        let mut waits = Vec::new();
        for _ in 0..20 {
            assert_eq!(redial.due(now), [peer]);
            assert_eq!((redial.next(), redial.due(now).len()), (None, 0), "dialled twice at once");
            redial.lost(&peer, now);
            redial.lost(&peer, now);
            let next = redial.next().unwrap();
            waits.push(next - now);
            now = next;
        }
        assert!(waits.iter().all(|wait| (WAIT_MIN / 2..=WAIT_MAX).contains(wait)), "{waits:?}");
        assert!(waits[10..].iter().all(|wait| *wait >= WAIT_MAX / 2) && waits[0] <= 2 * WAIT_MIN);
        assert!(waits[10..].windows(2).any(|pair| pair[0] != pair[1]), "no jitter");
    }

    #[test]
    fn a_peer_that_was_connected_is_dialled_again_soon() {
        let (peer, now) = (PeerId::random(), Instant::now());
        let mut redial = Redial::new([peer].into_iter(), 7, now);
        redial.due(now);
        (0..10).for_each(|_| redial.lost(&peer, now));
        redial.connected(&peer);
        assert_eq!(redial.next(), None);
        redial.lost(&peer, now);
        assert!(redial.next().unwrap() <= now + WAIT_MIN);
        redial.lost(&PeerId::random(), now);
        assert_eq!(redial.peers.len(), 1, "only known peers are dialled");
    }

    #[test]
    fn a_peer_that_may_be_there_again_is_dialled_at_once_but_not_twice() {
        let (peer, now) = (PeerId::random(), Instant::now());
        let mut redial = Redial::new([peer].into_iter(), 7, now);
        for _ in 0..10 {
            let due = redial.next().unwrap();
            redial.due(due);
            redial.lost(&peer, due);
        }
        redial.hasten(&peer, now);
        assert_eq!((redial.next(), redial.due(now)), (Some(now), vec![peer]));
        redial.hasten(&peer, now);
        assert_eq!(redial.next(), None, "it is being dialled");
        redial.lost(&peer, now);
        assert!(redial.next().unwrap() <= now + 2 * WAIT_MIN, "what failed before is forgotten");
    }
}
