//! Power cuts under load: whichever peer loses its power at whichever change of its disk, what it had acknowledged is
//! there when it starts again; every job ends, nothing is paid twice, the audit is clean and no honest stake is touched.
//!
//! Each peer is a whole daemon on a disk that forgets what was not synced. After a cut its index is perhaps gone or
//! garbage too: that is a database of its own, and its files are not watched.

use std::{fs, path::Path, time::Instant};

use assay_peer::daemon::DaemonError;

use crate::{
    brittle::{Lot, Trouble},
    load::{SEED, number},
    village::Village,
};

/// Set to a number, this chooses how many cuts there are.
const CUTS: &str = "ASSAY_CUTS";

/// What a power cut may leave of a database that was not watched: all, nothing, or garbage.
fn spoil_index(folder: &Path, lot: &mut Lot) {
    match lot.below(4) {
        0 => fs::remove_dir_all(folder).unwrap(),
        1 => fs::write(folder.join("db"), vec![lot.below(256) as u8; 8_192]).unwrap(),
        _ => {}
    }
}

/// Lets the power of a peer fail at a change to come, and starts it again on what its disk then holds. True if that was in
/// the middle of a change, and not at its end because it changed nothing any more.
async fn cut(village: &mut Village, place: usize, lot: &mut Lot) -> bool {
    let ended = village.strike(place, Trouble::Power, lot).await;
    let name = village.peer(place).name;
    // One that wrote nothing since ends as it was told to.
    assert!(matches!(ended, Ok(()) | Err(DaemonError::Broken(_))), "{name} ended otherwise: {ended:?}");
    let has_struck = village.disk(place).has_struck();
    village.disk(place).forget(lot);
    spoil_index(&village.peer(place).home.index(), lot);
    village.begin(place).await.unwrap_or_else(|error| panic!("{name} does not start again: {error}"));
    has_struck
}

/// Cuts the power so often, of a peer that the lot names.
async fn survives(cuts: u64, seed: u64) {
    let (cuts, seed) = (number(CUTS).unwrap_or(cuts), number(SEED).unwrap_or(seed));
    let (mut village, mut lot) = (Village::start().await, Lot(seed));
    eprintln!("{cuts} power cuts, {SEED}={seed}");
    let (begun, mut struck) = (Instant::now(), 0);
    for _ in 0..cuts {
        let place = lot.below(village.count() as u64) as usize;
        struck += u64::from(cut(&mut village, place, &mut lot).await);
    }
    let (jobs, paid) = village.load.check().await;
    eprintln!(
        "{cuts} power cuts, {struck} in the middle of a change, over {jobs} jobs of which {paid} were paid"
    );
    eprintln!("that took {:.0} s", begun.elapsed().as_secs_f64());
    village.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute or two"]
async fn no_power_cut_loses_what_was_acknowledged() {
    survives(10, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the better part of an hour"]
async fn a_thousand_power_cuts_lose_nothing() {
    survives(1_000, 2).await;
}
