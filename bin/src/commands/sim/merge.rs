//! `assay sim merge`: parts of a sweep, put together.
//!
//! **Invariant:** the whole is what one machine writes, to the byte, or nothing is written.

use std::{collections::BTreeMap, path::PathBuf};

use assay_simulations::lab::sweep::SweptCell;
use serde_json::json;

use super::{
    own_build::own_build,
    sweep::{document, tell},
    sweep_folder::{CellsHere, SweepFolder, are, other},
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::number_of,
};

const EXAMPLES: &str = "\
Examples:
  assay sim merge part-1 part-2 part-3 --out whole    what three machines ran with --cells 1/3, 2/3 and 3/3
  assay sim merge parts/* --out whole                 as many as there are

Exit status: 2 if a cell is missing, or in two parts, or a part is of another sweep or build; then nothing is written.";

/// Put the parts of a sweep together that several machines ran.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folders of the parts
    #[arg(value_name = "FOLDER", required = true)]
    parts: Vec<PathBuf>,
    /// The folder for the whole
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let parts = args.parts.iter().map(|part| SweepFolder::open(part)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = parts.first() else { unreachable!("one part at least is named") };
    for part in &parts {
        if let Some(what) = first.plan().difference(part.plan()) {
            let begin =
                format!("{} is no part of the sweep of {}", part.path().display(), first.path().display());
            return Err(other(&begin, what));
        }
    }
    let cells = gathered(&parts)?;
    let build = cells.values().next().map(|cell| cell.build.clone()).unwrap_or_default();
    if build != own_build()? {
        invocation.printer.note("the parts were run by another build of this program than this one");
    }
    let whole = SweepFolder::begin(&args.out, first.plan(), &build)?;
    cells.values().try_for_each(|cell| whole.keep(cell))?;
    let artefact = whole.complete()?;
    invocation.printer.document("sim-merge", &document(&whole, artefact.as_ref()));
    tell(&whole, artefact.as_ref(), invocation);
    Ok(())
}

/// Every cell, from the one part that has it.
fn gathered(parts: &[SweepFolder]) -> Result<BTreeMap<usize, SweptCell>, CommandError> {
    let (mut cells, mut doubled) = (BTreeMap::new(), Vec::new());
    for cell in of_one_build(parts)? {
        let number = cell.number;
        if cells.insert(number, cell).is_some() {
            doubled.push(number);
        }
    }
    doubled.sort_unstable();
    doubled.dedup();
    let Some(first) = parts.first() else { return Ok(cells) };
    let missing: Vec<usize> =
        (1..=first.plan().cells()).filter(|number| !cells.contains_key(number)).collect();
    if missing.is_empty() && doubled.is_empty() {
        return Ok(cells);
    }
    let lacks = (!missing.is_empty()).then(|| format!("{} missing", are(&missing)));
    let twice = (!doubled.is_empty()).then(|| format!("{} in several parts", are(&doubled)));
    let wrong: Vec<String> = lacks.into_iter().chain(twice).collect();
    let count = number_of(first.plan().cells(), "cell");
    let message = format!("these are not the parts of one sweep: of {count}, {}", wrong.join(", and "));
    let hint =
        "name the folder of each share once; the same command with --cells goes on with one that was ended";
    let failure = CommandError::new(Exit::Usage, "NOT_WHOLE", message, hint);
    Err(failure.with(json!({ "cells_missing": missing, "cells_doubled": doubled })))
}

/// The cells of all parts, if each is whole and one build has run them: several would write what no machine writes.
fn of_one_build(parts: &[SweepFolder]) -> Result<Vec<SweptCell>, CommandError> {
    let (mut cells, mut first): (Vec<SweptCell>, Option<&SweepFolder>) = (Vec::new(), None);
    for part in parts {
        let CellsHere { whole, others, damaged } = part.cells();
        if let Some(number) = damaged.first() {
            let file = part.path_of(*number);
            let message = format!("{} is cut off, changed, or of another sweep", file.display());
            let hint = "the command that began this part runs the cell again";
            return Err(CommandError::new(Exit::Usage, "DAMAGED_CELL", message, hint));
        }
        let is_like = |cell: &SweptCell| cells.first().is_none_or(|known| known.build == cell.build);
        if !others.is_empty() || !whole.iter().all(is_like) {
            let (part, first) = (part.path().display(), first.unwrap_or(part).path().display());
            let message = match others.is_empty() {
                true => format!("{part} was run by another build of this program than {first}"),
                false => format!("not all cells of {part} were run by one build of this program"),
            };
            let hint = "let one build run all parts: a cell that another one has run it runs again";
            return Err(CommandError::new(Exit::Usage, "OTHER_BUILD", message, hint));
        }
        if !whole.is_empty() {
            first = first.or(Some(part));
        }
        cells.extend(whole);
    }
    Ok(cells)
}
