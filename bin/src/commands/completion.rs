//! `assay completion`: has a shell complete what is typed.

use clap::Command;
use clap_complete::Shell;
use serde_json::json;

use crate::{command_error::CommandError, invocation::Invocation};

const EXAMPLES: &str = "\
Examples:
  assay completion bash > ~/.local/share/bash-completion/completions/assay
  assay completion zsh > ~/.zfunc/_assay       where fpath has ~/.zfunc
  assay completion fish > ~/.config/fish/completions/assay.fish";

/// Print what makes a shell complete this program's commands and flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(crate) fn perform(args: &Args, whole: &Command, invocation: &Invocation) -> Result<(), CommandError> {
    // What people are not shown is not completed either.
    let shown = whole.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    let mut shown = Command::new("assay")
        .disable_help_subcommand(true)
        .args(whole.get_arguments().cloned())
        .subcommands(shown);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut shown, "assay", &mut script);
    let text = String::from_utf8_lossy(&script);
    invocation.printer.document("completion", &json!({ "shell": args.shell.to_string(), "script": text }));
    invocation.printer.bytes(&script);
    Ok(())
}
