//! What feeds the machine.

use std::path::Path;

/// Whether it runs on a battery of its own; nothing where the system does not say. A machine without one does not.
pub(super) fn is_on_battery(root: &Path) -> Option<bool> {
    let supplies = super::entries(&root.join("sys/class/power_supply"))?;
    let discharges = supplies.into_iter().any(|supply| {
        let said = |name: &str| super::said(&supply.join(name)).unwrap_or_default();
        // Mice and pens have batteries too.
        said("type") == "Battery" && said("scope") != "Device" && said("status") == "Discharging"
    });
    Some(discharges)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_machine_runs_on_its_own_battery_while_that_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let supplies = folder.path().join("sys/class/power_supply");
        assert_eq!(is_on_battery(folder.path()), None);
        fs::create_dir_all(&supplies).unwrap();
        assert_eq!(is_on_battery(folder.path()), Some(false), "no battery");
        let put = |name: &str, files: &[(&str, &str)]| {
            fs::create_dir_all(supplies.join(name)).unwrap();
            for (file, text) in files {
                fs::write(supplies.join(name).join(file), format!("{text}\n")).unwrap();
            }
        };
        put("AC", &[("type", "Mains"), ("online", "1")]);
        put("mouse", &[("type", "Battery"), ("scope", "Device"), ("status", "Discharging")]);
        put("BAT0", &[("type", "Battery"), ("status", "Charging")]);
        assert_eq!(is_on_battery(folder.path()), Some(false));
        put("BAT0", &[("status", "Discharging")]);
        assert_eq!(is_on_battery(folder.path()), Some(true));
    }
}
