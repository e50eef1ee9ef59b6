//! When a file is let go by itself, as OpenAI's clients say it.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::failure::HttpFailure;

/// From when on it counts: there is nothing else that it could.
const ANCHOR: &str = "created_at";
/// How long a file is kept that is let go by itself: from an hour to thirty days.
const SECONDS: RangeInclusive<i64> = 3_600..=2_592_000;

/// How long a file is kept, as it is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpiresAfter {
    pub(super) anchor: String,
    pub(super) seconds: i64,
}

impl ExpiresAfter {
    /// How many seconds it is kept, where a field of this name says so.
    pub(super) fn lasts_s(&self, param: &str) -> Result<u32, HttpFailure> {
        if self.anchor != ANCHOR {
            let why = format!("it counts from {ANCHOR}");
            return Err(HttpFailure::unsupported(&format!("{param}.anchor"), &why));
        }
        let seconds = u32::try_from(self.seconds).ok().filter(|_| SECONDS.contains(&self.seconds));
        seconds.ok_or_else(|| {
            let message =
                format!("{param}.seconds is a number from {} to {}", SECONDS.start(), SECONDS.end());
            HttpFailure::wrong(&format!("{param}.seconds"), message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_from_an_hour_to_thirty_days() {
        let asked = |anchor: &str, seconds: i64| {
            ExpiresAfter { anchor: anchor.to_owned(), seconds }
                .lasts_s("expires_after")
                .map_err(|failure| failure.param().unwrap_or_default().to_owned())
        };
        assert_eq!((asked("created_at", 3_600), asked("created_at", 2_592_000)), (Ok(3_600), Ok(2_592_000)));
        for seconds in [-1, 0, 3_599, 2_592_001, i64::MAX] {
            assert_eq!(asked("created_at", seconds), Err("expires_after.seconds".to_owned()), "{seconds}");
        }
        assert_eq!(asked("last_active_at", 3_600), Err("expires_after.anchor".to_owned()));
    }
}
