//! What a daemon can be asked: a file for each noun, with the calls about it, their answers, and how they are answered.
//!
//! **Invariant:** an answer says what was true at one moment of the loop; nothing in it is put together from two.

mod account;
mod audit;
mod cancel;
mod earnings;
mod hear;
mod instruct;
mod jobs;
mod keep;
mod library;
mod models;
mod offers;
mod output;
mod pause;
mod provide;
mod quote;
mod receipts;
mod retry;
mod rules;
mod runs;
mod settings;
mod shutdown;
mod status;
mod submit;
mod watch;
mod why;

pub use self::{
    account::ShowAccount,
    audit::{AuditNotary, Audited},
    cancel::{CancelJob, CancelledView},
    earnings::{ClosedServing, ListDue, ListEarned, ServedJob},
    hear::HearJob,
    instruct::{AccountOrder, InstructNotary},
    jobs::{ExplainJob, Explained, JobView, KNOWN_JOBS_MAX, KnownJob, KnownJobs, ListJobs, ShowJob},
    keep::KeepFile,
    library::{AddModel, PullModel, RemoveModel},
    models::{FindModel, FoundModel, ListModels, ListedModel, ModelList},
    offers::{BenchView, ListOffers, OfferView, ServiceView},
    output::{ReadOutput, ReadReceipt},
    pause::{PauseProviding, ResumeProviding},
    provide::{LeftOut, Provide, Providing, ServiceWish, StopProviding},
    quote::QuoteJob,
    receipts::{JobPart, KeptReceipt, ListReceipts, RECEIPTS_LISTED_MAX, ReceiptPage, ReceiptPlace},
    retry::{RetriedView, RetryJob},
    rules::ShowRules,
    runs::{ListRuns, ShowBooks},
    settings::HeedSettings,
    shutdown::Shutdown,
    status::{ClassView, ModelView, ShowStatus, StatusView},
    submit::{Submit, SubmittedView},
    watch::{Update, WatchUpdates},
    why::{Demanded, Rivals, ShowDemand, Sighting},
};
use super::responder::Route;

/// The calls that a socket takes.
pub(super) const ROUTES: &[Route] = &[
    Route::to::<AddModel>(),
    Route::to::<AuditNotary>(),
    Route::to::<CancelJob>(),
    Route::to::<ExplainJob>(),
    Route::to::<FindModel>(),
    Route::to::<HearJob>(),
    Route::to::<HeedSettings>(),
    Route::to::<InstructNotary>(),
    Route::to::<KeepFile>(),
    Route::to::<KnownJobs>(),
    Route::to::<ListDue>(),
    Route::to::<ListEarned>(),
    Route::to::<ListJobs>(),
    Route::to::<ListModels>(),
    Route::to::<ListOffers>(),
    Route::to::<ListReceipts>(),
    Route::to::<ListRuns>(),
    Route::to::<PauseProviding>(),
    Route::to::<Provide>(),
    Route::to::<PullModel>(),
    Route::to::<QuoteJob>(),
    Route::to::<ReadOutput>(),
    Route::to::<ReadReceipt>(),
    Route::to::<RemoveModel>(),
    Route::to::<ResumeProviding>(),
    Route::to::<RetryJob>(),
    Route::to::<ShowAccount>(),
    Route::to::<ShowBooks>(),
    Route::to::<ShowDemand>(),
    Route::to::<ShowJob>(),
    Route::to::<ShowRules>(),
    Route::to::<ShowStatus>(),
    Route::to::<Shutdown>(),
    Route::to::<StopProviding>(),
    Route::to::<Submit>(),
    Route::to::<WatchUpdates>(),
];

#[cfg(test)]
mod tests {
    use super::ROUTES;

    #[test]
    fn every_call_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROUTES.len());
    }
}
