//! Whether a text that is asked for can be written in the time that its run has, by what its provider says of itself.
//!
//! **Invariant:** whoever would wait in vain reads so before anything is held; nothing is ordered otherwise for it.

use assay_market::{pace::TYPICAL_TOKENS, quote::Chosen};
use assay_peer::{
    config::Settings,
    handle::{Attachment, QuoteJob, Submit},
};
use assay_protocol::{
    deadline,
    genesis::Genesis,
    manifest::{Manifest, Meter, TokenWeights},
    units::{Duration, Units},
};

use super::fitting::{TOKENS_FEWEST, tokens_within};
use crate::{
    daemon::RunningDaemon,
    invocation::Invocation,
    printer::{ago, number_of},
};

/// How many times what a run takes it may be given, so that a busy machine is in time as well.
const ROOM: u64 = 2;
const MINUTE_MS: u64 = 60_000;

/// The run of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextRun {
    weights: TokenWeights,
    /// How long a typical one takes, as its provider says.
    typical: Duration,
    units_max: Units,
    /// How long it may take.
    most: Duration,
}

/// What bounds the time of a run.
#[derive(Clone, Copy, Debug)]
struct TimeBounds {
    /// What the settings of the home say, where that is known.
    settled: Option<Duration>,
    /// The most that the network allows for its work.
    allowed: Duration,
}

impl TextRun {
    /// That of an order; nothing, if it is for no text.
    pub(crate) fn of(chosen: &Chosen) -> Option<Self> {
        let Meter::Tokens(weights) = chosen.order.manifest.meter else { return None };
        let (units_max, most) = (chosen.order.units_max, chosen.order.run_max);
        Some(Self { weights, typical: chosen.run, units_max, most })
    }

    /// How long all of its units take. A short one takes as long as a typical one.
    pub(crate) fn expected(self) -> Duration {
        let typical = self.typical_units();
        Duration(self.typical.times(self.units_max.max(typical)).0 / typical)
    }

    fn typical_units(self) -> Units {
        self.weights.units(TYPICAL_TOKENS, TYPICAL_TOKENS).max(1)
    }

    /// That it may take longer than it has, where so many tokens are read, and what helps.
    fn words(self, read: u64, bounds: TimeBounds) -> Option<String> {
        let expected = self.expected();
        if expected <= self.most {
            return None;
        }
        let tokens = |units| tokens_within(units, read, self.weights);
        let minutes = expected.times(ROOM).0.div_ceil(MINUTE_MS);
        let longer = (bounds.settled == Some(self.most) && expected < bounds.allowed)
            .then(|| format!("`assay config set client.run_max {minutes}m` lets it take longer"));
        let fitting = tokens(self.typical_units().saturating_mul(self.most.0) / self.typical.0.max(1));
        // Where a typical run is too long, so is each shorter one, and would be told of as this is.
        let shorter = (self.typical <= self.most && fitting >= TOKENS_FEWEST)
            .then(|| format!("--max-tokens {fitting} asks for a shorter one"));
        let helps: Vec<String> = longer.into_iter().chain(shorter).collect();
        let helps = match helps.as_slice() {
            [] => "another provider may be quicker (`assay offers`)".to_owned(),
            _ => helps.join(", "),
        };
        Some(format!(
            "note: by what its provider says an answer of {} takes about {}, and a run has {}: one that takes longer fails; {helps}",
            number_of(tokens(self.units_max), "token"),
            ago(expected),
            ago(self.most)
        ))
    }
}

/// Says of an order that is about to be made that its text may take too long; nothing where nobody is known to write it.
pub(crate) async fn warn(
    submit: &Submit,
    (manifest, read): (&Manifest, u64),
    daemon: &RunningDaemon,
    invocation: &Invocation,
) {
    // A program is told nothing on the way; it asks what a job would come to.
    if invocation.printer.is_json() || !matches!(manifest.meter, Meter::Tokens(_)) {
        return;
    }
    let wish = Submit { input: Attachment::default(), ..submit.clone() };
    let quote = daemon.handle.call(QuoteJob(wish)).await.ok();
    if let Some(chosen) = quote.and_then(|quote| quote.chosen) {
        tell(&chosen, read, &daemon.genesis, invocation);
    }
}

/// Says of what would be ordered that its text may take too long, where so many tokens are read.
pub(crate) fn tell(chosen: &Chosen, read: u64, genesis: &Genesis, invocation: &Invocation) {
    let bounds = TimeBounds {
        // Of a file that makes no sense nobody knows what it says.
        settled: Settings::read(&invocation.home).ok().map(|settings| settings.client.run_max),
        allowed: deadline::run_max(genesis, &chosen.order),
    };
    let words = TextRun::of(chosen).and_then(|run| run.words(read, bounds));
    words.into_iter().for_each(|words| invocation.printer.note(words));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of so many units, of which a typical one takes 64 tokens that are read and 64 that are written.
    fn run(units_max: Units) -> TextRun {
        let weights = TokenWeights { read: 1, written: 4 };
        TextRun { weights, typical: Duration::seconds(10), units_max, most: Duration::seconds(30) }
    }

    #[test]
    fn a_text_takes_what_its_provider_says_of_a_typical_one_and_never_less() {
        assert_eq!(
            [8, 320, 640, 3_200].map(|units| run(units).expected().0),
            [10_000, 10_000, 20_000, 100_000]
        );
        let endless = TextRun { typical: Duration(u64::MAX), ..run(u64::MAX) };
        assert_eq!(endless.expected(), Duration(u64::MAX / 320));
    }

    #[test]
    fn whoever_asks_for_more_than_can_be_written_in_time_is_told_what_helps() {
        let settled = Some(Duration::seconds(30));
        let bounds = TimeBounds { settled, allowed: Duration::seconds(600) };
        assert_eq!(run(960).words(0, bounds), None);
        assert_eq!(
            run(3_200).words(100, bounds).unwrap(),
            "note: by what its provider says an answer of 775 tokens takes about 100 s, and a run has 30 s: one that takes longer \
             fails; `assay config set client.run_max 4m` lets it take longer, --max-tokens 215 asks for a shorter one"
        );
        let told = |run: TextRun, bounds| run.words(0, bounds).unwrap();
        let strict = told(run(3_200), TimeBounds { allowed: Duration::seconds(30), ..bounds });
        assert!(strict.ends_with("fails; --max-tokens 240 asks for a shorter one"), "{strict}");
        let unsettled = told(run(3_200), TimeBounds { settled: None, ..bounds });
        assert!(!unsettled.contains("client.run_max"), "{unsettled}");
        for typical in [31, 900] {
            let slow = TextRun { typical: Duration::seconds(typical), ..run(3_200) };
            let slow = told(slow, TimeBounds { allowed: Duration::seconds(90), ..bounds });
            assert!(slow.ends_with("another provider may be quicker (`assay offers`)"), "{slow}");
        }
    }
}
