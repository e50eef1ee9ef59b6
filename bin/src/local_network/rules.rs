//! The rules of a network on one machine, for people who watch it.
//!
//! **Invariant:** they are those of every network; only lengths of time and amounts are made for who does not want to wait.

use assay_peer::config;
use assay_protocol::{
    genesis::{Checks, Founder, Genesis, Timers},
    id::{Digest, PeerId},
    manifest::Manifest,
    units::{Amount, Duration},
};
use assay_runtime::class::Class;

use crate::{bundle::Bundle, few};

/// What each verifier of the first day has at stake.
pub(crate) const STAKE: Amount = Amount::credits(10);
/// What each of them has to spend.
const FREE: Amount = Amount::credits(2);
/// As how many of equal stake the verifiers must count that are left, in thousandths.
const EFFECTIVE_PER_MILLE: u64 = 1_900;
/// What the heaviest check earns: as much as that of a long text of `sums`.
const HEAVIEST_CHECK: Amount = Amount(160_000_000);
/// The least time for a verifier's seal: nobody watches for longer than half a minute that nothing happens.
const SEAL: Duration = Duration::seconds(3);

/// The rules of a network that `notary` keeps and `verifiers` check, on machines of these classes, and that sells these models
/// beside those that the program carries.
pub(crate) fn genesis(
    name: &str,
    notary: PeerId,
    verifiers: &[PeerId],
    classes: &[Class],
    own: impl IntoIterator<Item = Manifest>,
) -> Genesis {
    let bundled = Bundle::all().iter().map(|bundle| bundle.manifest());
    let manifests: Vec<Manifest> = bundled.chain(own).collect();
    let classes: Vec<Digest> = classes.iter().map(Class::digest).collect();
    let founder = |peer: &PeerId| Founder { peer: *peer, stake: STAKE, free: FREE, classes: classes.clone() };
    let founders = verifiers.iter().map(founder);
    Genesis {
        notaries: vec![notary],
        timers: Timers { seal: SEAL, ..Timers::brisk() },
        // Trust grows faster than elsewhere, so that a second job already shows it.
        checks: Checks { ramp: 1, ..few::checks(EFFECTIVE_PER_MILLE) },
        money: few::money(&manifests, HEAVIEST_CHECK),
        manifests,
        verifiers: founders.collect(),
        ..config::genesis(name, notary)
    }
}
