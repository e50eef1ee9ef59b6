//! `assay demo`: a whole network on this machine, from the first offer to the conviction of a cheat.
//!
//! **Invariant:** whatever ends it, it leaves no process and no file: everything hangs on one [`network::DemoNetwork`].

mod asks;
pub mod feed;
mod jobs;
mod narration;
pub mod network;
mod own;
mod parting;
mod picture;
pub mod plan;
mod play;
mod proof;
mod report;

use std::{path::PathBuf, pin::pin, time::Duration};

use self::{narration::Narration, network::DemoNetwork, play::Play};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    stop,
};

/// The longest the story may take, on a machine that has much else to do.
const PLAY_WAIT: Duration = Duration::from_secs(5 * 60);

/// How much longer with a model of the user's own.
const MODEL_WAIT: Duration = Duration::from_secs(240);

const EXAMPLES: &str = "\
Examples:
  assay demo         watch it happen; under a minute
  assay demo --model smollm.gguf --ask \"Who are you?\"
                     sell and ask a model of your own as well
  assay demo --stay  keep the network up until Ctrl-C, for a peer of your own to join
  assay demo --json  what happened, as one document";

/// See a whole network at work on this machine, in under a minute.
///
/// Starts eight peers as processes of their own, which talk over the loopback: a notary, six that run and check jobs,
/// and a client. Has pictures of digits read and sums written out by a model of language, catches one provider that makes a
/// result up and one that runs a rounded copy of the model, and shows where its text parts, and who was paid and who lost what.
/// Leaves nothing behind.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Keep the network up until Ctrl-C
    #[arg(long)]
    stay: bool,
    /// A model of language of your own, to be sold and asked as well: a GGUF file. Up to 1 GiB, it is also the one whose rounded
    /// copy is sold
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// What that model is asked
    #[arg(long, value_name = "TEXT", requires = "model", default_value = "Why is the sky blue?")]
    ask: String,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let binary = std::env::current_exe()
        .map_err(|error| CommandError::new(Exit::Other, "NO_PROGRAM", error, "start it by its full path"))?;
    let story = Narration::new(&invocation.printer);
    let mut asked = pin!(stop::asked_from_now().await);
    let mut network = found(binary, args, asked.as_mut()).await?;
    let report = tokio::select! {
        played = tokio::time::timeout(play_wait(args), Play::perform(&mut network, &story)) => played.map_err(|_| overdue(args, &story.awaited()))??,
        exit = asked => return Err(interrupted(exit)),
    };
    invocation.printer.document("demo", &report);
    if args.stay {
        story.how_to_join(&network);
        stop::asked().await;
        story.say("");
        story.say("The network ends.");
    } else {
        story.what_next();
    }
    Ok(())
}

/// Copies of a model take a while; whoever leaves meanwhile leaves none behind.
async fn found(
    binary: PathBuf,
    args: &Args,
    asked: impl Future<Output = Exit>,
) -> Result<DemoNetwork, CommandError> {
    let own = args.model.clone().map(|file| (file, args.ask.clone()));
    let mut founding = tokio::task::spawn_blocking(move || {
        let own = own.as_ref().map(|(file, question)| (file.as_path(), question.as_str()));
        DemoNetwork::found_with(&binary, &plan::CAST, own)
    });
    let lost = |error| CommandError::new(Exit::Other, "DEMO_FAILED", error, "run it again any time");
    tokio::select! {
        founded = &mut founding => founded.map_err(lost)?,
        exit = asked => {
            // What is copied goes with the network that it is for. Whoever asks once more waits for neither.
            tokio::select! {
                founded = &mut founding => drop(founded),
                _ = stop::asked() => {}
            }
            Err(interrupted(exit))
        }
    }
}

fn play_wait(args: &Args) -> Duration {
    if args.model.is_some() { PLAY_WAIT + MODEL_WAIT } else { PLAY_WAIT }
}

fn interrupted(exit: Exit) -> CommandError {
    let hint = "everything it had started is gone; run it again any time";
    CommandError::new(exit, "INTERRUPTED", "the demonstration was interrupted", hint)
}

fn overdue(args: &Args, awaited: &str) -> CommandError {
    let mut message = format!("the demonstration did not end within {} s", play_wait(args).as_secs());
    if !awaited.is_empty() {
        message.push_str(", and waited for the ");
        message.push_str(awaited);
    }
    CommandError::new(
        Exit::TimedOut,
        "DEMO_OVERDUE",
        message,
        "close what else keeps this machine busy and run it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waited_in_vain_is_told_what_for() {
        let args = Args { stay: false, model: None, ask: String::new() };
        let said = |awaited: &str| overdue(&args, awaited).lines()[0].to_owned();
        assert!(said("last close").ends_with("did not end within 300 s, and waited for the last close"));
        assert!(said("").ends_with("did not end within 300 s"), "nothing was awaited yet");
    }
}
