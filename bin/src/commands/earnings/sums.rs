//! Jobs added up.

use std::collections::BTreeMap;

use assay_peer::handle::{EarnedSum, ServedJob};
use assay_protocol::units::{Amount, Timestamp};
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::printer::{full, moment, money};

/// Characters of a moment that name its day.
const DAY_CHARS: usize = "2026-11-28".len();

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum By {
    Day,
    Model,
    Client,
}

/// What some jobs came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) jobs: u64,
    /// Those of them that were paid for.
    pub(super) paid_jobs: u64,
    pub(super) earned: Amount,
    /// What was won in traps and is not paid out at once.
    pub(super) won: Amount,
    /// What was lost of the stake.
    pub(super) lost: Amount,
}

impl By {
    pub(super) fn head(self) -> &'static str {
        match self {
            Self::Day => "UTC DAY",
            Self::Model => "MODEL",
            Self::Client => "CLIENT",
        }
    }

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Model => "model",
            Self::Client => "client",
        }
    }

    /// Which of them a job belongs to.
    pub(super) fn name(self, job: &ServedJob) -> String {
        match self {
            Self::Day => day_name(job.opened),
            Self::Model => job.manifest.clone(),
            Self::Client => full(job.client),
        }
    }
}

impl Sum {
    /// The same with another job.
    pub(super) fn with(self, job: &ServedJob) -> Self {
        Self {
            jobs: self.jobs + 1,
            paid_jobs: self.paid_jobs + u64::from(job.outcome.is_paid()),
            earned: add(self.earned, job.paid),
            won: add(self.won, job.won),
            lost: add(self.lost, job.lost),
        }
    }

    /// Both together.
    pub(super) fn and(self, more: &Self) -> Self {
        Self {
            jobs: self.jobs + more.jobs,
            paid_jobs: self.paid_jobs + more.paid_jobs,
            earned: add(self.earned, more.earned),
            won: add(self.won, more.won),
            lost: add(self.lost, more.lost),
        }
    }

    pub(super) fn document(&self, unit: &str) -> Value {
        json!({
            "jobs_closed": self.jobs, "jobs_paid": self.paid_jobs,
            "earned": money(self.earned, unit), "won": money(self.won, unit), "lost": money(self.lost, unit),
        })
    }
}

impl From<EarnedSum> for Sum {
    fn from(EarnedSum { jobs, paid_jobs, earned, won, lost }: EarnedSum) -> Self {
        Self { jobs, paid_jobs, earned, won, lost }
    }
}

/// What the day of a moment is called, by universal time.
pub(super) fn day_name(at: Timestamp) -> String {
    moment(at).chars().take(DAY_CHARS).collect()
}

/// What each of them came to: days in their order, anything else by what it brought.
pub(super) fn ordered(by: By, groups: BTreeMap<String, Sum>) -> Vec<(String, Sum)> {
    let mut groups: Vec<(String, Sum)> = groups.into_iter().collect();
    if by != By::Day {
        groups.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.earned));
    }
    groups
}

pub(super) fn add(sum: Amount, more: Amount) -> Amount {
    sum.plus(more).unwrap_or(Amount(u64::MAX))
}

#[cfg(test)]
mod tests {
    use assay_protocol::{
        id::{Digest, JobId, PeerId},
        outcome::Outcome,
        units::Timestamp,
    };

    use super::*;

    fn job(manifest: &str, day: u64, outcome: Outcome, paid: u64) -> ServedJob {
        ServedJob {
            job: JobId::default(),
            client: PeerId(Digest::of(manifest.as_bytes()).0),
            manifest: manifest.to_owned(),
            opened: Timestamp(day * 86_400_000 + 1),
            outcome,
            paid: Amount(paid),
            won: Amount::ZERO,
            lost: Amount(u64::from(paid == 0)),
        }
    }

    #[test]
    fn what_is_refunded_counts_as_a_job_and_earns_nothing() {
        let jobs = [
            job("a", 1, Outcome::Checked, 5),
            job("b", 0, Outcome::Slashed, 0),
            job("b", 1, Outcome::NotDrawn, 7),
        ];
        let sum = |jobs, paid_jobs, earned, lost| Sum {
            jobs,
            paid_jobs,
            earned: Amount(earned),
            won: Amount::ZERO,
            lost: Amount(lost),
        };
        assert_eq!(jobs.iter().fold(Sum::default(), Sum::with), sum(3, 2, 12, 1));
        let grouped = |by: By| {
            let mut groups: BTreeMap<String, Sum> = BTreeMap::new();
            for job in &jobs {
                let sum = groups.entry(by.name(job)).or_default();
                *sum = sum.with(job);
            }
            ordered(by, groups)
        };
        let days = [("1970-01-01".to_owned(), sum(1, 0, 0, 1)), ("1970-01-02".to_owned(), sum(2, 2, 12, 0))];
        assert_eq!(grouped(By::Day), days);
        let models = [("b".to_owned(), sum(2, 1, 7, 1)), ("a".to_owned(), sum(1, 1, 5, 0))];
        assert_eq!(grouped(By::Model), models);
        assert_eq!(grouped(By::Client).len(), 2);
    }
}
