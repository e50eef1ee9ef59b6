//! The least pace at which bytes must move, so that nobody holds a place by moving next to none.
//!
//! Patience is a stretch of time. Waiting uses it up, moving bytes fill it again, each byte by its share of a second at the
//! least rate, and never beyond the grace. So a stall may last as long as the grace, a slow line may go on for ever, and a
//! trickle ends as soon as a stall would.
//!
//! **Invariant:** what moves fewer bytes than the least rate ends no later than one grace after it last moved as many.

use std::{io, time::Duration};

use libp2p::futures::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use super::Pace;

/// What is left of the patience with one transfer.
pub(super) struct Patience {
    pace: Pace,
    left: Duration,
}

impl Patience {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, left: pace.grace }
    }

    /// Waits for one step, which says how many bytes it moved.
    pub(super) async fn wait(&mut self, step: impl Future<Output = io::Result<usize>>) -> io::Result<usize> {
        let begun = Instant::now();
        let moved = timeout(self.left, step).await.map_err(|_| io::ErrorKind::TimedOut)??;
        let gained = Duration::from_secs_f64(moved as f64 / f64::from(self.pace.bytes_per_second_min.max(1)));
        self.left = (self.left.saturating_sub(begun.elapsed()) + gained).min(self.pace.grace);
        Ok(moved)
    }

    /// Writes all of these bytes.
    pub(super) async fn write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        mut bytes: &[u8],
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.wait(io.write(bytes)).await? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => bytes = &bytes[written..],
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const PACE: Pace = Pace { bytes_per_second_min: 1000, grace: Duration::from_secs(10) };

    /// How long bytes go on that come in steps of this size and time, a hundred at most.
    async fn lasts(first: usize, step: usize, every: Duration) -> (Duration, bool) {
        let (begun, mut patience) = (Instant::now(), Patience::new(PACE));
        patience.wait(async { Ok(first) }).await.unwrap();
        for _ in 0..100 {
            let next = async {
                sleep(every).await;
                Ok(step)
            };
            if patience.wait(next).await.is_err() {
                return (begun.elapsed(), false);
            }
        }
        (begun.elapsed(), true)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_goes_on_and_a_trickle_ends_like_a_stall() {
        let second = Duration::from_secs(1);
        assert_eq!(lasts(0, 1000, second).await, (100 * second, true), "just the least rate");
        assert_eq!(lasts(0, 8000, 8 * second).await, (800 * second, true), "the same in bursts");
        let (half, goes_on) = lasts(0, 500, second).await;
        assert!(!goes_on && (19 * second..=21 * second).contains(&half), "{half:?}");
        for first in [0, 1_000_000_000] {
            let (trickle, goes_on) = lasts(first, 1, 9 * second).await;
            assert!(!goes_on && trickle <= PACE.grace + second, "{trickle:?}, whatever came before");
        }
    }
}
