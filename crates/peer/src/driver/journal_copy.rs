//! A notary's published journal as a file: copied by whoever asks for it, judged by anybody, without a daemon.
//!
//! A line that says what it is, then parts, each behind its length: the network and the notary, and the pages, as peers send them.
//!
//! **Invariant:** what a copy is found to say rests on its entries and on the rules of the network, and on nothing that its head
//! says.

use std::io::{self, Read};

use assay_protocol::{
    codec,
    genesis::Genesis,
    id::{NetworkId, PeerId},
    journal::PAGE_BYTES_MAX,
};
use serde::{Deserialize, Serialize};

use super::{audit::Replay, pages};
use crate::handle::Audited;

/// What every copy begins with.
const TITLE: &[u8] = b"assay journal 1\n";
/// Bytes of the longest head.
const HEAD_BYTES_MAX: usize = 128;

/// Whose journal it is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct CopyHead {
    network: NetworkId,
    notary: PeerId,
}

/// Why a copy cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It is something else.
    #[error("this is no copy of a journal")]
    Foreign,
    /// Bytes of it are missing, or others than they were.
    #[error("the copy is cut or damaged behind its first {entries} entries")]
    Damaged {
        /// How many entries can be read.
        entries: u64,
    },
    /// It is of another network.
    #[error("the copy is of the network {theirs}, and the rules are those of {ours}")]
    OtherNetwork {
        /// The network that the copy says it is of.
        theirs: NetworkId,
        /// The one by whose rules it was to be judged.
        ours: NetworkId,
    },
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// The beginning of a copy.
pub(crate) fn beginning(network: NetworkId, notary: PeerId) -> Vec<u8> {
    let head = part(&codec::encode_versioned(&CopyHead { network, notary }));
    [TITLE, &head].concat()
}

/// A part of a copy, behind its length.
pub(crate) fn part(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), bytes].concat()
}

/// Replays a copy by the rules of its network. Blocks on the file.
///
/// # Errors
/// [`CopyError`], if it is no whole copy of a journal of this network. What does not follow in it is told in the answer.
pub fn audit_copy(genesis: &Genesis, mut from: impl Read) -> Result<Audited, CopyError> {
    let mut title = [0; TITLE.len()];
    let head = match from.read_exact(&mut title) {
        Ok(()) if title == TITLE => next_part(&mut from, HEAD_BYTES_MAX, 0)?,
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
        Ok(()) | Err(_) => None,
    };
    let head = head.and_then(|head| codec::decode_versioned(&head, HEAD_BYTES_MAX).ok());
    let CopyHead { network, notary } = head.ok_or(CopyError::Foreign)?;
    let ours = genesis.id();
    if network != ours {
        return Err(CopyError::OtherNetwork { theirs: network, ours });
    }
    let mut replay = Replay::new(genesis, notary, notary);
    loop {
        let entries = replay.seen();
        let damaged = || CopyError::Damaged { entries };
        let page = next_part(&mut from, PAGE_BYTES_MAX, entries)?.ok_or_else(damaged)?;
        let page = pages::read_page(&page).map_err(|_| damaged())?;
        let goes_on = replay.push(&page);
        if replay.diverges() {
            return Ok(replay.finish());
        }
        if !goes_on {
            let entries = replay.seen();
            let is_whole = entries >= page.total && next_part(&mut from, 0, entries)?.is_none();
            return if is_whole { Ok(replay.finish()) } else { Err(CopyError::Damaged { entries }) };
        }
    }
}

/// The next part; none where the file ends between two.
fn next_part(from: &mut impl Read, max: usize, entries: u64) -> Result<Option<Vec<u8>>, CopyError> {
    let mut length = Vec::new();
    from.by_ref().take(4).read_to_end(&mut length)?;
    if length.is_empty() {
        return Ok(None);
    }
    let length = <[u8; 4]>::try_from(length).map(|length| u32::from_le_bytes(length) as usize);
    let length = length.ok().filter(|length| *length <= max).ok_or(CopyError::Damaged { entries })?;
    let mut part = vec![0; length];
    match from.read_exact(&mut part) {
        Ok(()) => Ok(Some(part)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(CopyError::Damaged { entries }),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::{
        id::Digest,
        journal::{Entry, Page, Published},
    };

    use super::*;
    use crate::config;

    /// A copy of two pages of an entry each, whose facts are not told.
    fn copied() -> (Genesis, Vec<u8>) {
        let notary = PeerId([7; 32]);
        let mut genesis = config::genesis("copies", notary);
        genesis.notaries = [notary].into_iter().collect();
        let (mut previous, mut bytes) = (Digest::default(), beginning(genesis.id(), notary));
        for fact in [1, 2] {
            let fact = Digest([fact; 32]);
            let page = Page { total: 2, entries: vec![Published::Withheld { previous, fact }] };
            previous = Entry::digest_of(previous, fact);
            bytes.extend(part(&codec::encode(&page)));
        }
        (genesis, bytes)
    }

    #[test]
    fn a_copy_is_judged_without_anybody() {
        let (genesis, bytes) = copied();
        let audited = audit_copy(&genesis, &bytes[..]).unwrap();
        assert_eq!((audited.entries, audited.hidden, audited.head.sequence), (0, 2, 2));
        assert_eq!((audited.divergence, audited.total), (None, audited.supply));
    }

    #[test]
    fn a_copy_that_was_cut_or_changed_anywhere_is_not_whole() {
        let (genesis, bytes) = copied();
        for length in 0..bytes.len() {
            let judged = audit_copy(&genesis, &bytes[..length]);
            assert!(
                matches!(judged, Err(CopyError::Damaged { .. } | CopyError::Foreign)),
                "{length}: {judged:?}"
            );
        }
        let whole = audit_copy(&genesis, &bytes[..]).unwrap();
        // How many entries there were when the first page was made says nothing once there are more pages.
        let untold = beginning(genesis.id(), PeerId([7; 32])).len() + 4;
        for place in (0..bytes.len()).filter(|place| *place != untold) {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let judged = audit_copy(&genesis, &changed[..]);
            assert_ne!(judged.ok(), Some(whole.clone()), "byte {place}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(audit_copy(&genesis, &longer[..]), Err(CopyError::Damaged { entries: 2 })));
    }

    #[test]
    fn a_copy_of_another_network_is_named() {
        let (mut genesis, bytes) = copied();
        genesis.name = "others".to_owned();
        assert!(matches!(audit_copy(&genesis, &bytes[..]), Err(CopyError::OtherNetwork { .. })));
    }
}
