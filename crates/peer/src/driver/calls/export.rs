//! A copy of a notary's published journal, as it can be carried away.
//!
//! **Invariant:** of this peer's own journal a copy holds what anybody could fetch, and no more.

use assay_protocol::{
    codec,
    id::PeerId,
    journal::{JournalRange, Page},
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{
    driver::{
        Driver,
        audit::fetch,
        journal_copy, pages,
        responder::{Respond, Responder},
    },
    handle::{ByteFlow, Call, PIECE_BYTES_MAX, Refused},
};

/// Copy a notary's published journal, page by page; what comes is the file, from its first byte on.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExportJournal {
    /// Which notary; the network's first if none.
    pub notary: Option<PeerId>,
}

impl Call for ExportJournal {
    const NAME: &'static str = "export_journal";
    type Answer = ByteFlow;
}

impl Respond for ExportJournal {
    async fn respond(self, responder: &Responder) -> Result<ByteFlow, Refused> {
        let notary = responder.notary(self.notary)?;
        // Whoever does not answer is told before a file is begun.
        let first = page(responder, notary, 0).await?;
        let beginning = journal_copy::beginning(responder.genesis.id(), notary);
        let copying = Copying { responder: responder.clone(), notary, next: 0, fetched: Some(first) };
        let parts = stream::try_unfold(Some(copying), |copying| async {
            let Some(mut copying) = copying else { return Ok(None) };
            let (part, goes_on) = copying.part().await?;
            Ok::<_, Refused>(Some((part, goes_on.then_some(copying))))
        });
        let whole = stream::once(async { Ok(beginning) }).chain(parts);
        let pieces = whole.map_ok(|part| {
            let pieces: Vec<Vec<u8>> = part.chunks(PIECE_BYTES_MAX).map(<[u8]>::to_vec).collect();
            stream::iter(pieces).map(Ok::<_, Refused>)
        });
        Ok(ByteFlow::new(pieces.try_flatten().map_err(Into::into)))
    }
}

/// A copy as far as it has come.
struct Copying {
    responder: Responder,
    notary: PeerId,
    next: u64,
    fetched: Option<Page>,
}

impl Copying {
    /// The next part of the file, and whether there is more.
    async fn part(&mut self) -> Result<(Vec<u8>, bool), Refused> {
        let page = match self.fetched.take() {
            Some(page) => page,
            None => page(&self.responder, self.notary, self.next).await?,
        };
        self.next += page.entries.len() as u64;
        let goes_on = !page.entries.is_empty() && self.next < page.total;
        Ok((journal_copy::part(&codec::encode(&page)), goes_on))
    }
}

/// A page of a notary's journal.
async fn page(responder: &Responder, notary: PeerId, from: u64) -> Result<Page, Refused> {
    if notary != responder.own {
        return fetch(&responder.network, notary, from).await;
    }
    let wanted = JournalRange { from };
    let journal = move |driver: &mut Driver| driver.published(from, pages::ENTRIES_MAX);
    let (withheld, total, records) = responder.look(journal).await?;
    responder.work(move |_| pages::page(records, wanted, &withheld, total)).await
}
