//! The runs that a search takes. What attacks are put beside is shared by many and kept; what is attacked is kept while it may be
//! looked at again.
//!
//! **Invariant:** no run is made twice of what is kept, whatever asks for it.

use std::collections::BTreeMap;

use super::{NoOutcome, SeekStep, TrialKind};
use crate::lab::{
    attack::{AttackCase, AttackOutcome},
    experiment::RunFigures,
    pieces::{DonePiece, ListedPieces, said},
    scenario::Scenario,
};

/// The run of a scenario and seed, or why there is none.
type SoughtRun = Result<RunFigures, NoOutcome>;
/// Runs by what stands for their scenario, and their seed.
type RunsKept = BTreeMap<(String, u64), SoughtRun>;

/// The runs of a search.
#[derive(Debug, Default)]
pub struct SoughtRuns {
    /// Of markets in which all are honest.
    shared: RunsKept,
    /// Of the attacks of the last batch.
    own: RunsKept,
}

/// Runs that are missing.
#[derive(Clone, Debug, Default)]
pub struct MissingRuns {
    /// As they are made.
    pub pieces: ListedPieces,
    /// What stands for each of their scenarios, and whether others share its runs.
    scenarios: Vec<(String, bool)>,
}

impl SoughtRuns {
    /// What is missing for a step.
    pub fn missing(&mut self, step: &SeekStep) -> MissingRuns {
        if step.kind == TrialKind::First {
            self.own.clear();
        }
        let (first, seeds) = step.seeds;
        let mut missing = MissingRuns::default();
        for case in &step.cases {
            let all =
                [(&case.honest, true), (&case.without, true), (&case.attacked, false), (&case.priced, false)];
            for (scenario, is_shared) in all {
                let hash = scenario.hash();
                if missing.scenarios.iter().any(|(known, _)| *known == hash) {
                    continue;
                }
                let number = missing.scenarios.len();
                let left = (first..first + seeds).filter(|seed| self.find(&hash, *seed).is_none());
                missing.pieces.pieces.extend(left.map(|seed| (number, seed)));
                missing.pieces.scenarios.push(scenario.clone());
                missing.scenarios.push((hash, is_shared));
            }
        }
        missing
    }

    /// Takes one of them.
    pub fn take(&mut self, missing: &MissingRuns, piece: DonePiece) {
        let DonePiece { scenario, seed, ended } = piece;
        let none = |said: String, is_rule: bool| NoOutcome { said, is_rule };
        let run = match ended {
            Ok(Ok(run)) => Ok(RunFigures { series: Vec::new(), ..run }),
            Ok(Err(error)) => Err(none(error.to_string(), false)),
            Err(panic) => Err(none(format!("seed {seed}: {}", said(&*panic)), true)),
        };
        let (hash, is_shared) = missing.scenarios[scenario].clone();
        let kept = if is_shared { &mut self.shared } else { &mut self.own };
        kept.insert((hash, seed), run);
    }

    /// What came of the attacks of a step, in their order.
    #[must_use]
    pub fn outcomes(&self, step: &SeekStep) -> Vec<Result<AttackOutcome, NoOutcome>> {
        let (first, seeds) = step.seeds;
        let runs = |scenario: &Scenario| -> Result<Vec<RunFigures>, NoOutcome> {
            let hash = scenario.hash();
            let run = |seed| match self.find(&hash, seed) {
                Some(run) => run.clone(),
                None => Err(NoOutcome { said: format!("seed {seed} was not run"), is_rule: false }),
            };
            (first..first + seeds).map(run).collect()
        };
        step.cases.iter().map(|case: &AttackCase| case.outcome(runs)).collect()
    }

    fn find(&self, hash: &str, seed: u64) -> Option<&SoughtRun> {
        let key = (hash.to_owned(), seed);
        self.shared.get(&key).or_else(|| self.own.get(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{
        experiment,
        pieces::PieceSource,
        seek::{Search, SeekFamily, SeekSettings},
        shipped,
    };

    #[test]
    fn what_attacks_are_put_beside_is_run_once_and_what_is_attacked_until_another_batch() {
        let text = shipped::text("market").unwrap();
        let market = Scenario::read("market", &text, &shipped::text).unwrap();
        let market = Scenario { horizon: 1_000_000_000, ..market };
        let families = vec![SeekFamily::Checks];
        let settings = SeekSettings { market, share: 200_000, families, seed: 1, first: 1, seeds: [2, 2] };
        let (mut search, mut runs) = (Search::new(settings), SoughtRuns::default());
        let mut made = Vec::new();
        for _ in 0..3 {
            let step = search.step().unwrap();
            let missing = runs.missing(&step);
            for number in 0..missing.pieces.pieces.len() {
                let (scenario, seed) = missing.pieces.piece(number).unwrap();
                let ended = Ok(experiment::live(missing.pieces.scenario(scenario), seed));
                runs.take(&missing, DonePiece { scenario, seed, ended });
            }
            assert!(step.kind == TrialKind::First || runs.missing(&step).pieces.pieces.is_empty());
            made.push((step.kind, missing.pieces.pieces.len()));
            let came = runs.outcomes(&step);
            assert!(came.iter().all(Result::is_ok), "{came:?}");
            search.take(&step, came);
        }
        assert_eq!(made[0].0, TrialKind::First);
        // Three founders at most, honest, are put beside all of them; another price is one more.
        let (kind, glances) = made[1];
        assert!(kind == TrialKind::Glance && glances <= 4 * 4, "{made:?}");
        let shared: Vec<&(String, u64)> = runs.shared.keys().collect();
        assert!(shared.len() <= 3 * 2 * 2, "{shared:?}");
    }
}
