//! How a batch stands, in words and as a document, and its answers as a file.
//!
//! **Invariant:** the answers stand in the order of the requests, in a file that is replaced whole.

use std::io;

use assay_protocol::units::Amount;
use serde_json::{Value, json};

use super::{
    batch_folder::{BatchFolder, replace_with},
    batch_plan::BatchPlan,
    line_log::{LineLog, LineTally},
    stop::BatchStop,
};
use crate::{
    command_error::{CommandError, Exit},
    printer::{full, money, number_of, path_text, short, verb},
};

/// How a batch stands.
#[derive(Clone, Debug)]
pub(super) struct BatchReport {
    pub(super) plan: BatchPlan,
    pub(super) state: &'static str,
    pub(super) answered: usize,
    pub(super) failed: usize,
    pub(super) spent: Amount,
}

impl BatchReport {
    /// What its folder says.
    pub(super) fn of(folder: &BatchFolder, plan: &BatchPlan, log: &LineLog) -> Self {
        let mut report = Self::counted(plan, log, "running");
        if !folder.is_locked() {
            report.state = report.state_at_rest(folder);
        }
        report
    }

    /// The same for a batch that this process has carried out.
    pub(super) fn at_rest(folder: &BatchFolder, plan: &BatchPlan, log: &LineLog) -> Self {
        let mut report = Self::counted(plan, log, "done");
        report.state = report.state_at_rest(folder);
        report
    }

    fn counted(plan: &BatchPlan, log: &LineLog, state: &'static str) -> Self {
        let LineTally { answered, failed } = log.tally();
        Self { plan: plan.clone(), state, answered, failed, spent: log.spent() }
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

    /// It in a line.
    pub(super) fn line(&self, unit: &str) -> String {
        let Self { plan, state, answered, failed, spent } = self;
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
        let Self { plan, state, answered, failed, spent } = self;
        json!({
            "batch": full(plan.name), "batch_label": plan.label, "state": state, "begun": plan.begun_text(),
            "input_file": plan.input, "output_file": path_text(&plan.output),
            "lines": plan.lines, "answered": answered, "failed": failed,
            "left": self.left(), "model_names": plan.models.keys().collect::<Vec<_>>(),
            "spent": money(*spent, unit), "cost_max": plan.cost_max.map(|most| money(most, unit)),
        })
    }

    /// What is wrong, unless every line is answered.
    pub(super) fn judge(&self, stop: Option<&BatchStop>) -> Result<(), CommandError> {
        let name = short(self.plan.name);
        let all = number_of(self.plan.lines, "line");
        let are = verb(self.left(), "is", "are");
        let details = json!({
            "batch": full(self.plan.name), "answered": self.answered, "failed": self.failed, "left": self.left(),
        });
        let failure = match (stop, self.left()) {
            (Some(stop), left) if left > 0 => {
                let (exit, code, why, hint) = stop.failure(&name);
                // What the other numbers say is that nothing was spent.
                let exit = if self.answered > 0 || !self.spent.is_zero() { Exit::Partly } else { exit };
                let failed =
                    if self.failed > 0 { format!("{} failed, and ", self.failed) } else { String::new() };
                let message = format!("{failed}{left} of {all} {are} left: {why}");
                CommandError::new(exit, code, message, hint)
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
    let mut unread = None;
    let written = replace_with(&plan.output, |file| {
        for line in 0..log.lines().len() {
            let result = match folder.result(log, line) {
                Ok(Some(result)) => result,
                Ok(None) => continue,
                Err(error) => {
                    unread = Some(error);
                    return Err(io::ErrorKind::Other.into());
                }
            };
            serde_json::to_writer(&mut *file, &result.answer)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    });
    match (unread, written) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) => {
            let message = format!("{}: {error}", plan.output.display());
            let name = short(plan.name);
            let hint =
                format!("nothing is lost: `assay batch resume {name} -o FILE` writes the answers elsewhere");
            Err(CommandError::new(Exit::Other, "DISK", message, hint))
        }
    }
}
