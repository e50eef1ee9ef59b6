//! What is ordered, as it was typed: by who waits for it and by who does not.
//!
//! **Invariant:** with a key the same command is the same order to the byte, so that it is made once however often it is said while the
//! daemon remembers it.

use std::{ffi::OsString, path::PathBuf};

use assay_gateway::tokens_read_most;
use assay_peer::handle::{CallError, Submit};
use assay_protocol::{codec, id::Digest, manifest::Manifest};

use super::{
    ceiling::CeilingNames, fitting::sized, follow::Goal, input, lost_daemon, picture, run_time,
    tell_who_reads, terms::Terms, wished_order::WishedOrder, wishes::TextWishes,
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::RunningDaemon,
    invocation::Invocation,
};

/// What is ordered.
#[derive(Debug, clap::Args)]
pub(crate) struct OrderArgs {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
    /// What a model that reads texts is asked; for other models, the file with the input; - for standard input
    #[arg(value_name = "INPUT", required_unless_present = "file", conflicts_with = "file")]
    input: Option<OsString>,
    /// The file with the input, whatever model it is for
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    terms: Terms,
    /// Providers to try one after another
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), allow_negative_numbers = true)]
    attempts: Option<u16>,
    /// A word that names the job: the same command with it again is the same job, and is paid once, for as long as the daemon
    /// remembers it among some thousand
    #[arg(long, value_name = "WORD", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    idempotency_key: Option<String>,
}

/// An order that was made.
pub(crate) struct PlacedOrder {
    /// How it is named.
    pub(crate) key: Digest,
    /// What runs.
    pub(crate) manifest: Manifest,
    /// What was asked for.
    pub(crate) wish: WishedOrder,
}

impl OrderArgs {
    /// The input, where it is in a file that was named: read before a daemon is started for nothing.
    pub(crate) fn file(&self) -> Result<Option<Vec<u8>>, CommandError> {
        self.file.as_deref().map(input::read).transpose()
    }

    /// What is waited for before anything is shown.
    pub(crate) fn goal(&self) -> Goal {
        self.terms.goal()
    }

    /// Where its limits are from.
    pub(crate) fn ceilings(&self, invocation: &Invocation) -> CeilingNames {
        self.terms.ceilings(invocation)
    }

    /// Has it ordered.
    pub(crate) async fn place(
        &self,
        file: Option<Vec<u8>>,
        wishes: &TextWishes,
        daemon: &RunningDaemon,
        invocation: &Invocation,
    ) -> Result<PlacedOrder, CommandError> {
        let manifest = input::model(&self.name, daemon, invocation).await?;
        let input = match (file, &self.input) {
            (Some(file), _) => file,
            (None, typed) => read_aside(typed.clone().unwrap_or_default(), manifest.clone()).await?,
        };
        picture::doubt(&manifest, &input).into_iter().for_each(|doubt| invocation.printer.note(doubt));
        let input = wishes.beside(input, &manifest, self.seed()?)?;
        tell_who_reads(invocation);
        let submit = self.terms.submit(&manifest, daemon, &invocation.printer).await?;
        let submit = Submit {
            attempts_max: self.attempts,
            // A gateway and a batch have words of their own.
            idempotency_key: self.idempotency_key.as_ref().map(|word| format!("user {word}")),
            ..submit
        };
        let submit = sized(submit, (input, wishes), &manifest, daemon, invocation).await?;
        let read = tokens_read_most(&submit.input.0, &manifest);
        run_time::warn(&submit, (&manifest, read), daemon, invocation).await;
        let wish = WishedOrder::of(&submit, &manifest);
        let ordered = daemon.handle.call(submit).await.map_err(|error| self.unacknowledged(error))?;
        Ok(PlacedOrder { key: ordered.key, manifest, wish })
    }

    /// Why an order was not acknowledged. With a key the same command is the same order.
    fn unacknowledged(&self, error: CallError) -> CommandError {
        match self.idempotency_key {
            Some(_) => error.into(),
            None => lost_daemon::unacknowledged(error),
        }
    }

    /// A failure since it was ordered. With a key the same command is the same order, and goes on with it.
    pub(crate) fn amid(&self, key: Digest, failure: CommandError) -> CommandError {
        match self.idempotency_key {
            Some(_) => failure,
            None => lost_daemon::amid(key, failure),
        }
    }

    /// What the choices of an answer are drawn from where nobody says.
    fn seed(&self) -> Result<u32, CommandError> {
        let Some(word) = &self.idempotency_key else { return input::seed() };
        let [first, second, third, fourth, ..] = codec::digest("order seed", word).0;
        Ok(u32::from_le_bytes([first, second, third, fourth]))
    }
}

/// Reads the input in a thread of its own: whoever leaves meanwhile must be heard before anything of it is ordered.
pub(crate) async fn read_aside(typed: OsString, manifest: Manifest) -> Result<Vec<u8>, CommandError> {
    let read = tokio::task::spawn_blocking(move || input::typed(&typed, &manifest)).await;
    read.unwrap_or_else(|error| {
        Err(CommandError::new(Exit::Other, "INPUT", error, "say it again, or name a file with -f"))
    })
}
