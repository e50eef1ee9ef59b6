//! What time it is where this machine stands.

use jiff::{Timestamp, tz::TimeZone};

use crate::clock::wall;

/// Minutes since Monday began, by the machine's own time zone.
pub(super) fn minute() -> Option<u16> {
    let now = Timestamp::from_millisecond(i64::try_from(wall().0).ok()?).ok()?;
    let local = now.to_zoned(TimeZone::system());
    let day = i64::from(local.weekday().to_monday_zero_offset());
    let minutes = (day * 24 + i64::from(local.hour())) * 60 + i64::from(local.minute());
    u16::try_from(minutes).ok()
}
