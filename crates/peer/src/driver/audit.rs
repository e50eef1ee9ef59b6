//! Replaying a notary's published journal.
//!
//! **Invariant:** what the audit says rests on the entries alone, never on what the notary says of them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use assay_market::audit::{Audit, Divergence};
use assay_protocol::{
    account::Grant,
    codec,
    genesis::Genesis,
    id::PeerId,
    journal::{Fact, JournalRange, Page, Published},
    signed::Ed25519,
    units::{Amount, Timestamp},
};
use tokio::time::timeout;

use super::pages::{self, JOURNAL};
use crate::{
    handle::{Audited, AuditedGrant, Refused},
    network::{AskError, ExchangeFailure, Network},
};

/// How long a notary has for one page.
const PAGE_WAIT: Duration = Duration::from_secs(30);
/// Pages of the longest journal that is audited: at half a mebibyte each, 32 GiB.
const PAGES_MAX: usize = 65_536;
/// Grants that are told one by one.
const GRANTS_MAX: usize = 128;

/// Fetches the journal of another peer, page by page, and replays it.
pub(crate) async fn audit(network: Network, mut replay: Replay) -> Result<Audited, Refused> {
    for _ in 0..PAGES_MAX {
        let page = fetch(&network, replay.notary, replay.next).await?;
        let replayed = tokio::task::spawn_blocking(move || {
            let goes_on = replay.push(&page);
            (replay, goes_on)
        });
        let goes_on;
        (replay, goes_on) = replayed.await.map_err(|_| Refused::Ending)?;
        if !goes_on {
            break;
        }
    }
    Ok(replay.finish())
}

/// Fetches a page of the journal of another peer.
pub(super) async fn fetch(network: &Network, notary: PeerId, from: u64) -> Result<Page, Refused> {
    let since = Instant::now();
    let asked = timeout(PAGE_WAIT, network.ask(notary, JOURNAL, codec::encode(&JournalRange { from }))).await;
    let page = match asked {
        Ok(Err(AskError::Failed(ExchangeFailure::Unreachable))) => {
            return Err(Refused::Unreachable { notary });
        }
        Ok(Ok(bytes)) => pages::read_page(&bytes).map_err(|error| error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(late) => Err(late.to_string()),
    };
    page.map_err(|reason| {
        tracing::warn!(%notary, reason, "no page of the journal");
        Refused::NoAnswer { notary, waited_ms: since.elapsed().as_millis() as u64 }
    })
}

/// A replay as far as it has come.
pub(crate) struct Replay {
    notary: PeerId,
    /// Who wants to know.
    own: PeerId,
    audit: Audit,
    next: u64,
    divergence: Option<Divergence>,
    /// What was created before the first entry, and by grants since.
    founded: Amount,
    granted: Amount,
    /// The notary's time at its last tick.
    at: Timestamp,
    /// The latest grants that concern whoever wants to know.
    grants: VecDeque<AuditedGrant>,
    /// How many there were before them.
    untold: u64,
}

impl Replay {
    pub(crate) fn new(genesis: &Genesis, notary: PeerId, own: PeerId) -> Self {
        Self {
            notary,
            own,
            audit: Audit::new(genesis.clone(), notary),
            next: 0,
            divergence: None,
            founded: genesis.minted().unwrap_or_default(),
            granted: Amount::ZERO,
            at: Timestamp::default(),
            grants: VecDeque::new(),
            untold: 0,
        }
    }

    /// Takes a page; false once there is no more to be had.
    pub(crate) fn push(&mut self, page: &Page) -> bool {
        self.next += page.entries.len() as u64;
        let goes_on = page.entries.iter().all(|entry| self.push_entry(entry));
        goes_on && !page.entries.is_empty() && self.next < page.total
    }

    /// How many entries were taken in pages.
    pub(crate) fn seen(&self) -> u64 {
        self.next
    }

    /// True if an entry did not follow.
    pub(crate) fn diverges(&self) -> bool {
        self.divergence.is_some()
    }

    /// Takes an entry; false if it does not follow.
    pub(crate) fn push_entry(&mut self, entry: &Published) -> bool {
        let before = self.audit.grants();
        self.divergence = self.audit.push::<Ed25519>(entry).err();
        if let Published::Whole(entry) = entry {
            self.note(&entry.fact, before);
        }
        self.divergence.is_none()
    }

    /// Notes a grant that was replayed, which one behind a withheld entry is not.
    fn note(&mut self, fact: &Fact, before: u64) {
        if let Fact::Tick(tick) = fact {
            self.at = tick.said().time;
        } else if let Fact::Grant(grant) = fact
            && self.audit.grants() > before
        {
            let grant: Grant = *grant.said();
            self.granted = self.granted.plus(grant.amount).unwrap_or(Amount(u64::MAX));
            if self.own == self.notary || self.own == grant.account {
                self.grants.push_back(AuditedGrant { at: self.at, grant });
                if self.grants.len() > GRANTS_MAX {
                    self.grants.pop_front();
                    self.untold += 1;
                }
            }
        }
    }

    /// What was found.
    pub(crate) fn finish(self) -> Audited {
        let report = self.audit.finish();
        Audited {
            notary: self.notary,
            entries: report.replayed,
            hidden: report.withheld,
            head: report.head,
            open: report.open,
            closed: report.closed,
            total: report.total,
            supply: report.supply,
            founded: self.founded,
            grants_count: self.audit.grants(),
            granted: self.granted,
            // Whatever else was created, newcomers were given.
            welcomed: report.minted.minus_up_to(self.founded).minus_up_to(self.granted),
            burned: report.burned,
            grants: self.grants.into(),
            grants_untold: self.untold,
            divergence: self.divergence.map(|divergence| (divergence.position, divergence.reason)),
        }
    }
}
