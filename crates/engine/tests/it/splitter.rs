//! Cuts a model's file into parts as the tools of others do, by a reading of the format that is not the engine's.

use std::ops::Range;

/// What the place of a tensor is a multiple of.
const ALIGNMENT: usize = 32;

/// A file, taken apart.
#[derive(Clone)]
pub(crate) struct TakenApart {
    /// Each key as it is written, with its value.
    pub(crate) keys: Vec<Vec<u8>>,
    /// Each tensor: what is written of it before its place, and its bytes.
    pub(crate) tensors: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a part says of itself.
#[derive(Clone, Copy)]
pub(crate) struct PartSaid {
    pub(crate) version: u32,
    /// Which it is, from nought on.
    pub(crate) number: u16,
    pub(crate) parts: u16,
    pub(crate) tensors: i32,
}

struct FileWalk<'a>(&'a [u8]);

impl<'a> FileWalk<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn text(&mut self) {
        let bytes = self.u64() as usize;
        self.take(bytes);
    }

    fn value(&mut self, code: u32) {
        match code {
            8 => self.text(),
            9 => {
                let (code, items) = (self.u32(), self.u64());
                (0..items).for_each(|_| self.value(code));
            }
            number => {
                self.take([1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][number as usize]);
            }
        }
    }

    /// What was walked over since the rest was this long.
    fn since(&self, file: &[u8], left: usize) -> Vec<u8> {
        file[file.len() - left..file.len() - self.0.len()].to_vec()
    }
}

impl TakenApart {
    /// Takes a file apart whose tensors lie one after the other.
    pub(crate) fn of(file: &[u8]) -> Self {
        let mut walk = FileWalk(file);
        assert_eq!((walk.take(4), walk.u32()), (&b"GGUF"[..], 3));
        let (tensor_count, key_count) = (walk.u64(), walk.u64());
        let mut keys = Vec::new();
        for _ in 0..key_count {
            let left = walk.0.len();
            walk.text();
            let code = walk.u32();
            walk.value(code);
            keys.push(walk.since(file, left));
        }
        let mut placed = Vec::new();
        for _ in 0..tensor_count {
            let left = walk.0.len();
            walk.text();
            let rank = walk.u32() as usize;
            walk.take(8 * rank + 4);
            placed.push((walk.since(file, left), walk.u64() as usize));
        }
        let data = &file[(file.len() - walk.0.len()).next_multiple_of(ALIGNMENT)..];
        let ends = placed.iter().skip(1).map(|(_, begin)| *begin).chain([data.len()]);
        let tensors = placed
            .iter()
            .zip(ends)
            .map(|((written, begin), end)| (written.clone(), data[*begin..end].to_vec()));
        Self { keys, tensors: tensors.collect() }
    }

    /// A part with these tensors, and the keys of the file where it is the first.
    pub(crate) fn part(&self, said: PartSaid, tensors: Range<usize>) -> Vec<u8> {
        let tensors = &self.tensors[tensors];
        let keys = if said.number == 0 { &self.keys[..] } else { &[] };
        let mut part = b"GGUF".to_vec();
        part.extend(said.version.to_le_bytes());
        part.extend((tensors.len() as u64).to_le_bytes());
        part.extend((keys.len() as u64 + 3).to_le_bytes());
        part.extend(keys.concat());
        part.extend(key("split.no", 2, &said.number.to_le_bytes()));
        part.extend(key("split.count", 2, &said.parts.to_le_bytes()));
        part.extend(key("split.tensors.count", 5, &said.tensors.to_le_bytes()));
        let (mut place, mut data) = (0_u64, Vec::<u8>::new());
        for (written, bytes) in tensors {
            part.extend(written);
            part.extend(place.to_le_bytes());
            data.extend(bytes);
            data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
            place = data.len() as u64;
        }
        part.resize(part.len().next_multiple_of(ALIGNMENT), 0);
        part.extend(data);
        part
    }
}

/// A key with its value, as it is written.
pub(crate) fn key(name: &str, code: u32, value: &[u8]) -> Vec<u8> {
    let mut key = (name.len() as u64).to_le_bytes().to_vec();
    key.extend(name.as_bytes());
    key.extend(code.to_le_bytes());
    key.extend(value);
    key
}

/// Cuts a file into parts with so many tensors each.
pub(crate) fn split(file: &[u8], counts: &[usize]) -> Vec<Vec<u8>> {
    let apart = TakenApart::of(file);
    assert_eq!(counts.iter().sum::<usize>(), apart.tensors.len());
    let (mut begin, mut parts) = (0, Vec::new());
    for (number, count) in counts.iter().enumerate() {
        let said = PartSaid {
            version: 3,
            number: number as u16,
            parts: counts.len() as u16,
            tensors: apart.tensors.len() as i32,
        };
        parts.push(apart.part(said, begin..begin + count));
        begin += count;
    }
    parts
}
