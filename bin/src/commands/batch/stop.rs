//! Why a batch stops before its end, with lines that were not ordered.

use crate::command_error::{CommandError, Exit};

/// Why nothing more of a batch is ordered.
#[derive(Clone, Debug)]
pub(super) enum BatchStop {
    /// The ceiling of the batch leaves too little for another order.
    Ceiling,
    /// The account holds too little for another order.
    Money(String),
    /// Nobody takes anything.
    Nobody(String),
    /// The daemon takes nothing more.
    Refused(CommandError),
    /// Its user wants no more of it.
    Cancelled,
}

impl BatchStop {
    /// The exit of a batch that stopped before anything came of it, its code, and what is the matter and helps.
    pub(super) fn failure(&self, name: &str) -> (Exit, &'static str, String, String) {
        let goes_on = format!("`assay batch resume {name}`");
        match self {
            Self::Ceiling => (
                Exit::Money,
                "CEILING",
                "its ceiling leaves too little for another line".to_owned(),
                format!(
                    "`assay batch resume {name} --max-cost CREDITS` goes on with another ceiling for all of it"
                ),
            ),
            Self::Money(why) => (
                Exit::Money,
                "MONEY",
                why.clone(),
                format!("`assay account show` says what there is; {goes_on} goes on"),
            ),
            Self::Nobody(why) => (
                Exit::NoMatch,
                "NOBODY",
                why.clone(),
                format!("`assay offers` lists who offers what; {goes_on} goes on"),
            ),
            Self::Refused(error) => {
                let [message, hint] = error.lines();
                (error.exit(), error.code(), message.to_owned(), format!("{hint}; {goes_on} goes on"))
            }
            Self::Cancelled => (
                Exit::JobFailed,
                "CANCELLED",
                "it was cancelled".to_owned(),
                format!(
                    "{goes_on} goes on with the lines that are left, --failed also with those that were cancelled"
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_raises_a_ceiling_stands_whole() {
        let (exit, .., hint) = BatchStop::Ceiling.failure("3fa29c");
        assert_eq!(exit, Exit::Money);
        assert!(hint.starts_with("`assay batch resume 3fa29c --max-cost CREDITS` goes on"), "{hint}");
    }
}
