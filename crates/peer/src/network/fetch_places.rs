//! Places for fetches: a bounded number of them, and of these a bounded share for each peer that is fetched from.
//!
//! A fetch waits here before anything of it is timed. It waits for its peer's share first, so those that wait for one slow
//! peer keep no place from the others.
//!
//! **Invariant:** at most `max` places are taken at a time, at most `per_peer_max` of them for one peer; a place is free
//! again when it is dropped. Nothing is remembered of a peer for which nobody waits.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use assay_protocol::id::PeerId;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The places.
#[derive(Debug)]
pub(super) struct FetchPlaces {
    all: Arc<Semaphore>,
    shares: Mutex<HashMap<PeerId, Share>>,
    per_peer_max: usize,
}

/// The places of one peer, and how many have or want one.
#[derive(Debug)]
struct Share {
    places: Arc<Semaphore>,
    users: usize,
}

/// A place that is taken.
#[derive(Debug)]
pub(super) struct FetchPlace {
    _all: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    _user: User,
}

/// Somebody who has or wants a place.
#[derive(Debug)]
struct User {
    fetches: Arc<FetchPlaces>,
    peer: PeerId,
}

impl FetchPlaces {
    pub(super) fn new(max: usize, per_peer_max: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(max)), shares: Mutex::default(), per_peer_max })
    }

    /// Waits for a place.
    pub(super) async fn enter(self: &Arc<Self>, peer: PeerId) -> Result<FetchPlace, AcquireError> {
        let (own, user) = self.join(peer);
        let own = own.acquire_owned().await?;
        let all = Arc::clone(&self.all).acquire_owned().await?;
        Ok(FetchPlace { _all: all, _own: own, _user: user })
    }

    fn join(self: &Arc<Self>, peer: PeerId) -> (Arc<Semaphore>, User) {
        let new = || Share { places: Arc::new(Semaphore::new(self.per_peer_max)), users: 0 };
        let mut shares = self.shares();
        let share = shares.entry(peer).or_insert_with(new);
        share.users += 1;
        (Arc::clone(&share.places), User { fetches: Arc::clone(self), peer })
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<PeerId, Share>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut shares = self.fetches.shares();
        if let Some(share) = shares.get_mut(&self.peer) {
            share.users -= 1;
            if share.users == 0 {
                shares.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_one_peer_keeps_no_place_from_another() {
        let fetches = FetchPlaces::new(3, 2);
        let [slow, quick] = [PeerId([1; 32]), PeerId([2; 32])];
        let held = [fetches.enter(slow).await.unwrap(), fetches.enter(slow).await.unwrap()];
        let mut waiting = Box::pin(fetches.enter(slow));
        assert!((&mut waiting).now_or_never().is_none(), "its share");
        let third = fetches.enter(quick).now_or_never().expect("a place is left").unwrap();
        let mut last = Box::pin(fetches.enter(quick));
        assert!((&mut last).now_or_never().is_none(), "all are taken");
        drop(third);
        drop(last.await.unwrap());
        drop(waiting);
        drop(held);
        assert!(fetches.shares().is_empty(), "nobody is remembered");
        assert_eq!(fetches.all.available_permits(), 3);
    }
}
