//! Models that this peer offers or publishes, and its network does not pin: open to everybody for as long as they are.
//!
//! Whoever orders such a model needs its manifest, and whoever is to check it its runner and its weights too. A manifest is
//! given as the blob that its digest names.
//!
//! **Invariant:** what is offered or published makes room for nothing, and is closed once it is neither.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use assay_market::provision::Provision;
use assay_protocol::{codec, genesis::Genesis, id::Digest, manifest::Manifest};

use crate::{
    blobs::{BlobError, Blobs},
    library::{Library, bytes_of, parts},
};

/// The models that others may fetch from here. Cheap to clone.
#[derive(Clone)]
pub(crate) struct OpenModels {
    blobs: Blobs,
    /// Which says what is published.
    library: Library,
    genesis: Arc<Genesis>,
    open: Arc<Mutex<BTreeSet<Digest>>>,
}

impl OpenModels {
    pub(crate) fn new(blobs: Blobs, library: Library, genesis: Arc<Genesis>) -> Self {
        Self { blobs, library, genesis, open: Arc::default() }
    }

    /// Puts the manifests of what is to be offered or published where others can fetch them, and opens it. Blocks on the disk.
    pub(crate) fn prepare<'a>(
        &self,
        manifests: impl IntoIterator<Item = &'a Manifest>,
    ) -> Result<(), BlobError> {
        for manifest in manifests.into_iter().filter(|manifest| self.is_own(manifest)) {
            self.blobs.put_for(holder(manifest.digest()), &bytes_of(manifest))?;
            self.open(manifest);
        }
        Ok(())
    }

    /// The same for what was offered and published before this peer started.
    pub(crate) fn prepare_all(&self, provision: Option<&Provision>) -> Result<(), BlobError> {
        self.prepare(offered(provision).chain(&self.library.published()))
    }

    /// Opens what is offered or published now, and closes everything else.
    pub(crate) fn settle(&self, provision: Option<&Provision>) {
        let published = self.library.published();
        let all = || offered(provision).chain(&published).filter(|manifest| self.is_own(manifest));
        let wished: BTreeSet<Digest> = all().map(Manifest::digest).collect();
        all().for_each(|manifest| self.open(manifest));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.difference(&wished).for_each(|closed| self.blobs.release(holder(*closed)));
        *open = wished;
    }

    fn open(&self, manifest: &Manifest) {
        let digest = manifest.digest();
        for part in parts(manifest).map(|(_, part)| part).chain([digest]) {
            self.blobs.keep(holder(digest), part);
            self.blobs.permit_all(holder(digest), part);
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    /// What every peer of the network has anyway is left out.
    fn is_own(&self, manifest: &Manifest) -> bool {
        !self.genesis.manifests.contains(manifest)
    }
}

fn offered(provision: Option<&Provision>) -> impl Iterator<Item = &Manifest> {
    provision.into_iter().flat_map(Provision::stocks).map(|(_, stock)| &stock.manifest)
}

/// Who keeps and permits what a model needs that is offered or published.
fn holder(manifest: Digest) -> Digest {
    codec::digest("offered model", &manifest)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use assay_market::provision::{Stock, Workbench};
    use assay_protocol::{
        id::PeerId,
        manifest::{Meter, Policy, WorkPerMeter},
        offer::Reachability,
        units::{Amount, Duration},
    };

    use super::*;
    use crate::config;

    fn manifest(name: &str) -> Manifest {
        Manifest {
            name: name.into(),
            runner: Digest::of(b"runner"),
            model: Digest::of(name.as_bytes()),
            params: String::new(),
            policy: Policy::Exact,
            meter: Meter::Calls,
            work: WorkPerMeter::default(),
            work_most: 64,
            memory_bytes: 1,
            licence: "MIT".into(),
        }
    }

    fn provision(manifests: &[&Manifest]) -> Provision {
        let stock = |manifest: &&Manifest| Stock {
            manifest: (*manifest).clone(),
            unit_price: Amount(1),
            run: Duration(1),
        };
        let bench = Workbench {
            class: Digest::default(),
            machine: String::new(),
            device: String::new(),
            memory_free: 1,
            slots: 1,
            services: manifests.iter().map(stock).collect(),
        };
        Provision {
            benches: vec![bench],
            cancel_fee_min: Amount::ZERO,
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
        }
    }

    /// A store, and what is open of it in a network that pins one model.
    fn opened(folder: &Path, pinned: &Manifest) -> (Blobs, Library, OpenModels) {
        let blobs = Blobs::open(&folder.join("blobs"), 1 << 20).unwrap();
        let library = Library::open(&folder.join("models"), &blobs).unwrap();
        let mut genesis = config::genesis("test", PeerId([1; 32]));
        genesis.manifests = vec![pinned.clone()];
        let open = OpenModels::new(blobs.clone(), library.clone(), Arc::new(genesis));
        (blobs, library, open)
    }

    /// Which of a model's manifest, runner and weights a stranger may fetch.
    fn served(blobs: &Blobs, manifest: &Manifest) -> [bool; 3] {
        let stranger = PeerId([9; 32]);
        [manifest.digest(), manifest.runner, manifest.model].map(|part| blobs.is_served(&part, &stranger))
    }

    #[test]
    fn what_is_offered_is_open_to_everybody_until_it_is_offered_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let [sums, poet, tally] = ["sums", "poet", "tally"].map(manifest);
        let (blobs, _, open) = opened(folder.path(), &sums);
        let offered = provision(&[&sums, &poet]);
        open.prepare_all(Some(&offered)).unwrap();
        open.settle(Some(&offered));
        assert_eq!((served(&blobs, &poet), served(&blobs, &tally)), ([true; 3], [false, true, false]));
        assert!(!served(&blobs, &sums)[0], "what the network pins is known to all");
        assert_eq!(blobs.get(&poet.digest()).unwrap(), Some(bytes_of(&poet)));
        let next = provision(&[&tally]);
        open.prepare_all(Some(&next)).unwrap();
        open.settle(Some(&next));
        assert_eq!((served(&blobs, &poet), served(&blobs, &tally)), ([false, true, false], [true; 3]));
        open.settle(None);
        assert_eq!(served(&blobs, &tally), [false; 3]);
    }

    #[test]
    fn what_is_published_is_open_whatever_is_offered_until_its_owner_takes_that_back() {
        let folder = tempfile::tempdir().unwrap();
        let [sums, poet] = ["sums", "poet"].map(manifest);
        let (blobs, library, open) = opened(folder.path(), &sums);
        for manifest in [&sums, &poet] {
            library.add(manifest).unwrap();
            library.publish(&manifest.digest()).unwrap();
        }
        open.prepare_all(None).unwrap();
        assert_eq!(blobs.get(&poet.digest()).unwrap(), Some(bytes_of(&poet)));
        let offered = provision(&[&poet]);
        for now in [None, Some(&offered), None] {
            open.settle(now);
            assert_eq!((served(&blobs, &poet), served(&blobs, &sums)[0]), ([true; 3], false));
        }
        library.withdraw(&poet.digest()).unwrap();
        open.settle(Some(&offered));
        assert_eq!(served(&blobs, &poet), [true; 3], "it is offered");
        open.settle(None);
        assert_eq!(served(&blobs, &poet), [false; 3]);
    }
}
