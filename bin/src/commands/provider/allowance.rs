//! How many jobs the notary allows this peer at a time, as people and programs are told.

use assay_market::allowance::{AllowanceGround, AllowanceRaise, JobAllowance};
use assay_peer::handle::{ModelAllowance, ShowAccount, ShowLimits};
use serde_json::{Value, json};

use super::limits::jobs;
use crate::{
    command_error::CommandError,
    daemon::RunningDaemon,
    printer::{called, full, money, number_of},
};

/// What the notary allows of what is offered, once it was asked what is at stake.
pub(in crate::commands) async fn asked(daemon: &RunningDaemon) -> Result<Vec<ModelAllowance>, CommandError> {
    daemon.call(ShowAccount::default()).await?;
    Ok(daemon.call(ShowLimits).await?.allowances)
}

/// How many jobs of one model are allowed at a time, and why no more.
pub(in crate::commands) fn allowed(of: &ModelAllowance, unit: &str) -> String {
    let JobAllowance { jobs: count, more, ground, stake, entry, .. } = &of.allowance;
    let said = match (ground, count) {
        (AllowanceGround::Newcomer, _) => format!(
            "one job at a time, each checked first; who has less than {entry} {unit}s at stake is a newcomer, and {stake} are"
        ),
        (AllowanceGround::Stake, 0) => format!("no job; {stake} {unit}s at stake stand for none"),
        (AllowanceGround::Stake, _) => {
            format!("{} at a time; {stake} {unit}s at stake stand for no more", jobs(*count))
        }
        (AllowanceGround::Exposure, _) => format!(
            "{} at a time, and {more} more now; those that are open take their part of {stake} {unit}s at stake",
            jobs(*count)
        ),
        (AllowanceGround::Slots, _) => format!("as many jobs as are offered; {stake} {unit}s are at stake"),
    };
    format!("{}: the notary allows {said}", called(&of.name))
}

/// What raises that, if anything does.
pub(in crate::commands) fn raised(of: &ModelAllowance, unit: &str) -> Option<String> {
    let raises: Vec<String> = of.allowance.raises.iter().map(|raise| raise_words(raise, unit)).collect();
    (!raises.is_empty()).then(|| raises.join("; "))
}

fn raise_words(raise: &AllowanceRaise, unit: &str) -> String {
    let AllowanceRaise { jobs: count, stake, lacking, paid_jobs } = raise;
    let paid = paid_jobs.map(|count| format!(", or about {}", number_of(count, "paid job")));
    format!(
        "{} at a time take {stake} {unit}s at stake: `assay account stake {lacking}`{}",
        jobs(*count),
        paid.unwrap_or_default()
    )
}

/// The same for programs.
pub(in crate::commands) fn allowance_documents(allowances: &[ModelAllowance], unit: &str) -> Vec<Value> {
    let raise = |raise: &AllowanceRaise| {
        json!({
            "jobs_at_a_time": raise.jobs, "stake_needed": money(raise.stake, unit),
            "stake_lacking": money(raise.lacking, unit), "jobs_paid_needed": raise.paid_jobs,
        })
    };
    let document = |of: &ModelAllowance| {
        let JobAllowance { jobs, more, ground, stake, entry, raises } = &of.allowance;
        json!({
            "model": of.name, "manifest": full(of.manifest), "usual_units": of.units, "jobs_at_a_time": jobs,
            "jobs_more_now": more, "limited_by": ground, "stake": money(*stake, unit),
            "stake_of_entry": money(*entry, unit), "raises": raises.iter().map(raise).collect::<Vec<_>>(),
        })
    };
    allowances.iter().map(document).collect()
}

#[cfg(test)]
mod tests {
    use assay_protocol::{id::Digest, units::Amount};

    use super::*;

    fn of(ground: AllowanceGround, jobs: u64, raises: Vec<AllowanceRaise>) -> ModelAllowance {
        let (stake, entry) = (Amount::credits(1), Amount::credits(2));
        let allowance = JobAllowance { jobs, more: 0, ground, stake, entry, raises };
        ModelAllowance { name: "digits".to_owned(), manifest: Digest::default(), units: 1, allowance }
    }

    #[test]
    fn each_ground_is_told_with_what_is_at_stake() {
        for (ground, jobs, said) in [
            (
                AllowanceGround::Newcomer,
                1,
                "one job at a time, each checked first; who has less than 2.00 credits at stake is a newcomer, and 1.00 are",
            ),
            (AllowanceGround::Stake, 0, "no job; 1.00 credits at stake stand for none"),
            (AllowanceGround::Stake, 3, "3 jobs at a time; 1.00 credits at stake stand for no more"),
            (
                AllowanceGround::Exposure,
                3,
                "3 jobs at a time, and 0 more now; those that are open take their part of 1.00 credits at stake",
            ),
            (AllowanceGround::Slots, 9, "as many jobs as are offered; 1.00 credits are at stake"),
        ] {
            let told = allowed(&of(ground, jobs, Vec::new()), "credit");
            assert_eq!(told, format!("digits: the notary allows {said}"));
        }
    }

    #[test]
    fn what_raises_it_is_told_as_a_command_and_in_paid_jobs() {
        let raise = |jobs, paid_jobs| AllowanceRaise {
            jobs,
            stake: Amount::credits(4),
            lacking: Amount::credits(3),
            paid_jobs,
        };
        let told = |raises| raised(&of(AllowanceGround::Newcomer, 1, raises), "credit");
        assert_eq!(told(Vec::new()), None);
        let words = "2 jobs at a time take 4.00 credits at stake: `assay account stake 3.00`, or about 1 paid job; \
            9 jobs at a time take 4.00 credits at stake: `assay account stake 3.00`";
        assert_eq!(told(vec![raise(2, Some(1)), raise(9, None)]).as_deref(), Some(words));
    }
}
