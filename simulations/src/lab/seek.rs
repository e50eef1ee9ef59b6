//! A search for attacks that gain something: coalitions are made up by chance, the best of them are changed a little, and what
//! looks like a gain is tried again with other seeds.
//!
//! **Invariant:** what is tried next follows from the market, the settings of the search and what came of all that was tried
//! before; so a search can be broken off, and gone on with from what it wrote down, on any number of threads.

mod family;
mod genome;
mod runs;
mod score;
mod search;
#[cfg(test)]
mod tests;
mod tried;

pub use self::{
    family::SeekFamily,
    genome::Genome,
    runs::{MissingRuns, SoughtRuns},
    score::SeekScore,
    search::{BATCH, NoOutcome, Search, SeekBreach, SeekSettings, SeekStep},
    tried::{Trial, TrialKind, read_trials, trials_text},
};
