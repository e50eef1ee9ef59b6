//! Sessions that ended, kept for whoever asked for them: a conversation that goes on is not read anew.
//!
//! **Invariant:** nobody is given what another asked for: how long an answer takes would tell what others said. A session
//! that goes on where another ended gives the rows of one that read everything.

use assay_engine::arithmetic::CHUNK;
use assay_protocol::id::Digest;

use super::{cards::CardError, placed::PlacedSession};

/// Tokens that are worth being found again.
const PREFIX_MIN: usize = 16;

/// Ended sessions.
pub(crate) struct KeptSessions {
    /// Least recently used first.
    sessions: Vec<KeptSession>,
    /// Bytes of a page of a session in this process.
    page_bytes: u64,
    most: KeptBytes,
}

/// Bytes of ended sessions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeptBytes {
    /// In this process.
    pub(crate) process: u64,
    /// On the card that its model is on.
    pub(crate) card: u64,
}

impl KeptBytes {
    /// None of them on a card.
    pub(crate) const fn in_process(process: u64) -> Self {
        Self { process, card: 0 }
    }

    const fn fits(self, most: Self) -> bool {
        self.process <= most.process && self.card <= most.card
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            process: self.process.saturating_add(other.process),
            card: self.card.saturating_add(other.card),
        }
    }
}

struct KeptSession {
    asker: Digest,
    tokens: Vec<u32>,
    session: PlacedSession,
}

impl KeptSessions {
    pub(crate) fn new(page_bytes: u64, most: KeptBytes) -> Self {
        Self { sessions: Vec::new(), page_bytes, most }
    }

    /// A session that has read as many of these tokens as were read before for the same asker, no more than `most`, and has
    /// room for `capacity`; nothing if they are hardly any.
    pub(crate) fn resume(
        &mut self,
        asker: Digest,
        tokens: &[u32],
        most: usize,
        capacity: usize,
    ) -> Option<Result<PlacedSession, CardError>> {
        let common = |kept: &KeptSession| {
            let same = kept.tokens.iter().zip(tokens).take_while(|(one, other)| one == other);
            same.count().min(most)
        };
        let own = self.sessions.iter().enumerate().filter(|(_, kept)| kept.asker == asker);
        let (length, place) = own.map(|(place, kept)| (common(kept), place)).max()?;
        if length < PREFIX_MIN {
            return None;
        }
        let kept = self.sessions.remove(place);
        let resumed = kept.session.resumed(length, capacity);
        self.sessions.push(kept);
        Some(resumed)
    }

    /// Keeps a session that has read these tokens. What it goes on from is in it.
    pub(crate) fn keep(&mut self, asker: Digest, tokens: Vec<u32>, session: PlacedSession) {
        let ended = KeptSession { asker, tokens, session: session.ended() };
        if ended.tokens.len() < PREFIX_MIN || !self.bytes(&ended).fits(self.most) {
            return;
        }
        self.sessions.retain(|kept| kept.asker != asker || !ended.tokens.starts_with(&kept.tokens));
        self.sessions.push(ended);
        while !self.all_bytes().fits(self.most) {
            self.sessions.remove(0);
        }
    }

    fn all_bytes(&self) -> KeptBytes {
        self.sessions.iter().fold(KeptBytes::default(), |sum, kept| sum.plus(self.bytes(kept)))
    }

    fn bytes(&self, kept: &KeptSession) -> KeptBytes {
        let process = (kept.tokens.len().div_ceil(CHUNK) as u64).saturating_mul(self.page_bytes);
        let card = match &kept.session {
            PlacedSession::Processor(_) => 0,
            // It has all of its room at once.
            PlacedSession::Card(session) => session.bytes(),
        };
        KeptBytes { process, card }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assay_engine::{
        cpu::Cpu,
        model::Model,
        session::{Processor, RowDigest, Rows, Session},
    };

    use super::*;
    use crate::engine::fixture::{sums, tokens};

    const ONE: Digest = Digest([1; 32]);
    const OTHER: Digest = Digest([2; 32]);
    const PAGE: u64 = 10;

    struct Reader {
        model: Arc<Model>,
        processor: Processor,
    }

    impl Reader {
        fn new() -> Self {
            let model = Arc::new(sums());
            Self { processor: Processor::new(Arc::clone(&model), Cpu::new(1)), model }
        }

        fn session(&self) -> PlacedSession {
            PlacedSession::Processor(Session::new(&self.model, 128).unwrap())
        }

        fn read(&mut self, session: &mut PlacedSession, tokens: &[u32]) -> RowDigest {
            let PlacedSession::Processor(session) = session else { panic!("no card is here") };
            let mut last = None;
            self.processor.extend(session, tokens, Rows::Last, |row| last = Some(row.digest)).unwrap();
            last.unwrap()
        }
    }

    #[test]
    fn what_goes_on_gives_the_rows_of_what_began_anew() {
        let mut reader = Reader::new();
        let mut kept = KeptSessions::new(PAGE, KeptBytes::in_process(100));
        let (said, whole) = (tokens(40), tokens(100));
        let mut first = reader.session();
        reader.read(&mut first, &said);
        kept.keep(ONE, said, first);
        let mut parted = tokens(100);
        parted[30] = 51;
        for (asked, known) in [(&whole, 40), (&parted, 30), (&whole, 40)] {
            let mut resumed = kept.resume(ONE, asked, 99, 100).expect("it was read").unwrap();
            assert_eq!(resumed.len(), known);
            assert!(
                resumed.admit(&vec![1; 100 - known], Rows::Last).is_ok(),
                "it has the room that was asked for"
            );
            assert!(resumed.admit(&vec![1; 101 - known], Rows::Last).is_err());
            let (mut anew, rest) = (reader.session(), &asked[known..]);
            assert_eq!(reader.read(&mut resumed, rest), reader.read(&mut anew, asked));
        }
        let most = kept.resume(ONE, &whole, 20, 100).expect("it was read").unwrap();
        assert_eq!(most.len(), 20, "the row behind is wanted");
    }

    #[test]
    fn nobody_finds_what_another_asked_for() {
        let mut reader = Reader::new();
        let mut kept = KeptSessions::new(PAGE, KeptBytes::in_process(100));
        let mut session = reader.session();
        reader.read(&mut session, &tokens(40));
        kept.keep(ONE, tokens(40), session);
        assert!(kept.resume(OTHER, &tokens(40), 39, 100).is_none());
        assert!(kept.resume(ONE, &tokens(40), 39, 100).is_some());
        assert!(kept.resume(ONE, &[9; 40], 39, 100).is_none(), "another text");
    }

    #[test]
    fn what_was_used_longest_ago_makes_room_and_what_goes_on_replaces_its_beginning() {
        let reader = Reader::new();
        let mut kept = KeptSessions::new(PAGE, KeptBytes::in_process(2 * PAGE));
        let text = |first| [vec![first], tokens(40)].concat();
        kept.keep(ONE, text(1), reader.session());
        kept.keep(ONE, [text(1), vec![3]].concat(), reader.session());
        kept.keep(ONE, text(2), reader.session());
        assert_eq!(kept.sessions.len(), 2);
        let most = text(1).len();
        assert!(kept.resume(ONE, &text(1), most, 100).is_some(), "now the other is the oldest");
        kept.keep(OTHER, text(3), reader.session());
        assert!(kept.resume(ONE, &text(1), most, 100).is_some());
        assert!(kept.resume(ONE, &text(2), most, 100).is_none());
        kept.keep(ONE, tokens(15), reader.session());
        assert_eq!(kept.sessions.len(), 2, "nobody looks for so little");
    }
}
