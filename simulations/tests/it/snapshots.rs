//! Snapshots: whichever records one stands for, a peer goes on from it, and from those behind it, as it does from all.

use assay_simulations::world::Place;

use crate::pinned::{WORLDS, lived};

/// Snapshots that are made of one peer's records.
const CUTS: usize = 6;

/// Goes through every peer of some worlds, and through cuts of its records.
fn check(worlds: impl Iterator<Item = usize>) {
    let mut compared = 0;
    for number in worlds {
        let world = lived(number, |_| {});
        for place in (0..world.plan().peers()).map(Place) {
            let records = world.saved(place);
            for part in 1..=CUTS {
                let cut = records * part / CUTS;
                let [from_snapshot, from_all] = world.restored(place, cut);
                let name = WORLDS[number].0;
                assert!(from_snapshot == from_all, "{name}: peer {} at record {cut} of {records}", place.0);
                compared += usize::from(cut > 0);
            }
        }
    }
    assert!(compared > 0);
}

#[test]
fn a_peer_goes_on_from_a_snapshot_as_it_does_from_all_its_records() {
    check((0..WORLDS.len()).step_by(3));
}

#[test]
fn it_does_so_in_other_worlds() {
    check((1..WORLDS.len()).step_by(3));
}

#[test]
fn it_does_so_in_the_rest() {
    check((2..WORLDS.len()).step_by(3));
}
