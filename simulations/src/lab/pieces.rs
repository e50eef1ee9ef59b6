//! Runs that are made on several threads: each run of each scenario is one piece of work.
//!
//! **Invariant:** every piece is begun after those before it, so the first that fails is the same one on however many threads.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    experiment::{self, ExperimentError, RunFigures},
    scenario::Scenario,
};

/// Where pieces of work come from.
pub trait PieceSource: Send + Sync + 'static {
    /// The scenario and the seed of the piece with this number; nothing once there are no more.
    fn piece(&self, number: usize) -> Option<(usize, u64)>;
    /// The scenario with this number.
    fn scenario(&self, number: usize) -> &Scenario;
    /// Makes a run of the scenario with this number.
    ///
    /// # Errors
    /// [`ExperimentError`], if that gave no figures.
    fn live(&self, number: usize, seed: u64) -> Result<RunFigures, ExperimentError> {
        experiment::live(self.scenario(number), seed)
    }
}

/// A piece that is done.
#[derive(Debug)]
pub struct DonePiece {
    /// The number of its scenario.
    pub scenario: usize,
    /// Its seed.
    pub seed: u64,
    /// What it came to, or the panic that it ended with: a broken rule of the books stays what it is in a test.
    pub ended: thread::Result<Result<RunFigures, ExperimentError>>,
}

/// Begins the pieces on so many threads. Each thread tells what it did, goes on while `tell` says so, and lets go of it at its
/// end.
pub fn begin(
    source: &Arc<impl PieceSource>,
    threads: usize,
    tell: impl Fn(DonePiece) -> bool + Clone + Send + 'static,
) {
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..threads {
        let (source, next, tell) = (Arc::clone(source), Arc::clone(&next), tell.clone());
        thread::spawn(move || {
            while let Some((scenario, seed)) = source.piece(next.fetch_add(1, Ordering::Relaxed)) {
                let live = || source.live(scenario, seed);
                let ended = catch_unwind(AssertUnwindSafe(live));
                if !tell(DonePiece { scenario, seed, ended }) {
                    return;
                }
            }
        });
    }
}

/// Pieces that were listed before.
#[derive(Clone, Debug, Default)]
pub struct ListedPieces {
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
    /// Each piece: the number of its scenario, and its seed.
    pub pieces: Vec<(usize, u64)>,
}

impl PieceSource for ListedPieces {
    fn piece(&self, number: usize) -> Option<(usize, u64)> {
        self.pieces.get(number).copied()
    }

    fn scenario(&self, number: usize) -> &Scenario {
        &self.scenarios[number]
    }
}

/// What a panic said.
#[must_use]
pub fn said(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "it said nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::lab::shipped;

    #[test]
    fn every_piece_is_done_once_and_gives_what_it_gives_alone() {
        let text = shipped::text("fraud-vs-check-rate").unwrap();
        let scenario = Scenario::read("fraud-vs-check-rate", &text, &shipped::text).unwrap();
        let short = Scenario { horizon: 1_000_000_000, ..scenario };
        let scenarios = vec![Scenario { slots: 1, ..short.clone() }, short];
        let pieces = vec![(1, 5), (0, 2), (1, 2)];
        let source = Arc::new(ListedPieces { scenarios, pieces: pieces.clone() });
        let (sender, done) = mpsc::channel();
        begin(&source, 2, move |piece| sender.send(piece).is_ok());
        let mut done: Vec<DonePiece> = done.into_iter().collect();
        done.sort_by_key(|piece| pieces.iter().position(|known| *known == (piece.scenario, piece.seed)));
        assert_eq!(done.iter().map(|piece| (piece.scenario, piece.seed)).collect::<Vec<_>>(), pieces);
        for piece in done {
            let alone = experiment::live(source.scenario(piece.scenario), piece.seed);
            assert_eq!(piece.ended.unwrap(), alone);
        }
    }

    #[test]
    fn what_a_panic_said_is_told() {
        let of = |panic: fn()| said(&*catch_unwind(panic).unwrap_err());
        assert_eq!(of(|| panic!("the books do not balance")), "the books do not balance");
        assert_eq!(of(|| panic!("{} of the books", std::hint::black_box(7))), "7 of the books");
    }
}
