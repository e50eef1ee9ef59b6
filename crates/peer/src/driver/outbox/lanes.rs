//! Each peer's lane: what may leave, and cannot yet.
//!
//! ```text
//!   put ──▶ the lane is empty ──▶ leaves at once
//!      └──▶ else it waits ──▶ leaves when what it waits for is done, the first first
//! ```
//!
//! A lane waits while something is under way that its messages rest on, or while the network takes no more; for that it
//! waits [`BUSY_WAIT_MAX`] at most, and then its first message is given up.
//!
//! **Invariant:** what is for one peer leaves in the order in which it was put, whatever becomes of other peers' lanes.

use std::collections::{BTreeMap, VecDeque};

use assay_protocol::id::PeerId;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::{
    sync::oneshot,
    time::{Duration, Instant, sleep_until},
};

use super::{BUSY_WAIT_MAX, LetOut, Passage, Visible};

/// How long a network that is busy is left alone.
const BUSY_STEP: Duration = Duration::from_millis(25);

/// All lanes, and the door behind them.
pub(super) struct Lanes<D> {
    door: D,
    lanes: BTreeMap<PeerId, PeerLane>,
    /// What is under way, and whose lanes wait for it.
    leaving: FuturesUnordered<BoxFuture<'static, Vec<PeerId>>>,
    /// When lanes that the network holds up are tried again.
    retry: Option<Instant>,
    /// Those who wait until all has left.
    flushes: Vec<oneshot::Sender<()>>,
    waiting: usize,
}

/// What waits for one peer.
#[derive(Default)]
struct PeerLane {
    queue: VecDeque<Visible>,
    /// Things under way that it waits for.
    awaited: usize,
    /// Since when the network takes its first message not.
    busy_since: Option<Instant>,
}

impl<D: LetOut> Lanes<D> {
    pub(super) fn new(door: D) -> Self {
        let (lanes, leaving) = (BTreeMap::new(), FuturesUnordered::new());
        Self { door, lanes, leaving, retry: None, flushes: Vec::new(), waiting: 0 }
    }

    /// How many things wait in lanes or are under way.
    pub(super) fn waiting(&self) -> usize {
        self.waiting + self.leaving.len()
    }

    /// Lets something out, or has it wait in its lane.
    pub(super) fn put(&mut self, visible: Visible) {
        if let Visible::Flushed(done) = visible {
            self.flushes.push(done);
            return self.tell_flushed();
        }
        let Some(to) = visible.to().filter(|to| self.lanes.contains_key(to)) else {
            return self.let_out(visible);
        };
        self.waiting += 1;
        self.lanes.entry(to).or_default().queue.push_back(visible);
    }

    /// Returns when something that waited may have left, and never if nothing waits.
    pub(super) async fn go_on(&mut self) {
        let retry = self.retry;
        let tried_again = async {
            match retry {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(peers) = self.leaving.next() => {
                for peer in peers {
                    if let Some(lane) = self.lanes.get_mut(&peer) {
                        lane.awaited -= 1;
                    }
                    self.drain(peer);
                }
            }
            () = tried_again => {
                self.retry = None;
                let busy = self.lanes.iter().filter(|(_, lane)| lane.busy_since.is_some());
                let busy: Vec<PeerId> = busy.map(|(peer, _)| *peer).collect();
                busy.into_iter().for_each(|peer| self.drain(peer));
            }
        }
        self.tell_flushed();
    }

    /// Waits for something, and goes on meanwhile.
    pub(super) async fn meanwhile<T>(&mut self, wait: impl Future<Output = T>) -> T {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                done = &mut wait => return done,
                () = self.go_on() => {}
            }
        }
    }

    fn let_out(&mut self, visible: Visible) {
        let to = visible.to();
        match (self.door.let_out(visible), to) {
            (Passage::Busy(again), Some(to)) => {
                let lane = self.lanes.entry(to).or_default();
                lane.busy_since.get_or_insert_with(Instant::now);
                lane.queue.push_front(again);
                self.waiting += 1;
                self.retry.get_or_insert_with(|| Instant::now() + BUSY_STEP);
            }
            (Passage::Leaving(leaving, peers), _) => {
                for peer in &peers {
                    self.lanes.entry(*peer).or_default().awaited += 1;
                }
                self.leaving.push(Box::pin(async move {
                    leaving.await;
                    peers
                }));
            }
            (Passage::Through | Passage::Busy(_), _) => {}
        }
    }

    /// Lets out what a lane holds, up to what still has to wait.
    fn drain(&mut self, peer: PeerId) {
        while let Some(lane) = self.lanes.get_mut(&peer)
            && lane.awaited == 0
        {
            let Some(first) = lane.queue.pop_front() else {
                self.lanes.remove(&peer);
                return;
            };
            self.waiting -= 1;
            let busy_since = lane.busy_since.take();
            self.let_out(first);
            let Some(lane) = self.lanes.get_mut(&peer) else { return };
            if lane.busy_since.is_none() {
                continue;
            }
            let since = *lane.busy_since.insert(busy_since.unwrap_or_else(Instant::now));
            if since.elapsed() < BUSY_WAIT_MAX {
                return;
            }
            lane.busy_since = None;
            drop(lane.queue.pop_front());
            self.waiting -= 1;
            self.door.give_up(peer);
        }
    }

    fn tell_flushed(&mut self) {
        if self.lanes.is_empty() && self.leaving.is_empty() {
            // An error means that nobody waits for it any more.
            self.flushes.drain(..).for_each(|done| done.send(()).unwrap_or(()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use assay_protocol::id::Digest;

    use super::*;

    const SLOW: PeerId = PeerId([1; 32]);
    const QUICK: PeerId = PeerId([2; 32]);

    /// What a door was told and did.
    #[derive(Default)]
    struct Seen {
        busy: bool,
        left: Vec<(PeerId, u8)>,
        given_up: usize,
    }

    /// A door that is busy for one peer if it is told so; what is released leaves when its sender says so.
    struct Door(Arc<Mutex<Seen>>, Vec<oneshot::Receiver<()>>);

    impl LetOut for Door {
        fn let_out(&mut self, visible: Visible) -> Passage {
            let mut seen = self.0.lock().unwrap();
            match visible {
                Visible::Serve { to, .. } if seen.busy && to == SLOW => Passage::Busy(visible),
                Visible::Serve { to, digest, .. } => {
                    seen.left.push((to, digest.0[0]));
                    Passage::Through
                }
                Visible::Release(_) => {
                    let stored = self.1.pop().unwrap();
                    Passage::Leaving(Box::pin(async { stored.await.unwrap() }), vec![SLOW])
                }
                Visible::Send(..)
                | Visible::Publish(_)
                | Visible::File(_)
                | Visible::Saved(_)
                | Visible::Flushed(_) => unreachable!("nothing else is put"),
            }
        }

        fn give_up(&mut self, _: PeerId) {
            self.0.lock().unwrap().given_up += 1;
        }
    }

    fn lanes() -> (Lanes<Door>, Arc<Mutex<Seen>>, [oneshot::Sender<()>; 2]) {
        let [(one, first), (other, second)] = [oneshot::channel(), oneshot::channel()];
        let seen = Arc::<Mutex<Seen>>::default();
        (Lanes::new(Door(Arc::clone(&seen), vec![second, first])), seen, [one, other])
    }

    fn serve(to: PeerId, number: u8) -> Visible {
        Visible::Serve { holder: Digest::default(), digest: Digest([number; 32]), to }
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_leave_holds_up_its_own_peer_and_keeps_its_place() {
        let (mut lanes, seen, _store) = lanes();
        seen.lock().unwrap().busy = true;
        for number in 0..3 {
            lanes.put(serve(SLOW, number));
            lanes.put(serve(QUICK, number));
        }
        assert_eq!(seen.lock().unwrap().left, [(QUICK, 0), (QUICK, 1), (QUICK, 2)]);
        assert_eq!(lanes.waiting(), 3);
        seen.lock().unwrap().left.clear();
        lanes.go_on().await;
        assert_eq!(seen.lock().unwrap().left, []);
        seen.lock().unwrap().busy = false;
        lanes.go_on().await;
        assert_eq!(seen.lock().unwrap().left, [(SLOW, 0), (SLOW, 1), (SLOW, 2)]);
        assert!(lanes.lanes.is_empty() && lanes.waiting() == 0, "nothing is remembered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_waits_too_long_is_given_up_and_the_next_one_tried() {
        let (mut lanes, seen, _store) = lanes();
        seen.lock().unwrap().busy = true;
        lanes.put(serve(SLOW, 0));
        lanes.put(serve(SLOW, 1));
        let begun = Instant::now();
        while seen.lock().unwrap().given_up < 2 {
            lanes.go_on().await;
        }
        assert!(begun.elapsed() >= 2 * BUSY_WAIT_MAX);
        assert!(lanes.lanes.is_empty() && lanes.waiting() == 0);
    }

    #[tokio::test]
    async fn only_those_wait_for_a_receipt_who_may_fetch_it() {
        let (mut lanes, seen, [one, other]) = lanes();
        let (done, mut flushed) = oneshot::channel();
        lanes.put(Visible::Release(Digest::default()));
        lanes.put(Visible::Release(Digest::default()));
        lanes.put(serve(SLOW, 0));
        lanes.put(serve(QUICK, 0));
        lanes.put(Visible::Flushed(done));
        assert_eq!(seen.lock().unwrap().left, [(QUICK, 0)]);
        assert!(flushed.try_recv().is_err(), "something has yet to leave");
        one.send(()).unwrap();
        lanes.go_on().await;
        assert_eq!(seen.lock().unwrap().left, [(QUICK, 0)], "two receipts of one peer");
        other.send(()).unwrap();
        lanes.go_on().await;
        assert_eq!(seen.lock().unwrap().left, [(QUICK, 0), (SLOW, 0)]);
        flushed.try_recv().unwrap();
    }
}
