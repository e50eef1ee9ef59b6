//! From what a party says to what that makes happen to its job.

use assay_protocol::{
    id::Digest,
    receipt::Happening,
    signed::{Ed25519, Keypair, Signer},
};

use crate::samples;

/// The kinds of statements that are steps of a job.
const STEPS: [&str; 11] = [
    "Abort",
    "Cancel",
    "Claim",
    "Contradict",
    "Dispute",
    "OpenClaim",
    "OpenSeal",
    "Reveal",
    "Seal",
    "Underway",
    "Unserved",
];

#[test]
fn a_partys_step_is_what_it_signed_and_nothing_else_is_one() {
    let (signer, mut steps) = (Keypair::from_seed([1; 32]).id(), Vec::new());
    for message in samples::all() {
        let kind = message.kind();
        let opened = message.open::<Ed25519>(samples::network()).unwrap_or_else(|error| panic!("{error}"));
        let Some(happening) = Happening::of(&opened, 7) else { continue };
        assert_eq!(happening.about().map(|(_, by)| by), Some(signer), "{kind}");
        assert!(happening.is_signed::<Ed25519>(samples::network()), "{kind}");
        assert!(
            !happening.is_signed::<Ed25519>(Digest::of(b"another network")),
            "{kind} holds in another network"
        );
        if let Happening::Claim { position, .. } = happening {
            assert_eq!(position, 7);
        }
        steps.push(kind);
    }
    steps.sort_unstable();
    steps.dedup();
    assert_eq!(steps, STEPS);
}
