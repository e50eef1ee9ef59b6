//! Peers that are alike: what they are there for, how they behave and when, and with whom they share a purse.

use std::fmt::Write as _;

use super::{
    PEERS_MAX, Scenario, ScenarioError, WHOLE,
    conduct::{BEHAVIOURS, BehaviourName, BehaviourSettings},
    reader::SettingReader,
    word_of,
};
use crate::lab::artefact::{shell_word, text_in_quotes};

/// How long a program may take for an answer where its scenario does not say it.
const ANSWER_WITHIN: u64 = 5_000_000_000;

/// What can be said of any; of some there is more.
const KEYS: [&str; 13] = [
    "name",
    "role",
    "count",
    "behaviour",
    "coalition",
    "ask",
    "stake",
    "staked",
    "unstaked",
    "begins",
    "ends",
    "online",
    "away",
];

/// Peers that are alike. Times are in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// What they are called.
    pub name: String,
    /// What they are there for.
    pub role: PopulationRole,
    /// How many there are.
    pub count: u64,
    /// How they behave.
    pub conduct: BehaviourName,
    /// What else is said of that.
    pub settings: BehaviourSettings,
    /// The program that decides for them, where one does.
    pub command: Option<StrategyCommand>,
    /// With whom they share what they gain; nobody if it is empty.
    pub coalition: String,
    /// What they ask, in parts of a million of what others do that stand where they stand.
    pub ask: u64,
    /// What each has at stake, in thousandths of a credit; what is usual for those who are there for this, if it is nought.
    pub stake: u64,
    /// When newcomers put it at stake; at the beginning, if it is nought.
    pub staked: u64,
    /// From when on they withdraw of it what stands for nothing; never if it is nought.
    pub unstaked: u64,
    /// When they begin to behave so; before that they are honest.
    pub begins: u64,
    /// When they are honest again; never if it is nought.
    pub ends: u64,
    /// The mean time that they are online, if they come and go; the spread is that of [`crate::lab::sessions::SESSION`].
    pub online: u64,
    /// The mean time that they are away.
    pub away: u64,
}

/// A program that decides for peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyCommand {
    /// Its file, and what it is given.
    pub words: Vec<String>,
    /// How long it may take for an answer, in nanoseconds.
    pub within: u64,
}

/// What peers are there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PopulationRole {
    /// To provide and check, from the first day and with a stake.
    Founder,
    /// To order.
    Client,
    /// To provide without a stake, from the first order on.
    Newcomer,
}

/// Every role with its word.
const ROLES: [(&str, PopulationRole); 3] = [
    ("founder", PopulationRole::Founder),
    ("client", PopulationRole::Client),
    ("newcomer", PopulationRole::Newcomer),
];

impl PopulationRole {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        word_of(self, &ROLES)
    }
}

impl Population {
    /// So many peers that behave so, with nothing else said of them.
    #[must_use]
    pub fn of(name: &str, role: PopulationRole, count: u64, conduct: BehaviourName) -> Self {
        Self {
            name: name.to_owned(),
            role,
            count,
            conduct,
            settings: BehaviourSettings::usual(conduct),
            command: None,
            coalition: String::new(),
            ask: WHOLE,
            stake: 0,
            staked: 0,
            unstaked: 0,
            begins: 0,
            ends: 0,
            online: 0,
            away: 0,
        }
    }

    /// The same peers, honest all the time and at the usual price, in whatever coalition; what they have at stake stays there.
    #[must_use]
    pub fn honest(&self) -> Self {
        let Self { stake, staked, online, away, .. } = *self;
        let honest = Self::of(&self.name, self.role, self.count, BehaviourName::Honest);
        Self { coalition: self.coalition.clone(), stake, staked, online, away, ..honest }
    }

    /// As many founders with this stake have as much at stake.
    #[must_use]
    pub fn stands_for(&self, usual: u64) -> u64 {
        match self.stake {
            0 => self.count,
            stake => self.count.saturating_mul(stake).div_ceil(usual.max(1)),
        }
    }
}

impl StrategyCommand {
    /// Reads a table in the place of a behaviour.
    fn read(mut reader: SettingReader) -> Result<Self, ScenarioError> {
        let words = reader.texts("command")?;
        let within = reader.time("within", ANSWER_WITHIN)?;
        reader.finish()?;
        if words.first().is_none_or(String::is_empty) {
            return Err(reader.wrong("command", "names the program, such as [\"python3\", \"my_cheat.py\"]"));
        }
        if within == 0 {
            return Err(reader.wrong("within", "must be above \"0 s\""));
        }
        Ok(Self { words, within })
    }

    /// The words that start it, on one line.
    #[must_use]
    pub fn line(&self) -> String {
        self.words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
    }

    fn text(&self, time: fn(u64) -> String) -> String {
        let words: Vec<String> = self.words.iter().map(|word| text_in_quotes(word)).collect();
        format!("{{ command = [{}], within = \"{}\" }}", words.join(", "), time(self.within))
    }
}

impl Population {
    pub(super) fn read_all(readers: Vec<SettingReader>) -> Result<Vec<Self>, ScenarioError> {
        let mut populations: Vec<Self> = Vec::new();
        for reader in readers {
            populations.push(Self::read(reader, &populations)?);
        }
        Ok(populations)
    }

    /// Reads one that stands behind others.
    fn read(mut reader: SettingReader, others: &[Self]) -> Result<Self, ScenarioError> {
        reader.refuse_unknown(&KEYS.into_iter().chain(BehaviourSettings::words()).collect::<Vec<_>>())?;
        let role = reader.choice("role", PopulationRole::Founder, &ROLES)?;
        let name = reader.text("name", &format!("{}s", role.word()))?;
        let count = reader.count("count", 1, 1..=PEERS_MAX)?;
        let (conduct, command) = if reader.holds_table("behaviour") {
            (BehaviourName::External, Some(StrategyCommand::read(reader.table("behaviour")?)?))
        } else {
            (reader.choice("behaviour", BehaviourName::Honest, &BEHAVIOURS)?, None)
        };
        let population = Self {
            name,
            role,
            count,
            conduct,
            settings: BehaviourSettings::read(conduct, &mut reader)?,
            command,
            coalition: reader.text("coalition", "")?,
            ask: reader.share("ask", WHOLE)?,
            stake: reader.money("stake", 0)?,
            staked: reader.time("staked", 0)?,
            unstaked: reader.time("unstaked", 0)?,
            begins: reader.time("begins", 0)?,
            ends: reader.time("ends", 0)?,
            online: reader.time("online", 0)?,
            away: reader.time("away", 0)?,
        };
        population.consider(&reader, others)?;
        reader.finish()?;
        Ok(population)
    }

    /// Whether what is said of it goes together.
    fn consider(&self, reader: &SettingReader, others: &[Self]) -> Result<(), ScenarioError> {
        if (self.online == 0) != (self.away == 0) {
            return Err(reader.wrong("online", "goes with `away`: both are above \"0 s\", or neither"));
        }
        if others.iter().any(|other| other.name == self.name) {
            let problem = format!("there are two populations `{}`: figures go by their names", self.name);
            return Err(reader.wrong("name", problem));
        }
        if !self.conduct.suits(self.role) {
            let (conduct, role) = (self.conduct.word(), self.role.word());
            return Err(reader.wrong("behaviour", format!("`{conduct}` changes nothing of a {role}")));
        }
        if self.ask != WHOLE && (self.orders() || self.ask == 0) {
            let problem = if self.orders() { "changes nothing of a client" } else { "must be above \"0 %\"" };
            return Err(reader.wrong("ask", problem));
        }
        let is_phased = self.begins > 0 || self.ends > 0;
        if is_phased && self.conduct == BehaviourName::Honest {
            let key = if self.begins > 0 { "begins" } else { "ends" };
            return Err(reader.wrong(key, "changes nothing of peers that are honest all the time"));
        }
        if self.ends > 0 && self.ends <= self.begins {
            return Err(reader.wrong("ends", "must be later than `begins`"));
        }
        self.consider_stake(reader)
    }

    /// Whether what is said of its stake goes together.
    fn consider_stake(&self, reader: &SettingReader) -> Result<(), ScenarioError> {
        if self.orders() && (self.stake > 0 || self.staked > 0 || self.unstaked > 0) {
            let said = [("stake", self.stake), ("staked", self.staked), ("unstaked", self.unstaked)];
            let key = said.into_iter().find(|(_, value)| *value > 0).map_or("stake", |(key, _)| key);
            return Err(reader.wrong(key, "changes nothing of a client"));
        }
        if self.staked > 0 && (self.role != PopulationRole::Newcomer || self.stake == 0) {
            return Err(reader.wrong(
                "staked",
                "is for newcomers with a `stake`: founders have theirs from the first day",
            ));
        }
        if self.unstaked > 0 && self.role == PopulationRole::Newcomer && self.stake == 0 {
            return Err(reader.wrong("unstaked", "is for those who have a `stake`"));
        }
        if self.unstaked > 0 && self.unstaked <= self.staked {
            return Err(reader.wrong("unstaked", "must be later than `staked`"));
        }
        Ok(())
    }

    /// What of it does not go with the rest of a scenario.
    pub(super) fn misfits(&self, scenario: &Scenario) -> Option<String> {
        if self.begins >= scenario.horizon && self.begins > 0 {
            return Some(format!("`{}` begins to behave so after the horizon", self.name));
        }
        if self.staked.max(self.unstaked) >= scenario.horizon {
            return Some(format!("`{}` moves its stake after the horizon", self.name));
        }
        let is_friend = |other: &&Self| {
            other.coalition == self.coalition && !self.coalition.is_empty() && !other.orders()
        };
        let deals = self.conduct == BehaviourName::SelfDealer;
        (deals && !scenario.populations.iter().any(|other| is_friend(&other)))
            .then(|| format!("`{}` orders of its own coalition, in which nobody provides", self.name))
    }

    /// Whether it is there to order.
    #[must_use]
    pub fn orders(&self) -> bool {
        self.role == PopulationRole::Client
    }

    /// Names the purse that its gains go into: that of its coalition, or its own.
    #[must_use]
    pub fn purse(&self) -> String {
        match self.coalition.as_str() {
            "" => format!("population {}", self.name),
            coalition => format!("coalition {coalition}"),
        }
    }

    /// The population as a file says it, with lengths of time written by `time`. What is not said of most is left out where it
    /// is not said.
    pub(super) fn text(&self, time: fn(u64) -> String) -> String {
        let behaviour = match &self.command {
            Some(command) => command.text(time),
            None => text_in_quotes(self.conduct.word()),
        };
        let mut text = format!(
            "\n[[population]]\nname = {}\nrole = {:?}\ncount = {}\nbehaviour = {behaviour}\n{}",
            text_in_quotes(&self.name),
            self.role.word(),
            self.count,
            self.settings.resolved(self.conduct),
        );
        if !self.coalition.is_empty() {
            let _ = writeln!(text, "coalition = {}", text_in_quotes(&self.coalition));
        }
        if self.ask != WHOLE {
            let _ = writeln!(text, "ask = \"{} %\"", self.ask as f64 / 1e4);
        }
        if self.stake > 0 {
            let _ = writeln!(text, "stake = \"{} credits\"", self.stake as f64 / 1e3);
        }
        let times = [
            ("staked", self.staked),
            ("unstaked", self.unstaked),
            ("begins", self.begins),
            ("ends", self.ends),
        ];
        for (key, at) in times.into_iter().filter(|(_, at)| *at > 0) {
            let _ = writeln!(text, "{key} = \"{}\"", time(at));
        }
        let _ = writeln!(text, "online = \"{}\"\naway = \"{}\"", time(self.online), time(self.away));
        text
    }
}
