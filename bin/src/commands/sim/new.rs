//! `assay sim new`: a scenario to begin one's own with.

use std::path::PathBuf;

use assay_simulations::lab::shipped;
use serde_json::json;

use super::saved;
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{path_text, shell_path},
};

/// The longest name.
const NAME_CHARS_MAX: usize = 60;

const EXAMPLES: &str = "\
Examples:
  assay sim new mine                  writes mine.toml, a scenario whose every key is explained
  assay sim new mine -o lab/mine.toml writes it elsewhere";

/// Write a scenario to begin your own with; each key in it is explained.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What it is called: letters, digits, dashes and underscores
    #[arg(value_name = "NAME", value_parser = name)]
    name: String,
    /// The file for it; NAME.toml, if none is named
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    let fits = (1..=NAME_CHARS_MAX).contains(&text.len()) && text.chars().all(is_plain);
    if fits {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, dashes and underscores make a name".to_owned())
    }
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let file = args.output.clone().unwrap_or_else(|| format!("{}.toml", args.name).into());
    if file.exists() {
        let message = format!("{} is there already", file.display());
        return Err(CommandError::new(Exit::Usage, "FILE", message, "name another file for it with -o"));
    }
    saved::save(&file, shipped::fresh(&args.name).as_bytes())?;
    invocation.printer.document("sim-new", &json!({ "file": path_text(&file), "name": args.name }));
    invocation.printer.line(format!("{}: change it as you like", file.display()));
    invocation
        .printer
        .note(format!("`assay sim check {}` reads it, `assay sim run` runs it", shell_path(&file)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_that_of_a_file_and_stand_in_quotes() {
        for fits in ["mine", "a-b_3"] {
            assert_eq!(name(fits).as_deref(), Ok(fits));
        }
        let long = "a".repeat(61);
        for wrong in ["", "a b", "a/b", "a\"b", "a.toml", long.as_str()] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
