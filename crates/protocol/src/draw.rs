//! The draw.

use serde::{Deserialize, Serialize};

use crate::roster::{Leaf, SumPath};

/// One position that was tried, with who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// Who holds it.
    pub leaf: Leaf,
    /// What shows it.
    pub path: SumPath,
}
