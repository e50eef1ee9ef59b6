//! `assay chat`: a conversation with a model of language, each answer a job of its own.
//!
//! **Invariant:** an answer that does not come loses nothing that was said before, and costs what its job costs; whatever
//! ends the conversation, jobs that were paid go on in the daemon.

use std::{
    io::{self, BufRead, IsTerminal},
    time::Duration,
};

use assay_gateway::tokens_read_most;
use assay_market::{held_money::HeldMoney, view::AttemptView};
use assay_peer::handle::Submit;
use assay_protocol::{
    id::Digest,
    manifest::{End, Manifest},
    units::Amount,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    job,
    run::{
        fetch_output,
        fitting::sized,
        follow::{Goal, Waiting, unless_left},
        input, lost_daemon,
        reading::Reading,
        run_time, tell_who_reads,
        terms::Terms,
        wished_order::WishedOrder,
        wishes::TextWishes,
    },
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, money, number_of, short},
};

/// Bytes of one line that is said, without its end.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// What may be typed instead of something to say.
const COMMANDS: &str = "/cost  what the answers cost   /receipt  the receipt of the last answer   /again  answer anew   /quit  (or Ctrl-D)";

const EXAMPLES: &str = "\
Examples:
  assay chat smollm2                                say something, read the answer, go on
  assay chat smollm2 --system \"Answer in one word.\"  with a word to the model before
  assay chat smollm2 --max-cost 0.5                 at most 0.5 credits for each answer
  assay chat smollm2 --provider PEER                always with this provider

Each answer is a job, of the provider of the last one while nobody is much better. Whoever runs it reads the whole conversation; if it is checked, so does a verifier.

Exit status, where no terminal is typed at: that of the last answer, as `assay run` has it.";

/// Talk with a model of language.
///
/// Reads a line, has the conversation continued by somebody's machine, prints the answer and reads the next line. Each
/// answer is a job with a price, a draw and a receipt of its own. Lines that begin with / are commands; /help lists them. Ctrl-C ends an
/// answer, of which what is written by then is paid; twice, or at the prompt, it leaves.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    terms: Terms,
    /// Give up an answer after so long
    #[arg(long, value_name = "TIME", value_parser = input::length)]
    timeout: Option<Duration>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    wishes: TextWishes,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let manifest = input::model(&args.name, &daemon, invocation).await?;
    if !manifest.policy.is_proven_by_rows() {
        let message = format!("{} is no model of language", manifest.name);
        let hint = format!("`assay run {} FILE` asks it once", manifest.name);
        return Err(CommandError::new(Exit::Usage, "NO_TEXTS", message, hint));
    }
    tell_who_reads(invocation);
    if io::stdin().is_terminal() {
        invocation.printer.note("say something; /help lists commands, Ctrl-D ends");
    }
    let (turns, messages) = (Vec::new(), Vec::new());
    let mut conversation =
        Conversation { args, daemon, invocation, manifest, turns, messages, refused: None };
    let ended = conversation.go_on().await;
    invocation.printer.document("chat", &conversation.document());
    ended?;
    match conversation.refused.take() {
        // Whoever sits there has read it; whoever has it typed goes by how it ends.
        Some(refused) if !io::stdin().is_terminal() => Err(refused.told()),
        Some(_) | None => Ok(()),
    }
}

/// What was said, and what it cost.
struct Conversation<'a> {
    args: &'a Args,
    daemon: RunningDaemon,
    invocation: &'a Invocation,
    manifest: Manifest,
    turns: Vec<ChatTurn>,
    messages: Vec<Value>,
    /// Why nothing came of what was said last.
    refused: Option<CommandError>,
}

/// One answer.
struct ChatTurn {
    key: Digest,
    attempt: AttemptView,
    /// What was held for it when it came.
    held: Option<HeldMoney>,
    said: String,
    answer: String,
}

impl Conversation<'_> {
    async fn go_on(&mut self) -> Result<(), CommandError> {
        let mut lines = lines();
        loop {
            if io::stdin().is_terminal() {
                self.invocation.printer.prompt("> ");
            }
            let line = tokio::select! {
                line = lines.recv() => line,
                _ = tokio::signal::ctrl_c() => None,
            };
            let Some(line) = line.transpose().map_err(|error| unreadable(&error))? else { return Ok(()) };
            let line = match line {
                Ok(line) => line,
                Err(unsaid) => {
                    self.refuse(unsaid.failure());
                    continue;
                }
            };
            match line.trim() {
                "" => {}
                "/quit" | "/exit" => return Ok(()),
                "/help" => self.invocation.printer.note(COMMANDS),
                "/cost" => self.tell_cost(),
                "/receipt" => self.tell_receipt(),
                "/again" => self.again().await?,
                command if command.starts_with('/') => {
                    self.invocation.printer.note(format!("there is no command {command}; {COMMANDS}"));
                }
                said => drop(self.say(said.to_owned()).await?),
            }
        }
    }

    /// Has the last answer given anew. If none comes the one before stays.
    async fn again(&mut self) -> Result<(), CommandError> {
        let last = self.messages.iter().rposition(|message| message["role"] == "user");
        let Some(last) = last else {
            self.invocation.printer.note("nothing was said yet");
            return Ok(());
        };
        let said = self.messages[last]["content"].as_str().unwrap_or_default().to_owned();
        let before = self.messages.split_off(last);
        if !self.say(said).await? {
            self.messages.extend(before);
        }
        Ok(())
    }

    /// Says something and prints the answer; false if there is none. What goes wrong with one answer is told, and the next may
    /// be better.
    async fn say(&mut self, said: String) -> Result<bool, CommandError> {
        self.messages.push(json!({ "role": "user", "content": said }));
        match self.answer().await {
            Ok(turn) => {
                let answer = turn.answer.clone();
                self.messages.push(json!({ "role": "assistant", "content": answer }));
                self.turns.push(ChatTurn { said, ..turn });
                self.refused = None;
                Ok(true)
            }
            Err(error) if ends(&error) => Err(error),
            Err(error) => {
                self.messages.pop();
                self.refuse(error);
                Ok(false)
            }
        }
    }

    /// Tells why nothing comes of a line.
    fn refuse(&mut self, why: CommandError) {
        self.invocation.printer.failure(&why);
        self.refused = Some(why);
    }

    /// The next answer, to what was said last.
    async fn answer(&self) -> Result<ChatTurn, CommandError> {
        let Self { args, daemon, invocation, manifest, .. } = self;
        let messages = Value::Array(self.messages.clone()).to_string().into_bytes();
        let input = args.wishes.beside(messages, manifest, input::seed()?)?;
        let submit: Submit = args.terms.submit(manifest, daemon, &invocation.printer).await?;
        let sized = sized(submit, (input, &args.wishes), manifest, daemon, invocation);
        let mut submit = unless_left(sized).await?;
        if self.turns.is_empty() {
            let read = tokens_read_most(&submit.input.0, manifest);
            let warned = async {
                run_time::warn(&submit, (manifest, read), daemon, invocation).await;
                Ok(())
            };
            unless_left(warned).await?;
        }
        submit.returns_to = self.turns.last().map(|turn| turn.attempt.provider);
        let wish = WishedOrder::of(&submit, manifest);
        let ordered = async { daemon.handle.call(submit).await.map_err(lost_daemon::unacknowledged) };
        let key = unless_left(ordered).await?.key;
        self.bring(key, wish).await.map_err(|failure| lost_daemon::amid(key, failure))
    }

    /// Waits for an answer that was ordered, and shows it.
    async fn bring(&self, key: Digest, wish: WishedOrder) -> Result<ChatTurn, CommandError> {
        let Self { args, daemon, invocation, manifest, .. } = self;
        let printer = &invocation.printer;
        let waiting = unless_left(Waiting::new(daemon, invocation, (key, manifest), args.timeout)).await?;
        let waiting = waiting.under(args.terms.ceilings(invocation), wish);
        let goal = args.terms.goal();
        let mut waiting = match goal {
            Goal::Delivered => waiting.hearing(printer),
            Goal::Closed | Goal::Confirmed => waiting,
        };
        let attempt = waiting.until(goal, printer).await?;
        let (heard, held) = (waiting.heard(), waiting.held().cloned());
        drop(waiting);
        let output = unless_left(fetch_output(daemon, key, &attempt)).await?;
        let Some(reading) = Reading::of(manifest, &output) else {
            unreachable!("a model of language gives texts")
        };
        if !reading.print_beyond(&heard, attempt.job, printer) {
            printer.note(
                "what the provider said while it wrote is not what it delivered, which stands below it",
            );
        }
        let cut_off = match attempt.end {
            Some(End::Length) => ", cut off",
            Some(End::Cancelled) => ", cancelled",
            Some(End::Stop) | None => "",
        };
        let (price, unit) = (attempt.price, daemon.unit());
        let by = short(attempt.provider);
        invocation.printer.note(format!("{}{cut_off}, by {by} for {price} {unit}s", reading.note()));
        Ok(ChatTurn { key, attempt, held, said: String::new(), answer: reading.answer().to_owned() })
    }

    fn cost(&self) -> Amount {
        let sum = |sum: Amount, turn: &ChatTurn| sum.plus(turn.attempt.price).unwrap_or(sum);
        self.turns.iter().fold(Amount::ZERO, sum)
    }

    fn tell_cost(&self) {
        let (cost, unit) = (self.cost(), self.daemon.unit());
        let answers = number_of(self.turns.len(), "answer");
        let note =
            format!("{answers} for {cost} {unit}s, without fees, and without answers that were given up");
        self.invocation.printer.note(note);
    }

    fn tell_receipt(&self) {
        self.invocation.printer.note(match self.turns.last() {
            None => "nothing was answered yet".to_owned(),
            Some(turn) => {
                let job = short(turn.attempt.job);
                format!("`assay receipt show {job}`, once the job is closed; `assay job show {job}` says how far it is")
            }
        });
    }

    /// The conversation, for programs.
    fn document(&self) -> Value {
        let unit = self.daemon.unit();
        let turn = |turn: &ChatTurn| {
            json!({
                "submission": full(turn.key), "said": turn.said, "answer": turn.answer,
                "attempt": job::attempt_document(&turn.attempt, turn.held.as_ref(), unit),
            })
        };
        json!({
            "model": self.manifest.name, "manifest": full(self.manifest.digest()),
            "turns": self.turns.iter().map(turn).collect::<Vec<_>>(), "cost": money(self.cost(), unit),
        })
    }
}

/// Whether nothing more can be said after this.
fn ends(error: &CommandError) -> bool {
    match error.exit() {
        Exit::Interrupted | Exit::Terminated | Exit::Daemon => true,
        Exit::Other
        | Exit::Usage
        | Exit::NotFound
        | Exit::Forbidden
        | Exit::NoMatch
        | Exit::Money
        | Exit::JobFailed
        | Exit::NotVerified
        | Exit::Different
        | Exit::Unlike
        | Exit::TimedOut
        | Exit::Problem
        | Exit::Partly
        | Exit::NoPeers => false,
    }
}

/// Why a line is not said. The next may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnsaidLine {
    /// It is too long.
    Long,
    /// It is no UTF-8.
    Foreign,
}

impl UnsaidLine {
    fn failure(self) -> CommandError {
        let why = match self {
            Self::Long => format!("it has more than {LINE_BYTES_MAX} bytes"),
            Self::Foreign => "it is no UTF-8".to_owned(),
        };
        let hint = "the conversation goes on without it; `assay run NAME -f FILE` reads a longer text";
        CommandError::new(Exit::Usage, "NOT_A_TEXT", format!("this line was not said: {why}"), hint)
    }
}

/// A line, if it can be said.
type TypedLine = Result<String, UnsaidLine>;

/// Lines of standard input, as they come.
fn lines() -> mpsc::Receiver<io::Result<TypedLine>> {
    let (said, lines) = mpsc::channel(1);
    // A thread of its own: nobody can interrupt a read, and the process must be able to end meanwhile.
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = next_line(&mut stdin).transpose() {
            if said.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The next line, if there is one. Of one that is too long the rest is read and kept nowhere: it is no line of its own.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<TypedLine>> {
    let mut line = Vec::new();
    let most = LINE_BYTES_MAX as u64 + 1;
    if io::Read::take(&mut *input, most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() > LINE_BYTES_MAX && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
        return Ok(Some(Err(UnsaidLine::Long)));
    }
    Ok(Some(String::from_utf8(line).map_err(|_| UnsaidLine::Foreign)))
}

fn unreadable(error: &io::Error) -> CommandError {
    let hint = "type it, or pass it on standard input";
    CommandError::new(Exit::Usage, "NOT_A_TEXT", format!("what was typed cannot be read: {error}"), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_said_is_one_line_and_the_next_is_read() {
        let longest = "x".repeat(LINE_BYTES_MAX);
        let typed = [
            longest.as_bytes(),
            &b"\nx"[..],
            longest.as_bytes(),
            &b"\n27+58=\n\xff\xfe\n389+456=\nx"[..],
            longest.as_bytes(),
        ];
        let (typed, mut lines) = (typed.concat(), Vec::new());
        let mut input = typed.as_slice();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(line);
        }
        let said = |line: &str| -> TypedLine { Ok(line.to_owned()) };
        let expected = [
            said(&format!("{longest}\n")),
            Err(UnsaidLine::Long),
            said("27+58=\n"),
            Err(UnsaidLine::Foreign),
            said("389+456=\n"),
            Err(UnsaidLine::Long),
        ];
        assert!(lines == expected, "{} lines", lines.len());
        let told = UnsaidLine::Long.failure().to_json().to_string();
        assert!(told.contains("this line was not said: it has more than 65536 bytes"), "{told}");
    }
}
