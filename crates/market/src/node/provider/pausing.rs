//! Taking nothing new on for a while.
//!
//! Whoever asks during a pause hears that there is no room now, which costs nobody any trust. What is claimed is seen through
//! in any case: it asks for no run any more.
//!
//! **Invariant:** a pause is kept before anybody hears of it, so no restart ends it; its end is due like any other alarm.

use alloc::vec::Vec;

use assay_protocol::{id::JobId, order::Failure, signed::Signer, units::Timestamp};

use super::Provider;
use crate::{
    effect::Effect,
    input::RunId,
    node::{context::Context, heard::Heard},
    pause::Pause,
    record::ProviderRecord,
};

impl Provider {
    /// Takes nothing new on, until a moment if one is named; a sudden pause gives up what runs, too.
    pub(in crate::node) fn pause<S: Signer>(
        &mut self,
        until: Option<Timestamp>,
        is_sudden: bool,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let since = self.paused.map_or(cx.now, |pause| pause.since);
        self.keep(ProviderRecord::Paused(Some(Pause { since, until })), cx);
        if is_sudden {
            self.break_off(cx);
        }
        self.told = 0;
        self.tell_offer(cx);
        Heard::Taken
    }

    /// Takes on what comes from now on, if it did not.
    pub(in crate::node) fn end_pause<S: Signer>(&mut self, cx: &mut Context<'_, S>) -> Heard {
        if self.paused.is_some() {
            self.keep(ProviderRecord::Paused(None), cx);
            self.told = 0;
            self.tell_offer(cx);
        }
        Heard::Taken
    }

    /// The pause, if there is one.
    pub(in crate::node) fn paused(&self) -> Option<Pause> {
        self.paused
    }

    /// True while nothing new is taken on.
    pub(super) fn is_paused(&self, now: Timestamp) -> bool {
        self.paused.is_some_and(|pause| pause.holds(now))
    }

    /// Gives up what is not claimed yet, but for what its client wants no more of: that is claimed within seconds.
    fn break_off<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        let runs = self.servings.iter().filter(|(_, serving)| serving.is_busy() && !serving.cut);
        let runs: Vec<JobId> = runs.map(|(job, _)| *job).collect();
        for job in runs {
            cx.out.push(Effect::Stop(RunId { job, check: false }));
            self.abort(job, Failure::Busy, cx);
        }
    }
}
