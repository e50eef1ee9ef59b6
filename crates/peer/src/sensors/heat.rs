//! How hot the processor and the cards are.

use std::path::Path;

/// Sensors of processors and cards, as their drivers call them; disks and radios have some too.
const CHIPS: [&str; 9] =
    ["coretemp", "k10temp", "zenpower", "cpu_thermal", "amdgpu", "nouveau", "i915", "xe", "radeon"];
/// The same, where the firmware tells.
const ZONES: [&str; 4] = ["x86_pkg_temp", "cpu-thermal", "cpu_thermal", "acpitz"];
/// Above it no machine runs: whatever says so is broken.
const DEGREES_MAX: i64 = 150;

/// Degrees Celsius where it is hottest; nothing where the system does not say.
pub(super) fn hottest(root: &Path) -> Option<u16> {
    chips(root).or_else(|| zones(root))
}

fn chips(root: &Path) -> Option<u16> {
    let chips = super::entries(&root.join("sys/class/hwmon"))?;
    let known = chips
        .filter(|chip| super::said(&chip.join("name")).is_some_and(|name| CHIPS.contains(&name.as_str())));
    known.filter_map(|chip| of_chip(&chip)).max()
}

/// Of the chips in a folder, whatever they are called.
pub(super) fn of(folder: &Path) -> Option<u16> {
    super::entries(folder)?.filter_map(|chip| of_chip(&chip)).max()
}

fn of_chip(chip: &Path) -> Option<u16> {
    let inputs = super::entries(chip)?.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("temp") && name.ends_with("_input")
    });
    inputs.filter_map(|input| degrees(&input)).max()
}

fn zones(root: &Path) -> Option<u16> {
    let zones = super::entries(&root.join("sys/class/thermal"))?;
    let known = zones
        .filter(|zone| super::said(&zone.join("type")).is_some_and(|kind| ZONES.contains(&kind.as_str())));
    known.filter_map(|zone| degrees(&zone.join("temp"))).max()
}

/// A file tells thousandths.
fn degrees(path: &Path) -> Option<u16> {
    let thousandths: i64 = super::said(path)?.parse().ok()?;
    let degrees = thousandths.div_euclid(1_000);
    u16::try_from(degrees).ok().filter(|_| degrees <= DEGREES_MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_hottest_of_processors_and_cards_counts_and_the_firmware_only_without_them() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join("sys/class").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        };
        assert_eq!(hottest(folder.path()), None);
        put("thermal/thermal_zone0/type", "x86_pkg_temp");
        put("thermal/thermal_zone0/temp", "61999");
        put("thermal/thermal_zone1/type", "iwlwifi_1");
        put("thermal/thermal_zone1/temp", "90000");
        assert_eq!(hottest(folder.path()), Some(61));
        put("hwmon/hwmon0/name", "nvme");
        put("hwmon/hwmon0/temp1_input", "80000");
        assert_eq!(hottest(folder.path()), Some(61), "a disk is neither");
        put("hwmon/hwmon1/name", "k10temp");
        put("hwmon/hwmon1/temp1_input", "55000");
        put("hwmon/hwmon1/temp1_max", "95000");
        put("hwmon/hwmon2/name", "amdgpu");
        put("hwmon/hwmon2/temp1_input", "-5000");
        put("hwmon/hwmon2/temp2_input", "255000");
        put("hwmon/hwmon2/temp3_input", "58500");
        assert_eq!(hottest(folder.path()), Some(58));
    }
}
