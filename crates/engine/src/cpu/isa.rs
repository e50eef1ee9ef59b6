//! The instruction sets that there are kernels for.
//!
//! **Invariant:** what is said to be here was asked of the machine, and of the system where that has a say.

use std::fmt;

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isa {
    /// None: the definition itself, number by number.
    Scalar,
    /// AVX2 and F16C.
    Avx2,
    /// AVX2 with the 256-bit dot product.
    AvxVnni,
    /// AVX-512 with its dot product.
    Avx512,
    /// The same, and the tiles of AMX where there are many tokens.
    Amx,
    /// NEON.
    Neon,
    /// NEON with the dot product.
    NeonDot,
    /// The 128-bit vectors of wasm.
    Simd128,
}

impl Isa {
    /// Each of them, slowest first.
    pub const ALL: [Self; 8] = [
        Self::Scalar,
        Self::Simd128,
        Self::Neon,
        Self::NeonDot,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512,
        Self::Amx,
    ];

    /// The fastest that this machine has.
    #[must_use]
    pub fn detect() -> Self {
        Self::here().last().unwrap_or(Self::Scalar)
    }

    /// Those that this machine has, slowest first.
    pub fn here() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_here())
    }

    /// Whether this machine has it.
    #[must_use]
    pub fn is_here(self) -> bool {
        match self {
            Self::Scalar => true,
            Self::Avx2 => avx2(),
            Self::AvxVnni => avx2() && avx_vnni(),
            Self::Avx512 => avx2() && avx512(),
            Self::Amx => avx2() && avx512() && amx(),
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::NeonDot => neon_dot(),
            Self::Simd128 => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512 => "avx512vnni",
            Self::Amx => "amx",
            Self::Neon => "neon",
            Self::NeonDot => "neondot",
            Self::Simd128 => "simd128",
        }
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("f16c")
}

#[cfg(target_arch = "x86_64")]
fn avx_vnni() -> bool {
    is_x86_feature_detected!("avxvnni")
}

#[cfg(target_arch = "x86_64")]
fn avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vnni")
}

#[cfg(target_arch = "x86_64")]
fn amx() -> bool {
    super::amx::is_granted()
}

#[cfg(not(target_arch = "x86_64"))]
const fn avx2() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
const fn avx_vnni() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
const fn avx512() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
const fn amx() -> bool {
    false
}

#[cfg(target_arch = "aarch64")]
fn neon_dot() -> bool {
    std::arch::is_aarch64_feature_detected!("dotprod")
}

#[cfg(not(target_arch = "aarch64"))]
const fn neon_dot() -> bool {
    false
}
