//! A scenario of which some keys say something else.
//!
//! **Invariant:** a key is one that the resolved scenario has, and its value is held to the same bounds as in a file.

use super::{
    Scenario, ScenarioError,
    reader::distance,
    source::{self, Setting},
};

/// What the text of a resolved scenario is called.
const RESOLVED: &str = "scenario.resolved.toml";
/// Keys by which no run differs from another.
const IDLE: [&str; 2] = ["run.takes", "run.seeds"];

/// Why a scenario cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverError {
    /// The scenario has no such key.
    #[error("`{key}` is not known here{nearest}")]
    Unknown {
        /// The key.
        key: String,
        /// Words that say which was meant.
        nearest: String,
    },
    /// No run is another one by this key.
    #[error("`{key}` changes nothing of a run")]
    Idle {
        /// The key.
        key: String,
    },
    /// The scenario would be one that cannot be run.
    #[error("`{}`: {}", .0.key, .0.problem)]
    Refused(ScenarioError),
}

impl Scenario {
    /// Refuses a key that the scenario does not have, or that changes nothing of a run. One of a population stands behind its
    /// name: `population.clients.count`.
    ///
    /// # Errors
    /// [`OverError`], with the nearest key.
    pub fn refuse_key(&self, key: &str) -> Result<(), OverError> {
        let keys = self.whole().map_err(OverError::Refused)?.keys();
        let is_name = key.ends_with(".name");
        if !keys.iter().any(|known| known == key) {
            // Who leaves out the table means the last word.
            let beside = |known: &str| {
                let last = known.rsplit('.').next().unwrap_or(known);
                distance(key, if key.contains('.') { known } else { last })
            };
            let near = keys.iter().min_by_key(|known| beside(known));
            let nearest = near.map_or_else(String::new, |known| format!("; the nearest is `{known}`"));
            return Err(OverError::Unknown { key: key.to_owned(), nearest });
        }
        if is_name || IDLE.contains(&key) {
            return Err(OverError::Idle { key: key.to_owned() });
        }
        Ok(())
    }

    /// The scenario in which these keys have these values.
    ///
    /// # Errors
    /// [`OverError`], if there is no such key or the scenario could not be run.
    pub fn with(&self, settings: &[(&str, &str)]) -> Result<Self, OverError> {
        let mut whole = self.whole().map_err(OverError::Refused)?;
        for (key, value) in settings {
            if !whole.put(key, value) {
                self.refuse_key(key)?;
            }
        }
        Self::take(RESOLVED, whole).map_err(OverError::Refused)
    }

    fn whole(&self) -> Result<Setting, ScenarioError> {
        source::read(RESOLVED, &self.resolved(), &|_| None)
    }
}
