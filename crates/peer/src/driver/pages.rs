//! What peers may ask each other: the offers one knows, and a notary's journal.
//!
//! **Invariant:** an answer has a bound on its entries and on its bytes; of a notary's journal only what its brain calls
//! published leaves in full.

use assay_market::record::Record;
use assay_protocol::{
    codec::{self, MESSAGE_BYTES_MAX, Malformed},
    journal::{Entry, JournalRange, PAGE_BYTES_MAX, Page, Published},
    message::Message,
    offer::Offer,
    signed::Signed,
};

use crate::journal::ReadError;

/// The question for the offers that a peer knows.
pub(crate) const BOOK: u8 = 1;
/// The question for a page of a notary's journal.
pub(crate) const JOURNAL: u8 = 2;
/// The question for the last that a peer heard the asking notary say of the end of its journal.
pub(crate) const HEAD: u8 = 3;
/// The question whether a peer has left the asking notary for good.
pub(crate) const LEFT: u8 = 4;
/// What a client hands to the provider of a job: what it heard of its text elsewhere.
pub(crate) const HEARD: u8 = 5;
/// Messages in the longest answer to that for its words.
const WORDS_MAX: usize = 4;
/// Bytes of it.
pub(crate) const WORDS_BYTES_MAX: usize = WORDS_MAX * (MESSAGE_BYTES_MAX + 16);
/// Bytes of the answer whether a peer has left.
pub(crate) const LEFT_BYTES_MAX: usize = 1;
/// Entries in the longest page: one takes two digests at least.
pub(super) const ENTRIES_MAX: u64 = PAGE_BYTES_MAX as u64 / 64;
/// Offers in one answer.
pub(super) const OFFERS_MAX: usize = 256;

/// What comes of reading a record: its number and its bytes.
type Read = Result<(u64, Vec<u8>), ReadError>;

/// Encodes as many of these offers as one answer holds.
pub(crate) fn book<'a>(offers: impl Iterator<Item = &'a Signed<Offer>>) -> Vec<u8> {
    let mut bytes = 0;
    let fitting = offers.take(OFFERS_MAX).take_while(|offer| {
        bytes += codec::encode(offer).len();
        bytes < PAGE_BYTES_MAX
    });
    codec::encode(&fitting.collect::<Vec<_>>())
}

/// Encodes what a notary said.
pub(crate) fn words(words: &[Message]) -> Vec<u8> {
    codec::encode(&words.iter().map(Message::encode).collect::<Vec<_>>())
}

/// What a notary said, in an answer.
pub(crate) fn read_words(bytes: &[u8]) -> Result<Vec<Message>, Malformed> {
    let words: Vec<Vec<u8>> = codec::decode(bytes, WORDS_BYTES_MAX)?;
    words.iter().take(WORDS_MAX).map(|bytes| Message::decode(bytes)).collect()
}

/// Encodes whether a notary was left.
pub(crate) fn left(has_left: bool) -> Vec<u8> {
    codec::encode(&has_left)
}

/// Whether a peer says that it has left.
pub(crate) fn read_left(bytes: &[u8]) -> bool {
    codec::decode::<bool>(bytes, LEFT_BYTES_MAX).unwrap_or(false)
}

/// The offers in an answer.
pub(crate) fn read_book(bytes: &[u8]) -> Result<Vec<Signed<Offer>>, Malformed> {
    let mut book: Vec<Signed<Offer>> = codec::decode(bytes, PAGE_BYTES_MAX + 16)?;
    book.truncate(OFFERS_MAX);
    Ok(book)
}

/// A page in an answer.
pub(crate) fn read_page(bytes: &[u8]) -> Result<Page, Malformed> {
    codec::decode(bytes, PAGE_BYTES_MAX)
}

/// Reads a page of the chain out of the journal. Blocks on the disk.
pub(crate) fn page(
    records: impl Iterator<Item = Read>,
    wanted: JournalRange,
    withheld: &[u64],
    total: u64,
) -> Page {
    let (mut page, mut bytes) = (Page { total, entries: Vec::new() }, 0);
    for entry in shown(records, wanted.from, withheld, total) {
        bytes += codec::encode(&entry).len();
        page.entries.push(entry);
        if bytes > PAGE_BYTES_MAX - MESSAGE_BYTES_MAX {
            break;
        }
    }
    page
}

/// The entries of a notary's chain from the one of number `from` on, as everybody may see them: those at the places in
/// `withheld`, which ascend, by their digests alone.
pub(crate) fn shown(
    records: impl Iterator<Item = Read>,
    from: u64,
    withheld: &[u64],
    total: u64,
) -> impl Iterator<Item = Published> {
    let entries = records.map_while(Result::ok).filter_map(|(_, record)| entry(&record));
    (from..total).zip(entries).map(move |(position, entry)| {
        let whole = withheld.binary_search(&position).is_err();
        if whole { Published::Whole(entry) } else { Published::withheld(&entry) }
    })
}

fn entry(record: &[u8]) -> Option<Entry> {
    match codec::decode(record, record.len()) {
        Ok(Record::Chain(entry)) => Some(*entry),
        Ok(
            Record::Client(_)
            | Record::Provider(_)
            | Record::Verifier(_)
            | Record::Opening(_)
            | Record::Beacon(_)
            | Record::Owner(_),
        )
        | Err(_) => None,
    }
}
