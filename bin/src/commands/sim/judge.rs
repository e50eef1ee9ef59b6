//! `assay sim judge`: attacks that others have written, in one table.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_simulations::lab::attack::{AttackCase, AttackPlan};

use super::{
    SeedArgs,
    attack::{SEEDS, bad, document, end, name_among, tell},
    attack_folder::AttackFolder,
    programs::ProgramArgs,
    under_way::ThreadArgs,
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
};

/// How the files of scenarios end.
const ENDING: &str = "toml";

const EXAMPLES: &str = "\
Examples:
  assay sim judge theirs                      every scenario of a folder, each as an attack on its own market
  assay sim judge theirs --allow-programs     with the programs that they name, which have your rights
  assay sim judge one.toml two.toml -o runs   two of them

In each some populations are not honest, or share a purse under `coalition`. `assay sim attack --help` says what is compared.

Exit status: 0 if no bound is broken, 14 if one is.";

/// Run attacks that others have written, and print one table of what they gain, cost and harm.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A folder of scenarios, or the file of one
    #[arg(value_name = "FOLDER", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    with: SeedArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    programs: ProgramArgs,
    /// The folder for the runs; named after the attacks, if none is named
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let mut cases: Vec<AttackCase> = Vec::new();
    for file in files(&args.paths)? {
        let file = file.to_string_lossy();
        let scenario = super::read(&file)?;
        args.programs.refuse(&scenario)?;
        let name = name_among(cases.iter().map(|case| case.name.as_str()), &scenario, &file);
        cases.push(AttackCase::of(&name, scenario).map_err(|error| bad(&error))?);
    }
    let plan = AttackPlan::new(cases, args.with.first_seed, args.with.seeds.unwrap_or(SEEDS));
    let path = args.out.clone().unwrap_or_else(|| format!("judged-{}", plan.hash()).into());
    let folder = AttackFolder::begin(&path, &plan)?;
    let course = folder.carry_out(args.threads.count(), invocation)?;
    invocation.printer.document("sim-judge", &document(&plan, &folder, &course));
    tell(&plan, &course, invocation);
    end(course, &plan, &folder)
}

/// The scenarios of these folders and files, in the order of their names within each.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CommandError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error.to_string()))?;
        let within = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut within: Vec<PathBuf> =
            within.filter(|path| path.extension().is_some_and(|ending| ending == ENDING)).collect();
        if within.is_empty() {
            return Err(unreadable(path, "no file in it ends in .toml"));
        }
        within.sort();
        files.append(&mut within);
    }
    Ok(files)
}

fn unreadable(path: &Path, why: &str) -> CommandError {
    let message = format!("{} holds no scenario: {why}", path.display());
    CommandError::new(
        Exit::NotFound,
        "NO_SCENARIO",
        message,
        "name a folder of scenarios, or the file of one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenarios_of_a_folder_are_read_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", "notes.md"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let own = folder.path().join("notes.md");
        let found = files(&[own.clone(), folder.path().to_owned()]).unwrap();
        assert_eq!(found, [own, folder.path().join("a.toml"), folder.path().join("b.toml")]);
        let empty = folder.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert_eq!(files(&[empty]).unwrap_err().exit(), Exit::NotFound);
    }
}
