//! Taking nothing new on for a while: because the owner says so, or because a rule of the owner holds.
//!
//! Whoever asks during a pause hears that there is no room now, which costs nobody any trust. What is claimed is seen through
//! in any case: it asks for no run any more.
//!
//! **Invariant:** a pause is kept before anybody hears of it, so no restart ends it; its end is due like any other alarm. Rules are
//! kept nowhere: after a restart nothing is taken on until the machine was looked at.

use alloc::vec::Vec;

use assay_protocol::{id::JobId, order::Failure, signed::Signer, units::Timestamp};

use super::Provider;
use crate::{
    effect::Effect,
    input::RunId,
    node::{context::Context, heard::Heard},
    owner::{HeldRule, MachineReading, OwnerRules},
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

    /// Goes by these rules of its owner from now on.
    pub(in crate::node) fn heed(&mut self, rules: OwnerRules) {
        self.watch.heed(rules);
    }

    /// The rules of its owner that hold.
    pub(in crate::node) fn held(&self, now: Timestamp) -> Vec<HeldRule> {
        self.watch.held(now)
    }

    /// The machine was looked at: a rule may hold from now on, or let go. What its owner needs at once is given up for it.
    pub(super) fn on_sensed<S: Signer>(
        &mut self,
        reading: &MachineReading,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let new = self.watch.look(reading, cx.now);
        if new.iter().any(|rule| rule.is_sudden()) {
            self.break_off(cx);
        }
        if self.told_resting != self.rests(cx.now) {
            self.told = 0;
            self.tell_offer(cx);
        }
        Heard::Taken
    }

    /// True while nothing new is taken on, by its owner's word or by a rule.
    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.watch.holds(now) || self.paused.is_some_and(|pause| pause.holds(now))
    }

    /// Gives up what is not claimed yet, but for what its client wants no more of: that is claimed within seconds.
    fn break_off<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        let goes_on = |job: &&JobId| self.servings.get(*job).is_some_and(|serving| !serving.cut);
        let runs: Vec<JobId> = self.busy.iter().filter(goes_on).copied().collect();
        for job in runs {
            cx.out.push(Effect::Stop(RunId { job, check: false }));
            self.abort(job, Failure::Busy, cx);
        }
    }
}
