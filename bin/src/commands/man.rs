//! `assay man`: the manual, a page for each command.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Command;
use clap_mangen::Man;
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::path_text,
};

const EXAMPLES: &str = "\
Examples:
  assay man | man -l -                      read the page of the whole
  assay man --output ~/.local/share/man/man1  then `man assay` and `man assay-run`";

/// Print the manual page of the whole, or write those of all commands.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder that gets a page for each command
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

pub(crate) fn perform(args: &Args, mut whole: Command, invocation: &Invocation) -> Result<(), CommandError> {
    whole.build();
    let printer = &invocation.printer;
    let Some(folder) = &args.output else {
        let page = page(&whole).map_err(|error| failed(Path::new("-"), &error))?;
        printer.document(
            "man",
            &json!({ "folder": null, "pages": [{ "name": "assay.1", "text": String::from_utf8_lossy(&page) }] }),
        );
        printer.bytes(&page);
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut names = Vec::new();
    for (name, command) in pages(&whole, "assay") {
        let path = folder.join(format!("{name}.1"));
        let written = page(command).and_then(|page| fs::write(&path, page));
        written.map_err(|error| failed(&path, &error))?;
        names.push(format!("{name}.1"));
    }
    let written: Vec<Value> = names.iter().map(|name| json!({ "name": name, "text": null })).collect();
    printer.note(format!("{} pages are in {}", names.len(), folder.display()));
    printer.document("man", &json!({ "folder": path_text(folder), "pages": written }));
    Ok(())
}

/// The commands that have a page, each with its name: the whole, and all that people are shown.
fn pages<'a>(command: &'a Command, name: &str) -> Vec<(String, &'a Command)> {
    let mut all = vec![(name.to_owned(), command)];
    let shown = command.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help");
    for verb in shown {
        all.extend(pages(verb, &format!("{name}-{}", verb.get_name())));
    }
    all
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    let message = format!("{} cannot be written: {error}", path.display());
    CommandError::new(Exit::Usage, "FILE", message, "name a folder that can be written with --output")
}
