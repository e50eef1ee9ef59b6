//! The connections that others hold open: so many in all, so many of one address, and who makes room once there is none.
//!
//! While every place is taken, a newcomer is let in where another makes room for it: of the address that has the most
//! places, if the newcomer's own would have fewer even then; else one of whom nothing was heard for [`QUIET_MIN`]. Of those
//! it is whoever was silent for the longest.
//!
//! **Invariant:** no more connections stay than there are places, and beside them at most [`LEAVING_MAX`] are on their way
//! out; nobody makes room for an address that has as many places as its own, unless it was silent.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use libp2p::{PeerId, swarm::ConnectionId};

use super::KeptOut;
use crate::network::pulse::Pulses;

/// How long somebody may be silent without making room for others: longer than between two words of who has work here, and
/// so long that peers which are merely too many do not push each other out all the time.
const QUIET_MIN: Duration = Duration::from_secs(30);
/// Connections that were told to end and have not ended yet.
const LEAVING_MAX: usize = 16;

/// Who is here.
pub(super) struct Guests {
    places: usize,
    per_address_max: usize,
    of: HashMap<ConnectionId, Guest>,
    at: HashMap<IpAddr, usize>,
    pulses: Pulses,
    leaving: HashSet<ConnectionId>,
}

#[derive(Clone, Copy)]
struct Guest {
    peer: PeerId,
    from: IpAddr,
}

impl Guests {
    pub(super) fn new(places: usize, per_address_max: usize) -> Self {
        let (of, at) = (HashMap::new(), HashMap::new());
        Self { places, per_address_max, of, at, pulses: Pulses::default(), leaving: HashSet::new() }
    }

    /// Takes a place, and says which connection is to end for that.
    pub(super) fn enter(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        from: IpAddr,
        now: Instant,
    ) -> Result<Option<(PeerId, ConnectionId)>, KeptOut> {
        if self.count(from) >= self.per_address_max {
            return Err(KeptOut::Crowded(from));
        }
        let mut leaves = None;
        if self.of.len() >= self.places {
            let id = self.least_useful(from, now).filter(|_| self.leaving.len() < LEAVING_MAX);
            let id = id.ok_or(KeptOut::Full)?;
            leaves = self.remove(&id).map(|guest| (guest.peer, id));
            self.leaving.insert(id);
        }
        self.of.insert(id, Guest { peer, from });
        *self.at.entry(from).or_default() += 1;
        self.pulses.begin(peer, now);
        Ok(leaves)
    }

    /// Notes that something was heard of a peer.
    pub(super) fn hear(&mut self, peer: &PeerId, now: Instant) {
        if let Some(pulse) = self.pulses.of(peer) {
            pulse.beat(now);
        }
    }

    /// When something was last heard of each.
    pub(super) fn pulses(&self) -> &Pulses {
        &self.pulses
    }

    /// A connection has ended, or did not come about.
    pub(super) fn leave(&mut self, id: &ConnectionId) {
        self.leaving.remove(id);
        self.remove(id);
    }

    fn remove(&mut self, id: &ConnectionId) -> Option<Guest> {
        let guest = self.of.remove(id)?;
        if let Some(count) = self.at.get_mut(&guest.from) {
            *count -= 1;
            if *count == 0 {
                self.at.remove(&guest.from);
            }
        }
        if !self.of.values().any(|other| other.peer == guest.peer) {
            self.pulses.end(&guest.peer);
        }
        Some(guest)
    }

    fn count(&self, from: IpAddr) -> usize {
        self.at.get(&from).copied().unwrap_or(0)
    }

    /// Whose place somebody from this address may have.
    fn least_useful(&self, from: IpAddr, now: Instant) -> Option<ConnectionId> {
        let most = self.at.values().copied().max().unwrap_or(0);
        let is_crowded = most > self.count(from) + 1;
        let heard = |guest: &Guest| self.pulses.of(&guest.peer).map_or(now, |pulse| pulse.last());
        let may_go = |guest: &Guest| match is_crowded {
            true => self.count(guest.from) == most,
            false => now.saturating_duration_since(heard(guest)) >= QUIET_MIN,
        };
        let all = self.of.iter().filter(|(_, guest)| may_go(guest));
        all.min_by_key(|(id, guest)| (heard(guest), **id)).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guests, and connections that are numbered as they come.
    struct Hall {
        guests: Guests,
        begun: Instant,
        last: usize,
    }

    impl Hall {
        fn of(places: usize) -> Self {
            Self { guests: Guests::new(places, 4), begun: Instant::now(), last: 0 }
        }

        /// Somebody comes from a host at this second: its number, and that of whoever makes room.
        fn come(&mut self, host: u8, second: u64) -> Result<(usize, Option<usize>), KeptOut> {
            let now = self.begun + Duration::from_secs(second);
            self.last += 1;
            let id = ConnectionId::new_unchecked(self.last);
            let leaves = self.guests.enter(id, peer(self.last), IpAddr::from([10, 0, 0, host]), now)?;
            let number = |(left, id): (PeerId, ConnectionId)| {
                let number = (1..=self.last).find(|number| ConnectionId::new_unchecked(*number) == id);
                assert_eq!(number.map(peer), Some(left));
                number.unwrap()
            };
            Ok((self.last, leaves.map(number)))
        }

        fn speaks(&mut self, number: usize, second: u64) {
            self.guests.hear(&peer(number), self.begun + Duration::from_secs(second));
        }
    }

    /// The same for the same number.
    fn peer(number: usize) -> PeerId {
        let mut seed = [1; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        libp2p::identity::Keypair::ed25519_from_bytes(seed).unwrap().public().to_peer_id()
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_most_silent_of_the_address_with_the_most() {
        let mut hall = Hall::of(6);
        for host in [1, 1, 2, 2, 2, 2] {
            assert_eq!(hall.come(host, 0).unwrap().1, None);
        }
        hall.speaks(3, 1);
        assert_eq!(hall.come(3, 2).unwrap(), (7, Some(4)), "of the four, but who spoke");
        assert_eq!(hall.come(4, 2).unwrap(), (8, Some(5)));
        assert!(matches!(hall.come(1, 2), Err(KeptOut::Full)), "its address has as many as any");
        assert_eq!(hall.guests.of.len(), 6);
    }

    #[test]
    fn where_all_have_as_many_only_the_silent_make_room() {
        let mut hall = Hall::of(3);
        (1..=3).for_each(|host| assert!(hall.come(host, 0).is_ok()));
        hall.speaks(1, 29);
        assert!(matches!(hall.come(4, 29), Err(KeptOut::Full)));
        hall.speaks(2, 30);
        assert_eq!(hall.come(4, 30).unwrap().1, Some(3));
        assert!(matches!(hall.come(5, 30), Err(KeptOut::Full)), "nobody pushes out who just came");
    }

    #[test]
    fn an_address_has_no_more_than_its_own_and_few_leave_at_a_time() {
        let mut hall = Hall::of(40);
        assert_eq!((0..40).filter(|_| hall.come(1, 0).is_ok()).count(), 4);
        let mut hall = Hall::of(40);
        (0..40).for_each(|number| assert!(hall.come(number / 4, 0).is_ok()));
        let let_in: Vec<usize> =
            (100..140).filter_map(|host| hall.come(host, 0).ok()).map(|(_, left)| left.unwrap()).collect();
        assert_eq!(let_in.len(), LEAVING_MAX);
        assert_eq!(hall.guests.of.len(), 40);
        let_in.iter().for_each(|number| hall.guests.leave(&ConnectionId::new_unchecked(*number)));
        assert!(hall.come(140, 0).is_ok(), "they have left");
        (1..=hall.last).for_each(|number| hall.guests.leave(&ConnectionId::new_unchecked(number)));
        let Guests { of, at, pulses, leaving, .. } = hall.guests;
        assert!(of.is_empty() && at.is_empty() && pulses.is_empty() && leaving.is_empty());
    }
}
