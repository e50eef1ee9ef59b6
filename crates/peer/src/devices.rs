//! The devices of this machine, as it tells others of them.
//!
//! **Invariant:** what is told is for people to read and for rough comparisons; nothing is judged by it.

use std::fs;

/// All memory, and what of it can still be had, as `/proc/meminfo` calls them.
pub(crate) const ALL: &str = "MemTotal";
pub(crate) const FREE: &str = "MemAvailable";

/// The processor, and the memory beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalProcessor {
    /// What its maker calls it; nothing, where the system does not say.
    pub(crate) device: String,
    /// Bytes of memory that are free for jobs.
    pub(crate) memory_free: u64,
}

/// What the system says of the processor now.
pub(crate) fn processor() -> LocalProcessor {
    let said = |path: &str| fs::read_to_string(path).unwrap_or_default();
    LocalProcessor {
        device: name(&said("/proc/cpuinfo")).unwrap_or_default().to_owned(),
        memory_free: memory(&said("/proc/meminfo"), FREE).unwrap_or_default(),
    }
}

/// What its maker calls it, as `/proc/cpuinfo` says.
pub(crate) fn name(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

/// Bytes of memory of one kind, as `/proc/meminfo` says.
pub(crate) fn memory(text: &str, kind: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(kind)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_goes_by_its_makers_name_and_memory_by_what_can_still_be_had() {
        let text = "processor\t: 0\nmodel name\t: A Processor 9000\nflags\t: avx2\nmodel name\t: another\n";
        assert_eq!((name(text), name("processor\t: 0\n")), (Some("A Processor 9000"), None));
        let text = "MemTotal:       16384 kB\nMemAvailable:    8192 kB\n";
        assert_eq!((memory(text, FREE), memory(text, ALL)), (Some(8 << 20), Some(16 << 20)));
        let others =
            ["", "MemAvailable: 1\n", "MemAvailable: x kB\n", "MemAvailable: 99999999999999999999 kB\n"];
        assert_eq!(others.map(|text| memory(text, FREE)), [None; 4]);
        assert_eq!(memory("MemAvailable: 18446744073709551615 kB", FREE), None);
    }
}
