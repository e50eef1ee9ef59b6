//! A scenario: what an experiment is made of, as a file says it.
//!
//! **Invariant:** a scenario that was read can be run: every number has a unit and lies within its bounds, every key is
//! known, and there is somebody to order, to provide and to check.

mod conduct;
#[cfg(test)]
mod edges;
mod fault;
mod machines;
#[cfg(test)]
mod misspelt;
mod over;
mod population;
mod reader;
mod source;
#[cfg(test)]
mod tests;

use assay_protocol::{codec, genesis::Timers, units::NANO_PER_CREDIT};

pub(super) use self::conduct::SettingKey;
pub use self::{
    conduct::{BehaviourName, BehaviourSettings},
    fault::{LinkFault, LinkFaultKind},
    machines::Machines,
    over::OverError,
    population::{Population, PopulationRole, StrategyCommand},
    source::ScenarioError,
};
use self::{
    reader::{SettingReader, written},
    source::Setting,
};
use super::artefact::text_in_quotes;
use crate::plan;

/// Peers of the largest market.
const PEERS_MAX: u64 = 100_000;
/// Peers of the largest market of which each hop is carried.
const HOPPING_PEERS_MAX: u64 = 10_000;
/// Peers of the largest world of the checker.
const CHECKER_PEERS_MAX: u64 = 1_000;
/// The most seeds of one experiment.
const SEEDS_MAX: u64 = 10_000;

/// What an experiment is made of. Times are in nanoseconds, shares in parts of a million, money in thousandths of a
/// credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// What theory says of it; nothing, if there is none.
    pub theory: String,
    /// How long all its seeds take, one after the other on one core, at about.
    pub takes: u64,
    /// What it is run in.
    pub kernel: KernelName,
    /// After how many facts the laboratory looks at everything in the books; none where nobody looks.
    pub sweep: u64,
    /// How long orders come.
    pub horizon: u64,
    /// How long they come before figures count; the market comes to rest then.
    pub warm_up: u64,
    /// How long each stretch is of which the laboratory counts apart what happens.
    pub series: u64,
    /// How many runs are made, each with a seed of its own.
    pub seeds: u64,
    /// Events after which a run is given up.
    pub events_max: u64,
    /// The shortest and the longest delay of a message.
    pub delays: [u64; 2],
    /// How often a message is lost.
    pub loss: u64,
    /// How long the network waits for what.
    pub timers: TimersName,
    /// How closely the laboratory looks at what is told to everybody.
    pub fidelity: FidelityName,
    /// What each founder has at stake.
    pub stake: u64,
    /// By how much each founder asks more than the one before.
    pub price_step: u64,
    /// Jobs that a founder runs at the same time.
    pub slots: u64,
    /// The rate below which no trust brings a provider.
    pub base: u64,
    /// How slowly trust grows.
    pub ramp: u64,
    /// The mean time between two orders.
    pub between: u64,
    /// When orders come more often.
    pub crowd: Crowd,
    /// What everybody's machine is like.
    pub machine: Machines,
    /// What is ordered.
    pub work: &'static str,
    /// How many of the texts that are ordered may be as long as the longest; the others are a third of that.
    pub long: u64,
    /// Providers that an order is tried at.
    pub attempts: u64,
    /// What a true result is worth to whoever ordered it, by the most that it costs at the usual price.
    pub value: u64,
    /// Who takes part.
    pub populations: Vec<Population>,
    /// What goes wrong for a while.
    pub faults: Vec<LinkFault>,
}

/// How closely the laboratory looks at what is told to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FidelityName {
    /// When it has spread is drawn from a distribution, and all read in one book.
    Sampled,
    /// Each hop is carried, and each has a book of its own.
    Full,
}

/// What a scenario is run in. Both drive the brain of real peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelName {
    /// The checker's world: every message through the codec, every rule after every fact.
    Checker,
    /// The market of the laboratory: small events, one book for all, figures gathered as things happen.
    Laboratory,
}

/// How long a network waits for what, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimersName {
    /// Seconds.
    Brisk,
    /// Minutes, as where peers do not know each other.
    Strangers,
}

impl TimersName {
    /// The lengths.
    #[must_use]
    pub fn timers(self) -> Timers {
        match self {
            Self::Brisk => Timers::brisk(),
            Self::Strangers => Timers::default(),
        }
    }
}

/// Orders that come more often for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// When that begins.
    pub at: u64,
    /// How long it lasts.
    pub lasts: u64,
    /// So many times as often.
    pub factor: u64,
}

const KERNELS: [(&str, KernelName); 2] = [("checker", KernelName::Checker), ("lab", KernelName::Laboratory)];
const TIMERS: [(&str, TimersName); 2] = [("brisk", TimersName::Brisk), ("strangers", TimersName::Strangers)];
const FIDELITIES: [(&str, FidelityName); 2] =
    [("sampled", FidelityName::Sampled), ("full", FidelityName::Full)];
const WORKS: [(&str, &str); 4] = [
    (plan::LABEL, plan::LABEL),
    (plan::TENSOR, plan::TENSOR),
    (plan::EXACT, plan::EXACT),
    (plan::TEXT, plan::TEXT),
];
/// What stands at the top of a file.
const TABLES: [&str; 12] = [
    "name",
    "question",
    "theory",
    "extends",
    "run",
    "network",
    "market",
    "machine",
    "verification",
    "workload",
    "population",
    "fault",
];
/// The whole, in parts of a million.
pub(crate) const WHOLE: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
/// What holds where a scenario does not say it.
const SERIES: u64 = 3_600 * SECOND;
const VALUE: u64 = 2 * WHOLE;
/// The most stretches of a horizon.
const STRETCHES_MAX: u64 = 10_000;

impl Scenario {
    /// Reads a scenario; `find` gives the text of another by its name.
    ///
    /// # Errors
    /// [`ScenarioError`], with the line and the key of what is wrong.
    pub fn read(
        file: &str,
        text: &str,
        find: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ScenarioError> {
        Self::take(file, source::read(file, text, find)?)
    }

    /// Takes every key of what was read.
    fn take(file: &str, whole: Setting) -> Result<Self, ScenarioError> {
        let mut all = SettingReader::new("", whole)?;
        all.refuse_unknown(&TABLES)?;
        let (name, question) = (all.text("name", file)?, all.text("question", "")?);
        let theory = all.text("theory", "")?;
        let mut run = all.table("run")?;
        let mut network = all.table("network")?;
        let mut market = all.table("market")?;
        let machine = Machines::read(all.table("machine")?)?;
        let mut verification = all.table("verification")?;
        let mut workload = all.table("workload")?;
        let populations = all.tables("population")?;
        let populations = Population::read_all(populations)?;
        let faults = LinkFault::read_all(all.tables("fault")?, &populations)?;
        let scenario = Self {
            name,
            question,
            theory,
            takes: run.time("takes", 0)?,
            kernel: run.choice("kernel", KernelName::Checker, &KERNELS)?,
            sweep: run.count("sweep", 1_000, 0..=1_000_000_000)?,
            horizon: run.time("horizon", 60 * SECOND)?,
            warm_up: run.time("warm_up", 0)?,
            series: run.time("series", SERIES)?,
            seeds: run.count("seeds", 10, 1..=SEEDS_MAX)?,
            events_max: run.count("max_events", 20_000_000, 1..=1_000_000_000_000)?,
            delays: [network.time("delay_min", SECOND / 200)?, network.time("delay_max", SECOND / 25)?],
            loss: network.share("loss", 0)?,
            timers: network.choice("timers", TimersName::Brisk, &TIMERS)?,
            fidelity: network.choice("fidelity", FidelityName::Sampled, &FIDELITIES)?,
            stake: market.money("stake", 10_000)?,
            price_step: market.money("price_step", 0)?,
            slots: market.count("slots", 4, 1..=1_000)?,
            base: verification.share("base", 20_000)?,
            ramp: verification.count("ramp", 5, 0..=1_000)?,
            machine,
            between: workload.time("between", SECOND)?,
            crowd: Crowd {
                at: workload.time("crowd_at", 0)?,
                lasts: workload.time("crowd_lasts", 0)?,
                factor: workload.count("crowd_factor", 1, 1..=1_000)?,
            },
            work: workload.choice("work", plan::LABEL, &WORKS)?,
            long: workload.share("long", WHOLE)?,
            attempts: workload.count("attempts", 3, 1..=64)?,
            value: workload.multiple("value", VALUE)?,
            populations,
            faults,
        };
        [&run, &network, &market, &verification, &workload]
            .into_iter()
            .try_for_each(SettingReader::finish)?;
        scenario.consider_times(&run)?;
        scenario.consider(&all, &network, &workload)?;
        Ok(scenario)
    }

    /// Whether the lengths of time go together.
    fn consider_times(&self, run: &SettingReader) -> Result<(), ScenarioError> {
        if self.horizon == 0 {
            return Err(run.wrong("horizon", "must be above \"0 s\""));
        }
        if self.warm_up >= self.horizon {
            return Err(run.wrong("warm_up", "must be shorter than `horizon`: no figure would count"));
        }
        if self.series == 0 || self.horizon / self.series > STRETCHES_MAX {
            let problem =
                format!("must be above \"0 s\", and at least one part in {STRETCHES_MAX} of `horizon`");
            return Err(run.wrong("series", problem));
        }
        Ok(())
    }

    /// Whether the numbers go together.
    fn consider(
        &self,
        all: &SettingReader,
        network: &SettingReader,
        workload: &SettingReader,
    ) -> Result<(), ScenarioError> {
        let (founders, clients) = (self.count(PopulationRole::Founder), self.count(PopulationRole::Client));
        if founders < 4 || clients == 0 {
            let problem = "an impossible market: it takes four founders, of whom three can check the fourth, and one client";
            return Err(all.wrong("population", problem));
        }
        let most = match (self.kernel, self.fidelity) {
            (KernelName::Checker, FidelityName::Sampled) => CHECKER_PEERS_MAX,
            (KernelName::Laboratory, FidelityName::Sampled) => PEERS_MAX,
            (KernelName::Laboratory, FidelityName::Full) => HOPPING_PEERS_MAX,
            (KernelName::Checker, FidelityName::Full) => {
                return Err(network.wrong("fidelity", "is for the laboratory: `kernel = \"lab\"`"));
            }
        };
        if self.peers() - 1 > most {
            return Err(all.wrong("population", format!("more than {most} peers")));
        }
        if self.delays[0] > self.delays[1] {
            return Err(network.wrong("delay_min", "must not be above `delay_max`"));
        }
        if let Some(late) = self.faults.iter().find(|fault| fault.at >= self.horizon) {
            return Err(all.wrong("fault", format!("`{}` begins after the horizon", late.name)));
        }
        let Crowd { at, lasts, factor } = self.crowd;
        if (lasts > 0) != (factor > 1) || (at > 0 && lasts == 0) || (lasts > 0 && at >= self.horizon) {
            let problem = "needs `crowd_lasts`, a `crowd_factor` above 1, and a later horizon";
            return Err(workload.wrong("crowd_at", problem));
        }
        if self.between == 0 {
            return Err(workload.wrong("between", "must be above \"0 s\""));
        }
        if self.long < WHOLE && self.work != plan::TEXT {
            return Err(workload.wrong("long", "is for texts: `work = \"text\"`"));
        }
        self.populations.iter().try_for_each(|each| {
            let wrong = each.misfits(self);
            wrong.map_or(Ok(()), |problem| Err(all.wrong("population", problem)))
        })
    }

    /// How many peers are there for this.
    #[must_use]
    pub fn count(&self, role: PopulationRole) -> u64 {
        self.populations.iter().filter(|each| each.role == role).map(|each| each.count).sum()
    }

    /// The programs that decide for some of its peers, as they are started.
    #[must_use]
    pub fn programs(&self) -> Vec<String> {
        let commands = self.populations.iter().filter_map(|each| each.command.as_ref());
        commands.map(StrategyCommand::line).collect()
    }

    /// How many peers there are, with the notary.
    #[must_use]
    pub fn peers(&self) -> u64 {
        1 + self.populations.iter().map(|each| each.count).sum::<u64>()
    }

    /// Orders that are expected of one run.
    #[must_use]
    pub fn orders(&self) -> u64 {
        let crowd = self.crowd.lasts.min(self.horizon.saturating_sub(self.crowd.at));
        let time = self.horizon.saturating_add(crowd.saturating_mul(self.crowd.factor - 1));
        time / self.between.max(1)
    }

    /// What a true result is worth to whoever ordered it, in credits; where some are longer than others, on average.
    #[must_use]
    pub fn worth(&self) -> f64 {
        let (long, whole) = (self.long as f64, WHOLE as f64);
        let units = match self.work == plan::TEXT {
            true => (plan::TEXT_UNITS as f64 * long + plan::TEXT_UNITS_SHORT as f64 * (whole - long)) / whole,
            false => 1.0,
        };
        self.value as f64 / whole * units * plan::UNIT_PRICE.0 as f64 / NANO_PER_CREDIT as f64
    }

    /// The scenario with everything that it leaves to defaults, as a file that extends nothing.
    #[must_use]
    pub fn resolved(&self) -> String {
        self.text(written)
    }

    /// The same, with lengths of time written by `time`.
    fn text(&self, time: fn(u64) -> String) -> String {
        let [delay_min, delay_max] = self.delays.map(time);
        let some = |is_said: bool, line: String| if is_said { line } else { String::new() };
        // What is not said of most is left out where it is not said.
        let warm_up = some(self.warm_up > 0, format!("warm_up = \"{}\"\n", time(self.warm_up)));
        let series = some(self.series != SERIES, format!("series = \"{}\"\n", time(self.series)));
        let long = some(self.work == plan::TEXT, format!("long = \"{} %\"\n", self.long as f64 / 1e4));
        let timers = word_of(self.timers, &TIMERS);
        let timers = some(self.timers != TimersName::Brisk, format!("timers = {timers:?}\n"));
        let fidelity = some(self.fidelity == FidelityName::Full, "fidelity = \"full\"\n".to_owned());
        let value = some(self.value != VALUE, format!("value = \"{} %\"\n", self.value as f64 / 1e4));
        let mut text = format!(
            "name = {}\nquestion = {}\ntheory = {}\n\n\
             [run]\ntakes = \"{}\"\nkernel = {:?}\nsweep = {}\nhorizon = \"{}\"\n{warm_up}{series}\
             seeds = {}\nmax_events = {}\n\n\
             [network]\ndelay_min = \"{delay_min}\"\ndelay_max = \"{delay_max}\"\nloss = \"{} %\"\n\
             {timers}{fidelity}\n[market]\nstake = \"{} credits\"\nprice_step = \"{} credits\"\nslots = {}\n{}\n\
             [verification]\nbase = \"{} %\"\nramp = {}\n\n\
             [workload]\nbetween = \"{}\"\ncrowd_at = \"{}\"\n\
             crowd_lasts = \"{}\"\ncrowd_factor = {}\nwork = {:?}\n{long}attempts = {}\n{value}",
            text_in_quotes(&self.name),
            text_in_quotes(&self.question),
            text_in_quotes(&self.theory),
            time(self.takes),
            self.kernel_word(),
            self.sweep,
            time(self.horizon),
            self.seeds,
            self.events_max,
            self.loss as f64 / 1e4,
            self.stake as f64 / 1e3,
            self.price_step as f64 / 1e3,
            self.slots,
            self.machine.text(time),
            self.base as f64 / 1e4,
            self.ramp,
            time(self.between),
            time(self.crowd.at),
            time(self.crowd.lasts),
            self.crowd.factor,
            self.work,
            self.attempts,
        );
        self.populations.iter().for_each(|each| text.push_str(&each.text(time)));
        self.faults.iter().for_each(|each| text.push_str(&each.text(time)));
        text
    }

    /// What it is run in, as its file says.
    #[must_use]
    pub fn kernel_word(&self) -> &'static str {
        word_of(self.kernel, &KERNELS)
    }

    /// Stands for everything that the scenario says; not for how many seeds it is run with, nor for how long that takes.
    #[must_use]
    pub fn hash(&self) -> String {
        // In one unit, so that it stays the same however lengths of time are written.
        let text = Self { seeds: 1, takes: 0, ..self.clone() }.text(|nanos| format!("{nanos} ns"));
        let digest = codec::digest("scenario", &text);
        digest.0.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The word that stands for a choice.
fn word_of<T: PartialEq>(choice: T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, known)| *known == choice).map_or("", |(word, _)| word)
}
