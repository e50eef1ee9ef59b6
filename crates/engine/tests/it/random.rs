//! Numbers and weights from a seed.
//!
//! **Invariant:** a seed gives the same bytes on every machine.

use assay_engine::format::Format;

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }

    /// About normal, of standard deviation 1.
    pub(crate) fn normal(&mut self) -> f32 {
        let sum: i64 = (0..12).map(|_| (self.next() >> 40) as i64).sum();
        (sum - 6 * (1 << 24)) as f32 / (1 << 24) as f32
    }

    pub(crate) fn normals(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.normal()).collect()
    }

    /// A finite f16 of any size.
    pub(crate) fn half(&mut self) -> u16 {
        let bits = self.next() as u16;
        if bits & 0x7C00 == 0x7C00 { bits & 0x83FF } else { bits }
    }

    /// Rows of a file: any codes, any finite scales.
    pub(crate) fn weights(&mut self, format: Format, rows: usize, cols: usize) -> Vec<u8> {
        let (weights, bytes) = format.unit();
        let mut source = Vec::new();
        for _ in 0..rows * cols / weights {
            let mut unit: Vec<u8> = (0..bytes).map(|_| self.next() as u8).collect();
            for at in halves(format) {
                unit[at..at + 2].copy_from_slice(&self.half().to_le_bytes());
            }
            match format {
                Format::Mxfp4 => unit[0] = 80 + (self.next() % 60) as u8,
                Format::F32 => {
                    unit = self.normals(weights).iter().flat_map(|x| x.to_le_bytes()).collect();
                }
                Format::Bf16 => {
                    let bits = |x: f32| (x.to_bits() >> 16) as u16;
                    unit = self.normals(weights).into_iter().flat_map(|x| bits(x).to_le_bytes()).collect();
                }
                Format::F16
                | Format::Q4_0
                | Format::Q4_1
                | Format::Q5_0
                | Format::Q5_1
                | Format::Q8_0
                | Format::Q2K
                | Format::Q3K
                | Format::Q4K
                | Format::Q5K
                | Format::Q6K
                | Format::Iq4Nl
                | Format::Iq4Xs => {}
            }
            source.extend(unit);
        }
        source
    }
}

/// Where a unit of a file has its scales of sixteen bits.
pub(crate) fn halves(format: Format) -> Vec<usize> {
    match format {
        Format::F32 | Format::Bf16 | Format::Mxfp4 => vec![],
        Format::F16 => (0..32).map(|i| 2 * i).collect(),
        Format::Q4_0 | Format::Q5_0 | Format::Q8_0 | Format::Iq4Nl | Format::Iq4Xs => vec![0],
        Format::Q4_1 | Format::Q5_1 | Format::Q4K | Format::Q5K => vec![0, 2],
        Format::Q2K => vec![80, 82],
        Format::Q3K => vec![108],
        Format::Q6K => vec![208],
    }
}
