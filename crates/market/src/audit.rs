//! The audit: anyone replays a notary's published chain and finds the first entry that the rules do not allow.
//!
//! **Invariant:** an audit trusts nothing but the genesis: every signature is checked, every link, every rule.

use alloc::{
    collections::VecDeque,
    string::{String, ToString},
};

use assay_protocol::{
    deadline,
    genesis::Genesis,
    id::{NetworkId, PeerId},
    journal::{Entry, Fact, Published},
    notice::{Head, Tick},
    signed::Scheme,
    units::{Amount, Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;

/// How far back is looked for how much of the time was live.
const DAY: Duration = Duration::seconds(24 * 3_600);
/// Between two ticks that are looked back on.
const LOOK: Duration = Duration::seconds(60);

/// The first entry that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("entry {position}: {reason}")]
pub struct Divergence {
    /// Its position.
    pub position: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Entries that were replayed.
    pub replayed: u64,
    /// Entries that wait for jobs to close; their chain was followed.
    pub withheld: u64,
    /// Where the chain ends.
    pub head: Head,
    /// Jobs that are open where the replay ends.
    pub open: u64,
    /// Jobs that are closed there.
    pub closed: u64,
    /// What all boxes hold there.
    pub total: Amount,
    /// What was created, less what was destroyed.
    pub supply: Amount,
    /// What was created.
    pub minted: Amount,
    /// What was destroyed.
    pub burned: Amount,
}

/// A replay under way.
#[derive(Debug)]
pub struct Audit {
    ledger: Ledger,
    network: NetworkId,
    head: Head,
    withheld: u64,
    live: LiveShare,
    notary: PeerId,
    /// The longest that a job can be open.
    open_max: Duration,
    /// The live time of the last tick that was shown.
    now: Timestamp,
    /// The same where the first entry was withheld.
    withheld_at: Option<Timestamp>,
}

/// How a notary's live time kept up with its clock: one tick of each minute of the last day, time and live time.
#[derive(Debug, Default)]
struct LiveShare(VecDeque<(Timestamp, Timestamp)>);

impl Audit {
    /// An audit of this notary's chain from its first entry.
    #[must_use]
    pub fn new(genesis: Genesis, notary: PeerId) -> Self {
        let network = genesis.id();
        Self {
            notary,
            open_max: deadline::open_max(&genesis),
            now: Timestamp(0),
            withheld_at: None,
            ledger: Ledger::new(genesis, notary),
            network,
            head: Head::default(),
            withheld: 0,
            live: LiveShare::default(),
        }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// [`Divergence`], if it does not follow from those before.
    pub fn push<S: Scheme>(&mut self, published: &Published) -> Result<(), Divergence> {
        let position = self.head.sequence;
        let diverges = |reason: &str| Divergence { position, reason: reason.to_string() };
        let (previous, digest) = match published {
            Published::Whole(entry) => (entry.previous, entry.digest()),
            Published::Withheld { previous, fact } => (*previous, Entry::digest_of(*previous, *fact)),
        };
        if previous != self.head.digest {
            return Err(diverges("does not quote the entry before"));
        }
        match published {
            Published::Whole(entry) if self.withheld == 0 => {
                if !is_signed::<S>(&entry.fact, self.network) {
                    return Err(diverges("a signature does not hold"));
                }
                if quoted_head(&entry.fact).is_some_and(|head| head != self.head) {
                    return Err(diverges("a checkpoint quotes another journal"));
                }
                let applied = self.ledger.apply(&entry.fact);
                applied.map_err(|rejection| diverges(&rejection.to_string()))?;
                if let Fact::Tick(tick) = &entry.fact
                    && !self.live.keeps_up(&tick.said())
                {
                    return Err(diverges("less than half of a day counted as live time"));
                }
                if self.ledger.total().is_none_or(|total| Some(total) != self.supply()) {
                    return Err(diverges("money was made or lost"));
                }
            }
            // What stands behind a withheld entry cannot be replayed yet.
            Published::Whole(_) | Published::Withheld { .. } => {
                self.withheld += 1;
                self.withheld_at.get_or_insert(self.now);
            }
        }
        self.now = self.tick::<S>(published).map_or(self.now, |tick| tick.live.max(self.now));
        if self.withheld_at.is_some_and(|since| self.now.since(since) > self.open_max) {
            return Err(diverges("a fact is withheld for longer than a job can be open"));
        }
        self.head = Head { sequence: position + 1, digest };
        Ok(())
    }

    /// The tick of this entry, if it is one of the notary.
    fn tick<S: Scheme>(&self, published: &Published) -> Option<Tick> {
        let Published::Whole(Entry { fact: Fact::Tick(tick), .. }) = published else { return None };
        // What was replayed is signed; what stands behind a withheld entry need not be.
        let signed = self.withheld == 0 || tick.is_signed::<S>(self.network);
        (signed && tick.said().signer() == self.notary).then(|| tick.said().clone())
    }

    /// The number of the issuer's last grant that was replayed; 0 before the first.
    #[must_use]
    pub fn grants(&self) -> u64 {
        self.ledger.grants()
    }

    /// What was found.
    #[must_use]
    pub fn finish(&self) -> AuditReport {
        let (_, minted, burned) = self.ledger.pool_minted_burned();
        AuditReport {
            replayed: self.ledger.sequence(),
            withheld: self.withheld,
            head: self.head,
            open: self.ledger.open_jobs().count() as u64,
            closed: self.ledger.closed_count(),
            total: self.ledger.total().unwrap_or_default(),
            supply: self.supply().unwrap_or_default(),
            minted,
            burned,
        }
    }

    fn supply(&self) -> Option<Amount> {
        let (_, minted, burned) = self.ledger.pool_minted_burned();
        minted.minus(burned)
    }
}

impl LiveShare {
    /// True if at least half of the time since a tick a day ago was live. A notary that stretches every gap would make
    /// deadlines as long as it likes.
    fn keeps_up(&mut self, tick: &Tick) -> bool {
        let Self(minutes) = self;
        while minutes.get(1).is_some_and(|(time, _)| tick.time.since(*time) >= DAY) {
            minutes.pop_front();
        }
        let day = minutes.front().copied().filter(|(time, _)| tick.time.since(*time) >= DAY);
        if minutes.back().is_none_or(|(time, _)| tick.time.since(*time) >= LOOK) {
            minutes.push_back((tick.time, tick.live));
        }
        day.is_none_or(|(time, live)| tick.live.since(live).times(2) >= tick.time.since(time))
    }
}

/// The place in the journal that a fact quotes as its own.
fn quoted_head(fact: &Fact) -> Option<Head> {
    let Fact::Tick(tick) = fact else { return None };
    tick.said().checkpoint.as_ref().map(|checkpoint| checkpoint.head)
}

/// True if every statement in a fact was signed by the peer that it names.
fn is_signed<S: Scheme>(fact: &Fact, network: NetworkId) -> bool {
    match fact {
        Fact::Tick(tick) => tick.is_signed::<S>(network),
        Fact::Open(open) => open.is_signed::<S>(network),
        Fact::Job(happening) => happening.is_signed::<S>(network),
        Fact::Query(query) => query.is_signed::<S>(network),
        Fact::Stake(stake) => stake.is_signed::<S>(network),
        Fact::Unstake(unstake) => unstake.is_signed::<S>(network),
        Fact::Register(register) => register.is_signed::<S>(network),
        Fact::Grant(grant) => grant.is_signed::<S>(network),
    }
}
