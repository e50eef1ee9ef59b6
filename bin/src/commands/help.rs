//! `assay help`: what a command does, or how something of the whole is meant.

use clap::Command;
use serde_json::json;

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
};

/// What is explained beside commands.
const TOPICS: [(&str, &str); 5] = [
    ("trust", include_str!("help/trust.txt")),
    ("privacy", include_str!("help/privacy.txt")),
    ("money", include_str!("help/money.txt")),
    ("output", include_str!("help/output.txt")),
    ("exit-codes", include_str!("help/exit-codes.txt")),
];

const EXAMPLES: &str = "\
Examples:
  assay help run         what a command does
  assay help job result  one of a group
  assay help trust       why a result can be believed, and how far
  assay help privacy     who can read what
  assay help money       where credits come from, and where they are
  assay help output      what is printed at a terminal, in a pipe and for programs
  assay help exit-codes  what a script is told";

/// Explain a command, or a topic: trust, privacy, money, output, exit-codes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A command, or a topic
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

pub(crate) fn perform(args: &Args, whole: Command, invocation: &Invocation) -> Result<(), CommandError> {
    let topic = match &args.words[..] {
        [word] => TOPICS.into_iter().find(|(name, _)| name == word),
        _ => None,
    };
    let text = match topic {
        Some((_, text)) => text.to_owned(),
        None => of_command(whole, &args.words)?,
    };
    invocation.printer.document("help", &json!({ "topic": args.words, "text": text }));
    invocation.printer.bytes(text.as_bytes());
    Ok(())
}

/// What the command that these words lead to says of itself.
///
/// # Errors
/// [`CommandError`], if there is none.
pub(crate) fn of_command(whole: Command, words: &[String]) -> Result<String, CommandError> {
    let mut command = &whole;
    for word in words {
        let next = command.find_subcommand(word).filter(|next| !next.is_hide_set());
        command = next.ok_or_else(|| {
            let message = format!("there is no command or topic {word}");
            let topics = TOPICS.map(|(name, _)| name).join(", ");
            let hint = format!("`assay --help` lists the commands; the topics are {topics}");
            CommandError::new(Exit::NotFound, "NO_TOPIC", message, hint)
        })?;
    }
    let typed = ["assay"].into_iter().chain(words.iter().map(String::as_str)).chain(["--help"]);
    match whole.clone().try_get_matches_from(typed) {
        Err(help) => Ok(help.render().to_string()),
        Ok(_) => unreachable!("every command explains itself"),
    }
}
