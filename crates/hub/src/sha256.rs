//! SHA-256 sums, by which a hub names its files.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

use sha2::{Digest as _, Sha256};

/// Bytes read at a time.
const READ_BYTES: usize = 256 * 1024;

/// The SHA-256 of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256Sum(pub [u8; 32]);

/// Takes bytes in one after another.
#[derive(Clone, Default)]
pub(crate) struct Sha256Hasher(Sha256);

impl Sha256Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn sum(&self) -> Sha256Sum {
        Sha256Sum(self.0.clone().finalize().into())
    }

    /// Takes in what is read, to its end, and says how much that was.
    pub(crate) fn read(&mut self, mut from: impl Read) -> io::Result<u64> {
        let (mut bytes, mut buffer) = (0, vec![0; READ_BYTES]);
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(bytes),
                Ok(read) => {
                    self.update(&buffer[..read]);
                    bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Sha256Sum {
    /// The sum of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha256Hasher::default();
        hasher.update(bytes);
        hasher.sum()
    }
}

impl fmt::Display for Sha256Sum {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl FromStr for Sha256Sum {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut sum = [0; 32];
        if text.len() != 2 * sum.len() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(());
        }
        for (byte, digits) in sum.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = str::from_utf8(digits).map_err(|_| ())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| ())?;
        }
        Ok(Self(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_read_as_it_is_written() {
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Sha256Sum::of(b"abc").to_string(), text);
        assert_eq!(text.parse(), Ok(Sha256Sum::of(b"abc")));
        let mut hasher = Sha256Hasher::default();
        assert_eq!((hasher.read(&b"abc"[..]).unwrap(), hasher.sum()), (3, Sha256Sum::of(b"abc")));
        for text in ["", "ba", &text[1..], &text.replace('b', "g"), &format!("{text}00"), &"ü".repeat(32)] {
            assert!(text.parse::<Sha256Sum>().is_err(), "{text}");
        }
    }
}
