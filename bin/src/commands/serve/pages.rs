//! What the dashboard of a gateway is told: the documents that commands print.
//!
//! **Invariant:** no daemon is started for a page, and nothing is changed.

use assay_gateway::{DocumentFuture, PageDocuments, PageQuestion, Unanswered};
use assay_peer::{config::Home, handle::JobView};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    commands::{account, earnings, job, offers, provider, receipt, status, why},
    daemon::RunningDaemon,
};

/// The peer of a home, whether its daemon runs or not.
#[derive(Debug)]
pub(super) struct PeerDocuments {
    home: Home,
    /// What a credit is called there.
    unit: String,
}

impl PeerDocuments {
    pub(super) fn of(home: &Home, unit: String) -> Self {
        Self { home: home.clone(), unit }
    }

    async fn document(&self, question: PageQuestion) -> Result<Value, CommandError> {
        let daemon = RunningDaemon::find(&self.home).await?;
        let (noun, body) = match question {
            PageQuestion::Status => ("status", status::for_pages(&daemon).await?),
            PageQuestion::Jobs(behind) => ("jobs", job::ls::for_pages(behind.as_deref(), &daemon).await?),
            PageQuestion::Job(name) => ("job", job::show::for_pages(name, &daemon).await?),
            PageQuestion::Explanation(name) => {
                ("job-explanation", job::explain::for_pages(name, &self.home, &daemon).await?)
            }
            PageQuestion::Offers => ("offers", offers::for_pages(&daemon).await?),
            PageQuestion::PriceHistory => ("price-history", offers::history_for_pages(&daemon).await?),
            PageQuestion::Account => ("account", account::for_pages(&daemon).await?),
            PageQuestion::Earnings => ("earnings", earnings::for_pages(&daemon).await?),
            PageQuestion::Receipts(behind) => {
                ("receipts", receipt::ls::for_pages(behind.as_deref(), &daemon).await?)
            }
            PageQuestion::Devices => ("devices", provider::devices::for_pages(&daemon).await?),
            PageQuestion::Rules => {
                ("provider-rules", provider::owner_rules::for_pages(&self.home, &daemon).await?)
            }
            PageQuestion::Prices => ("prices", provider::price::for_pages(&daemon).await?),
            PageQuestion::Why => ("why", why::for_pages(&daemon).await?),
        };
        Ok(named(noun, body))
    }
}

impl PageDocuments for PeerDocuments {
    fn answer(&self, question: PageQuestion) -> DocumentFuture<'_> {
        Box::pin(async move { self.document(question).await.map_err(|failure| unanswered(&failure)) })
    }

    fn job(&self, job: &JobView) -> Value {
        named("job", job::show::document(job, &self.unit))
    }
}

/// A document that says which one it is.
fn named(noun: &str, mut body: Value) -> Value {
    body["schema"] = json!(format!("assay.{noun}/1"));
    body
}

fn unanswered(failure: &CommandError) -> Unanswered {
    let status = match failure.exit() {
        Exit::NotFound => 404,
        Exit::Usage => 400,
        Exit::Forbidden => 403,
        Exit::Daemon | Exit::NoPeers => 503,
        Exit::TimedOut => 504,
        Exit::Other
        | Exit::NoMatch
        | Exit::Money
        | Exit::JobFailed
        | Exit::NotVerified
        | Exit::Partly
        | Exit::Problem
        | Exit::Different
        | Exit::Unlike
        | Exit::Interrupted
        | Exit::Terminated => 500,
    };
    Unanswered { status, document: failure.to_json() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_home_whose_daemon_does_not_run_is_told_as_that_and_none_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let documents = PeerDocuments::of(&home, "credit".to_owned());
        let nobody = documents.answer(PageQuestion::Status).await.unwrap_err();
        assert!(nobody.status >= 400 && nobody.document["error"]["hint"].is_string(), "{nobody:?}");
        let genesis = assay_peer::config::genesis("test", assay_protocol::id::PeerId([1; 32]));
        let network = assay_peer::config::to_documented_toml(&genesis, &[]);
        std::fs::write(home.network(), network).unwrap();
        let unanswered = documents.answer(PageQuestion::Why).await.unwrap_err();
        assert_eq!((unanswered.status, &unanswered.document["error"]["code"]), (503, &json!("NO_DAEMON")));
        assert!(!home.socket().exists());
    }

    #[test]
    fn a_document_says_which_one_it_is() {
        assert_eq!(named("jobs", json!({ "hidden": 0 })), json!({ "schema": "assay.jobs/1", "hidden": 0 }));
    }
}
