//! How a process comes to hold its model.
//!
//! **Invariant:** a pack that was refused is not given to a process of the same place again.

use std::{fs::File, path::Path, time::Duration};

use super::{KEPT_PART, ModelHost, SessionWait};
use crate::{
    outcome::{RunFailure, cut},
    worker::{CardLayers, HandedModel, HostedModel, ModelProcess, WorkerSource},
};

/// How long a card may take until it holds a model.
const OPENING_WAIT: Duration = Duration::from_secs(5 * 60);

impl ModelHost {
    pub(super) fn start(
        &self,
        source: &WorkerSource,
        wait: &SessionWait<'_>,
    ) -> Result<ModelProcess, RunFailure> {
        let handed = self.handed(wait.path)?;
        let (limits, kept) = (&wait.envelope.limits, self.memory_bytes / KEPT_PART);
        let card = self.card.as_ref().map(|card| card.place());
        ModelProcess::start(source, limits, (self.model, handed), (card, kept))
    }

    /// The model's pack, if one is kept; else its file, with one that its pack is to be kept in.
    fn handed(&self, path: &Path) -> Result<HandedModel, RunFailure> {
        let is_refused = self.known().is_pack_refused;
        let kept = self.packs.as_ref().filter(|_| !is_refused).and_then(|packs| packs.find(self.model));
        if let Some(kept) = kept {
            return Ok(HandedModel::Pack(kept));
        }
        let absent = |why| RunFailure::ModelAbsent(cut(format!("{}: {why}", path.display())));
        let file = File::open(path).map_err(absent)?;
        let bytes = file.metadata().map_err(absent)?.len();
        let draft = self.packs.as_ref().and_then(|packs| packs.begin(self.model, bytes));
        Ok(HandedModel::File(file, draft))
    }

    /// What it means that a process ended before it held its model: of one with a card, that the driver did not bear it.
    pub(super) fn unopened(&self, failure: RunFailure) -> RunFailure {
        match (&self.card, failure) {
            (Some(_), RunFailure::WorkerDied(why) | RunFailure::EngineDied(why)) => {
                RunFailure::CardRefused(why)
            }
            (Some(_), failure @ RunFailure::OutOfProcessMemory { .. }) => {
                RunFailure::CardRefused(failure.to_string())
            }
            (_, failure) => failure,
        }
    }

    /// Whether there is hope for a process that holds no model yet: a driver may hang.
    pub(super) fn is_opening(&self) -> Result<(), RunFailure> {
        let is_late = self.known().started.is_some_and(|since| since.elapsed() > OPENING_WAIT);
        match self.card.is_some() && is_late {
            true => Err(RunFailure::CardRefused("it does not open".to_owned())),
            false => Ok(()),
        }
    }

    /// Counts what a model takes of its card.
    pub(super) fn count(&self, held: &HostedModel) -> Result<(), RunFailure> {
        let Some(card) = &self.card else { return Ok(()) };
        let bytes = held.card.map_or(0, |room| room.kept_bytes);
        if !card.take(bytes) {
            return Err(RunFailure::CardRefused("its memory is taken by others".to_owned()));
        }
        self.known().card_bytes = bytes;
        let on_card = held.card.map_or(0, |room| room.layers);
        card.note(self.model, CardLayers { on_card, all: held.layers });
        Ok(())
    }
}
