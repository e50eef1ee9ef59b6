//! Connections of clients that nobody knows yet: those that have said nothing, or nothing for which they were let in.
//!
//! **Invariant:** there are at most so many, from one address and from all. Where one more comes the oldest of them goes, so that
//! strangers keep out strangers alone, and who is at one address none at another. One that was let in once is none of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct UnknownClients(Arc<Mutex<ClientQueue>>);

/// The oldest first.
#[derive(Debug)]
struct ClientQueue {
    /// From one address.
    own_most: usize,
    /// From all of them.
    most: usize,
    /// Names the next.
    next: u64,
    all: BTreeMap<u64, (IpAddr, Arc<Notify>)>,
    of: BTreeMap<IpAddr, BTreeSet<u64>>,
}

/// One connection. Whoever has a part of it may say that its client was let in.
#[derive(Clone, Debug)]
pub(crate) struct UnknownClient(Arc<ClientPlace>);

/// Where it is among the others. Dropped, it is there no more.
#[derive(Debug)]
struct ClientPlace {
    clients: UnknownClients,
    number: u64,
    away: Arc<Notify>,
}

impl UnknownClients {
    /// None, and later so many from one address and from all.
    pub(super) fn new((own_most, most): (usize, usize)) -> Self {
        let (all, of) = (BTreeMap::new(), BTreeMap::new());
        Self(Arc::new(Mutex::new(ClientQueue { own_most, most, next: 0, all, of })))
    }

    /// One more from an address. If there are too many the oldest of that address is sent away, or of all; whether one was.
    pub(super) fn come(&self, address: IpAddr) -> (UnknownClient, bool) {
        let away = Arc::new(Notify::new());
        let (number, goes) = self.lock().come(home_of(address), away.clone());
        (UnknownClient(Arc::new(ClientPlace { clients: self.clone(), number, away })), goes)
    }

    /// Sends the oldest away, unless there is but one; whether one goes.
    pub(super) fn make_room(&self) -> bool {
        let mut queue = self.lock();
        let oldest = queue.oldest().filter(|_| queue.all.len() > 1);
        oldest.into_iter().for_each(|number| queue.send_away(number));
        oldest.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, ClientQueue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientQueue {
    fn come(&mut self, address: IpAddr, away: Arc<Notify>) -> (u64, bool) {
        let number = self.next;
        self.next += 1;
        self.all.insert(number, (address, away));
        let own = self.of.entry(address).or_default();
        own.insert(number);
        let oldest_own = own.first().copied().filter(|_| own.len() > self.own_most);
        let oldest = self.oldest().filter(|_| self.all.len() > self.most);
        let goes = oldest_own.or(oldest);
        goes.into_iter().for_each(|number| self.send_away(number));
        (number, goes.is_some())
    }

    fn oldest(&self) -> Option<u64> {
        self.all.first_key_value().map(|(number, _)| *number)
    }

    fn send_away(&mut self, number: u64) {
        if let Some(away) = self.take(number) {
            away.notify_one();
        }
    }

    /// Takes one out, if it is there.
    fn take(&mut self, number: u64) -> Option<Arc<Notify>> {
        let (address, away) = self.all.remove(&number)?;
        if let Some(own) = self.of.get_mut(&address) {
            own.remove(&number);
            if own.is_empty() {
                self.of.remove(&address);
            }
        }
        Some(away)
    }
}

impl UnknownClient {
    /// It was let in: it is sent away for nobody.
    pub(crate) fn is_let_in(&self) {
        self.0.clients.lock().take(self.0.number);
    }

    /// Waits until it is sent away.
    pub(super) async fn sent_away(&self) {
        self.0.away.notified().await;
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        self.clients.lock().take(self.number);
    }
}

/// What counts as one address: of the newer kind whoever has one has all that begin like it.
fn home_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address @ IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [one, two, three, four, ..] = address.segments();
            Ipv6Addr::new(one, two, three, four, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn at(address: &str) -> IpAddr {
        address.parse().unwrap()
    }

    /// Which of these were sent away.
    fn away(clients: &[UnknownClient]) -> Vec<bool> {
        clients.iter().map(|client| client.sent_away().now_or_never().is_some()).collect()
    }

    #[test]
    fn the_oldest_of_an_address_goes_first_and_then_the_oldest_of_all() {
        let unknown = UnknownClients::new((2, 4));
        let addresses = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3", "10.0.0.4"];
        let clients: Vec<UnknownClient> =
            addresses.iter().map(|address| unknown.come(at(address)).0).collect();
        // The third of the first address sends its first away, and whoever comes last the oldest of all.
        assert_eq!(away(&clients), [true, true, false, false, false, false]);
        assert_eq!(away(&clients), [false; 6], "each is sent away once");
    }

    #[test]
    fn who_was_let_in_or_has_left_counts_no_more() {
        let unknown = UnknownClients::new((2, 2));
        let (known, _) = unknown.come(at("10.0.0.1"));
        known.is_let_in();
        drop(unknown.come(at("10.0.0.1")));
        let others = ["10.0.0.1", "10.0.0.1"].map(|address| unknown.come(at(address)).0);
        assert_eq!((away(std::slice::from_ref(&known)), away(&others)), (vec![false], vec![false; 2]));
        assert!(unknown.make_room(), "the oldest goes, though there are not too many");
        assert_eq!(away(&others), [true, false]);
        assert!(!unknown.make_room(), "the last is who came");
        drop((known, others));
        assert!(unknown.lock().of.is_empty(), "nobody is remembered who is gone");
    }

    #[test]
    fn addresses_that_one_has_together_count_as_one() {
        assert_eq!(home_of(at("2001:db8:1:2:3::4")), home_of(at("2001:db8:1:2:ffff::1")));
        assert_ne!(home_of(at("2001:db8:1:2::1")), home_of(at("2001:db8:1:3::1")));
        assert_eq!(home_of(at("::ffff:10.0.0.1")), at("10.0.0.1"));
    }
}
