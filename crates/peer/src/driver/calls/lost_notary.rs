//! Whether the notary that orders wait for is there.
//!
//! **Invariant:** it asks nobody. One is lost only where none is left: nobody is told that of a network of which another notary is
//! connected, or was heard a short while ago; and nobody before a connection that was lost had the time to come back, as after
//! a sleep of this machine, in which nothing is heard of anybody.

use assay_market::view::HeardNotaryView;
use assay_protocol::{
    id::PeerId,
    units::{Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::moment,
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// How much later than it is due a tick of a notary may be heard, and how long it has to be reached again.
const LATE: Duration = Duration::seconds(5);
/// Ticks that may be missed where no connection to the notary was seen to end.
const MISSED_MAX: u64 = 3;

/// The notary that was lost, if no notary of the network is there.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LookForNotary;

/// A notary that this peer has no connection to, and has not heard for longer than it is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostNotary {
    /// Which.
    pub notary: PeerId,
    /// For how long nothing of it was heard; since this peer started, if nothing ever was.
    pub silent_for: Duration,
    /// When it was last heard; nothing if it was not since this peer started.
    pub heard: Option<Timestamp>,
}

impl Call for LookForNotary {
    const NAME: &'static str = "look_for_notary";
    type Answer = Option<LostNotary>;
}

impl Respond for LookForNotary {
    async fn respond(self, responder: &Responder) -> Result<Option<LostNotary>, Refused> {
        responder.look(|driver| driver.lost_notary()).await
    }
}

/// What is known of one notary.
#[derive(Clone, Copy, Debug)]
struct NotarySight {
    heard: HeardNotaryView,
    is_connected: bool,
    /// How long ago a connection to it was lost, or something for it did not get through, if nothing was heard since.
    lost_for: Option<Duration>,
}

impl Driver {
    fn lost_notary(&self) -> Option<LostNotary> {
        // Whoever keeps books waits for nobody's.
        if self.genesis.notaries.contains(&self.own) {
            return None;
        }
        let (at, connected) = (moment(), self.background.network.peers());
        let now = self.node.time(at);
        let sight = |heard: HeardNotaryView| NotarySight {
            heard,
            is_connected: connected.contains(&heard.notary),
            lost_for: self.signs.lost_for(heard.notary, now),
        };
        let sights: Vec<NotarySight> = self.node.notaries_heard(at).into_iter().map(sight).collect();
        lost(&sights, (now, at.steady.since(self.started.steady)), self.genesis.timers.tick)
    }
}

/// The one that was heard last, if all are lost.
fn lost(sights: &[NotarySight], (now, uptime): (Timestamp, Duration), tick: Duration) -> Option<LostNotary> {
    let one = |sight: &NotarySight| {
        let missed = if sight.lost_for.is_some() { 1 } else { MISSED_MAX };
        let is_dialled = sight.lost_for.is_some_and(|lost_for| lost_for <= LATE);
        let silent_for = sight.heard.ago.unwrap_or(uptime);
        let is_there = sight.is_connected || is_dialled || silent_for <= tick.times(missed).plus(LATE);
        let heard = sight.heard.ago.map(|ago| Timestamp(now.0.saturating_sub(ago.0)));
        (!is_there).then_some(LostNotary { notary: sight.heard.notary, silent_for, heard })
    };
    let all: Option<Vec<LostNotary>> = sights.iter().map(one).collect();
    all?.into_iter().min_by_key(|lost| lost.silent_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(number: u8, ago: Option<u64>, is_connected: bool, lost_for: Option<u64>) -> NotarySight {
        let heard = HeardNotaryView { notary: PeerId([number; 32]), ago: ago.map(Duration::seconds) };
        NotarySight { heard, is_connected, lost_for: lost_for.map(Duration::seconds) }
    }

    #[test]
    fn a_notary_is_lost_once_it_is_neither_connected_nor_heard_and_no_other_is_there() {
        let (now, uptime) = (Timestamp(1_000_000), Duration::seconds(500));
        let told = |sights: &[NotarySight]| lost(sights, (now, uptime), Duration::seconds(10));
        assert_eq!(told(&[]), None, "nobody is waited for");
        for there in [
            sight(1, Some(900), true, Some(800)),
            sight(1, Some(35), false, None),
            sight(1, Some(15), false, Some(6)),
            // Nobody was heard while this machine slept.
            sight(1, Some(30_000), false, Some(5)),
        ] {
            assert_eq!(told(&[there]), None, "{there:?}");
        }
        let gone = told(&[sight(1, Some(16), false, Some(6))]).unwrap();
        assert_eq!((gone.silent_for, gone.heard), (Duration::seconds(16), Some(Timestamp(984_000))));
        assert!(told(&[sight(1, Some(36), false, None)]).is_some());
        let never = told(&[sight(1, None, false, None)]).unwrap();
        assert_eq!((never.silent_for, never.heard), (uptime, None));
        let both = [sight(1, Some(90), false, None), sight(2, Some(40), false, None)];
        assert_eq!(told(&both).map(|lost| lost.notary), Some(PeerId([2; 32])), "the one that was heard last");
        assert_eq!(told(&[both[0], sight(2, Some(1), false, None)]), None, "another one is there");
    }
}
