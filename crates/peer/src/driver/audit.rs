//! Replaying a notary's published journal.
//!
//! **Invariant:** what the audit says rests on the entries alone, never on what the notary says of them.

use std::time::Duration;

use assay_market::record::Entry;
use assay_protocol::{codec, id::PeerId, notice::Head};
use tokio::time::timeout;

use super::pages::{self, JOURNAL, Page, Wanted};
use crate::{
    handle::{Audited, Refused},
    network::Network,
};

/// How long a notary has for one page.
const PAGE_WAIT: Duration = Duration::from_secs(30);
/// Pages of the longest journal that is audited: at half a mebibyte each, 32 GiB.
const PAGES_MAX: usize = 65_536;

/// Fetches the journal of another peer, page by page, and replays it.
pub(crate) async fn audit(network: Network, notary: PeerId) -> Result<Audited, Refused> {
    let mut replay = Replay::new(notary);
    for _ in 0..PAGES_MAX {
        let page = fetch(&network, notary, replay.next()).await?;
        if !replay.push(page) {
            break;
        }
    }
    Ok(replay.finish())
}

async fn fetch(network: &Network, notary: PeerId, from: u64) -> Result<Page, Refused> {
    let silent = Refused::NoAnswer { notary, waited_ms: PAGE_WAIT.as_millis() as u64 };
    let asked = network.ask(notary, JOURNAL, codec::encode(&Wanted { from }));
    let answer = timeout(PAGE_WAIT, asked).await.map_err(|_| silent.clone())?;
    let answer = answer
        .inspect_err(|error| tracing::info!(%notary, %error, "no page of the journal"))
        .map_err(|_| silent.clone())?;
    pages::read_page(&answer).map_err(|_| silent)
}

/// A replay as far as it has come.
pub(crate) struct Replay {
    audited: Audited,
}

impl Replay {
    pub(crate) fn new(notary: PeerId) -> Self {
        let head = Head::default();
        Self { audited: Audited { notary, entries: 0, hidden: 0, head, divergence: None, books: None } }
    }

    /// The entry that is wanted next.
    pub(crate) fn next(&self) -> u64 {
        self.audited.entries
    }

    /// Takes a page; false once there is no more to be had.
    pub(crate) fn push(&mut self, page: Page) -> bool {
        let before = self.audited.entries;
        for entry in page.entries {
            if !self.push_entry(&entry) {
                return false;
            }
        }
        self.audited.hidden = page.total.saturating_sub(self.audited.entries);
        self.audited.entries > before && self.audited.entries < page.published
    }

    fn push_entry(&mut self, entry: &Entry) -> bool {
        let Head { sequence, digest } = self.audited.head;
        if entry.previous != digest {
            self.audited.divergence = Some((sequence, "it does not name the entry before it".to_owned()));
            return false;
        }
        self.audited.head = Head { sequence: sequence + 1, digest: entry.digest() };
        self.audited.entries += 1;
        true
    }

    pub(crate) fn finish(self) -> Audited {
        self.audited
    }
}
