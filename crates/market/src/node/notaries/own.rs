//! What notaries say of this peer, to be shown to others; and in which epoch each of them is.
//!
//! It is asked for at once where it is wanted, or an account is a step more or less than it says, and again at a moment of
//! each epoch that nobody can foresee, so that not everybody asks as an epoch begins.
//!
//! **Invariant:** nothing of it is saved: after a restart it is asked for again.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    genesis::Timers,
    id::{Digest, PeerId},
    notice::Account,
    signed::Verified,
    standing::{PeerStanding, step},
    units::{Duration, Timestamp},
};

/// How long the first answer is awaited before it is asked for again; then twice as long, so many times.
const AGAIN: Duration = Duration::seconds(8);
const DOUBLINGS_MAX: u32 = 4;

/// What notaries say of this peer: of each that said something, and a network names few.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnStandings {
    notaries: Vec<StandingWord>,
}

/// One notary's word.
#[derive(Clone, Debug)]
struct StandingWord {
    notary: PeerId,
    /// The last that it said.
    said: Option<Box<Verified<PeerStanding>>>,
    /// In which epoch it is at least.
    epoch: u64,
    /// When it is to be asked.
    asks_at: Timestamp,
    /// How often it was asked since it answered.
    tries: u32,
}

impl OwnStandings {
    fn find(&self, notary: PeerId) -> Option<&StandingWord> {
        self.notaries.iter().find(|word| word.notary == notary)
    }

    fn of(&mut self, notary: PeerId) -> &mut StandingWord {
        let known = self.notaries.iter().position(|word| word.notary == notary);
        let place = known.unwrap_or_else(|| {
            self.notaries.reserve_exact(1);
            let asks_at = Timestamp::default();
            self.notaries.push(StandingWord { notary, said: None, epoch: 0, asks_at, tries: 0 });
            self.notaries.len() - 1
        });
        &mut self.notaries[place]
    }

    /// What a notary last said.
    pub(super) fn get(&self, notary: PeerId) -> Option<&Verified<PeerStanding>> {
        self.find(notary)?.said.as_deref()
    }

    /// In which epoch a notary is at least.
    pub(super) fn epoch(&self, notary: PeerId) -> u64 {
        self.find(notary).map_or(0, |word| word.epoch)
    }

    /// Notes that a notary has come to this epoch.
    pub(super) fn note_epoch(&mut self, notary: PeerId, epoch: u64) {
        let word = self.of(notary);
        word.epoch = epoch.max(word.epoch);
    }

    /// When it is to be asked for.
    pub(super) fn asks_at(&self, notary: PeerId) -> Timestamp {
        self.find(notary).map_or_else(Timestamp::default, |word| word.asks_at)
    }

    /// True if it is to be asked for with this question; it is then.
    pub(super) fn asks(&mut self, notary: PeerId, now: Timestamp) -> bool {
        let word = self.of(notary);
        let due = now >= word.asks_at;
        if due {
            word.asks_at = now.after(AGAIN.times(1 << word.tries.min(DOUBLINGS_MAX)));
            word.tries += 1;
        }
        due
    }

    /// Has it asked for again at once if the account is a step more or less than it says; true if so.
    pub(super) fn outgrown(&mut self, notary: PeerId, account: &Account, now: Timestamp) -> bool {
        let Some(own) = self.get(notary) else { return false };
        let other = step(own.stake) != step(account.stake) || own.means != step(account.free);
        if other {
            let word = self.of(notary);
            word.asks_at = now.min(word.asks_at);
        }
        other
    }

    /// Takes a notary's word on this peer; true if it is news. `luck` is what decides when it is asked for again.
    pub(super) fn take(
        &mut self,
        standing: &Verified<PeerStanding>,
        timers: &Timers,
        luck: Digest,
        now: Timestamp,
    ) -> bool {
        let word = self.of(standing.signer());
        word.tries = 0;
        word.epoch = standing.epoch.max(word.epoch);
        if word.said.as_ref().is_some_and(|said| said.epoch > standing.epoch) {
            return false;
        }
        let half = timers.tick.times(timers.epoch_ticks).0 / 2;
        let [head, ..] = luck.0.map(u64::from);
        word.asks_at = now.after(Duration(half + half * head / 256));
        let is_news = word.said.as_deref() != Some(standing);
        word.said = Some(Box::new(standing.clone()));
        is_news
    }
}
