//! The graphics cards of this machine, and how each is now: by what Linux's drivers show, and by the library of a maker whose driver
//! shows nothing.
//!
//! **Invariant:** what a driver does not tell is nothing; a library is loaded once, where it is there, and never needed.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{clients, heat, nvidia::NvidiaLibrary};

/// A graphics card, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardReading {
    /// What its maker calls it, or where it sits.
    pub name: String,
    /// How busy it is.
    pub load_percent: Option<u8>,
    /// Degrees Celsius.
    pub temperature: Option<u16>,
    /// What it draws.
    pub power_milliwatts: Option<u64>,
    /// Bytes of its memory.
    pub memory: Option<u64>,
    /// Bytes of its memory that are in use.
    pub memory_used: Option<u64>,
    /// Bytes of its memory that other programs use.
    pub memory_others: Option<u64>,
}

/// Vendors whose drivers show their cards' state in files.
const VENDORS: [(&str, &str); 2] = [("0x1002", "AMD"), ("0x8086", "Intel")];

/// Every card.
pub(super) fn all(root: &Path, nvidia: &NvidiaLibrary) -> Vec<CardReading> {
    let others = clients::by_card(root);
    let folders = super::entries(&root.join("sys/class/drm")).into_iter().flatten();
    let mut folders: Vec<_> =
        folders.filter(|folder| is_card(folder)).map(|card| card.join("device")).collect();
    folders.sort();
    let shown = folders.into_iter().filter_map(|device| {
        let said = |file: &str| super::said(&device.join(file));
        let number = |file: &str| said(file)?.parse::<u64>().ok();
        let vendor = said("vendor")?;
        let (_, maker) = VENDORS.iter().find(|(id, _)| *id == vendor)?;
        let slot = said("uevent")?
            .lines()
            .find_map(|line| line.strip_prefix("PCI_SLOT_NAME=").map(str::to_owned))?;
        let product = said("product_name").filter(|name| !name.is_empty());
        Some(CardReading {
            name: product.unwrap_or_else(|| format!("{maker} at {slot}")),
            load_percent: number("gpu_busy_percent").and_then(|load| u8::try_from(load.min(100)).ok()),
            temperature: heat::of(&device.join("hwmon")),
            power_milliwatts: power(&device),
            memory: number("mem_info_vram_total"),
            memory_used: number("mem_info_vram_used"),
            memory_others: others.as_ref().map(|others| others.get(&slot).copied().unwrap_or(0)),
        })
    });
    shown.chain(nvidia.cards(root)).collect()
}

/// Its screens have names behind its own.
fn is_card(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix("card")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Drivers tell millionths of a watt.
fn power(device: &Path) -> Option<u64> {
    let chips = super::entries(&device.join("hwmon"))?;
    let told = chips.filter_map(|chip| {
        let average =
            super::said(&chip.join("power1_average")).or_else(|| super::said(&chip.join("power1_input")));
        average?.parse::<u64>().ok()
    });
    told.max().map(|microwatts| microwatts / 1_000)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_card_is_told_as_far_as_its_driver_tells() {
        let folder = tempfile::tempdir().unwrap();
        let put = |card: &str, file: &str, text: &str| {
            let path = folder.path().join("sys/class/drm").join(card).join("device").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        };
        put("card1", "vendor", "0x1002");
        put("card1", "uevent", "DRIVER=amdgpu\nPCI_SLOT_NAME=0000:0b:00.0");
        put("card1", "product_name", "Radeon RX 7900");
        put("card1", "gpu_busy_percent", "37");
        put("card1", "mem_info_vram_total", "25753026560");
        put("card1", "mem_info_vram_used", "1073741824");
        put("card1", "hwmon/hwmon3/temp1_input", "54000");
        put("card1", "hwmon/hwmon3/power1_average", "89000000");
        put("card2", "vendor", "0x8086");
        put("card2", "uevent", "PCI_SLOT_NAME=0000:00:02.0");
        put("card2-DP-1", "vendor", "0x1002");
        put("card3", "vendor", "0x1af4");
        let amd = CardReading {
            name: "Radeon RX 7900".to_owned(),
            load_percent: Some(37),
            temperature: Some(54),
            power_milliwatts: Some(89_000),
            memory: Some(25_753_026_560),
            memory_used: Some(1 << 30),
            memory_others: None,
        };
        let intel = CardReading { name: "Intel at 0000:00:02.0".to_owned(), ..CardReading::default() };
        assert_eq!(all(folder.path(), &NvidiaLibrary::absent()), [amd, intel]);
    }
}
