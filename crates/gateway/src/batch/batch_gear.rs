//! What a batch is carried out with, and what is told of it meanwhile.

use std::{collections::BTreeMap, time::Duration};

use assay_peer::config::ClientSettings;
use assay_protocol::{manifest::Manifest, units::Amount};
use tokio::{sync::Notify, time::sleep};

use super::{batch_folder::BatchFolder, batch_lines::BatchLines, batch_plan::BatchPlan, line_log::LineTally};

/// How soon it is seen that another process cancelled a batch.
const CANCEL_LOOK: Duration = Duration::from_millis(500);

/// What is told of a batch while it is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchSign {
    /// The daemon is away, and is waited for.
    Away,
    /// How far it is.
    Progress {
        /// What has come of its lines.
        tally: LineTally,
        /// Orders that are open.
        open: usize,
        /// What the orders that are over have cost.
        spent: Amount,
        /// Whether no line is ordered before a job closes: what the open ones hold of the ceiling, or of the account, is needed.
        is_held: bool,
        /// Whether its user wants no more of it: nothing more is ordered.
        is_cancelled: bool,
    },
}

/// Who is told.
pub type BatchTold<'a> = &'a (dyn Fn(BatchSign) + Sync);

/// What a batch is carried out with.
pub struct BatchGear<'a> {
    /// Where it is kept.
    pub folder: &'a BatchFolder,
    /// What it is to do.
    pub plan: &'a BatchPlan,
    /// What is asked.
    pub lines: &'a BatchLines,
    /// The models of its lines, by the names that those use.
    pub manifests: &'a BTreeMap<String, Manifest>,
    /// What the home wants where a line says nothing.
    pub settings: ClientSettings,
    /// Who is told how far it is.
    pub tell: BatchTold<'a>,
}

/// Waits until whoever wants no more of a batch has said so in its folder.
pub(super) async fn cancelled(folder: &BatchFolder) {
    while !folder.is_cancelled() {
        sleep(CANCEL_LOOK).await;
    }
}

/// Waits until somebody has a course look again.
pub(super) async fn nudged(nudge: Option<&Notify>) {
    match nudge {
        Some(nudge) => nudge.notified().await,
        None => std::future::pending().await,
    }
}
