//! A secret key as a file that may lie anywhere: sealed with a passphrase, and with the peer's name in clear.
//!
//! ```text
//! Assay key backup 1         what it is, and the version of this form
//! peer 3fa29c…               whose key it is
//! argon2id 65536 3 1         what makes the sealing key of the passphrase: KiB, passes, lanes
//! salt 5c0e…                 16 bytes of chance
//! seed 91b7…                 the seed of the key and a tag, by ChaCha20-Poly1305, bound to the lines above
//! check 0d3f…                of all lines above: what is damaged is not taken for a wrong passphrase
//! ```
//!
//! **Invariant:** nothing of the seed is in it that the passphrase does not open, and no sealing key seals twice; no file has
//! its reader hold or do more than the bounds below.

use std::{fmt, io};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use assay_protocol::{
    id::{Digest, PeerId},
    signed::{Keypair, Signer},
};
use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use zeroize::Zeroizing;

/// What a backup begins with, before its version.
const HEADING: &str = "Assay key backup ";
/// The version that is written, and the only one that is read.
const VERSION: &str = "1";
/// Memory that one guess at a passphrase takes, in KiB; passes over it, and lanes: what RFC 9106 has where memory is scarce,
/// but for its four lanes, which one processor walks one after another.
const COST: [u32; 3] = [64 * 1024, 3, 1];
/// The most of each that a file may ask of its reader.
const COST_MAX: [u32; 3] = [256 * 1024, 16, 4];
/// Bytes of chance in a salt.
const SALT_BYTES: usize = 16;
/// Bytes of a seed.
const SEED_BYTES: usize = 32;
/// Bytes of the tag behind it.
const TAG_BYTES: usize = 16;
/// Bytes of the check.
const CHECK_BYTES: usize = 8;

/// The seed of a secret key; wiped when it is let go.
pub(crate) type Seed = Zeroizing<[u8; SEED_BYTES]>;

/// A sealed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyBackup {
    peer: PeerId,
    cost: [u32; 3],
    salt: [u8; SALT_BYTES],
    sealed: [u8; SEED_BYTES + TAG_BYTES],
}

/// Why a text is no backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotABackup {
    /// It does not begin like one.
    Heading,
    /// It is of a version that this program does not know.
    Version,
    /// A line is missing, or not as such a line is written.
    Line(&'static str),
    /// Something in it is not what was written.
    Changed,
}

impl fmt::Display for NotABackup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heading => write!(out, "it does not begin with `{HEADING}{VERSION}`"),
            Self::Version => write!(out, "it is of a later version than this program knows"),
            Self::Line(line) => write!(out, "its line `{line}` is missing or cut"),
            Self::Changed => write!(out, "it is not what was written: its check does not agree"),
        }
    }
}

/// The passphrase is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongPassphrase;

impl KeyBackup {
    /// Seals a seed.
    ///
    /// # Errors
    /// There is no chance to be had.
    pub(crate) fn seal(seed: &Seed, passphrase: &str) -> io::Result<Self> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(io::Error::other)?;
        let peer = Keypair::from_seed(**seed).id();
        let mut backup = Self { peer, cost: COST, salt, sealed: [0; SEED_BYTES + TAG_BYTES] };
        let (cipher, bound) = (backup.cipher(passphrase), backup.bound());
        let (text, tag) = backup.sealed.split_at_mut(SEED_BYTES);
        text.copy_from_slice(&**seed);
        // A salt is used once, and so is the key that grows from it: there is no second message to tell apart.
        match cipher.encrypt_in_place_detached(&Nonce::default(), bound.as_bytes(), text) {
            Ok(sealed) => tag.copy_from_slice(&sealed),
            Err(_) => unreachable!("a seed is not too long to be sealed"),
        }
        Ok(backup)
    }

    /// Whose key it is, as it says itself.
    pub(crate) fn peer(&self) -> PeerId {
        self.peer
    }

    /// The seed.
    ///
    /// # Errors
    /// [`WrongPassphrase`]: what was sealed with this one would be open.
    pub(crate) fn open(&self, passphrase: &str) -> Result<Seed, WrongPassphrase> {
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        let (text, tag) = self.sealed.split_at(SEED_BYTES);
        seed.copy_from_slice(text);
        let (cipher, bound, tag) = (self.cipher(passphrase), self.bound(), Tag::from_slice(tag));
        let opened = cipher.decrypt_in_place_detached(&Nonce::default(), bound.as_bytes(), &mut *seed, tag);
        // The name stands in what the tag is of; a seed of another peer was sealed by another program.
        match opened.is_ok() && Keypair::from_seed(*seed).id() == self.peer {
            true => Ok(seed),
            false => Err(WrongPassphrase),
        }
    }

    /// What is written.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("{}\nseed {}\n", self.bound(), hex(&self.sealed));
        text += &format!("check {}\n", hex(&check(text.trim_end())));
        text
    }

    /// Reads what was written; spaces at the ends of its lines may have changed on the way.
    ///
    /// # Errors
    /// [`NotABackup`].
    pub(crate) fn parse(text: &str) -> Result<Self, NotABackup> {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let version = lines.first().and_then(|line| line.strip_prefix(HEADING)).ok_or(NotABackup::Heading)?;
        if version != VERSION {
            return Err(NotABackup::Version);
        }
        let value = |place: usize, name: &'static str| {
            let words = lines.get(place).and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            words.ok_or(NotABackup::Line(name))
        };
        let said = value(5, "check")?;
        let checked: [u8; CHECK_BYTES] = unhex(said).ok_or(NotABackup::Line("check"))?;
        if checked != check(&lines[..5].join("\n")) || lines.len() > 6 {
            return Err(NotABackup::Changed);
        }
        let peer: PeerId = value(1, "peer")?.parse().map_err(|_| NotABackup::Line("peer"))?;
        let cost = cost(value(2, "argon2id")?).ok_or(NotABackup::Line("argon2id"))?;
        let salt = unhex(value(3, "salt")?).ok_or(NotABackup::Line("salt"))?;
        let sealed = unhex(value(4, "seed")?).ok_or(NotABackup::Line("seed"))?;
        Ok(Self { peer, cost, salt, sealed })
    }

    /// All that the tag is of beside the seed: nobody changes whose key it is, or what a guess costs.
    fn bound(&self) -> String {
        let [kib, passes, lanes] = self.cost;
        let (peer, salt) = (self.peer, hex(&self.salt));
        format!("{HEADING}{VERSION}\npeer {peer}\nargon2id {kib} {passes} {lanes}\nsalt {salt}")
    }

    fn cipher(&self, passphrase: &str) -> ChaCha20Poly1305 {
        let mut key = Zeroizing::new([0; 32]);
        let made = params(self.cost).and_then(|params| {
            let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon.hash_password_into_with_memory(passphrase.as_bytes(), &self.salt, &mut *key, &mut **memory)
        });
        match made {
            Ok(()) => ChaCha20Poly1305::new((&*key).into()),
            Err(error) => unreachable!("costs are looked at when they are read: {error}"),
        }
    }
}

fn params([kib, passes, lanes]: [u32; 3]) -> argon2::Result<Params> {
    Params::new(kib, passes, lanes, Some(32))
}

/// What a guess costs, if this program would do it.
fn cost(words: &str) -> Option<[u32; 3]> {
    let numbers: Vec<u32> = words.split(' ').map(str::parse).collect::<Result<_, _>>().ok()?;
    let cost: [u32; 3] = numbers.try_into().ok()?;
    let is_bounded = cost.iter().zip(COST_MAX).all(|(asked, most)| *asked <= most);
    (is_bounded && params(cost).is_ok()).then_some(cost)
}

fn check(text: &str) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&Digest::of(text.as_bytes()).0[..CHECK_BYTES]);
    check
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let digits = text.len() == 2 * BYTES && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let mut bytes = [0; BYTES];
    for (place, byte) in bytes.iter_mut().enumerate().filter(|_| digits) {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    digits.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "correct horse battery staple";

    fn sealed() -> (Seed, KeyBackup) {
        let seed = Zeroizing::new([7; SEED_BYTES]);
        let backup = KeyBackup::seal(&seed, PASSPHRASE).unwrap();
        (seed, backup)
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_passphrase_and_by_no_other() {
        let (seed, backup) = sealed();
        let text = backup.to_text();
        let read = KeyBackup::parse(&text).unwrap();
        assert_eq!(read, backup);
        assert_eq!(read.open(PASSPHRASE).unwrap(), seed);
        assert_eq!(read.open("correct horse battery stable"), Err(WrongPassphrase));
        assert!(text.contains(&format!("\npeer {}\n", Keypair::from_seed(*seed).id())), "{text}");
        assert!(!text.contains(&hex(&*seed)), "{text}");
        let again = KeyBackup::seal(&seed, PASSPHRASE).unwrap();
        assert!(again.salt != backup.salt && again.sealed != backup.sealed, "no key seals twice");
    }

    #[test]
    fn a_text_that_a_mail_program_wrapped_up_is_read_and_any_other_change_is_told() {
        let (_, backup) = sealed();
        let text = backup.to_text();
        assert_eq!(KeyBackup::parse(&text.replace('\n', " \r\n\r\n")), Ok(backup));
        for (place, _) in text.char_indices().filter(|(_, letter)| !letter.is_whitespace()) {
            let mut changed = text.clone();
            let letter = if &text[place..=place] == "0" { "1" } else { "0" };
            changed.replace_range(place..=place, letter);
            assert!(KeyBackup::parse(&changed).is_err(), "{changed}");
        }
        let cut = &text[..text.len() - 30];
        for (text, why) in [
            ("", NotABackup::Heading),
            ("Assay key backup 2\n", NotABackup::Version),
            (cut, NotABackup::Line("check")),
            (&format!("{text}more\n"), NotABackup::Changed),
        ] {
            assert_eq!(KeyBackup::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_name_or_a_cost_that_was_changed_with_its_check_opens_nothing() {
        let (_, backup) = sealed();
        let other = KeyBackup { peer: Keypair::from_seed([8; SEED_BYTES]).id(), ..backup.clone() };
        let cheap = KeyBackup { cost: [8, 1, 1], ..backup };
        for forged in [other, cheap] {
            let read = KeyBackup::parse(&forged.to_text()).unwrap();
            assert_eq!(read.open(PASSPHRASE), Err(WrongPassphrase));
        }
    }

    #[test]
    fn no_file_has_its_reader_work_for_hours() {
        let (_, backup) = sealed();
        for cost in [[u32::MAX, 3, 1], [65_536, 1_000, 1], [65_536, 3, 1_000], [1, 3, 1], [65_536, 0, 1]] {
            let text = KeyBackup { cost, ..backup.clone() }.to_text();
            assert_eq!(KeyBackup::parse(&text), Err(NotABackup::Line("argon2id")), "{cost:?}");
        }
    }
}
