//! Models that this peer offers and its network does not pin: open to everybody for as long as they are offered.
//!
//! Whoever orders such a model needs its manifest, and whoever is to check it its runner and its weights too. A manifest is
//! given as the blob that its digest names.
//!
//! **Invariant:** what is offered makes room for nothing, and is closed with the offer.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use assay_market::provision::Provision;
use assay_protocol::{codec, genesis::Genesis, id::Digest, manifest::Manifest};

use crate::{
    blobs::{BlobError, Blobs},
    library::{bytes_of, parts},
};

/// The models that others may fetch from here. Cheap to clone.
#[derive(Clone)]
pub(crate) struct OpenModels {
    blobs: Blobs,
    genesis: Arc<Genesis>,
    open: Arc<Mutex<BTreeSet<Digest>>>,
}

impl OpenModels {
    pub(crate) fn new(blobs: Blobs, genesis: Arc<Genesis>) -> Self {
        Self { blobs, genesis, open: Arc::default() }
    }

    /// Puts the manifests of what is to be offered where others can fetch them. Blocks on the disk.
    pub(crate) fn prepare(&self, provision: &Provision) -> Result<(), BlobError> {
        for manifest in self.own(provision) {
            self.blobs.put_for(holder(manifest.digest()), &bytes_of(manifest))?;
            self.open(manifest);
        }
        Ok(())
    }

    /// Opens what is offered now, and closes everything else.
    pub(crate) fn settle(&self, provision: Option<&Provision>) {
        let own = || provision.into_iter().flat_map(|provision| self.own(provision));
        let offered: BTreeSet<Digest> = own().map(Manifest::digest).collect();
        own().for_each(|manifest| self.open(manifest));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.difference(&offered).for_each(|closed| self.blobs.release(holder(*closed)));
        *open = offered;
    }

    fn open(&self, manifest: &Manifest) {
        let digest = manifest.digest();
        for part in parts(manifest).map(|(_, part)| part).chain([digest]) {
            self.blobs.keep(holder(digest), part);
            self.blobs.permit_all(holder(digest), part);
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(digest);
    }

    /// What of it every peer of the network has anyway is left out.
    fn own<'a>(&self, provision: &'a Provision) -> impl Iterator<Item = &'a Manifest> + use<'a, '_> {
        let offered = provision.stocks().map(|(_, stock)| &stock.manifest);
        offered.filter(|manifest| !self.genesis.manifests.contains(manifest))
    }
}

/// Who keeps and permits what an offered model needs.
fn holder(manifest: Digest) -> Digest {
    codec::digest("offered model", &manifest)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn what_is_offered_is_open_to_everybody_until_it_is_offered_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path(), 1 << 20).unwrap();
        let [sums, poet, tally] = ["sums", "poet", "tally"].map(manifest);
        let stranger = PeerId([9; 32]);
        let mut genesis = config::genesis("test", PeerId([1; 32]));
        genesis.manifests = vec![sums.clone()];
        let open = OpenModels::new(blobs.clone(), Arc::new(genesis));
        let served = |manifest: &Manifest| {
            let parts = [manifest.digest(), manifest.runner, manifest.model];
            parts.map(|part| blobs.is_served(&part, &stranger))
        };
        let offered = provision(&[&sums, &poet]);
        open.prepare(&offered).unwrap();
        open.settle(Some(&offered));
        assert_eq!((served(&poet), served(&tally)), ([true; 3], [false, true, false]));
        assert!(!served(&sums)[0], "what the network pins is known to all");
        assert_eq!(blobs.get(&poet.digest()).unwrap(), Some(bytes_of(&poet)));
        let next = provision(&[&tally]);
        open.prepare(&next).unwrap();
        open.settle(Some(&next));
        assert_eq!((served(&poet), served(&tally)), ([false, true, false], [true; 3]));
        open.settle(None);
        assert_eq!(served(&tally), [false; 3]);
    }
}
