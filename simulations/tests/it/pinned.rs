//! Thirty small worlds whose every event is pinned: what one of their peers says, keeps, tells its user or waits for is
//! in the digest of its world, so a change that is to change nothing can be seen to change nothing.

use std::{fs, panic::catch_unwind};

use assay_simulations::world::World;

pub(crate) use self::lives::WORLDS;

mod lives;

/// Set to `write`, this variable pins the worlds anew.
const SWITCH: &str = "ASSAY_GOLDEN";
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/pinned.txt");

/// The world with this number, in which everything has happened; what is wanted of it before anything does is done first.
pub(crate) fn lived(number: usize, first: impl FnOnce(&mut World)) -> World {
    let (_, plan, live) = WORLDS[number];
    let mut plan = plan();
    plan.seed = number as u64;
    let mut world = World::new(plan);
    first(&mut world);
    world.open_market();
    live(&mut world);
    world
}

fn line(number: usize) -> String {
    let name = WORLDS[number].0;
    let Ok(digest) = catch_unwind(|| lived(number, |_| {}).digest()) else {
        return format!("{name}: fails\n");
    };
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
