//! Orders that were agreed to a moment ago, and whose ticket is on its way.
//!
//! An agreement holds nothing against a ticket: the first that comes takes the slot. But whoever asks meanwhile is told that there is no
//! room, or most of them would open a job in vain. Words cost nothing and keys neither, so only those count who show tickets here: a
//! client of whose agreements at least half came to one.
//!
//! **Invariant:** nothing counts for longer than [`COMING_TIME`]; each ticket pays for two agreements that count, at the most, and
//! whoever shows none keeps nobody away.

use alloc::collections::BTreeMap;

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    units::Duration,
};

use crate::moment::Steady;

/// How long a ticket is awaited: a client asks its notary, and both write something down.
const COMING_TIME: Duration = Duration::seconds(2);
/// Orders on their way that are remembered.
const COMING_MAX: usize = 1_024;
/// Clients that are.
const CLIENTS_MAX: usize = 1_024;
/// After so many agreements those before count half.
const COUNTED_MAX: u32 = 64;

/// Who is on its way with a ticket, and who keeps its word.
#[derive(Clone, Debug, Default)]
pub(super) struct Agreements {
    coming: BTreeMap<JobId, ComingOrder>,
    clients: BTreeMap<PeerId, KeptWord>,
}

/// An order that was agreed to, of a client that keeps its word.
#[derive(Clone, Copy, Debug)]
struct ComingOrder {
    client: PeerId,
    class: Digest,
    since: Steady,
}

/// How often a client was agreed to, since it first showed a ticket here, and how many tickets it showed.
#[derive(Clone, Copy, Debug)]
struct KeptWord {
    agreed: u32,
    shown: u32,
    last: Steady,
}

impl Agreements {
    /// An order of this client was agreed to, for a bench of this class. To say so again changes nothing.
    pub(super) fn agree(&mut self, job: JobId, client: PeerId, class: Digest, now: Steady) {
        self.coming.retain(|_, order| order.is_coming(now));
        if self.coming.contains_key(&job) {
            return;
        }
        let Some(word) = self.clients.get_mut(&client) else { return };
        let is_kept = word.is_kept();
        word.agreed = word.agreed.saturating_add(1);
        if is_kept && self.coming.len() < COMING_MAX {
            self.coming.insert(job, ComingOrder { client, class, since: now });
        }
    }

    /// A client has shown the ticket of an order for the first time, whether there was a slot for it or not.
    pub(super) fn show(&mut self, job: JobId, client: PeerId, now: Steady) {
        self.coming.remove(&job);
        if self.clients.len() >= CLIENTS_MAX && !self.clients.contains_key(&client) {
            let oldest = self.clients.iter().min_by_key(|(_, word)| word.last).map(|(peer, _)| *peer);
            if let Some(oldest) = oldest {
                self.clients.remove(&oldest);
            }
        }
        let word = self.clients.entry(client).or_insert(KeptWord { agreed: 1, shown: 0, last: now });
        (word.shown, word.last) = (word.shown.saturating_add(1), now);
        if word.agreed >= COUNTED_MAX {
            // Rounded so that nothing is won by it.
            (word.agreed, word.shown) = (word.agreed.div_ceil(2), word.shown / 2);
        }
    }

    /// How many orders of others than this client are on their way, to benches of the classes that `shares` says.
    pub(super) fn coming(&self, client: PeerId, now: Steady, shares: impl Fn(Digest) -> bool) -> usize {
        let others = self.coming.values().filter(|order| order.client != client && order.is_coming(now));
        others.filter(|order| shares(order.class)).count()
    }
}

impl ComingOrder {
    fn is_coming(&self, now: Steady) -> bool {
        now.since(self.since) < COMING_TIME
    }
}

impl KeptWord {
    fn is_kept(&self) -> bool {
        self.shown.saturating_mul(2) >= self.agreed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::peer;

    fn job(number: u64) -> JobId {
        Digest::of(&number.to_be_bytes())
    }

    fn coming(agreements: &Agreements, now: Steady) -> usize {
        agreements.coming(peer(99), now, |_| true)
    }

    #[test]
    fn an_order_counts_until_its_ticket_is_shown_or_for_a_moment_and_against_others_alone() {
        let (mut agreements, client, class) = (Agreements::default(), peer(1), Digest::default());
        let at = |millis: u64| Steady(1_000 + millis);
        agreements.agree(job(0), client, class, at(0));
        assert_eq!(coming(&agreements, at(0)), 0, "whoever never showed a ticket may only talk");
        agreements.show(job(0), client, at(0));
        agreements.agree(job(1), client, class, at(0));
        agreements.agree(job(1), client, class, at(1_999));
        assert_eq!(coming(&agreements, at(1_999)), 1);
        assert_eq!(coming(&agreements, at(2_000)), 0, "to say it again puts nothing off");
        assert_eq!(agreements.coming(client, at(0), |_| true), 0, "it does not stand in its own way");
        assert_eq!(agreements.coming(peer(2), at(0), |of| of != class), 0, "another device");
        agreements.show(job(1), client, at(10));
        assert_eq!(coming(&agreements, at(10)), 0);
    }

    #[test]
    fn whoever_only_talks_counts_for_nothing_after_a_few_words_and_again_once_it_shows_tickets() {
        let (mut agreements, client) = (Agreements::default(), peer(1));
        agreements.show(job(0), client, Steady(0));
        for number in 1..=1_000 {
            agreements.agree(job(number), client, Digest::default(), Steady(0));
        }
        assert_eq!(coming(&agreements, Steady(0)), 2, "of a thousand");
        for number in 1..=1_000 {
            agreements.show(job(number), client, Steady(0));
        }
        agreements.agree(job(2_000), client, Digest::default(), Steady(0));
        assert_eq!(coming(&agreements, Steady(0)), 1);
    }

    #[test]
    fn a_ticket_pays_for_two_agreements_at_the_most() {
        let (mut agreements, client) = (Agreements::default(), peer(1));
        let mut counted = 0;
        for ticket in 1..=1_000 {
            agreements.show(job(ticket), client, Steady(0));
            while agreements.clients[&client].is_kept() {
                counted += 1;
                agreements.agree(job(1_000_000 + counted), client, Digest::default(), Steady(0));
            }
            assert!(counted <= 2 * ticket, "{counted} count for {ticket} tickets");
        }
        assert!(counted > 1_000, "{counted}");
    }

    #[test]
    fn no_more_clients_and_orders_are_remembered_than_there_is_room_for() {
        let mut agreements = Agreements::default();
        for number in 0..2 * CLIENTS_MAX as u64 {
            agreements.show(job(number), peer(number), Steady(number));
            agreements.agree(job(1_000_000 + number), peer(number), Digest::default(), Steady(5_000));
        }
        assert_eq!((agreements.clients.len(), agreements.coming.len()), (CLIENTS_MAX, COMING_MAX));
        assert!(agreements.clients.contains_key(&peer(2 * CLIENTS_MAX as u64 - 1)), "the latest is known");
    }
}
