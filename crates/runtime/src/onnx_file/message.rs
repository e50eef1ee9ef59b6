//! Messages of numbered fields, as protocol buffers write them, out of a file or of memory.
//!
//! **Invariant:** nothing is read but what is asked for, and no longer text than [`TEXT_BYTES_MAX`]; a length that leads beyond
//! its message ends the reading.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

/// Bytes of the longest text.
const TEXT_BYTES_MAX: u64 = 4 * 1024;

/// One field of a message.
#[derive(Clone, Copy)]
pub(super) enum MessageField {
    /// A number.
    Number(u64, u64),
    /// A message or bytes: from where to where.
    Message(u64, u64, u64),
}

/// What messages are read from.
pub(super) struct MessageReader<R>(pub(super) R);

impl<R: Read + Seek> MessageReader<R> {
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
                    let from = self.0.stream_position()?;
                    let to = from.checked_add(length).filter(|to| *to <= end);
                    MessageField::Message(tag >> 3, from, to.ok_or(ErrorKind::UnexpectedEof)?)
                }
            };
            at = match field {
                MessageField::Number(..) => self.0.stream_position()?,
                MessageField::Message(_, _, to) => to,
            };
            show(self, field)?;
        }
        Ok(())
    }

    /// The text that lies there.
    pub(super) fn text(&mut self, start: u64, end: u64) -> io::Result<String> {
        if end - start > TEXT_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        self.go(start)?;
        let mut text = String::new();
        (&mut self.0).take(end - start).read_to_string(&mut text)?;
        Ok(text)
    }

    /// How many numbers lie there, one behind the other.
    pub(super) fn count(&mut self, start: u64, end: u64) -> io::Result<usize> {
        self.go(start)?;
        let mut count = 0;
        while self.0.stream_position()? < end {
            self.number()?;
            count += 1;
        }
        Ok(count)
    }

    /// Goes to a place; what was read ahead stays where it is near.
    fn go(&mut self, to: u64) -> io::Result<()> {
        let here = self.0.stream_position()?;
        match i64::try_from(i128::from(to) - i128::from(here)) {
            Ok(by) => self.0.seek_relative(by),
            Err(_) => self.0.seek(SeekFrom::Start(to)).map(drop),
        }
    }

    fn number(&mut self) -> io::Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            number |= u64::from(byte[0] & 127) << shift;
            if byte[0] < 128 {
                return Ok(number);
            }
        }
        Err(ErrorKind::InvalidData.into())
    }
}
