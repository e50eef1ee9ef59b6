//! Places that are shared by owners: each has so many, so that none takes those of all others.
//!
//! **Invariant:** an owner that has nothing is remembered by nobody: there are no more entries than owners that do something.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{failure::HttpFailure, gateway_files::FileOwner};

/// Places for one kind of thing.
#[derive(Debug)]
pub(crate) struct OwnerPlaces {
    /// Of what, as it is said to who has too many.
    what: &'static str,
    /// Of a key.
    own: usize,
    /// Of all together: where there are no keys their owner has all.
    all: Arc<Semaphore>,
    all_most: usize,
    of: Mutex<BTreeMap<FileOwner, Arc<Semaphore>>>,
}

/// Places that are taken: an owner's, and of all. Dropped, they are free again.
#[derive(Debug)]
pub(crate) struct TakenPlaces {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl OwnerPlaces {
    /// So many for a key, and for all together.
    pub(crate) fn new(what: &'static str, (own, all): (usize, usize)) -> Self {
        Self { what, own, all: Arc::new(Semaphore::new(all)), all_most: all, of: Mutex::default() }
    }

    /// Takes so many of an owner's at once, or says how many it has.
    pub(crate) fn take(&self, owner: FileOwner, count: u32) -> Result<TakenPlaces, HttpFailure> {
        let (places, most) = (self.places(owner), self.most(owner));
        let have = most.saturating_sub(places.available_permits());
        let own = places.try_acquire_many_owned(count).map_err(|_| {
            let what = self.what;
            HttpFailure::busy(format!(
                "you have {have} {what}, and at most {most} may be; wait for one of them"
            ))
        })?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(count).map_err(|_| {
            let (most, what) = (self.all_most, self.what);
            HttpFailure::busy(format!("all keys together have as many as there may be of {what}: {most}"))
        })?;
        Ok(TakenPlaces { _own: own, _all: all })
    }

    /// Waits for one of an owner's. Those that wait are as many as connections.
    pub(crate) async fn wait(&self, owner: FileOwner) -> Option<TakenPlaces> {
        let own = self.places(owner).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(TakenPlaces { _own: own, _all: all })
    }

    fn most(&self, owner: FileOwner) -> usize {
        if owner.is_some() { self.own } else { self.all_most }
    }

    fn places(&self, owner: FileOwner) -> Arc<Semaphore> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has one, or waits for it, holds it.
        of.retain(|_, places| Arc::strong_count(places) > 1);
        of.entry(owner).or_insert_with(|| Arc::new(Semaphore::new(self.most(owner)))).clone()
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;
    use axum::http::StatusCode;

    use super::*;

    const PHONE: FileOwner = Some(Digest([1; 32]));
    const LAPTOP: FileOwner = Some(Digest([2; 32]));

    #[test]
    fn no_owner_takes_the_places_of_all_others() {
        let places = OwnerPlaces::new("answers that are being written", (2, 3));
        let first = places.take(PHONE, 2).unwrap();
        let refused = places.take(PHONE, 1).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(
            refused.line().starts_with("you have 2 answers that are being written, and at most 2"),
            "{refused:?}"
        );
        let other = places.take(LAPTOP, 1).unwrap();
        assert!(places.take(LAPTOP, 1).unwrap_err().line().contains("all keys together"), "there are three");
        drop((first, other));
        let all = places.take(None, 3).unwrap();
        assert!(places.take(None, 1).is_err(), "without keys all are one owner's");
        drop(all);
        assert!(places.take(PHONE, 1).is_ok());
        assert_eq!(places.of.lock().unwrap().len(), 1, "who has nothing is not remembered");
    }

    #[tokio::test]
    async fn who_waits_waits_for_its_own_alone() {
        let places = OwnerPlaces::new("requests that are read", (1, 2));
        let first = places.wait(PHONE).await.unwrap();
        assert!(places.take(PHONE, 1).is_err());
        let _other = places.wait(LAPTOP).await.unwrap();
        drop(first);
        places.wait(PHONE).await.unwrap();
    }
}
