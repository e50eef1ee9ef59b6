//! Messages of numbered fields, as protocol buffers write them, out of a file or of memory.
//!
//! **Invariant:** nothing is read but what is asked for, no longer text than [`TEXT_BYTES_MAX`], no more numbers than
//! [`NUMBERS_MAX`], and no more is kept than [`KEPT_BYTES_MAX`]; a length that leads beyond its message ends the reading.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// Bytes of the longest text.
const TEXT_BYTES_MAX: u64 = 4 * 1024;

/// Numbers that are read of a file: a field has one or two.
const NUMBERS_MAX: u64 = 1 << 27;
/// Bytes that whoever reads a file keeps of it.
pub(super) const KEPT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes that a thing which is kept takes beside its text.
const KEPT_BYTES: u64 = 128;

/// One field of a message.
#[derive(Clone, Copy)]
pub(super) enum MessageField {
    /// A number.
    Number(u64, u64),
    /// A message or bytes: from where to where.
    Message(u64, u64, u64),
}

/// What messages are read from.
pub(super) struct MessageReader<R> {
    from: R,
    /// Where the next byte is read: asking a file for that is dear.
    here: u64,
    /// Numbers that may be read yet.
    pub(super) numbers: u64,
    /// Bytes that may be kept yet.
    room: u64,
}

impl<R: Read + Seek> MessageReader<R> {
    /// One that stands there.
    pub(super) const fn new(from: R, here: u64) -> Self {
        Self { from, here, numbers: NUMBERS_MAX, room: KEPT_BYTES_MAX }
    }

    /// Shows each field of the message that lies there.
    pub(super) fn each(
        &mut self,
        start: u64,
        end: u64,
        show: &mut dyn FnMut(&mut Self, MessageField) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut at = start;
        while at < end {
            self.go(at)?;
            let tag = self.number()?;
            let field = match tag & 7 {
                0 => MessageField::Number(tag >> 3, self.number()?),
                kind => {
                    let length = match kind {
                        1 => 8,
                        2 => self.number()?,
                        5 => 4,
                        _ => return Err(ErrorKind::InvalidData.into()),
                    };
                    let from = self.here;
                    let to = from.checked_add(length).filter(|to| *to <= end);
                    MessageField::Message(tag >> 3, from, to.ok_or(ErrorKind::UnexpectedEof)?)
                }
            };
            at = match field {
                MessageField::Number(..) => self.here,
                MessageField::Message(_, _, to) => to,
            };
            show(self, field)?;
        }
        Ok(())
    }

    /// The text that lies there.
    pub(super) fn text(&mut self, start: u64, end: u64) -> io::Result<String> {
        self.word(start, end)?.ok_or_else(|| ErrorKind::InvalidData.into())
    }

    /// The same; nothing where bytes lie there that are none, or too many.
    pub(super) fn word(&mut self, start: u64, end: u64) -> io::Result<Option<String>> {
        let length = end.saturating_sub(start);
        if length > TEXT_BYTES_MAX {
            return Ok(None);
        }
        self.keep(length)?;
        self.go(start)?;
        let mut text = Vec::new();
        let count = (&mut self.from).take(length).read_to_end(&mut text)?;
        self.here += count as u64;
        Ok(String::from_utf8(text).ok())
    }

    /// Takes room for something that is kept with so many bytes of text.
    pub(super) fn keep(&mut self, text_bytes: u64) -> io::Result<()> {
        let left = self.room.checked_sub(text_bytes.saturating_add(KEPT_BYTES));
        self.room = left.ok_or_else(|| too_much("it has more names than are kept"))?;
        Ok(())
    }

    /// How many numbers lie there, one behind the other.
    pub(super) fn count(&mut self, start: u64, end: u64) -> io::Result<usize> {
        self.go(start)?;
        let mut count = 0;
        while self.here < end {
            self.number()?;
            count += 1;
        }
        Ok(count)
    }

    /// Goes to a place; what was read ahead stays where it is near.
    fn go(&mut self, to: u64) -> io::Result<()> {
        match i64::try_from(i128::from(to) - i128::from(self.here)) {
            Ok(0) => {}
            Ok(by) => self.from.seek_relative(by)?,
            Err(_) => self.from.seek(SeekFrom::Start(to)).map(drop)?,
        }
        self.here = to;
        Ok(())
    }

    fn number(&mut self) -> io::Result<u64> {
        let left = self.numbers.checked_sub(1);
        self.numbers = left.ok_or_else(|| too_much("it has more fields than are looked at"))?;
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.from.read_exact(&mut byte)?;
            self.here += 1;
            number |= u64::from(byte[0] & 127) << shift;
            if byte[0] < 128 {
                return Ok(number);
            }
        }
        Err(ErrorKind::InvalidData.into())
    }
}

fn too_much(why: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}
