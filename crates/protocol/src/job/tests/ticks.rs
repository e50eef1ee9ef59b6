//! Ticks alone close every job (I13).

use super::{
    super::*,
    cases::{self, Group},
    world::{Terms, World},
};

/// Ticks after which no job is open: forty jurors that each let their deadline pass take most of them.
const TICKS_MAX: usize = 1_000;

/// What the notary draws while nobody else does anything.
#[derive(Clone, Copy, Debug)]
struct Fate {
    /// Whether a job is drawn to be checked.
    check: &'static str,
    /// Whether there is somebody to check it.
    seat: &'static str,
}

const FATES: [Fate; 4] = [
    Fate { check: "draw:check", seat: "seat" },
    Fate { check: "draw:check", seat: "seat:nobody" },
    Fate { check: "draw:none", seat: "seat" },
    Fate { check: "draw:none", seat: "seat:nobody" },
];

/// Lets time pass, with the draws that are due, until the job is closed.
pub(crate) fn close(world: &mut World, check: &str, seat: &str) {
    for _ in 0..TICKS_MAX {
        let drawn = match world.job.stage() {
            Stage::Closed(_) => return,
            Stage::Drawing { round } | Stage::Jury(SeatPhase::Doubting { round })
                if world.now.beacon.round >= round =>
            {
                world.act(check, Party::Notary)
            }
            Stage::Checking(SeatPhase::Seating { round }) | Stage::Jury(SeatPhase::Seating { round })
                if world.now.beacon.round >= round =>
            {
                world.act(seat, Party::Notary)
            }
            Stage::Open { .. }
            | Stage::Cancelling { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_) => world.act("tick", Party::Notary),
        };
        assert!(drawn.is_ok(), "a notary's step that is due was refused: {drawn:?}");
    }
    panic!("still open after {TICKS_MAX} ticks: {:?}", world.job.stage());
}

fn check(terms: &Terms, story: &str, words: &str) {
    for Fate { check, seat } in FATES {
        let (mut world, _) = World::probed(terms, story, words);
        close(&mut world, check, seat);
    }
}

#[test]
fn ticks_alone_close_every_job_wherever_its_parties_leave_it() {
    for group in cases::all() {
        for [story, words, _] in Group::rows(group) {
            check(&group.terms, story, words);
        }
    }
}
