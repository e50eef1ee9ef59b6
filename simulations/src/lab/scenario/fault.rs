//! What goes wrong with the links of a scenario for a while.
//!
//! **Invariant:** a fault happens to somebody, within the horizon.

use super::{
    Population, ScenarioError,
    reader::{SettingReader, nearest},
    word_of,
};
use crate::lab::artefact::text_in_quotes;

/// Something that goes wrong for a while. Times are in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFault {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub what: LinkFaultKind,
    /// When it begins.
    pub at: u64,
    /// How long it lasts.
    pub lasts: u64,
    /// How many times as long as usual a message takes.
    pub factor: u64,
    /// To which populations it happens.
    pub populations: Vec<String>,
}

/// What can go wrong with links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFaultKind {
    /// Nothing goes between them and all others.
    Partition,
    /// What goes to them and comes from them is slow.
    SlowLinks,
}

const KINDS: [(&str, LinkFaultKind); 2] =
    [("partition", LinkFaultKind::Partition), ("slow-links", LinkFaultKind::SlowLinks)];

impl LinkFault {
    pub(super) fn read_all(
        readers: Vec<SettingReader>,
        populations: &[Population],
    ) -> Result<Vec<Self>, ScenarioError> {
        let mut faults: Vec<Self> = Vec::new();
        for reader in readers {
            faults.push(Self::read(reader, populations, &faults)?);
        }
        Ok(faults)
    }

    /// Reads one that stands behind others.
    fn read(
        mut reader: SettingReader,
        populations: &[Population],
        others: &[Self],
    ) -> Result<Self, ScenarioError> {
        let what = reader.choice("what", LinkFaultKind::Partition, &KINDS)?;
        let fault = Self {
            name: reader.text("name", word_of(what, &KINDS))?,
            what,
            at: reader.time("at", 0)?,
            lasts: reader.time("lasts", 0)?,
            factor: reader.count("factor", 1, 1..=1_000)?,
            populations: reader.texts("populations")?,
        };
        reader.finish()?;
        fault.consider(&reader, populations, others)?;
        Ok(fault)
    }

    /// Whether what is said of it goes together.
    fn consider(
        &self,
        reader: &SettingReader,
        populations: &[Population],
        others: &[Self],
    ) -> Result<(), ScenarioError> {
        if others.iter().any(|other| other.name == self.name) {
            return Err(reader.wrong("name", format!("there are two faults `{}`", self.name)));
        }
        if self.lasts == 0 {
            return Err(reader.wrong("lasts", "must be above \"0 s\""));
        }
        if (self.what == LinkFaultKind::SlowLinks) != (self.factor > 1) {
            return Err(reader.wrong("factor", "goes with `what = \"slow-links\"`, and is above 1 there"));
        }
        if self.populations.is_empty() {
            let problem = "names those that it happens to, such as [\"clients\"]";
            return Err(reader.wrong("populations", problem));
        }
        let names: Vec<&str> = populations.iter().map(|each| each.name.as_str()).collect();
        let unknown = self.populations.iter().find(|name| !names.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| {
            let problem = format!("there is no population `{name}`{}", nearest(name, &names));
            Err(reader.wrong("populations", problem))
        })
    }

    /// When it is over.
    #[must_use]
    pub fn ends(&self) -> u64 {
        self.at.saturating_add(self.lasts)
    }

    /// The fault as a file says it, with lengths of time written by `time`.
    pub(super) fn text(&self, time: fn(u64) -> String) -> String {
        let names: Vec<String> = self.populations.iter().map(|name| text_in_quotes(name)).collect();
        let factor = match self.what {
            LinkFaultKind::Partition => String::new(),
            LinkFaultKind::SlowLinks => format!("factor = {}\n", self.factor),
        };
        format!(
            "\n[[fault]]\nname = {}\nwhat = {:?}\nat = \"{}\"\nlasts = \"{}\"\n{factor}populations = [{}]\n",
            text_in_quotes(&self.name),
            word_of(self.what, &KINDS),
            time(self.at),
            time(self.lasts),
            names.join(", "),
        )
    }
}
