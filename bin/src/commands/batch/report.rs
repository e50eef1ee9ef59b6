//! How a batch stands, in words and as a document, and its answers as a file.
//!
//! **Invariant:** the answers stand in the order of the requests, in a file that is replaced whole.

use assay_gateway::{BatchError, BatchFolder, BatchPlan, LineLog, LineTally, StopNote};
use assay_protocol::units::Amount;
use serde_json::{Value, json};

use super::{
    lines_under_way::LinesUnderWay,
    standstill::{Standstill, unsaid},
};
use crate::{
    command_error::{CommandError, Exit},
    printer::{full, moment, money, number_of, path_text, short, verb},
};

/// How a batch stands.
#[derive(Clone, Debug)]
pub(super) struct BatchReport {
    pub(super) plan: BatchPlan,
    pub(super) state: &'static str,
    pub(super) answered: usize,
    pub(super) failed: usize,
    pub(super) spent: Amount,
    /// Lines with an order that is open, where that is known.
    pub(super) under_way: Option<LinesUnderWay>,
    /// Why it stands before its end, where it does.
    pub(super) stop: Option<StopNote>,
}

impl BatchReport {
    /// What its folder says.
    pub(super) fn of(folder: &BatchFolder, plan: &BatchPlan, log: &LineLog) -> Self {
        let mut report = Self::counted(plan, log, "running");
        if !folder.is_locked() {
            report.state = report.state_at_rest(folder);
        } else if folder.is_cancelled() {
            report.state = "cancelling";
        }
        report.stop = match report.state {
            "stopped" => Some(folder.stop_note().unwrap_or_else(|| unsaid(false, plan))),
            "cancelled" => Some(unsaid(true, plan)),
            _ => None,
        };
        // Of lines that have all come to something none is.
        report.under_way = (report.left() == 0).then(LinesUnderWay::default);
        report
    }

    /// The same for a batch that this process has carried out.
    pub(super) fn at_rest(folder: &BatchFolder, plan: &BatchPlan, log: &LineLog) -> Self {
        let mut report = Self::counted(plan, log, "done");
        report.state = report.state_at_rest(folder);
        report.under_way = Some(LinesUnderWay::default());
        report
    }

    fn counted(plan: &BatchPlan, log: &LineLog, state: &'static str) -> Self {
        let LineTally { answered, failed } = log.tally();
        Self { plan: plan.clone(), state, answered, failed, spent: log.spent(), under_way: None, stop: None }
    }

    fn state_at_rest(&self, folder: &BatchFolder) -> &'static str {
        match self.left() {
            0 => "done",
            _ if folder.is_cancelled() => "cancelled",
            _ => "stopped",
        }
    }

    /// Lines of which nothing has come yet.
    pub(super) fn left(&self) -> usize {
        self.plan.lines.saturating_sub(self.answered).saturating_sub(self.failed)
    }

    /// Lines that were answered while nobody carried it out, if any were: neither they nor what they have cost is counted.
    pub(super) fn ungathered(&self) -> Option<String> {
        let count = self.under_way.map_or(0, |open| open.ungathered);
        // Whoever carries it out is about to.
        let is_at_rest = matches!(self.state, "stopped" | "cancelled");
        (count > 0 && is_at_rest).then(|| {
            format!(
                "{}, answered and paid since: `assay batch resume {}` gathers them",
                number_of(count, "line"),
                short(self.plan.name)
            )
        })
    }

    /// Why it stands, what the rest of it needs and what goes on, where it stands before its end.
    pub(super) fn standing(&self) -> Option<String> {
        let StopNote { why, hint, .. } = self.stop.as_ref()?;
        Some(format!("batch {} stands: {why}; {hint}", short(self.plan.name)))
    }

    /// It in a line.
    pub(super) fn line(&self, unit: &str) -> String {
        let Self { plan, state, answered, failed, spent, .. } = self;
        let mut parts = vec![format!("{answered} of {} answered", number_of(plan.lines, "line"))];
        if *failed > 0 {
            parts.push(format!("{failed} failed"));
        }
        if self.left() > 0 {
            parts.push(format!("{} left", self.left()));
        }
        parts.push(format!("{spent} {unit}s spent"));
        format!("batch {}: {state}; {}", short(plan.name), parts.join(", "))
    }

    /// It for programs.
    pub(super) fn document(&self, unit: &str) -> Value {
        let Self { plan, state, answered, failed, spent, .. } = self;
        json!({
            "batch": full(plan.name), "batch_label": plan.label, "state": state, "begun": plan.begun_text(),
            "input_file": plan.input, "output_file": path_text(&plan.output),
            "lines": plan.lines, "answered": answered, "failed": failed,
            "left": self.left(), "model_names": plan.models.keys().collect::<Vec<_>>(),
            "spent": money(*spent, unit), "cost_max": plan.cost_max.map(|most| money(most, unit)),
            "under_way": self.under_way.map(|open| open.lines),
            "over_by": self.under_way.and_then(|open| open.until).map(moment),
            "ungathered": self.under_way.map(|open| open.ungathered),
            "stop_code": self.stop.as_ref().map(|stop| &stop.code),
            "stop_why": self.stop.as_ref().map(|stop| &stop.why),
            "stop_hint": self.stop.as_ref().map(|stop| &stop.hint),
            "enough_for_all": self.stop.as_ref().and_then(|stop| stop.enough).map(|enough| money(enough, unit)),
        })
    }

    /// What is wrong, unless every line is answered.
    pub(super) fn judge(&self, still: Option<&Standstill>) -> Result<(), CommandError> {
        let name = short(self.plan.name);
        let all = number_of(self.plan.lines, "line");
        let are = verb(self.left(), "is", "are");
        let details = json!({
            "batch": full(self.plan.name), "answered": self.answered, "failed": self.failed, "left": self.left(),
        });
        let failure = match (still, self.left()) {
            (Some(still), left) if left > 0 => {
                let StopNote { why, hint, .. } = &still.note;
                // What the other numbers say is that nothing was spent.
                let exit = if self.answered > 0 || !self.spent.is_zero() { Exit::Partly } else { still.exit };
                let failed =
                    if self.failed > 0 { format!("{} failed, and ", self.failed) } else { String::new() };
                let message = format!("{failed}{left} of {all} {are} left: {why}");
                CommandError::new(exit, still.code, message, hint)
            }
            (_, 0) if self.failed == 0 => return Ok(()),
            (_, left) => {
                let exit = if self.answered > 0 { Exit::Partly } else { Exit::JobFailed };
                let message = match left {
                    0 => format!("{} of {all} failed", self.failed),
                    left => format!("{} of {all} failed, and {left} {are} left", self.failed),
                };
                let hint = format!(
                    "`assay batch errors {name}` lists them; `assay batch resume {name} --failed` orders them again"
                );
                CommandError::new(exit, "LINES_FAILED", message, hint)
            }
        };
        Err(failure.with(details))
    }
}

/// Writes the answers that there are.
pub(super) fn write_answers(
    folder: &BatchFolder,
    plan: &BatchPlan,
    log: &LineLog,
) -> Result<(), CommandError> {
    match assay_gateway::write_answers(folder, log, &plan.output, |_| true) {
        Err(error @ BatchError::Output { .. }) => {
            let name = short(plan.name);
            let hint =
                format!("nothing is lost: `assay batch resume {name} -o FILE` writes the answers elsewhere");
            Err(CommandError::new(Exit::Other, "DISK", error, hint))
        }
        written => Ok(written?),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use assay_protocol::{id::Digest, units::Timestamp};

    use super::*;

    #[tokio::test]
    async fn a_batch_that_is_carried_out_after_it_was_cancelled_is_said_to_be_cancelling() {
        let home = tempfile::tempdir().unwrap();
        let name = Digest::of(b"batch");
        let folder = BatchFolder::of(home.path(), name);
        let plan = BatchPlan {
            name,
            label: None,
            content: Digest::default(),
            input: "questions.jsonl".to_owned(),
            output: home.path().join("answers.jsonl"),
            begun: jiff::Timestamp::UNIX_EPOCH,
            lines: 2,
            tokens_max: 8,
            models: BTreeMap::new(),
            cost_max: None,
            concurrency: 8,
        };
        folder.make().unwrap();
        folder.begin(&plan, &mut &b"{}\n{}\n"[..]).unwrap();
        let report = || BatchReport::of(&folder, &plan, &folder.log(&plan).unwrap());
        assert_eq!(report().state, "stopped");
        let lock = folder.lock(name).await.unwrap();
        assert_eq!(report().state, "running");
        folder.cancel().unwrap();
        let cancelling = report();
        assert_eq!((cancelling.state, cancelling.under_way), ("cancelling", None), "no daemon said");
        let until = Some(Timestamp(1_000));
        let under_way = Some(LinesUnderWay { lines: 2, until, ungathered: 1 });
        let told = BatchReport { under_way, ..cancelling };
        let document = told.document("credit");
        assert_eq!((&document["under_way"], &document["state"]), (&2.into(), &"cancelling".into()));
        assert_eq!(document["over_by"], "1970-01-01T00:00:01.000Z");
        assert_eq!(document["ungathered"], 1);
        assert_eq!(told.ungathered(), None, "whoever carries it out gathers it");
        drop(lock);
        let at_rest = report();
        assert_eq!((at_rest.state, at_rest.ungathered()), ("cancelled", None));
        let words = BatchReport { under_way, ..at_rest }.ungathered().unwrap();
        assert!(words.starts_with("1 line, answered and paid since: `assay batch resume "), "{words}");
    }
}
