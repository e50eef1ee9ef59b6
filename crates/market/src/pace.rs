//! How long a run may take that an order asks for. How long its money is held goes with that, so it is no longer than it needs
//! to be.
//!
//! ```text
//! longest run = a busy machine + its model read + its input over a slow line
//!             + the larger of 6 × such a run where it is ordered, and 3 × such a run at the slowest that may check it
//! ```
//!
//! **Invariant:** never longer than its user allows; as long as that where no offer says what a run takes. A provider that
//! promises little leaves those who check it no less time than they say that they need, as long as an offer of theirs is known.

use assay_protocol::{
    manifest::{Manifest, Meter, WorkPerMeter},
    units::{Duration, Units, Work},
};

use crate::submission::Submission;

/// Tokens that a typical run of a text reads at most, and as many that it writes: a model is tried so before it is offered.
pub const TYPICAL_TOKENS: u64 = 64;
/// What a busy machine takes beside the run itself: a process to be started, a runner to be compiled, its turn.
const BUSY: Duration = Duration::seconds(5);
/// How many times what its offer says a run may take where it is ordered. What a model was tried with may have ended after
/// eight tokens, and a run that writes as many as it may takes six times as long.
const OWN_RUNS: u64 = 6;
/// The same of the slowest that may check it, which has three times as long as the order allows.
const SLOWEST_RUNS: u64 = 3;
/// Bytes of a run's memory that are filled in a millisecond where the model has yet to be read.
const MEMORY_BYTES_PER_MS: u64 = 512 * 1024;
/// What a slow line carries in a millisecond: twice what a blob must move at least.
pub(crate) const LINE_BYTES_PER_MS: u64 = 32;

/// How fast a text comes, by what an offer says of a typical run and a manifest of the work in it. At best so: what it was tried
/// with may have ended sooner than a typical run may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextPace {
    run: Duration,
    work: WorkPerMeter,
}

impl TextPace {
    /// That of a model whose typical run takes so long; nothing of what writes no texts, or where nothing is said of it.
    #[must_use]
    pub fn of(manifest: &Manifest, run: Duration) -> Option<Self> {
        let is_told = run != Duration::default() && manifest.work.token_written > 0;
        (is_told && manifest.gives_parts()).then_some(Self { run, work: manifest.work })
    }

    /// How many tokens are written in so long.
    #[must_use]
    pub fn tokens_in(self, time: Duration) -> u64 {
        let written = self.run.times(self.work.token_written).0.max(1);
        time.times(self.typical_work()).0 / written
    }

    /// How long it takes to read and to write so many.
    #[must_use]
    pub fn time(self, tokens_read: u64, tokens_written: u64) -> Duration {
        let work = self.work_of(tokens_read, tokens_written);
        Duration(self.run.times(work).0 / self.typical_work())
    }

    fn typical_work(self) -> Work {
        self.work_of(TYPICAL_TOKENS, TYPICAL_TOKENS)
    }

    fn work_of(self, tokens_read: u64, tokens_written: u64) -> Work {
        let read = tokens_read.saturating_mul(self.work.token_read);
        read.saturating_add(tokens_written.saturating_mul(self.work.token_written))
    }
}

/// The longest run of an order for this, at a provider that says that a typical one takes `own`, where the slowest of those
/// that may check it says `slowest`.
#[must_use]
pub fn run_max(wish: &Submission, own: Duration, slowest: Duration) -> Duration {
    if own == Duration::default() || typical_units(&wish.manifest).is_none() {
        return wish.run_max;
    }
    let such = |run, times| run_of(&wish.manifest, wish.units_max, run).times(times);
    let model = Duration(wish.manifest.memory_bytes / MEMORY_BYTES_PER_MS);
    let input = Duration(wish.input_bytes / LINE_BYTES_PER_MS);
    let run = such(own, OWN_RUNS).max(such(slowest, SLOWEST_RUNS));
    BUSY.plus(model).plus(input).plus(run).min(wish.run_max)
}

/// How long a run of so many units takes where a typical one takes `run`; as long, where nothing says of how many that is.
pub(crate) fn run_of(manifest: &Manifest, units_max: Units, run: Duration) -> Duration {
    let Some(typical) = typical_units(manifest) else { return run };
    // Fewer units than in a typical run count as one: most of what they take comes with any run.
    Duration(run.times(units_max.max(typical)).0 / typical)
}

/// The units of a run that offers speak of, at most; nothing where they say nothing of how many those were.
fn typical_units(manifest: &Manifest) -> Option<Units> {
    match manifest.meter {
        Meter::Calls => Some(1),
        Meter::Tokens(weights) => Some(weights.units(TYPICAL_TOKENS, TYPICAL_TOKENS).max(1)),
        Meter::MegaFuel => None,
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::{Policy, TokenWeights};

    use super::*;
    use crate::fixture::submission;

    /// A wish for so many units of a text of a small model.
    fn text(units_max: Units) -> Submission {
        let mut wish = Submission { units_max, input_bytes: 40, ..submission(0) };
        wish.manifest.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
        wish.manifest.memory_bytes = 64 << 20;
        wish
    }

    fn ms(own: u64, slowest: u64, wish: &Submission) -> u64 {
        run_max(wish, Duration(own), Duration(slowest)).0
    }

    #[test]
    fn a_run_has_six_times_what_is_said_of_it_and_what_any_run_takes() {
        // 5 s, 128 ms to read the model, 1 ms for the input; a typical run has 320 units.
        assert_eq!(ms(24, 0, &text(87)), 5_129 + 144);
        assert_eq!(ms(24, 0, &text(320)), 5_129 + 144, "less than a typical run is one");
        assert_eq!(ms(24, 0, &text(640)), 5_129 + 288);
        assert_eq!(ms(1_500, 0, &text(640)), 5_129 + 18_000, "a slow one has more");
        let calls = Submission { units_max: 3, ..submission(0) };
        assert_eq!(ms(7, 0, &calls), 5_000 + 126, "whoever wants three pictures read waits for three");
        let large = Submission { input_bytes: 320_000, ..calls };
        assert_eq!(ms(7, 0, &large), 15_000 + 126, "an input has the time of a slow line");
    }

    #[test]
    fn a_text_comes_as_fast_as_a_typical_run_of_it_and_its_work_say() {
        let mut manifest = text(1).manifest;
        manifest.policy = Policy::Replay;
        manifest.work = WorkPerMeter { token_read: 1, token_written: 4, ..WorkPerMeter::default() };
        // 64 that are read and 64 that are written are 320 of work.
        let pace = TextPace::of(&manifest, Duration(3_200)).unwrap();
        assert_eq!((pace.time(64, 64), pace.time(100, 0)), (Duration(3_200), Duration(1_000)));
        assert_eq!((pace.time(0, 50), pace.tokens_in(Duration(2_000))), (Duration(2_000), 50));
        assert_eq!(TextPace::of(&manifest, Duration(0)), None, "its offer says nothing");
        let vast = TextPace::of(&manifest, Duration(u64::MAX)).unwrap();
        assert_eq!((vast.tokens_in(Duration(1)), vast.time(u64::MAX, 1)), (0, Duration(u64::MAX / 320)));
        manifest.work.token_written = 0;
        assert_eq!(TextPace::of(&manifest, Duration(1)), None, "its manifest says nothing");
        assert_eq!(TextPace::of(&submission(0).manifest, Duration(1)), None, "it is no text");
    }

    #[test]
    fn who_may_check_it_has_the_time_that_it_says_it_needs_however_little_the_provider_promises() {
        assert_eq!(ms(1, 2_000, &text(640)), 5_129 + 12_000);
        assert_eq!(ms(1_500, 2_000, &text(640)), 5_129 + 18_000, "the larger of both");
    }

    #[test]
    fn no_run_is_longer_than_its_user_allows_and_what_nobody_says_is_that() {
        let most = text(640).run_max.0;
        for (own, slowest) in [(60_000, 0), (1, 60_000), (u64::MAX, 0), (1, u64::MAX), (0, 0), (0, 10)] {
            assert_eq!(ms(own, slowest, &text(640)), most, "{own} {slowest}");
        }
        let short = Submission { run_max: Duration(1_200), ..text(87) };
        assert_eq!(ms(24, 0, &short), 1_200);
        let mut steps = text(87);
        steps.manifest.meter = Meter::MegaFuel;
        assert_eq!(ms(24, 0, &steps), most, "of how many steps an offer speaks it does not say");
        let mut vast = text(87);
        vast.manifest.memory_bytes = u64::MAX;
        assert_eq!(ms(24, 0, &vast), most);
        let mut weightless = text(u64::MAX);
        weightless.manifest.meter = Meter::Tokens(TokenWeights { read: 0, written: 0 });
        assert_eq!(ms(24, 0, &weightless), most);
    }
}
