//! How much room the disk of the home has, and whether that is enough to take anything new.
//!
//! **Invariant:** looking never waits for the disk; what was begun goes on below the floor, for that it is there.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::system::free_bytes;

/// What is free on a disk that does not say.
const UNKNOWN: u64 = u64::MAX;
/// How often the disk is asked.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The room on a disk. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct DiskRoom {
    free: Arc<AtomicU64>,
    floor: u64,
}

impl DiskRoom {
    /// Of the disk that this folder is on, which has to have so many bytes free. Looked at once before this returns.
    pub(crate) fn watch(folder: PathBuf, floor: u64) -> Self {
        let room = Self { free: Arc::new(AtomicU64::new(free(&folder))), floor };
        room.tell(false);
        tokio::spawn(look_on(folder, room.clone()));
        room
    }

    /// A disk with so many bytes free, where one byte has to be.
    #[cfg(test)]
    pub(crate) fn with(free: u64) -> Self {
        Self { free: Arc::new(AtomicU64::new(free)), floor: 1 }
    }

    /// Changes how much is free.
    #[cfg(test)]
    pub(crate) fn set(&self, free: u64) {
        self.free.store(free, Ordering::Relaxed);
    }

    /// Bytes that are free.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// Bytes that are free, if the disk says so.
    pub(crate) fn known_free(&self) -> Option<u64> {
        Some(self.free()).filter(|free| *free != UNKNOWN)
    }

    /// Bytes that have to be.
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// True if there is too little for anything new.
    pub(crate) fn is_short(&self) -> bool {
        self.free() < self.floor
    }

    /// Says that it has become short, or is so no longer.
    fn tell(&self, was_short: bool) {
        let (free, floor) = (self.free() >> 20, self.floor >> 20);
        match (was_short, self.is_short()) {
            (false, true) => {
                tracing::warn!("the disk has {free} MiB free, less than {floor}: nothing new is taken");
            }
            (true, false) => tracing::info!("the disk has {free} MiB free again: new jobs are taken"),
            (true, true) | (false, false) => {}
        }
    }
}

/// Looks until nobody else does.
async fn look_on(folder: PathBuf, room: DiskRoom) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Arc::strong_count(&room.free) > 1 {
        looks.tick().await;
        let (folder, was_short) = (folder.clone(), room.is_short());
        let Ok(free) = spawn_blocking(move || free(&folder)).await else { return };
        room.free.store(free, Ordering::Relaxed);
        room.tell(was_short);
    }
}

/// A disk that says nothing is not held to be full: what is written to it will fail by itself.
fn free(folder: &Path) -> u64 {
    free_bytes(folder).unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_is_short_below_its_floor_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ample = DiskRoom::watch(folder.path().to_owned(), 1);
        assert!(!ample.is_short() && ample.free() > 0);
        assert!(DiskRoom::watch(folder.path().to_owned(), u64::MAX).is_short());
        assert!(!DiskRoom::with(1).is_short());
    }
}
