//! `assay logs`: what the daemon has said.
//!
//! **Invariant:** no daemon is started or asked; what others had written there is only read.

use std::{io, time::Duration};

use assay_protocol::units::Timestamp;
use serde_json::json;
use tokio::time::sleep;

use super::job::ls::Since;
use crate::{
    command_error::{CommandError, Exit},
    daemon::last_words,
    invocation::Invocation,
    log::log_reader::{LogReader, parts},
    printer::{local, moment},
};

/// Between two looks at what was added.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Lines before those that are waited for, where nobody says how many.
const LINES_FOLLOWED: usize = 20;

const EXAMPLES: &str = "\
Examples:
  assay logs               all that is kept
  assay logs --lines 50    the last fifty lines
  assay logs -f            the last lines, and then each that is added
  assay logs --since 10m   what was said in the last ten minutes
  assay logs -f | grep -v info";

/// Print what the daemon has said, oldest first.
///
/// A daemon that a command started writes a log into its home: `daemon.log`, and `daemon.log.1` before it, of 4 MiB at most.
/// `assay up` in a terminal says everything there and nothing in the home. A service of systemd speaks to its journal:
/// `journalctl --user` shows that.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Go on with what is added, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only what was said since a time, such as 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Only the last lines, so many
    #[arg(long, short = 'n', value_name = "N")]
    lines: Option<usize>,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let most = args.lines.or(args.follow.then_some(LINES_FOLLOWED)).unwrap_or(usize::MAX);
    let window = LogWindow::since(args.since.map(Since::moment));
    read(window, (args.follow, most), invocation).await.map(drop)
}

/// Prints the last lines of a window, and goes on with what is added if that is wanted; how many lines were there.
pub(super) async fn read(
    mut window: LogWindow,
    (follow, most): (bool, usize),
    invocation: &Invocation,
) -> Result<usize, CommandError> {
    let path = invocation.home.log();
    let unread = |error: io::Error| {
        let message = format!("{} cannot be read: {error}", path.display());
        CommandError::new(Exit::Forbidden, "LOG_UNREADABLE", message, "check who owns the home")
    };
    let mut log = LogReader::open(&path).map_err(unread)?;
    if !log.has_files() {
        nothing(follow, invocation)?;
    }
    let mut lines = log.next_lines().map_err(unread)?;
    if !follow {
        lines.extend(log.last_line());
    }
    let mut is_told = |line: &String| !last_words::is_one(line) && window.has(line);
    lines.retain(&mut is_told);
    let told = lines.len();
    print(lines.get(told.saturating_sub(most)..).unwrap_or_default(), invocation);
    while follow && invocation.printer.is_heard() {
        sleep(LOOK_EVERY).await;
        let mut lines = log.next_lines().map_err(unread)?;
        lines.retain(&mut is_told);
        print(&lines, invocation);
    }
    Ok(told)
}

/// Which lines are told. One without a time belongs to the one before it.
pub(super) struct LogWindow {
    /// Those that were said since then.
    from: Option<Timestamp>,
    /// Those that hold one of these; all if there are none.
    names: Vec<String>,
    is_open: bool,
}

impl LogWindow {
    fn since(from: Option<Timestamp>) -> Self {
        Self { from, names: Vec::new(), is_open: from.is_none() }
    }

    /// The lines that hold one of these.
    pub(super) fn about(names: Vec<String>) -> Self {
        Self { from: None, names, is_open: false }
    }

    fn has(&mut self, line: &str) -> bool {
        if let (Some(at), ..) = parts(line) {
            let is_named = self.names.is_empty() || self.names.iter().any(|name| line.contains(name));
            self.is_open = is_named && self.from.is_none_or(|from| at >= from);
        }
        self.is_open
    }
}

fn print(lines: &[String], invocation: &Invocation) {
    let printer = &invocation.printer;
    for line in lines.iter().filter(|_| printer.is_json()) {
        let (at, level, words) = parts(line);
        printer.record("log", &json!({ "at": at.map(moment), "level": level, "words": words }));
    }
    if !lines.is_empty() {
        printer.piece(&lines.iter().map(|line| told(line) + "\n").collect::<String>());
    }
}

/// A line as people read it.
fn told(line: &str) -> String {
    match parts(line) {
        (Some(at), Some(level), words) => format!("{}  {level:5}  {words}", local(at)),
        (Some(_) | None, _, _) => line.to_owned(),
    }
}

/// Says where a log would be.
fn nothing(follow: bool, invocation: &Invocation) -> Result<(), CommandError> {
    let (home, log) = (invocation.home.root(), invocation.home.log());
    if !home.exists() {
        let message = format!("no peer lives in {}", home.display());
        let hint = "name the home of one with --home DIR, or make one with `assay init --network FILE`";
        return Err(CommandError::new(Exit::NotFound, "NO_HOME", message, hint));
    }
    let waits = if follow { "; waits until there is" } else { "" };
    invocation.printer.note(format!(
        "nothing is logged yet: a daemon in the background writes to {}{waits}; `assay up` in a terminal says all there",
        log.display()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_time_belongs_to_the_one_before_it() {
        let mut window = LogWindow::since(Some(Timestamp(2_000)));
        let lines = [
            ("last words of an older log", false),
            ("1970-01-01T00:00:01.000Z  info   early", false),
            ("thread panicked", false),
            ("1970-01-01T00:00:02.000Z  info   in time", true),
            ("thread panicked", true),
            ("1970-01-01T00:00:01.500Z  info   a clock was put back", false),
        ];
        for (line, is_told) in lines {
            assert_eq!(window.has(line), is_told, "{line}");
        }
        assert!(LogWindow::since(None).has("anything"));
    }

    #[test]
    fn a_line_is_told_with_the_time_of_the_place_and_what_has_none_as_it_is() {
        let at = local(Timestamp(1_000));
        assert_eq!(
            told("1970-01-01T00:00:01.000Z  warn   a clock  is late"),
            format!("{at}  warn   a clock  is late")
        );
        assert_eq!(told("thread panicked"), "thread panicked");
    }

    #[test]
    fn lines_about_a_job_are_those_that_name_it() {
        let mut window = LogWindow::about(vec!["3fa29c".to_owned(), "77aa01".to_owned()]);
        let lines = [
            ("last words of an older log", false),
            ("1970-01-01T00:00:01.000Z  info   job 3fa29c: closed", true),
            ("with a second line", true),
            ("1970-01-01T00:00:02.000Z  info   job 000000: closed", false),
            ("with a second line", false),
            ("1970-01-01T00:00:03.000Z  warn   a run failed job=77aa01ff", true),
        ];
        for (line, is_told) in lines {
            assert_eq!(window.has(line), is_told, "{line}");
        }
    }
}
