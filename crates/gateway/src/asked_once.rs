//! Whether a request came before: its client gave it a key, or says how often it has sent it already.
//!
//! The packages `openai` give none by themselves; whoever wants one says it as a header. What they do say is how often they have
//! sent a request, because they send it again where no answer came.
//!
//! **Invariant:** a key names one request of an owner's, for as long as what came of it is kept. Without one a request is taken
//! for another's repetition only if its client says that it repeats it, soon, and does not know by then what came of it.

use std::cmp::Reverse;

use assay_protocol::id::Digest;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::HttpFailure;

/// Where a client gives a request a key, and what it is called where that is wrong.
const KEY: &str = "Idempotency-Key";
/// Where the packages `openai` say how often they have sent a request before.
const RETRIES: &str = "x-stainless-retry-count";
/// Characters of a key.
const KEY_CHARS_MAX: usize = 255;
/// How long after a request another one may be its repetition: they wait ten minutes for an answer, and try three times.
const RETRY_WAIT_S: i64 = 30 * 60;

/// What the head of a request says of that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OnceHead {
    key: Option<Digest>,
    retries: u32,
}

/// How a request is told from others, as it is kept beside what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskedOnce {
    /// The digest of the key that its client gave it.
    key: Option<Digest>,
    /// The digest of all that it asks.
    asked: Digest,
    /// How often its client had sent it before.
    retries: u32,
}

/// What a request came to, as one that may be the same again is held against it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptRequest<Id> {
    /// What came of it.
    pub(crate) id: Id,
    /// How it is told from others.
    pub(crate) once: AskedOnce,
    /// When it came.
    pub(crate) created: Timestamp,
    /// Whether its client is known to know what came of it.
    pub(crate) is_known: bool,
}

/// A key that names another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this Idempotency-Key names a request of yours that asks for something else; give this one another")]
pub(crate) struct KeyTaken;

impl OnceHead {
    /// What a head says.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, HttpFailure> {
        let wrong =
            || HttpFailure::wrong(KEY, format!("{KEY} is said once, in 1 to {KEY_CHARS_MAX} characters"));
        let mut said = headers.get_all(KEY).iter();
        let key = match (said.next(), said.next()) {
            (None, _) => None,
            (Some(key), None) if (1..=KEY_CHARS_MAX).contains(&key.len()) => Some(Digest::of(key.as_bytes())),
            (Some(_), _) => return Err(wrong()),
        };
        let retries = headers.get(RETRIES).and_then(|count| count.to_str().ok()?.parse().ok()).unwrap_or(0);
        Ok(Self { key, retries })
    }

    /// The digest of the key, if there is one.
    pub(crate) fn key(&self) -> Option<Digest> {
        self.key
    }

    /// The same of a request that asks this.
    pub(crate) fn asks(self, asked: Digest) -> AskedOnce {
        AskedOnce { key: self.key, asked, retries: self.retries }
    }
}

impl AskedOnce {
    /// The digest of the key, if there is one.
    pub(crate) fn key(&self) -> Option<Digest> {
        self.key
    }

    /// What a request has come to when it was sent before: the youngest of its owner's that it may be. Whatever its client shows
    /// to know of is noted.
    pub(crate) fn asked_before<Id: Copy + Ord>(
        &self,
        mut own: Vec<KeptRequest<Id>>,
        mut note_known: impl FnMut(Id),
    ) -> Result<Option<Id>, KeyTaken> {
        own.sort_unstable_by_key(|kept| Reverse((kept.created, kept.id)));
        for kept in own {
            if self.is_again(&kept.once, (kept.created, kept.is_known))? {
                return Ok(Some(kept.id));
            }
            if self.is_anew(&kept.once) {
                note_known(kept.id);
            }
        }
        Ok(None)
    }

    /// Whether a request is one of before again, which came then; its client may know what came of that.
    pub(crate) fn is_again(
        &self,
        before: &Self,
        (came, is_known): (Timestamp, bool),
    ) -> Result<bool, KeyTaken> {
        let is_same = self.asked == before.asked;
        match (self.key, before.key) {
            (Some(key), Some(known)) if key == known => is_same.then_some(true).ok_or(KeyTaken),
            (None, None) => {
                let is_soon = Timestamp::now().as_second() - came.as_second() <= RETRY_WAIT_S;
                Ok(is_same && is_soon && !is_known && self.retries > before.retries)
            }
            _ => Ok(false),
        }
    }

    /// Whether a client that asks this anew, by no key, knows what came of one of before: it repeats nothing.
    fn is_anew(&self, before: &Self) -> bool {
        self.key.is_none() && self.retries == 0 && self.asked == before.asked
    }
}

impl From<KeyTaken> for HttpFailure {
    fn from(taken: KeyTaken) -> Self {
        // To ask the same again is in vain.
        Self::new(StatusCode::CONFLICT, "key_in_use", taken.to_string()).about(KEY).after_order()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(pairs: &[(&'static str, &str)]) -> Result<OnceHead, HttpFailure> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        OnceHead::read(&headers)
    }

    #[test]
    fn a_key_is_said_once_and_is_not_too_long() {
        assert_eq!(head(&[]), Ok(OnceHead::default()));
        let key = head(&[("idempotency-key", "a"), (RETRIES, "2")]).unwrap();
        assert_eq!((key.key(), key.retries), (Some(Digest::of(b"a")), 2));
        assert_eq!(head(&[(RETRIES, "often")]).unwrap().retries, 0);
        let long = "x".repeat(256);
        for wrong in [
            &[("idempotency-key", "")][..],
            &[("idempotency-key", long.as_str())],
            &[("idempotency-key", "a"); 2],
        ] {
            let failure = head(wrong).unwrap_err();
            assert_eq!(
                (failure.status(), failure.param()),
                (StatusCode::BAD_REQUEST, Some(KEY)),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_key_names_one_request_and_without_one_only_what_is_repeated_soon_is_the_same() {
        let (asked, other) = (Digest::of(b"asked"), Digest::of(b"other"));
        let once = |key: Option<&str>, asked: Digest, retries: u32| {
            OnceHead { key: key.map(|key| Digest::of(key.as_bytes())), retries }.asks(asked)
        };
        let now = (Timestamp::now(), false);
        let first = once(Some("a"), asked, 0);
        assert_eq!(once(Some("a"), asked, 0).is_again(&first, now), Ok(true));
        assert_eq!(once(Some("a"), asked, 1).is_again(&first, (Timestamp::UNIX_EPOCH, true)), Ok(true));
        assert_eq!(once(Some("a"), other, 0).is_again(&first, now), Err(KeyTaken));
        assert_eq!(once(Some("b"), asked, 1).is_again(&first, now), Ok(false));
        assert_eq!(once(None, asked, 1).is_again(&first, now), Ok(false));

        let first = once(None, asked, 0);
        assert_eq!(once(None, asked, 1).is_again(&first, now), Ok(true));
        assert_eq!(once(None, asked, 0).is_again(&first, now), Ok(false), "it is asked anew");
        assert!(once(None, asked, 0).is_anew(&first) && !once(None, other, 0).is_anew(&first));
        assert_eq!(once(None, asked, 1).is_again(&once(None, asked, 1), now), Ok(false));
        assert_eq!(once(None, other, 1).is_again(&first, now), Ok(false));
        assert_eq!(
            once(None, asked, 1).is_again(&first, (Timestamp::now(), true)),
            Ok(false),
            "its client knows"
        );
        assert_eq!(
            once(None, asked, 1).is_again(&first, (Timestamp::UNIX_EPOCH, false)),
            Ok(false),
            "long ago"
        );
        assert_eq!(once(Some("a"), asked, 1).is_again(&first, now), Ok(false));
    }

    #[test]
    fn a_request_is_the_youngest_that_it_may_be_and_whoever_asks_anew_knows_of_those_before() {
        let (now, asked) = (Timestamp::now(), Digest::of(b"asked"));
        let once = |key: Option<&str>, retries: u32| {
            OnceHead { key: key.map(|key| Digest::of(key.as_bytes())), retries }.asks(asked)
        };
        let kept = |id: u8, once: AskedOnce, is_known: bool| KeptRequest { id, once, created: now, is_known };
        let find = |asked: AskedOnce, own: &[KeptRequest<u8>]| {
            let mut known = Vec::new();
            let found = asked.asked_before(own.to_vec(), |id| known.push(id));
            (found, known)
        };
        let two = [kept(1, once(None, 0), false), kept(2, once(None, 0), false)];
        assert_eq!(find(once(None, 1), &two), (Ok(Some(2)), Vec::new()));
        assert_eq!(find(once(None, 0), &two), (Ok(None), vec![2, 1]));
        let elder = [kept(1, once(None, 0), false), kept(2, once(None, 0), true)];
        assert_eq!(
            find(once(None, 1), &elder),
            (Ok(Some(1)), Vec::new()),
            "it is known what came of the other"
        );
        let keyed = [kept(1, once(Some("a"), 0), true), kept(2, once(Some("b"), 0), false)];
        assert_eq!(find(once(Some("a"), 0), &keyed), (Ok(Some(1)), Vec::new()));
        let other = OnceHead { key: Some(Digest::of(b"b")), retries: 0 }.asks(Digest::of(b"other"));
        assert_eq!(find(other, &keyed), (Err(KeyTaken), Vec::new()));
    }
}
