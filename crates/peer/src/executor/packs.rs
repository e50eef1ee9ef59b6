//! The packs of this home's models.
//!
//! **Invariant:** they take no byte below the floor that the disk must have free, and go with their models.

use std::path::PathBuf;

use assay_protocol::id::Digest;
use assay_runtime::packs::{self, PackFolder, PackKeeper, PackNews};

use super::Executor;
use crate::{blobs::Blobs, system::free_bytes};

/// The disk of a home, with its models.
struct HomePacks {
    root: PathBuf,
    blobs: Blobs,
    /// Bytes that it must have free.
    free_bytes_min: u64,
}

impl PackKeeper for HomePacks {
    fn room(&self) -> u64 {
        free_bytes(&self.root).map_or(u64::MAX, |free| free.saturating_sub(self.free_bytes_min))
    }

    fn is_wanted(&self, model: Digest) -> bool {
        self.blobs.contains(&model)
    }

    fn hear(&self, model: Digest, news: &PackNews) {
        match news {
            PackNews::Kept { bytes } => {
                tracing::info!(%model, bytes, "the pack of a model is kept: it is ready sooner from now on");
            }
            PackNews::Taken => tracing::debug!(%model, "a model is there by its pack"),
            PackNews::Refused { why } => {
                tracing::warn!(%model, why, "the pack of a model is not what was written, and is made anew");
            }
            PackNews::NotKept { why } => {
                tracing::warn!(%model, why, "the pack of a model is not kept: each start makes it again");
            }
            PackNews::MadeRoom { bytes } => {
                tracing::info!(%model, bytes, "the pack of a model made room for another");
            }
        }
    }
}

impl Executor {
    /// Keeps models as they are computed with, beside their files, in so many bytes of the disk at most, which has to have
    /// others free. None are kept where they may take nothing. Said before the first run, by whoever has the home.
    pub fn keep_packs(&self, bytes_max: u64, free_bytes_min: u64) {
        let (root, blobs) = (self.inner.blobs.packs(), self.inner.blobs.clone());
        let opened = match bytes_max {
            0 => packs::remove_all(&root).map(|()| None),
            _ => {
                let keeper = HomePacks { root: root.clone(), blobs, free_bytes_min };
                PackFolder::open(&root, bytes_max, keeper).map(Some)
            }
        };
        match opened {
            Ok(folder) => folder.into_iter().for_each(|folder| self.inner.pool.keep_packs(folder)),
            Err(error) => {
                tracing::warn!(%error, "packs of models cannot be kept: each start makes them again")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::executor::Conduct;

    #[test]
    fn packs_are_kept_of_models_that_are_here_and_of_none_where_they_may_take_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&folder.path().join("blobs"), 1 << 20).unwrap();
        let (here, gone) = (blobs.put(b"a model").unwrap(), Digest::of(b"another"));
        for model in [here, gone] {
            let place = blobs.packs().join(model.to_string());
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("pack"), [7; 100]).unwrap();
        }
        let executor =
            || Executor::new(PathBuf::new(), folder.path().to_owned(), 1, blobs.clone(), Conduct::Honest);
        executor().keep_packs(1 << 20, 0);
        assert_eq!([here, gone].map(|model| blobs.pack_bytes_of(&model)), [Some(100), None]);
        executor().keep_packs(0, 0);
        assert!(blobs.pack_bytes_of(&here).is_none() && !blobs.packs().exists());
        let room = |free_bytes_min| {
            let (root, blobs) = (folder.path().to_owned(), blobs.clone());
            HomePacks { root, blobs, free_bytes_min }.room()
        };
        assert_eq!(room(u64::MAX - 1), 0, "below the floor there is none");
        assert!(room(0) > 0);
    }
}
