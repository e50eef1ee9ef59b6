//! `assay provider schedule`: the hours in which jobs are taken on.

use std::str::FromStr;

use assay_market::owner::{BadSpan, DaySpan};

use super::owner_rules;
use crate::{
    command_error::{CommandError, Exit},
    daemon::Reach,
    invocation::Invocation,
};

const EXAMPLES: &str = "\
Examples:
  assay provider schedule                               when jobs are taken on
  assay provider schedule 22:00-07:00                   at night
  assay provider schedule \"Mon-Fri 18:00-08:00\" Sat,Sun  out of office hours
  assay provider schedule --always                      at any time again";

/// See and settle the hours in which jobs are taken on.
///
/// By this machine's own clock and time zone. What runs when they end is seen through. Days and the hours after them are one
/// time; hours named first, or days with a semicolon behind them in quotes, stand for themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// When; all that are named replace those of before
    #[arg(value_name = "HOURS")]
    hours: Vec<HoursWord>,
    /// At any time
    #[arg(long, conflicts_with = "hours")]
    always: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let spans = joined(&args.hours).map_err(|error| {
        CommandError::new(Exit::Usage, "BAD_VALUE", error, "`assay provider schedule --help` has examples")
    })?;
    let hours: Vec<String> = spans.iter().map(DaySpan::to_string).collect();
    let change = match (args.always, hours.is_empty()) {
        (true, _) => vec![("provider.hours", None)],
        (false, false) => vec![("provider.hours", Some(owner_rules::list(&hours)))],
        (false, true) => Vec::new(),
    };
    owner_rules::settle(&change, invocation).await?;
    owner_rules::show(args.reach, invocation).await?;
    if !spans.is_empty() {
        let told: Vec<String> = spans.iter().map(words).collect();
        invocation.printer.note(format!("its hours are now: {}", told.join("; ")));
    }
    Ok(())
}

/// A time as it stands in one argument; without quotes its days and its hours are two.
#[derive(Clone, Debug)]
struct HoursWord {
    text: String,
    span: DaySpan,
    /// It ends in a semicolon: what follows is another time.
    is_closed: bool,
}

impl HoursWord {
    fn is_of_days_alone(&self) -> bool {
        !self.text.contains(':') && !self.is_closed
    }

    fn is_of_hours_alone(&self) -> bool {
        self.text.contains(':') && !self.text.contains(' ')
    }
}

impl FromStr for HoursWord {
    type Err = BadSpan;

    fn from_str(word: &str) -> Result<Self, BadSpan> {
        let word = word.trim();
        let text = word.strip_suffix(';').unwrap_or(word).trim_end();
        Ok(Self { text: text.to_owned(), span: text.parse()?, is_closed: text != word })
    }
}

/// The times that these arguments come to: days go with the hours that follow them.
fn joined(words: &[HoursWord]) -> Result<Vec<DaySpan>, BadSpan> {
    let (mut spans, mut words) = (Vec::new(), words.iter().peekable());
    while let Some(word) = words.next() {
        let hours = words.next_if(|next| word.is_of_days_alone() && next.is_of_hours_alone());
        spans.push(match hours {
            Some(hours) => format!("{} {}", word.text, hours.text).parse::<DaySpan>()?,
            None => word.span,
        });
    }
    Ok(spans)
}

/// A time, in words.
fn words(span: &DaySpan) -> String {
    let text = span.to_string();
    let (days, times) = match text.rsplit_once(' ') {
        Some((days, times)) => (days, times),
        None if text.contains(':') => ("", text.as_str()),
        None => (text.as_str(), "00:00-24:00"),
    };
    let days = if days.is_empty() { "every day".to_owned() } else { days.replace(',', ", ") };
    match times.split_once('-') {
        None | Some(("00:00", "24:00")) => format!("{days} at any time"),
        // Both have two digits for the hour.
        Some((from, until)) if until <= from => format!("{days} from {from} to {until} of the day after"),
        Some((from, until)) => format!("{days} from {from} to {until}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(typed: &[&str]) -> Vec<String> {
        let typed: Vec<HoursWord> = typed.iter().map(|word| word.parse().unwrap()).collect();
        joined(&typed).unwrap().iter().map(words).collect()
    }

    #[test]
    fn days_and_the_hours_after_them_are_one_time_with_quotes_and_without() {
        let nights = "Mon, Tue, Wed, Thu, Fri from 18:00 to 08:00 of the day after";
        assert_eq!(told(&["Mon-Fri 18:00-08:00"]), [nights]);
        assert_eq!(told(&["Mon-Fri", "18:00-08:00"]), [nights]);
        assert_eq!(told(&["Mon-Fri", "18:00-08:00", "Sat,Sun"]), [nights, "Sat, Sun at any time"]);
        let apart = ["Sat at any time", "every day from 09:00 to 17:00"];
        assert_eq!(told(&["Sat;", "9:00-17:00"]), apart);
        assert_eq!(told(&["9:00-17:00", "Sat"]), [apart[1], apart[0]]);
        assert_eq!(told(&["Sat", "Mon 9:00-17:00"]), [apart[0], "Mon from 09:00 to 17:00"]);
        assert_eq!(told(&["00:00-24:00"]), ["every day at any time"]);
        assert!("Mon-Fri,".parse::<HoursWord>().is_err() && ";".parse::<HoursWord>().is_err());
    }
}
