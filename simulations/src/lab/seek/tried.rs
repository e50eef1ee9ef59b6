//! What was tried, as a file that a search goes on from.
//!
//! **Invariant:** what was written is read again to the last bit.

use std::fmt::Write as _;

use super::SeekScore;
use crate::lab::{artefact::short_digest, rows};

const HEADS: &str = "number,kind,scenario_hash,mean,least,surplus,excess,slashed,said";

/// Something that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Which attack, from nought in the order in which they are made up.
    pub number: usize,
    /// With how many seeds.
    pub kind: TrialKind,
    /// What stands for its scenario.
    pub hash: String,
    /// What came of it, or why nothing did.
    pub came: Result<SeekScore, String>,
}

/// With how many seeds something was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialKind {
    /// A few.
    Glance,
    /// Many, and others: it breaks no bound by more than chance.
    Cleared,
    /// Many, and others: it breaks one.
    Breach,
    /// A rule of the books did not hold.
    Rule,
}

const KINDS: [(&str, TrialKind); 4] = [
    ("glance", TrialKind::Glance),
    ("cleared", TrialKind::Cleared),
    ("breach", TrialKind::Breach),
    ("rule", TrialKind::Rule),
];

/// The file of these trials, of a search that this stands for.
#[must_use]
pub fn trials_text(search: &str, trials: &[Trial]) -> String {
    let mut table = format!("{HEADS}\n");
    for Trial { number, kind, hash, came } in trials {
        let kind = KINDS.iter().find(|(_, known)| known == kind).map_or("", |(word, _)| *word);
        let _ = write!(table, "{number},{kind},{hash},");
        let _ = match came {
            Ok(SeekScore { mean, least, surplus, excess, slashed }) => {
                writeln!(table, "{mean},{least},{surplus},{excess},{slashed},\"\"")
            }
            Err(said) => writeln!(table, ",,,,,{}", rows::quoted(said)),
        };
    }
    format!("{}\n{table}", head(search, &table))
}

/// The trials of such a file; nothing if it is not whole, or of another search.
#[must_use]
pub fn read_trials(search: &str, text: &str) -> Option<Vec<Trial>> {
    let (line, table) = text.split_once('\n')?;
    let mut rows = rows::read(table).filter(|_| line == head(search, table))?.into_iter();
    let heads = rows.next()?;
    (heads.join(",") == HEADS).then(|| rows.map(|row| trial(&row)).collect())?
}

fn trial(row: &[String]) -> Option<Trial> {
    let [number, kind, hash, mean, least, surplus, excess, slashed, said] = row else { return None };
    let kind = KINDS.iter().find(|(word, _)| word == kind).map(|(_, kind)| *kind)?;
    let came = if mean.is_empty() {
        Err(said.clone())
    } else {
        let [mean, least, surplus, excess, slashed] =
            [mean, least, surplus, excess, slashed].map(|digits| digits.parse::<f64>().ok());
        Ok(SeekScore { mean: mean?, least: least?, surplus: surplus?, excess: excess?, slashed: slashed? })
    };
    Some(Trial { number: number.parse().ok()?, kind, hash: hash.clone(), came })
}

/// The line above the trials.
fn head(search: &str, table: &str) -> String {
    format!("# what was tried in the search {search}, digest {}", short_digest("tried", table))
}
