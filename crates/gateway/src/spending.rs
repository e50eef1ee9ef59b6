//! What each key's orders may have cost today, on the disk.
//!
//! **Invariant:** what an order may cost counts, on the disk, before it is ordered. It counts less only once it is known to
//! have cost less, or that nobody is there any more who would order it; a gateway that is killed in between leaves it counted. A
//! clock that was days ahead keeps nothing counted beyond the next midnight. Where the folder is gone, or another has its name,
//! nothing is written: another gateway may count there.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use assay_peer::{home::has_gone, system::has_name};
use assay_protocol::units::Amount;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::batch::replace_with;

/// A day's orders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct DaySpending {
    /// Which day, in universal time.
    day: Date,
    /// By the name of the key.
    keys: BTreeMap<String, Amount>,
}

/// What each key's orders may have cost today.
#[derive(Clone, Debug)]
pub(crate) struct Spending(Arc<SpendingFile>);

#[derive(Debug)]
struct SpendingFile {
    path: PathBuf,
    day: Mutex<DaySpending>,
    /// Held for as long as this counts: two that counted would not know of each other. It says where this is served.
    lock_file: Arc<File>,
}

/// Why an order is not counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpendingError {
    /// There is too little left.
    #[error("{left} is left to this key today, and the order may cost {need}")]
    Over {
        /// What is left.
        left: Amount,
        /// What is needed.
        need: Amount,
    },
    /// The disk failed.
    #[error("what this key spends cannot be written down: {0}")]
    Disk(#[from] io::Error),
}

impl Spending {
    /// What is written down at a path; nothing is spent where there is nothing.
    pub(crate) fn open(path: PathBuf) -> Result<Self, io::Error> {
        let lock_file = OpenOptions::new().create(true).truncate(false).write(true).open(lock_path(&path))?;
        lock_file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another gateway of this home counts it")
            }
            TryLockError::Error(error) => error,
        })?;
        // Whoever held it before is not there any more.
        lock_file.set_len(0)?;
        let day = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                io::Error::other(format!("{}: {error}; delete it to begin the day anew", path.display()))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => DaySpending::default(),
            Err(error) => return Err(error),
        };
        Ok(Self(Arc::new(SpendingFile { path, day: Mutex::new(day), lock_file: Arc::new(lock_file) })))
    }

    /// Writes down where it is served, for another that would be.
    pub(crate) fn served_at(&self, address: SocketAddr) -> Result<(), io::Error> {
        (&*self.0.lock_file).write_all(address.to_string().as_bytes())
    }

    /// Returns once the folder is gone in which it is written down, with where that was.
    pub(crate) async fn lost(&self) -> PathBuf {
        let path = &self.0.path;
        has_gone(&self.0.lock_file, &lock_path(path)).await;
        path.parent().unwrap_or(path).to_owned()
    }

    /// Where the gateway is that counts what is written down at a path, if it says so.
    pub(crate) fn server_of(path: &Path) -> Option<SocketAddr> {
        fs::read_to_string(lock_path(path)).ok()?.parse().ok()
    }

    /// What is left of a key's ceiling.
    pub(crate) fn left(&self, key: &str, daily_max: Amount) -> Amount {
        let mut day = self.0.lock();
        day.begin(today());
        daily_max.minus_up_to(day.spent(key))
    }

    /// Counts what an order may cost.
    pub(crate) fn reserve(
        &self,
        key: &str,
        daily_max: Amount,
        need: Amount,
    ) -> Result<Allowance, SpendingError> {
        let mut day = self.0.lock();
        day.begin(today());
        let spent = day.spent(key);
        let after = spent.plus(need).filter(|after| *after <= daily_max);
        let after = after.ok_or(SpendingError::Over { left: daily_max.minus_up_to(spent), need })?;
        let mut next = day.clone();
        next.keys.insert(key.to_owned(), after);
        self.0.write(&next)?;
        let (spending, key, of) = (self.clone(), key.to_owned(), next.day);
        *day = next;
        Ok(Allowance { spending, key, day: of, reserved: need, is_taken: false })
    }
}

fn lock_path(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

impl SpendingFile {
    fn lock(&self) -> MutexGuard<'_, DaySpending> {
        self.day.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a day down, if what is locked is still what stands there.
    fn write(&self, day: &DaySpending) -> Result<(), io::Error> {
        if !has_name(&self.lock_file, &lock_path(&self.path))? {
            let gone = "its folder is gone: it was removed, moved, or replaced by another";
            return Err(io::Error::new(io::ErrorKind::NotFound, gone));
        }
        let text = serde_json::to_vec(day)?;
        replace_with(&self.path, |file| file.write_all(&text))
    }
}

impl DaySpending {
    fn begin(&mut self, day: Date) {
        let is_day_before = day.tomorrow().is_ok_and(|next| next == self.day);
        // A clock that goes back gives nobody a second day.
        if day > self.day {
            *self = Self { day, keys: BTreeMap::new() };
        } else if day < self.day && !is_day_before {
            // It was days ahead: what was spent since counts for today, until its midnight.
            self.day = day;
        }
    }

    fn spent(&self, key: &str) -> Amount {
        self.keys.get(key).copied().unwrap_or_default()
    }
}

/// What one order may cost, counted. Dropped, it stays counted whole; but nothing of it, where nobody has taken it to order.
#[derive(Debug)]
pub(crate) struct Allowance {
    spending: Spending,
    key: String,
    day: Date,
    reserved: Amount,
    is_taken: bool,
}

impl Allowance {
    /// Somebody orders by it from now on.
    pub(crate) fn taken(mut self) -> Self {
        self.is_taken = true;
        self
    }

    /// The most that the order may cost.
    pub(crate) fn most(&self) -> Amount {
        self.reserved
    }

    /// It has cost at most this.
    pub(crate) fn settle(mut self, cost: Amount) {
        self.is_taken = true;
        self.lower(cost);
    }

    /// It may cost no more than this any more.
    pub(crate) fn lower(&mut self, cost: Amount) {
        let mut day = self.spending.0.lock();
        if day.day != self.day {
            return;
        }
        let others = day.spent(&self.key).minus_up_to(self.reserved);
        let spent = others.plus(cost).unwrap_or(Amount(u64::MAX));
        day.keys.insert(self.key.clone(), spent);
        self.reserved = cost;
        // What is not written down counts as more.
        if let Err(error) = self.spending.0.write(&day) {
            tracing::warn!(%error, "what a key spent cannot be written down");
        }
    }
}

impl Drop for Allowance {
    /// Who hung up while it was written down has ordered nothing.
    fn drop(&mut self) {
        // Of a key that has nothing left nothing was counted: who asks on and on costs the disk no more for that.
        if !self.is_taken && !self.reserved.is_zero() {
            self.lower(Amount::ZERO);
        }
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Amount = Amount::credits(10);

    fn spending(folder: &Path) -> Spending {
        Spending::open(folder.join("spending.json")).unwrap()
    }

    #[test]
    fn what_may_be_spent_counts_before_it_is_and_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let first = spending(folder.path());
        let allowance = first.reserve("phone", MOST, Amount::credits(7)).unwrap();
        let second = Spending::open(folder.path().join("spending.json")).unwrap_err();
        assert!(second.to_string().contains("another gateway"), "{second}");
        // A gateway that is killed here knows it afterwards.
        let killed = (first, allowance);
        fs::copy(folder.path().join("spending.json"), folder.path().join("again.json")).unwrap();
        let again = Spending::open(folder.path().join("again.json")).unwrap();
        assert_eq!(again.left("phone", MOST), Amount::credits(3));
        assert!(matches!(again.reserve("phone", MOST, Amount::credits(4)), Err(SpendingError::Over { .. })));
        assert_eq!(again.left("laptop", MOST), MOST);
        let (first, allowance) = killed;
        allowance.settle(Amount::credits(2));
        assert_eq!(first.left("phone", MOST), Amount::credits(8));
        let mut answered = first.reserve("phone", MOST, Amount::credits(5)).unwrap();
        answered.lower(Amount::credits(3));
        assert_eq!(first.left("phone", MOST), Amount::credits(5));
        answered.settle(Amount::ZERO);
        assert_eq!(first.left("phone", MOST), Amount::credits(8), "nothing is counted off twice");
        let dropped = first.reserve("phone", MOST, Amount::credits(8)).unwrap().taken();
        drop(dropped);
        assert_eq!(first.left("phone", MOST), Amount::ZERO);
        first.reserve("laptop", MOST, Amount::credits(1)).unwrap().settle(Amount::credits(2));
        assert_eq!(first.left("laptop", MOST), Amount::credits(8), "what cost more counts as more");
        first.reserve("guest", MOST, Amount::credits(1)).unwrap().settle(Amount::ZERO);
        assert_eq!(first.left("guest", MOST), MOST);
        drop(first);
        assert_eq!(spending(folder.path()).left("phone", MOST), Amount::ZERO);
    }

    #[test]
    fn what_nobody_was_there_to_order_by_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let all = spending(folder.path());
        drop(all.reserve("phone", MOST, Amount::credits(2)).unwrap().taken());
        let hung_up = all.reserve("phone", MOST, Amount::credits(7)).unwrap();
        assert_eq!(all.left("phone", MOST), Amount::credits(1));
        drop(hung_up);
        assert_eq!(all.left("phone", MOST), Amount::credits(8));
        drop(all);
        let path = folder.path().join("spending.json");
        let again = Spending::open(path.clone()).unwrap();
        assert_eq!(again.left("phone", MOST), Amount::credits(8), "the disk says so");
        let nothing = again.reserve("phone", MOST, Amount::ZERO).unwrap();
        fs::remove_file(&path).unwrap();
        drop(nothing);
        assert!(!path.exists(), "there is nothing to write down");
    }

    #[test]
    fn a_day_begins_with_nothing_spent_and_none_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let all = spending(folder.path());
        let _spent = all.reserve("phone", MOST, Amount::credits(7)).unwrap().taken();
        let mut day = all.0.lock();
        let today = day.day;
        day.begin(today.yesterday().unwrap());
        assert_eq!(day.spent("phone"), Amount::credits(7), "yesterday is over");
        day.begin(today.tomorrow().unwrap());
        assert_eq!(day.spent("phone"), Amount::ZERO);
    }

    #[test]
    fn a_clock_that_was_days_ahead_holds_no_key_to_what_it_spent_for_longer_than_a_day() {
        let (today, ahead) = (Date::constant(2026, 11, 29), Date::constant(2031, 1, 1));
        let mut day = DaySpending { day: ahead, keys: BTreeMap::from([("phone".to_owned(), MOST)]) };
        day.begin(today);
        assert_eq!((day.day, day.spent("phone")), (today, MOST), "it counts for today");
        day.begin(today.tomorrow().unwrap());
        assert_eq!(day.spent("phone"), Amount::ZERO);
    }

    #[test]
    fn what_is_no_record_of_a_day_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("spending.json"), "{").unwrap();
        let refused = Spending::open(folder.path().join("spending.json")).unwrap_err();
        assert!(refused.to_string().contains("delete it"), "{refused}");
    }

    #[test]
    fn what_cannot_be_written_down_is_not_ordered() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("there")).unwrap();
        let all = Spending::open(folder.path().join("there").join("spending.json")).unwrap();
        fs::remove_dir_all(folder.path().join("there")).unwrap();
        assert!(matches!(all.reserve("phone", MOST, Amount::credits(1)), Err(SpendingError::Disk(_))));
        assert_eq!(all.left("phone", MOST), MOST);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_another_gateway_counts_in_a_folder_of_the_same_name_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (there, aside) = (folder.path().join("there"), folder.path().join("aside"));
        fs::create_dir(&there).unwrap();
        let before = spending(&there);
        let open = before.reserve("phone", MOST, Amount::credits(1)).unwrap().taken();
        fs::rename(&there, &aside).unwrap();
        fs::create_dir(&there).unwrap();
        let after = spending(&there);
        drop(after.reserve("phone", MOST, Amount::credits(7)).unwrap().taken());
        let refused = before.reserve("phone", MOST, Amount::credits(2));
        assert!(matches!(refused, Err(SpendingError::Disk(_))), "{refused:?}");
        open.settle(Amount::ZERO);
        drop(after);
        assert_eq!(spending(&there).left("phone", MOST), Amount::credits(3));
        assert_eq!(before.lost().await, there);
    }
}
