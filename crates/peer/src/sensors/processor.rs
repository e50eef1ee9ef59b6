//! The processor of this machine, as it is now.

use std::{path::Path, thread};

use serde::{Deserialize, Serialize};

use super::heat;
use crate::devices;

/// The processor and its memory, as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessorReading {
    /// What its maker calls it.
    pub name: Option<String>,
    /// How many programs it runs at the same time.
    pub cores: Option<u16>,
    /// How busy it was in the last minute.
    pub load_percent: Option<u8>,
    /// Degrees Celsius.
    pub temperature: Option<u16>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of memory that are in use.
    pub memory_used: Option<u64>,
}

/// What the system says of it now.
pub(super) fn now(root: &Path) -> ProcessorReading {
    let said = |file: &str| super::said(&root.join("proc").join(file)).unwrap_or_default();
    let cores = thread::available_parallelism().ok().and_then(|cores| u16::try_from(cores.get()).ok());
    let told = said("meminfo");
    let total = devices::memory(&told, devices::ALL);
    ProcessorReading {
        name: devices::name(&said("cpuinfo")).map(str::to_owned),
        cores,
        load_percent: cores.and_then(|cores| load(&said("loadavg"), cores)),
        temperature: heat::hottest(root),
        memory: total,
        memory_used: total.and_then(|total| total.checked_sub(devices::memory(&told, devices::FREE)?)),
    }
}

/// How many programs wanted to run in the last minute, of as many as can.
fn load(text: &str, cores: u16) -> Option<u8> {
    let (whole, part) = text.split_whitespace().next()?.split_once('.')?;
    let hundredths: u64 = format!("{whole}{part}").parse().ok().filter(|_| part.len() == 2)?;
    u8::try_from((hundredths / u64::from(cores.max(1))).min(100)).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_processor_is_told_as_far_as_the_system_tells() {
        let folder = tempfile::tempdir().unwrap();
        let nothing = ProcessorReading { cores: now(folder.path()).cores, ..ProcessorReading::default() };
        assert_eq!(now(folder.path()), nothing);
        fs::create_dir_all(folder.path().join("proc")).unwrap();
        let put = |file: &str, text: &str| fs::write(folder.path().join("proc").join(file), text).unwrap();
        put("cpuinfo", "processor\t: 0\nmodel name\t: A Processor 9000\nflags\t: avx2\n");
        put("meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    4096 kB\n");
        let read = now(folder.path());
        assert_eq!(read.name.as_deref(), Some("A Processor 9000"));
        assert_eq!((read.memory, read.memory_used), (Some(16 << 20), Some(12 << 20)));
        let loads = ["1.50 0.2 0.1 1/2 3", "0.00", "99.99", "x.10", "1.5", ""].map(|text| load(text, 4));
        assert_eq!(loads, [Some(37), Some(0), Some(100), None, None, None]);
    }
}
