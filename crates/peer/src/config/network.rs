//! The file that founds or joins a network.
//!
//! **Invariant:** the rules in the file and the `Genesis` are two forms of one value: each is made from the other without
//! loss, and where peers are first found is no part of it.

use std::{fs, io, path::Path};

use assay_protocol::{
    genesis::{Checks, Founder, Genesis, Money, Pair, Threshold, Timers},
    id::PeerId,
    manifest::{Manifest, NAME_BYTES_MAX, PARAMS_BYTES_MAX},
    units::Amount,
};

use super::section::{BadConfig, KeyedTable, Section, section};

/// Bytes in the longest file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The tables of a file.
const TABLES: &[&str] = &[
    "network",
    "notary",
    "bootstrap",
    "timers",
    "checks",
    "money",
    "threshold",
    "manifest",
    "endowed",
    "verifier",
];

/// A peer and where it may be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub peer: PeerId,
    /// Where, as multiaddresses without the peer.
    pub addresses: Vec<String>,
}

/// What a network's file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFile {
    /// The rules.
    pub genesis: Genesis,
    /// Peers to begin with.
    pub contacts: Vec<Contact>,
}

struct NetworkSection {
    name: String,
    unit: String,
    real_money: bool,
    issuer: PeerId,
}

section!(NetworkSection {
    name: "What people call the network.",
    unit: "What a credit is called.",
    real_money: "Whether credits are backed by money. This release founds no network where they are.",
    issuer: "The peer whose signature creates credits.",
});

section!(Contact {
    peer: "The peer, as its public key.",
    addresses: "Where it can be reached, as multiaddresses. They are no part of the rules and may change.",
});

section!(Timers {
    tick: "Between two ticks of a notary.",
    gap_max: "The longest pause between two ticks that counts against deadlines as it is; a longer one counts as one tick.",
    epoch_ticks: "Ticks from one roster of verifiers to the next.",
    claim: "The least time for a provider's claim, beside three times the order's longest run.",
    reveal: "For the client's secret after a claim.",
    input: "For the client to serve an input to a verifier, before the provider must.",
    underway: "For a verifier to say that it is there.",
    seal: "The least time for a verifier's seal, beside three times the estimate of the check.",
    opening: "For opening what was claimed or sealed.",
    silence: "For an accused provider to open its claim.",
    cancelling: "For a provider to claim what it has done, once its client cancelled.",
    unbonding: "From the withdrawal of a stake to its payment.",
    window: "The least time from the draw to the payment of a job that was not drawn.",
    settle_max: "The longest time from opening to settling that an order may ask for.",
    missed: "How long the weight of suspended verifiers is missed, unless it comes back before.",
});

section!(Checks {
    base: "The rate of checks below which no trust brings a provider.",
    ramp: "How slowly trust grows: with v passed checks the rate is ramp / (v + 1).",
    theta: "How far the expected loss of a cheat exceeds its gain.",
    collusion: "The share of the checking stake that may collude.",
    power: "The chance that a check notices a cheat.",
    leaves_min: "Verifiers beside the parties that must be able to check a job.",
    effective_min: "As how many of equal stake they must count.",
    party_share: "The share of the stake that can check a job which one party to it may hold.",
    weight_kept: "The share of it that must be there, together with what suspensions took of late.",
    stake_checks: "The stake that a verifier of a manifest needs, in costs of its largest run.",
    convict_margin: "The margin by which a jury convicts, in draws.",
    clear_margin: "The margin by which a jury clears, in draws.",
    unreached_margin: "The margin by which those that got no input end a jury, in draws.",
    draws_max: "Draws after which a jury gives up.",
    second: "The chance that somebody looks again where a verifier accuses a newcomer.",
    tries_max: "Positions tried for one verifier.",
    endowed_checks: "Checks that the endowment pays for each endowed pair.",
});

section!(Money {
    per_work: "What a check earns for each unit of work.",
    micros_per_work: "Microseconds that a unit of work is estimated to take.",
    margin: "What fees exceed the expected cost of checks by.",
    pool: "What the pool that pays for checks holds at the beginning.",
    endowment: "What the first checks of the endowed pairs are paid from.",
    low_water: "Below this the margin of fees rises.",
    welcome: "What a new account is given.",
    welcomes_per_hour: "New accounts that are given something, in an hour.",
    slash_multiple: "What a conviction costs, in multiples of what the client can lose.",
    slash_checks: "The least that a conviction costs, in check costs.",
    bounty_checks: "The greatest bounty for the verifier that noticed, in check costs.",
    entry_checks: "The stake from which a provider is no newcomer, above the price of the job, in check costs.",
    autostake_newcomer: "The share of its pay that a newcomer puts at stake.",
    autostake: "The share that any other provider does, up to its target.",
    autostake_multiple: "The target, in multiples of the price of a job, where the provider has set none.",
    place_hour: "What a place among the open jobs costs for an hour where half of them are taken.",
    jobs_max: "Jobs that the notary keeps open.",
});

section!(Threshold {
    format: "The numbers that outputs consist of.",
    ok: "Up to this difference they match, as a share of their root mean square.",
    bad: "From this difference on they do not.",
});

section!(Manifest {
    name: "What people order it by.",
    runner: "The digest of the WASM component that runs it.",
    model: "The digest of the model file; of nothing for a runner that has none.",
    params: "JSON that the runner validates.",
    policy: "How two outputs are compared: exact, or tensor and a format.",
    meter: "What a unit is: calls, tokens or mega_fuel.",
    work: "How much work one step of each meter is.",
    work_most: "The most work of one run.",
    memory_bytes: "Memory that a run needs.",
    licence: "The licence of the model, as an SPDX expression.",
});

section!(Pair { model: "The digest of the model file.", class: "The class of machine that it runs on." });

section!(Founder {
    peer: "A peer that checks from the first day.",
    stake: "What it has at stake.",
    free: "What it has to spend.",
    classes: "The classes of machine it checks for.",
});

/// Why a file of a home, or of a network, does not say what it should.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// What it says makes no sense.
    #[error("{file}: {error}")]
    Bad {
        /// Which file.
        file: String,
        /// Why.
        error: BadConfig,
    },
    /// The settings of a home make no sense.
    #[error("{file}: {error}")]
    BadSettings {
        /// Which file.
        file: String,
        /// Why.
        error: BadConfig,
    },
    /// It cannot be read.
    #[error("{file} cannot be read: {error}")]
    Disk {
        /// Which file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
}

impl NetworkFile {
    /// Whether it says where anybody is; else others are found on the local network alone.
    #[must_use]
    pub fn names_addresses(&self) -> bool {
        self.contacts.iter().any(|contact| !contact.addresses.is_empty())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        match read_bounded(path) {
            Ok(text) => Self::parse(&text).map_err(|error| ConfigError::Bad { file, error }),
            Err(error) => Err(ConfigError::Disk { file, error }),
        }
    }

    /// Reads what a file says.
    ///
    /// # Errors
    /// [`BadConfig`], which names the key.
    pub fn parse(text: &str) -> Result<Self, BadConfig> {
        let mut file = KeyedTable::parse(text, TABLES)?;
        let NetworkSection { name, unit, real_money, issuer } = file.section("network")?;
        let notaries: Vec<Contact> = file.sections("notary")?;
        let bootstrap: Vec<Contact> = file.sections("bootstrap")?;
        let genesis = Genesis {
            name,
            unit,
            real_money,
            notaries: notaries.iter().map(|contact| contact.peer).collect(),
            issuer,
            timers: file.section("timers")?,
            checks: file.section("checks")?,
            money: file.section("money")?,
            thresholds: file.sections("threshold")?,
            manifests: file.sections("manifest")?,
            endowed: file.sections("endowed")?,
            verifiers: file.sections("verifier")?,
        };
        make_sense(&genesis)?;
        let known = notaries.into_iter().chain(bootstrap);
        Ok(Self { genesis, contacts: known.filter(|contact| !contact.addresses.is_empty()).collect() })
    }

    /// The notaries that the file names no place of: they are looked for on the local network.
    pub fn unplaced(&self) -> impl Iterator<Item = PeerId> {
        let is_placed = |notary: &&PeerId| self.contacts.iter().any(|contact| contact.peer == **notary);
        self.genesis.notaries.iter().filter(move |notary| !is_placed(notary)).copied()
    }

    /// The file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        to_documented_toml(&self.genesis, &self.contacts)
    }
}

pub(super) fn read_bounded(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is longer than 1 MiB"));
    }
    fs::read_to_string(path)
}

/// A network's file in which every key has a comment.
#[must_use]
pub fn to_documented_toml(genesis: &Genesis, contacts: &[Contact]) -> String {
    let mut out = String::from(
        "# The rules of a network. Its name is the digest of everything here but addresses: change one number and it is\n\
         # another network.\n",
    );
    let Genesis { name, unit, real_money, issuer, .. } = genesis.clone();
    table(&mut out, "[network]", &NetworkSection { name, unit, real_money, issuer });
    for peer in &genesis.notaries {
        let known = contacts.iter().find(|contact| contact.peer == *peer);
        let addresses = known.map(|contact| contact.addresses.clone()).unwrap_or_default();
        table(&mut out, "# A peer that keeps books.\n[[notary]]", &Contact { peer: *peer, addresses });
    }
    for contact in contacts.iter().filter(|contact| !genesis.notaries.contains(&contact.peer)) {
        table(&mut out, "# A peer to begin with.\n[[bootstrap]]", contact);
    }
    table(&mut out, "# Lengths of time.\n[timers]", &genesis.timers);
    table(&mut out, "# Numbers of verification.\n[checks]", &genesis.checks);
    table(&mut out, "# Numbers of money.\n[money]", &genesis.money);
    tables(&mut out, "# When outputs of a format agree.\n[[threshold]]", &genesis.thresholds);
    tables(&mut out, "# A model that can be ordered by name.\n[[manifest]]", &genesis.manifests);
    tables(
        &mut out,
        "# A model on a class of machine whose first checks the endowment pays.\n[[endowed]]",
        &genesis.endowed,
    );
    tables(&mut out, "# A verifier of the first day.\n[[verifier]]", &genesis.verifiers);
    out
}

fn tables(out: &mut String, heading: &str, rows: &[impl Section]) {
    rows.iter().for_each(|row| table(out, heading, row));
}

fn table(out: &mut String, heading: &str, section: &impl Section) {
    out.push_str(&format!("\n{heading}\n"));
    section.write(out);
}

/// Rules that no network can live by.
fn make_sense(genesis: &Genesis) -> Result<(), BadConfig> {
    let wrong = |key: &str, problem| Err(BadConfig::Senseless { key: key.to_owned(), problem });
    if genesis.name.is_empty() || genesis.name.len() > NAME_BYTES_MAX {
        return wrong("network.name", "a name has from 1 to 64 bytes");
    }
    if genesis.real_money {
        return wrong("network.real_money", "this release knows no network whose credits are money");
    }
    if genesis.thresholds.iter().any(|threshold| threshold.ok >= threshold.bad) {
        return wrong("threshold", "ok must be below bad");
    }
    if has_twice(genesis.notaries.iter()) || has_twice(genesis.verifiers.iter().map(|founder| &founder.peer))
    {
        return wrong("peer", "a peer is named twice");
    }
    if has_twice(genesis.manifests.iter().map(|manifest| &manifest.name)) {
        return wrong("manifest", "two manifests have one name");
    }
    for manifest in &genesis.manifests {
        if manifest.name.is_empty() || manifest.name.len() > NAME_BYTES_MAX {
            return wrong("manifest.name", "a name has from 1 to 64 bytes");
        }
        if manifest.params.len() > PARAMS_BYTES_MAX {
            return wrong("manifest.params", "at most 4096 bytes are allowed");
        }
        if manifest.work_most == 0 {
            return wrong("manifest.work_most", "a run needs at least 1, or nobody can order one");
        }
        if genesis.stake_least(manifest.work_most) == Amount(u64::MAX) {
            return wrong("manifest.work_most", "it is more than this network has money to check");
        }
    }
    // What is left speaks of no key in particular.
    genesis.examine().or_else(|unsound| wrong("network", unsound.expected))
}

fn has_twice<T: Ord>(values: impl Iterator<Item = T>) -> bool {
    let mut values: Vec<T> = values.collect();
    let all = values.len();
    values.sort_unstable();
    values.dedup();
    values.len() < all
}
