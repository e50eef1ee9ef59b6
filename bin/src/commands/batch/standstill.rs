//! Why a batch stands before its end, what the rest of it would need, and the command that goes on.

use assay_gateway::{BatchPlan, BatchStop, StopNote};
use assay_protocol::units::Amount;

use super::report::BatchReport;
use crate::{
    command_error::{CommandError, Exit, over_day},
    printer::short,
};

/// What helps whoever cannot raise a ceiling.
const SHORTER: &str = "shorter answers cost less (--max-tokens of `assay batch run`)";

/// A batch that stands before its end.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standstill {
    /// How a command ends of which nothing came.
    pub(super) exit: Exit,
    pub(super) code: &'static str,
    pub(super) note: StopNote,
}

impl Standstill {
    /// Why nothing more of a batch was ordered.
    pub(super) fn of(stop: &BatchStop, report: &BatchReport, unit: &str) -> Self {
        let goes_on = format!("`assay batch resume {}`", short(report.plan.name));
        let refused = |error: CommandError| {
            let [message, hint] = error.lines();
            Self::new((error.exit(), error.code()), message.to_owned(), format!("{hint}; {goes_on} goes on"))
        };
        match stop {
            BatchStop::Ceiling { enough } => Self::below_ceiling(*enough, report, unit),
            BatchStop::Money(why) => Self::new(
                (Exit::Money, "MONEY"),
                why.clone(),
                format!("`assay account show` says what there is; {goes_on} goes on"),
            ),
            BatchStop::Nobody(why) => Self::new(
                (Exit::NoMatch, "NOBODY"),
                why.clone(),
                format!("`assay offers` lists who offers what; {goes_on} goes on"),
            ),
            BatchStop::OverDay(over) => refused(over_day(*over)),
            BatchStop::Refused(why) => refused(why.clone().into()),
            BatchStop::NotAllowed(why) => {
                Self::new((Exit::Money, why.code()), why.line(), format!("{goes_on} goes on"))
            }
            BatchStop::Cancelled => Self::new(
                (Exit::JobFailed, "CANCELLED"),
                "it was cancelled".to_owned(),
                format!(
                    "{goes_on} goes on with the lines that are left, --failed also with those that were cancelled"
                ),
            ),
        }
    }

    /// Where the ceiling leaves too little: so much is enough for one line more, with what is spent.
    fn below_ceiling(enough: Option<Amount>, report: &BatchReport, unit: &str) -> Self {
        let (name, spent) = (short(report.plan.name), report.spent);
        let each = enough.map(|enough| enough.minus_up_to(spent));
        let all = each.and_then(|each| rest(each, report.left())?.plus(spent));
        let ceiling = report.plan.cost_max.map(|most| format!(" of {most} {unit}s")).unwrap_or_default();
        let takes = each.map(|each| format!(", and one more may take {each}")).unwrap_or_default();
        let why = format!(
            "its ceiling{ceiling} leaves too little for another line: {spent} {unit}s are spent{takes}"
        );
        let resume = format!("`assay batch resume {name} --max-cost");
        let hint = match (enough, all) {
            (Some(enough), Some(all)) if all > enough => format!(
                "{resume} {all}` is enough for all that are left if each takes as much, {enough} for one more; {SHORTER}"
            ),
            (Some(enough), _) => format!("{resume} {enough}` is enough for one more; {SHORTER}"),
            (None, _) => format!("{resume} CREDITS` goes on with another ceiling for all of it"),
        };
        let still = Self::new((Exit::Money, "CEILING"), why, hint);
        Self { note: StopNote { enough: all, ..still.note }, ..still }
    }

    fn new((exit, code): (Exit, &'static str), why: String, hint: String) -> Self {
        Self { exit, code, note: StopNote { code: code.to_owned(), why, hint, enough: None } }
    }
}

fn rest(each: Amount, lines: usize) -> Option<Amount> {
    each.times(u64::try_from(lines).ok()?)
}

/// Of a batch that nobody has said of why it stands.
pub(super) fn unsaid(is_cancelled: bool, plan: &BatchPlan) -> StopNote {
    let (code, why) = match is_cancelled {
        true => ("CANCELLED", "it was cancelled"),
        false => ("LEFT", "whoever carried it out was ended, or has left it"),
    };
    let hint = format!("`assay batch resume {}` goes on where it was", short(plan.name));
    StopNote { code: code.to_owned(), why: why.to_owned(), hint, enough: None }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use assay_protocol::id::Digest;

    use super::*;

    fn report(left: usize, spent: Amount) -> BatchReport {
        let plan = BatchPlan {
            name: Digest([0x3f; 32]),
            label: None,
            content: Digest::default(),
            input: "questions.jsonl".to_owned(),
            output: PathBuf::from("answers.jsonl"),
            begun: jiff::Timestamp::UNIX_EPOCH,
            lines: left + 1,
            tokens_max: 8,
            models: BTreeMap::new(),
            cost_max: Some(Amount::credits(1)),
            concurrency: 8,
        };
        BatchReport { plan, state: "stopped", answered: 1, failed: 0, spent, under_way: None, stop: None }
    }

    fn below(enough: Option<Amount>, left: usize) -> Standstill {
        Standstill::of(&BatchStop::Ceiling { enough }, &report(left, Amount::credits(1)), "credit")
    }

    #[test]
    fn a_ceiling_is_told_with_what_was_spent_what_the_rest_needs_and_the_whole_command() {
        let unknown = below(None, 3);
        assert_eq!((unknown.exit, unknown.code, unknown.note.enough), (Exit::Money, "CEILING", None));
        assert_eq!(
            unknown.note.why,
            "its ceiling of 1.00 credits leaves too little for another line: 1.00 credits are spent"
        );
        let command = "`assay batch resume 3f3f3f3f3f3f --max-cost";
        assert!(
            unknown.note.hint.starts_with(&format!("{command} CREDITS` goes on")),
            "{}",
            unknown.note.hint
        );
        let three = below(Some(Amount(1_250_000_000)), 3).note;
        assert!(three.why.ends_with("1.00 credits are spent, and one more may take 0.25"), "{}", three.why);
        let said = format!(
            "{command} 1.75` is enough for all that are left if each takes as much, 1.25 for one more; "
        );
        assert!(three.hint.starts_with(&said), "{}", three.hint);
        assert_eq!(three.enough, Some(Amount(1_750_000_000)));
        let one = below(Some(Amount(1_250_000_000)), 1).note;
        assert!(one.hint.starts_with(&format!("{command} 1.25` is enough for one more; ")), "{}", one.hint);
    }

    #[test]
    fn a_batch_that_nobody_said_of_why_it_stands_goes_on_all_the_same() {
        let plan = report(1, Amount::ZERO).plan;
        let [left, cancelled] = [false, true].map(|is_cancelled| unsaid(is_cancelled, &plan));
        assert_eq!((&*left.code, &*cancelled.code), ("LEFT", "CANCELLED"));
        assert_eq!(left.hint, "`assay batch resume 3f3f3f3f3f3f` goes on where it was");
    }
}
