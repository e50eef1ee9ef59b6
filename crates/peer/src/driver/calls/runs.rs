//! What this peer does for others: its runs, and its books if it is a notary.
//!
//! **Invariant:** only a notary has books to show.

use assay_market::view::{BooksView, RunView};
use serde::{Deserialize, Serialize};

use crate::{
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
};

/// This provider's and verifier's runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListRuns;

/// The books, if this peer is a notary.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ShowBooks;

impl Call for ListRuns {
    const NAME: &'static str = "list_runs";
    type Answer = Vec<RunView>;
}

impl Respond for ListRuns {
    async fn respond(self, responder: &Responder) -> Result<Vec<RunView>, Refused> {
        responder.look(|driver| driver.node.runs()).await
    }
}

impl Call for ShowBooks {
    const NAME: &'static str = "show_books";
    type Answer = BooksView;
}

impl Respond for ShowBooks {
    async fn respond(self, responder: &Responder) -> Result<BooksView, Refused> {
        responder.look(|driver| driver.node.books()).await?.ok_or(Refused::NotANotary)
    }
}
