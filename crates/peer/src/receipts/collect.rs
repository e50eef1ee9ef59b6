//! Getting the receipt of a job from its notary, and judging it before it is believed.
//!
//! **Invariant:** what is filed was signed by the notary that was asked, under the rules that this peer lives by, of the
//! job that was meant, and every step in it follows from the last.

use std::io;

use assay_protocol::{
    codec::{Malformed, RECEIPT_BYTES_MAX},
    id::{Digest, JobId, NetworkId, PeerId},
    receipt::{Receipt, Refuted, Report, verify},
    signed::Ed25519,
};
use tokio::task::spawn_blocking;

use super::ReceiptError;
use crate::{
    blobs::BlobError,
    fetcher::Carrier,
    network::{FetchError, Progress},
    store::{Store, StoreError},
};

/// A receipt that is expected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Of which job.
    pub(crate) job: JobId,
    /// Its digest.
    pub(crate) digest: Digest,
    /// Whose signature it must bear.
    pub(crate) notary: PeerId,
    /// Under which rules.
    pub(crate) network: NetworkId,
}

/// Why a receipt was not filed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CollectError {
    /// It is not here, and the notary does not serve it.
    #[error(transparent)]
    Unfetched(#[from] FetchError),
    /// It is no receipt.
    #[error("it is no receipt: {0}")]
    Malformed(#[from] Malformed),
    /// It does not prove what it says.
    #[error(transparent)]
    Refuted(#[from] Refuted),
    /// It proves something else.
    #[error("it is the receipt of another {of}")]
    Other {
        /// Network, notary or job.
        of: &'static str,
    },
    /// What is here cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk failed.
    #[error("it cannot be stored: {0}")]
    Disk(#[from] io::Error),
}

impl CollectError {
    /// True if what was given proves nothing, or something else; false if it was not to be had.
    pub(crate) fn refutes(&self) -> bool {
        match self {
            Self::Malformed(_) | Self::Refuted(_) | Self::Other { .. } => true,
            Self::Unfetched(_) | Self::Store(_) | Self::Disk(_) => false,
        }
    }
}

/// Gets a receipt, from here or from its notary, judges it, files it and says what it proves.
pub(crate) async fn collect(
    carrier: &impl Carrier,
    store: &Store,
    expected: Expected,
) -> Result<Report, CollectError> {
    let (digest, here) = (expected.digest, store.clone());
    let bytes = match block(move || find(&here, &digest)).await? {
        Some(bytes) => bytes,
        None => {
            let bytes_max = RECEIPT_BYTES_MAX as u64;
            carrier.bring(expected.notary, digest, bytes_max, &Progress::default()).await?
        }
    };
    let receipts = store.receipts.clone();
    block(move || {
        let (receipt, report) = judge(&bytes, expected)?;
        receipts.file(&receipt)?;
        Ok(report)
    })
    .await
}

/// The bytes that are here. What is damaged is as good as gone: it can be had once more.
fn find(store: &Store, digest: &Digest) -> Result<Option<Vec<u8>>, CollectError> {
    match store.get(digest) {
        Err(
            StoreError::Blob(BlobError::Damaged { .. }) | StoreError::Receipt(ReceiptError::Damaged { .. }),
        ) => Ok(None),
        found => Ok(found?),
    }
}

/// What a file proves, if it is the receipt that is expected.
fn judge(bytes: &[u8], expected: Expected) -> Result<(Receipt, Report), CollectError> {
    let receipt = Receipt::from_bytes(bytes)?;
    let report = verify::<Ed25519>(&receipt)?;
    let told_apart = [
        ("network", report.network == expected.network),
        ("notary", report.notary == expected.notary),
        ("job", report.job == expected.job),
    ];
    match told_apart.into_iter().find(|(_, same)| !same) {
        Some((of, _)) => Err(CollectError::Other { of }),
        None => Ok((receipt, report)),
    }
}

async fn block<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CollectError> + Send + 'static,
) -> Result<T, CollectError> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|cut_short| Err(CollectError::Disk(io::Error::other(cut_short))))
}
