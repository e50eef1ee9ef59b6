//! NVIDIA's cards, by what their maker's library tells: it comes with their driver and is loaded where it is there.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use nvml_wrapper::{
    Device, Nvml, enum_wrappers::device::TemperatureSensor, enums::device::UsedGpuMemory, error::NvmlError,
    struct_wrappers::device::ProcessInfo,
};

use super::{cards::CardReading, clients::OwnProcesses};

/// What the library is called on the system that it is looked for in.
const LIBRARY: &str = if cfg!(windows) { "nvml.dll" } else { "libnvidia-ml.so.1" };

/// The library, loaded when it is first asked.
pub(super) struct NvidiaLibrary {
    path: Option<PathBuf>,
    loaded: OnceLock<Nvml>,
}

impl NvidiaLibrary {
    /// Of the system whose files begin in this folder: where that looks for libraries, or in `lib` of another one.
    pub(super) fn of(root: &Path) -> Self {
        let path =
            if root == Path::new("/") { PathBuf::from(LIBRARY) } else { root.join("lib").join(LIBRARY) };
        Self { path: Some(path), loaded: OnceLock::new() }
    }

    /// None.
    #[cfg(test)]
    pub(super) fn absent() -> Self {
        Self { path: None, loaded: OnceLock::new() }
    }

    /// Its cards; none where it is not there.
    pub(super) fn cards(&self, root: &Path) -> Vec<CardReading> {
        // One that is not there may come: a driver is loaded when it is first needed.
        let loaded =
            self.loaded.get().or_else(|| self.load().map(|library| self.loaded.get_or_init(|| library)));
        let Some(library) = loaded else { return Vec::new() };
        let family = OwnProcesses::of(root);
        let count = library.device_count().unwrap_or(0);
        (0..count)
            .filter_map(|index| Some(card(&library.device_by_index(index).ok()?, family.as_ref())))
            .collect()
    }

    fn load(&self) -> Option<Nvml> {
        let loaded = Nvml::builder().lib_path(self.path.as_ref()?.as_os_str()).init();
        loaded.inspect_err(|error| tracing::debug!(%error, "no cards of NVIDIA's are asked")).ok()
    }
}

fn card(device: &Device<'_>, family: Option<&OwnProcesses>) -> CardReading {
    let memory = device.memory_info().ok();
    let load = device.utilization_rates().ok().and_then(|rates| u8::try_from(rates.gpu.min(100)).ok());
    let temperature = device.temperature(TemperatureSensor::Gpu).ok();
    CardReading {
        name: device.name().unwrap_or_else(|_| "NVIDIA".to_owned()),
        load_percent: load,
        temperature: temperature.and_then(|degrees| u16::try_from(degrees).ok()),
        power_milliwatts: device.power_usage().ok().map(u64::from),
        memory: memory.as_ref().map(|memory| memory.total),
        memory_used: memory.as_ref().map(|memory| memory.used),
        memory_others: others(device, family),
    }
}

/// What processes of others use; nothing if the driver does not tell, or whose a process is cannot be said.
fn others(device: &Device<'_>, family: Option<&OwnProcesses>) -> Option<u64> {
    let family = family?;
    let both: Result<Vec<Vec<ProcessInfo>>, NvmlError> =
        [device.running_compute_processes(), device.running_graphics_processes()].into_iter().collect();
    let mut all: Vec<ProcessInfo> = both.ok()?.concat();
    // A process that does both is in both lists, with all that it uses.
    all.sort_by_key(|process| process.pid);
    all.dedup_by_key(|process| process.pid);
    let used =
        all.iter().filter(|process| !family.has(process.pid)).map(|process| match process.used_gpu_memory {
            UsedGpuMemory::Used(bytes) => Some(bytes),
            UsedGpuMemory::Unavailable => None,
        });
    used.sum()
}

impl fmt::Debug for NvidiaLibrary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the library {:?}", self.path)
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    /// A library that knows one card, on which this process and another one are.
    const FAKE: &str = r#"
        #include <string.h>
        typedef struct { unsigned version; unsigned long long total, reserved, free, used; } memory;
        typedef struct { unsigned pid; unsigned long long used; unsigned gpu, compute; } process;
        typedef struct { unsigned gpu, memory; } rates;
        int nvmlInit_v2(void) { return 0; }
        int nvmlShutdown(void) { return 0; }
        int nvmlDeviceGetCount_v2(unsigned *count) { *count = 1; return 0; }
        int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) { *device = (void *)1; return index; }
        int nvmlDeviceGetName(void *d, char *name, unsigned length) { strncpy(name, "A Card 9000", length); return 0; }
        int nvmlDeviceGetMemoryInfo_v2(void *d, memory *m) { m->total = 24ull << 30; m->used = 5ull << 30; return 0; }
        int nvmlDeviceGetUtilizationRates(void *d, rates *r) { r->gpu = 61; r->memory = 1; return 0; }
        int nvmlDeviceGetTemperature(void *d, int sensor, unsigned *t) { *t = 72; return sensor; }
        int nvmlDeviceGetPowerUsage(void *d, unsigned *p) { *p = 180500; return 0; }
        static int all(unsigned *count, process *p, unsigned others) {
            unsigned room = *count; *count = 2;
            if (room < 2 || !p) return 7;
            p[0] = (process){ OWN, 3ull << 30, ~0u, ~0u };
            p[1] = (process){ others, 2ull << 30, ~0u, ~0u };
            return 0;
        }
        int nvmlDeviceGetComputeRunningProcesses_v3(void *d, unsigned *c, process *p) { return all(c, p, 4000001); }
        int nvmlDeviceGetGraphicsRunningProcesses_v3(void *d, unsigned *c, process *p) { return all(c, p, 4000001); }
    "#;

    #[test]
    fn a_card_is_told_by_its_makers_library_and_a_system_without_one_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let (root, lib) = (folder.path(), folder.path().join("lib"));
        assert_eq!(NvidiaLibrary::of(root).cards(root), []);
        fs::create_dir_all(&lib).unwrap();
        fs::write(lib.join("fake.c"), FAKE).unwrap();
        let own = format!("-DOWN={}", std::process::id());
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-w", &own, "-o", LIBRARY, "fake.c"])
            .current_dir(&lib)
            .status();
        match made {
            Ok(made) => assert!(made.success()),
            Err(error) => return eprintln!("skipped: no compiler of C is here: {error}"),
        }
        for number in [std::process::id(), 4_000_001] {
            let process = root.join(format!("proc/{number}"));
            fs::create_dir_all(&process).unwrap();
            fs::write(process.join("stat"), format!("{number} (name) S 1 1 1 0")).unwrap();
        }
        let card = CardReading {
            name: "A Card 9000".to_owned(),
            load_percent: Some(61),
            temperature: Some(72),
            power_milliwatts: Some(180_500),
            memory: Some(24 << 30),
            memory_used: Some(5 << 30),
            memory_others: Some(2 << 30),
        };
        assert_eq!(NvidiaLibrary::of(root).cards(root), [card]);
    }
}
