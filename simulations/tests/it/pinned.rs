//! Thirty small worlds whose every event is pinned: what one of their peers says, keeps, tells its user or waits for is
//! in the digest of its world, so a change that is to change nothing can be seen to change nothing.

use std::{fs, panic::catch_unwind};

use assay_protocol::id::Digest;

use self::lives::WORLDS;
use crate::support::market;

mod lives;

/// Set to `write`, this variable pins the worlds anew.
const SWITCH: &str = "ASSAY_GOLDEN";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pinned.txt");

/// The digest of everything that happens in the world with this number.
fn lived(number: usize) -> Digest {
    let (_, plan, live) = WORLDS[number];
    let mut plan = plan();
    plan.seed = number as u64;
    let mut world = market(plan);
    live(&mut world);
    world.digest()
}

fn line(number: usize) -> String {
    let name = WORLDS[number].0;
    let Ok(digest) = catch_unwind(|| lived(number)) else { return format!("{name}: fails\n") };
    let digits: String = digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name}: {digits}\n")
}

#[test]
fn the_same_happens_in_thirty_worlds_as_ever() {
    let lines: Vec<String> = (0..WORLDS.len()).map(line).collect();
    if std::env::var(SWITCH).is_ok_and(|wish| wish == "write") {
        fs::write(FILE, lines.concat()).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    }
    let pinned = fs::read_to_string(FILE).unwrap_or_else(|error| panic!("{FILE}: {error}"));
    let pinned: Vec<&str> = pinned.split_inclusive('\n').collect();
    assert_eq!(pinned.len(), lines.len(), "a world is not pinned");
    let moved: Vec<&str> =
        lines.iter().zip(&pinned).filter(|(now, then)| now != *then).map(|(now, _)| name(now)).collect();
    assert!(
        moved.is_empty(),
        "something else happens than before, in {} worlds: {moved:#?}\nif that is meant, pin them anew with \
         {SWITCH}=write",
        moved.len()
    );
}

fn name(line: &str) -> &str {
    line.split(':').next().unwrap_or_default()
}
