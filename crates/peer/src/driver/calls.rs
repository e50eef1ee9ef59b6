//! What a daemon can be asked: a file for each noun, with the calls about it, their answers, and how they are answered.
//!
//! **Invariant:** an answer says what was true at one moment of the loop; nothing in it is put together from two.

mod account;
mod allowing;
mod audit;
mod benching;
mod blocking;
mod cancel;
mod chances;
mod dispute;
mod earnings;
mod export;
mod grant;
mod hear;
mod held;
mod instruct;
mod jobs;
mod keep;
mod library;
mod limits;
mod lost_notary;
mod machine;
mod measuring;
mod models;
mod offered;
mod offers;
mod output;
mod pause;
mod prices;
mod provide;
mod publishing;
mod quote;
mod receipts;
mod retry;
mod rules;
mod runs;
mod settings;
mod sever;
mod shutdown;
mod status;
mod stocking;
mod submit;
mod template;
mod watch;
mod why;

pub use self::{
    account::{ListHeldMoney, STATEMENT_WAIT, ShowAccount},
    allowing::{AllowRunners, DisallowRunners, RunnerView},
    audit::{AuditNotary, Audited, AuditedGrant},
    benching::{BenchModel, BenchedModel, WorkYardstick},
    blocking::{BlockedView, ChangeBlocked, ListBlocked},
    cancel::{CancelJob, CancelWaiting, CancelledView},
    chances::{TellChances, ToldChances},
    dispute::{DisputeJob, DisputedView},
    earnings::{ClosedServing, EarnedDay, EarnedSum, EarnedView, ListDue, ListEarned, ServedJob, SumEarned},
    export::ExportJournal,
    grant::{GrantCredits, GrantedView},
    hear::HearJob,
    held::ReadHeld,
    instruct::{AccountOrder, InstructNotary, InstructedView},
    jobs::{
        ExplainJob, Explained, JOBS_LISTED_MAX, JobPage, JobView, KNOWN_JOBS_MAX, KnownJob, KnownJobs,
        ListJobs, PageJobs, ShowJob,
    },
    keep::KeepFile,
    library::{AddModel, PullModel, PullSource, RemoveModel},
    limits::{ChangeLimits, DeviceSlots, Limited, LimitsView, ModelAllowance, ShowLimits},
    lost_notary::{LookForNotary, LostNotary},
    machine::{DevicesView, ListDevices, LookAtMachine, MachineView},
    measuring::{MeasureOffered, MeasuredModel, Measurement, ModelSample},
    models::{FindModel, FoundModel, ListModels, ListedModel, ModelList},
    offered::{ListOffered, OfferedModel},
    offers::{BenchView, ListOffers, ListResting, OfferView, ServiceView},
    output::{ReadOutput, ReadReceipt},
    pause::{PauseProviding, ResumeProviding},
    prices::{ChangePrice, PriceView, Repriced, ShowPriceHistory, ShowPrices},
    provide::{LeftOut, Provide, Providing, ServiceWish, StopProviding},
    publishing::{PublishModels, PublishedView, WithdrawModels},
    quote::QuoteJob,
    receipts::{JobPart, KeptReceipt, ListReceipts, RECEIPTS_LISTED_MAX, ReceiptPage, ReceiptPlace},
    retry::{RetriedView, RetryJob},
    rules::ShowRules,
    runs::{ListRuns, ShowBooks},
    settings::HeedSettings,
    sever::SeverPeers,
    shutdown::Shutdown,
    status::{ClassView, ModelView, ShowStatus, StatusView},
    stocking::{AddOffered, RemoveOffered},
    submit::{Submit, SubmittedView},
    template::{ShowTemplate, TemplateView},
    watch::{Update, WatchUpdates},
    why::{Demanded, Rivals, ShowDemand, Sighting, UnfitModel},
};
use super::responder::Route;

/// The calls that a socket takes.
pub(super) const ROUTES: &[Route] = &[
    Route::to::<AddModel>(),
    Route::to::<AddOffered>(),
    Route::to::<AllowRunners>(),
    Route::to::<AuditNotary>(),
    Route::to::<BenchModel>(),
    Route::to::<ExportJournal>(),
    Route::to::<CancelJob>(),
    Route::to::<CancelWaiting>(),
    Route::to::<DisallowRunners>(),
    Route::to::<DisputeJob>(),
    Route::to::<ChangeBlocked>(),
    Route::to::<ChangeLimits>(),
    Route::to::<ChangePrice>(),
    Route::to::<ExplainJob>(),
    Route::to::<FindModel>(),
    Route::to::<GrantCredits>(),
    Route::to::<HearJob>(),
    Route::to::<HeedSettings>(),
    Route::to::<InstructNotary>(),
    Route::to::<KeepFile>(),
    Route::to::<KnownJobs>(),
    Route::to::<ListDevices>(),
    Route::to::<ListBlocked>(),
    Route::to::<ListDue>(),
    Route::to::<ListEarned>(),
    Route::to::<ListHeldMoney>(),
    Route::to::<ListJobs>(),
    Route::to::<ListModels>(),
    Route::to::<ListOffered>(),
    Route::to::<ListOffers>(),
    Route::to::<ListReceipts>(),
    Route::to::<ListResting>(),
    Route::to::<ListRuns>(),
    Route::to::<LookAtMachine>(),
    Route::to::<LookForNotary>(),
    Route::to::<MeasureOffered>(),
    Route::to::<PageJobs>(),
    Route::to::<PauseProviding>(),
    Route::to::<Provide>(),
    Route::to::<PublishModels>(),
    Route::to::<PullModel>(),
    Route::to::<QuoteJob>(),
    Route::to::<ReadHeld>(),
    Route::to::<ReadOutput>(),
    Route::to::<ReadReceipt>(),
    Route::to::<RemoveModel>(),
    Route::to::<RemoveOffered>(),
    Route::to::<ResumeProviding>(),
    Route::to::<RetryJob>(),
    Route::to::<SeverPeers>(),
    Route::to::<ShowAccount>(),
    Route::to::<ShowBooks>(),
    Route::to::<ShowDemand>(),
    Route::to::<ShowJob>(),
    Route::to::<ShowLimits>(),
    Route::to::<ShowPriceHistory>(),
    Route::to::<ShowPrices>(),
    Route::to::<ShowRules>(),
    Route::to::<ShowStatus>(),
    Route::to::<ShowTemplate>(),
    Route::to::<Shutdown>(),
    Route::to::<StopProviding>(),
    Route::to::<Submit>(),
    Route::to::<SumEarned>(),
    Route::to::<TellChances>(),
    Route::to::<WatchUpdates>(),
    Route::to::<WithdrawModels>(),
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
