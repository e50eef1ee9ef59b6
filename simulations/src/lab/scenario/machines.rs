//! What everybody's machine is like: how long a run takes on it, and how long its disk takes to sync.

use super::{SECOND, ScenarioError, reader::SettingReader};

/// Machines that are alike. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machines {
    /// The shortest and the longest run.
    pub runs: [u64; 2],
    /// The shortest and the longest that a disk takes to sync.
    pub syncs: [u64; 2],
}

impl Default for Machines {
    /// Those that pretend to compute where a scenario does not say it.
    fn default() -> Self {
        Self { runs: [SECOND / 50 * 3, SECOND / 50 * 7], syncs: [SECOND / 1_000, SECOND / 125] }
    }
}

impl Machines {
    pub(super) fn read(mut reader: SettingReader) -> Result<Self, ScenarioError> {
        let Self { runs: [least, most], syncs: [sync_least, sync_most] } = Self::default();
        let runs = [reader.time("run_min", least)?, reader.time("run_max", most)?];
        let sync_max = reader.time("sync_max", sync_most)?;
        // A disk that is always quicker than the usual one is at its quickest is so by one key.
        let syncs = [reader.time("sync_min", sync_least.min(sync_max))?, sync_max];
        reader.finish()?;
        if runs[0] > runs[1] {
            return Err(reader.wrong("run_min", "must not be above `run_max`"));
        }
        if syncs[0] > syncs[1] {
            return Err(reader.wrong("sync_min", "must not be above `sync_max`"));
        }
        Ok(Self { runs, syncs })
    }

    /// Its table, with lengths of time written by `time`; nothing where they are the usual ones.
    pub(super) fn text(&self, time: fn(u64) -> String) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let [run_min, run_max] = self.runs.map(time);
        let [sync_min, sync_max] = self.syncs.map(time);
        format!(
            "\n[machine]\nrun_min = \"{run_min}\"\nrun_max = \"{run_max}\"\n\
             sync_min = \"{sync_min}\"\nsync_max = \"{sync_max}\"\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{scenario::Scenario, shipped};

    const WHOLE: &str = "[[population]]\ncount = 5\n[[population]]\nrole = \"client\"\n";

    fn read(text: &str) -> Result<Scenario, String> {
        Scenario::read("a.toml", text, &shipped::text).map_err(|error| error.to_string())
    }

    #[test]
    fn machines_are_written_where_they_are_not_the_usual_ones_and_held_to_their_bounds() {
        let said = format!("[machine]\nrun_min = \"2 ms\"\nsync_max = \"1 ms\"\n{WHOLE}");
        let scenario = read(&said).unwrap();
        let Machines { runs, syncs } = scenario.machine;
        assert_eq!((runs, syncs), ([2_000_000, 140_000_000], [1_000_000, 1_000_000]));
        assert_eq!(read(&scenario.resolved()), Ok(scenario));
        assert!(!read(WHOLE).unwrap().resolved().contains("machine"));
        let wrong = read(&format!("[machine]\nrun_min = \"1 s\"\n{WHOLE}")).unwrap_err();
        assert_eq!(wrong, "a.toml:2: `machine.run_min`: must not be above `run_max`");
        let wrong = read(&format!("[machine]\nsync_min = \"9 ms\"\n{WHOLE}")).unwrap_err();
        assert_eq!(wrong, "a.toml:2: `machine.sync_min`: must not be above `sync_max`");
        let quick = read(&format!("[machine]\nsync_max = \"20 us\"\n{WHOLE}")).unwrap();
        assert_eq!(quick.machine.syncs, [20_000, 20_000]);
    }
}
