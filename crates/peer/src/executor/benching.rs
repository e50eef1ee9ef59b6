//! How fast a model runs here, token by token.
//!
//! **Invariant:** what a run takes beside its tokens, to begin and to end, is in none of the figures of tokens: each is the
//! difference between two moments, divided by the tokens between them.

use std::{fs::File, time::Instant};

use assay_protocol::{
    frames,
    id::Digest,
    manifest::{Manifest, Meter, Meters, TokenWeights, WorkPerMeter},
    order::Failure,
    units::{Duration, Units},
};
use assay_runtime::{
    outcome::RunFailure,
    survey::survey,
    worker::{Follower, Given},
};
use serde::{Deserialize, Serialize};

use super::{Executor, Inner, Paths, envelope, mapped};

/// Runs of which the fastest counts: whatever else a machine does slows a run down.
const ROUNDS: usize = 3;
/// What the first run may read, in tokens; it writes what is left of it.
const FIRST_TOKENS: u64 = 512;
/// Tokens that are written where it is measured how long one takes.
const WRITTEN_TOKENS: u64 = 32;
/// Tokens that are read, at most, where it is measured how long one takes.
const READ_TOKENS: u64 = 512;
/// The longest run.
const BENCH_WAIT: Duration = Duration::seconds(300);
/// Instructions that are one step of their meter.
const MEGA: u64 = 1_000_000;

/// How fast a model runs here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPace {
    /// Nanoseconds for each token that is read, of a model that writes texts. Nothing, where too few could be read to tell.
    pub read_ns: Option<u64>,
    /// Nanoseconds for each token that is written, likewise.
    pub written_ns: Option<u64>,
    /// Nanoseconds of a whole run.
    pub run_ns: u64,
    /// What that run counted.
    pub meters: Meters,
}

impl ModelPace {
    /// How much work each step of its meter is, where one of work takes so many nanoseconds here.
    #[must_use]
    pub fn work(&self, meter: Meter, unit_ns: u64) -> Option<WorkPerMeter> {
        let none = WorkPerMeter::default();
        let work = |ns: u64| ns.div_ceil(unit_ns.max(1)).max(1);
        match meter {
            Meter::Tokens(_) => {
                let (token_read, token_written) = (work(self.read_ns?), work(self.written_ns?));
                Some(WorkPerMeter { token_read, token_written, ..none })
            }
            Meter::Calls => {
                Some(WorkPerMeter { call: work(self.run_ns.checked_div(self.meters.calls)?), ..none })
            }
            Meter::MegaFuel => {
                let mega_fuel = work(self.run_ns.checked_div(self.meters.fuel.div_ceil(MEGA))?);
                Some(WorkPerMeter { mega_fuel, ..none })
            }
        }
    }
}

impl Executor {
    /// How fast a model runs here on such an input; of a model that writes texts, on such a text once and many times over.
    ///
    /// # Errors
    /// [`Failure`], if it does not run.
    pub async fn bench(&self, manifest: Manifest, input: Vec<u8>) -> Result<ModelPace, Failure> {
        let benched = self.block(move |inner| {
            inner.place(&manifest)?;
            let paths = inner.files(&manifest)?;
            let bench = PaceBench { inner, manifest: &manifest, paths: &paths };
            let pace = match manifest.meter {
                Meter::Tokens(weights) => bench.tokens(weights, &input),
                Meter::Calls | Meter::MegaFuel => bench.whole(&input),
            };
            pace.map_err(|failure| mapped(&failure))
        });
        benched.await.unwrap_or(Err(Failure::Machine))
    }

    /// Bytes of memory that a run takes: of a model of language what its file says, of others what its manifest does.
    pub(crate) async fn memory_of(&self, manifest: Manifest) -> u64 {
        let stated = manifest.memory_bytes;
        let surveyed = self.block(move |inner| {
            let path = inner.files(&manifest).ok()?.model?;
            let file = File::open(&path).ok()?;
            let bytes = file.metadata().ok()?.len();
            let survey = survey(file, bytes).ok()?;
            Some(survey.memory_bytes(survey.context))
        });
        surveyed.await.flatten().unwrap_or(stated)
    }
}

/// A model that is measured.
struct PaceBench<'a> {
    inner: &'a Inner,
    manifest: &'a Manifest,
    paths: &'a Paths,
}

impl PaceBench<'_> {
    /// What a step takes of a model that is paid by the call or by what its runner computes.
    fn whole(&self, input: &[u8]) -> Result<ModelPace, RunFailure> {
        // The first one reads the model.
        self.run(input, Units::MAX)?;
        let run = self.fastest(input, Units::MAX)?;
        Ok(ModelPace { run_ns: run.whole_ns, meters: run.meters, ..ModelPace::default() })
    }

    fn tokens(&self, weights: TokenWeights, text: &[u8]) -> Result<ModelPace, RunFailure> {
        let first = self.run(text, weights.units(FIRST_TOKENS, 1))?;
        let short = self.fastest(text, weights.units(first.meters.tokens_read, WRITTEN_TOKENS))?;
        Ok(ModelPace {
            read_ns: self.read_ns(weights, text, &short)?,
            written_ns: short.written_ns(),
            run_ns: short.whole_ns,
            meters: short.meters,
        })
    }

    /// What a token takes that is read: how much later the first one comes where the text is said many times.
    fn read_ns(
        &self,
        weights: TokenWeights,
        text: &[u8],
        short: &TimedRun,
    ) -> Result<Option<u64>, RunFailure> {
        let read = short.meters.tokens_read;
        let said = |times: u64| text.repeat(usize::try_from(times).unwrap_or(1));
        let twice = match self.run(&said(2), weights.units(2 * read + 8, 1)) {
            Ok(twice) => twice.meters.tokens_read,
            // It takes no longer text.
            Err(RunFailure::BadInput(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let Some(mut times) = READ_TOKENS.saturating_sub(read).checked_div(twice.saturating_sub(read)) else {
            return Ok(None);
        };
        while times >= 1 {
            // A few more than there should be: tokens of a text that is said twice need not be twice as many.
            let expected = read + times * twice.saturating_sub(read);
            match self.fastest(&said(times + 1), weights.units(expected + expected / 16 + 8, 1)) {
                Ok(long) => return Ok(long.read_ns_beside(short)),
                Err(RunFailure::BadInput(_) | RunFailure::OutOfUnits { .. }) => times /= 2,
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    /// Of some equal runs the one that took least, moment by moment.
    fn fastest(&self, input: &[u8], units_max: Units) -> Result<TimedRun, RunFailure> {
        let mut fastest = self.run(input, units_max)?;
        for _ in 1..ROUNDS {
            let run = self.run(input, units_max)?;
            if run.whole_ns < fastest.whole_ns {
                fastest = run;
            }
        }
        Ok(fastest)
    }

    fn run(&self, input: &[u8], units_max: Units) -> Result<TimedRun, RunFailure> {
        let (manifest, paths) = (self.manifest, self.paths);
        let envelope = envelope(manifest, Digest::default(), units_max, BENCH_WAIT, paths.model_bytes);
        let mut timeline = Timeline { began: Instant::now(), written: Vec::new(), token_ns: Vec::new() };
        let given = Given { input, ..Given::default() };
        let completed = self.inner.pool.run(&envelope, paths.borrowed(), given, &mut timeline)?;
        let whole_ns = timeline.now_ns();
        Ok(TimedRun { token_ns: timeline.token_ns, whole_ns, meters: completed.meters })
    }
}

/// When each token of a run came, while it runs.
struct Timeline {
    began: Instant,
    written: Vec<u8>,
    token_ns: Vec<u64>,
}

impl Timeline {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Follower for Timeline {
    fn chunk(&mut self, bytes: &[u8]) {
        let now_ns = self.now_ns();
        self.written.extend_from_slice(bytes);
        self.token_ns.resize(frames::tokens(&self.written).len(), now_ns);
    }
}

/// A run that is over: when each of its tokens came, and its end, from its beginning on.
#[derive(Clone, Debug)]
struct TimedRun {
    token_ns: Vec<u64>,
    whole_ns: u64,
    meters: Meters,
}

impl TimedRun {
    /// What a token takes that is written behind another one.
    fn written_ns(&self) -> Option<u64> {
        let ([first, ..], [.., last]) = (&self.token_ns[..], &self.token_ns[..]) else { return None };
        last.saturating_sub(*first).checked_div(self.token_ns.len() as u64 - 1)
    }

    /// What a token takes that is read, by the run that read fewer.
    fn read_ns_beside(&self, short: &Self) -> Option<u64> {
        let more = self.meters.tokens_read.saturating_sub(short.meters.tokens_read);
        let later = self.token_ns.first()?.saturating_sub(*short.token_ns.first()?);
        later.checked_div(more).filter(|ns| *ns > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: Meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });

    fn timed(tokens_read: u64, token_ns: &[u64]) -> TimedRun {
        let meters = Meters { tokens_read, tokens_written: token_ns.len() as u64, ..Meters::default() };
        TimedRun { token_ns: token_ns.to_vec(), whole_ns: 1_000, meters }
    }

    #[test]
    fn a_token_takes_what_lies_between_two_moments() {
        let short = timed(10, &[100, 120, 150]);
        assert_eq!(short.written_ns(), Some(25));
        assert_eq!((timed(10, &[7]).written_ns(), timed(10, &[]).written_ns()), (None, None));
        assert_eq!(timed(60, &[600]).read_ns_beside(&short), Some(10));
        assert_eq!(timed(10, &[600]).read_ns_beside(&short), None, "it read no more");
        assert_eq!(timed(60, &[90]).read_ns_beside(&short), None, "it was no slower");
        assert_eq!(timed(60, &[]).read_ns_beside(&short), None, "it wrote nothing");
    }

    #[test]
    fn tokens_are_timed_as_their_frames_come() {
        let mut timeline = Timeline { began: Instant::now(), written: Vec::new(), token_ns: Vec::new() };
        let frame = frames::encode(&[1, 2], b"ab").unwrap();
        timeline.chunk(&frame[..3]);
        assert_eq!(timeline.token_ns.len(), 0, "it is not whole");
        timeline.chunk(&frame[3..]);
        timeline.chunk(&frames::encode(&[3], b"").unwrap());
        let [first, second, third] = timeline.token_ns[..] else { panic!("three tokens came") };
        assert!(first == second && second <= third);
    }

    #[test]
    fn work_is_counted_in_steps_of_the_yardstick() {
        let pace = ModelPace { read_ns: Some(150), written_ns: Some(999), ..ModelPace::default() };
        let work = pace.work(TOKENS, 100).unwrap();
        assert_eq!((work.token_read, work.token_written, work.call), (2, 10, 0));
        assert_eq!(pace.work(TOKENS, 1_000).unwrap().token_read, 1, "nothing is no work");
        assert_eq!(ModelPace { read_ns: None, ..pace }.work(TOKENS, 100), None);
        let meters = Meters { calls: 2, fuel: 3 * MEGA, ..Meters::default() };
        let whole = ModelPace { run_ns: 3_000, meters, ..ModelPace::default() };
        assert_eq!(whole.work(Meter::Calls, 100).unwrap().call, 15);
        assert_eq!(whole.work(Meter::MegaFuel, 100).unwrap().mega_fuel, 10);
        assert_eq!(ModelPace::default().work(Meter::Calls, 100), None, "no call was made");
    }
}
