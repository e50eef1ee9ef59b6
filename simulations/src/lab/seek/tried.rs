//! What was tried, as a file that a search goes on from.
//!
//! **Invariant:** what was written is read again to the last bit.

use std::fmt::Write as _;

use super::SeekScore;
use crate::lab::{artefact::short_digest, attack::AttackReference, rows};

const HEADS: &str =
    "number,kind,first_seed,seeds,scenario_hash,mean,least,surplus,beside,excess,slashed,said";

/// Something that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Which attack, from nought in the order in which they are made up.
    pub number: usize,
    /// For what.
    pub kind: TrialKind,
    /// The first seed, and how many there were.
    pub seeds: (u64, u64),
    /// What stands for its scenario.
    pub hash: String,
    /// What came of it, or why nothing did.
    pub came: Result<SeekScore, String>,
}

/// For what something was tried, and what that said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialKind {
    /// To see which of a batch are worth more seeds.
    First,
    /// To see whether it looks like a gain.
    Glance,
    /// With other seeds: it is not decided, and more of them will tell.
    Look,
    /// With other seeds: it breaks no bound by more than chance.
    Cleared,
    /// With other seeds: it breaks one.
    Breach,
    /// A rule of the books did not hold.
    Rule,
}

const KINDS: [(&str, TrialKind); 6] = [
    ("first", TrialKind::First),
    ("glance", TrialKind::Glance),
    ("look", TrialKind::Look),
    ("cleared", TrialKind::Cleared),
    ("breach", TrialKind::Breach),
    ("rule", TrialKind::Rule),
];

impl TrialKind {
    /// Whether it was with seeds that nobody had looked at when the attack was made up.
    #[must_use]
    pub fn is_of_trial(self) -> bool {
        matches!(self, Self::Look | Self::Cleared | Self::Breach)
    }

    /// Whether it is what is sought.
    #[must_use]
    pub fn is_found(self) -> bool {
        matches!(self, Self::Breach | Self::Rule)
    }
}

/// The file of these trials, of a search that this stands for.
#[must_use]
pub fn trials_text(search: &str, trials: &[Trial]) -> String {
    let mut table = format!("{HEADS}\n");
    for Trial { number, kind, seeds: (first, seeds), hash, came } in trials {
        let kind = KINDS.iter().find(|(_, known)| known == kind).map_or("", |(word, _)| *word);
        let _ = write!(table, "{number},{kind},{first},{seeds},{hash},");
        let _ = match came {
            Ok(SeekScore { mean, least, surplus, beside, excess, slashed }) => {
                let beside = beside.word();
                writeln!(table, "{mean},{least},{surplus},{beside},{excess},{slashed},\"\"")
            }
            Err(said) => writeln!(table, ",,,,,,{}", rows::quoted(said)),
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
    let [number, kind, first, seeds, hash, mean, least, surplus, beside, excess, slashed, said] = row else {
        return None;
    };
    let kind = KINDS.iter().find(|(word, _)| word == kind).map(|(_, kind)| *kind)?;
    let came = if mean.is_empty() {
        Err(said.clone())
    } else {
        let beside = AttackReference::find(beside)?;
        let [mean, least, surplus, excess, slashed] =
            [mean, least, surplus, excess, slashed].map(|digits| digits.parse::<f64>().ok());
        let (mean, least, surplus) = (mean?, least?, surplus?);
        Ok(SeekScore { mean, least, surplus, beside, excess: excess?, slashed: slashed? })
    };
    let seeds = (first.parse().ok()?, seeds.parse().ok()?);
    Some(Trial { number: number.parse().ok()?, kind, seeds, hash: hash.clone(), came })
}

/// The line above the trials.
fn head(search: &str, table: &str) -> String {
    format!("# what was tried in the search {search}, digest {}", short_digest("tried", table))
}
