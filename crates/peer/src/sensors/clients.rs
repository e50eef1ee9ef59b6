//! How much of each graphics card's memory others use, as the drivers of Linux tell it of each open device.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process,
};

/// Bytes that other programs use of each card, by where it sits; nothing where no card is, or no driver says who has it open.
pub(super) fn by_card(root: &Path) -> Option<BTreeMap<String, u64>> {
    super::entries(&root.join("dev/dri"))?.next()?;
    let family = OwnProcesses::of(root)?;
    // A device that two processes share, or that one has opened twice, is one client of its driver.
    let mut counted = BTreeSet::new();
    let mut used: BTreeMap<String, u64> = BTreeMap::new();
    let mut is_told = false;
    for (number, folder) in super::processes(root)? {
        for client in clients(&folder) {
            is_told = true;
            if !family.has(number) && counted.insert((client.card.clone(), client.id)) {
                let sum = used.entry(client.card).or_default();
                *sum = sum.saturating_add(client.bytes);
            }
        }
    }
    is_told.then_some(used)
}

/// This process and those that it started.
pub(super) struct OwnProcesses {
    parents: BTreeMap<u32, u32>,
}

impl OwnProcesses {
    /// By what the system says of each process now.
    pub(super) fn of(root: &Path) -> Option<Self> {
        let parents = super::processes(root)?.filter_map(|(number, folder)| Some((number, parent(&folder)?)));
        Some(Self { parents: parents.collect() })
    }

    /// Whether a process is one of them.
    pub(super) fn has(&self, number: u32) -> bool {
        let mut next = Some(number);
        // No chain is longer than there are processes.
        for _ in 0..=self.parents.len() {
            match next {
                None => return false,
                Some(number) if number == process::id() => return true,
                Some(number) => next = self.parents.get(&number).copied(),
            }
        }
        false
    }
}

/// What one process uses of one card.
struct CardClient {
    card: String,
    id: u64,
    bytes: u64,
}

fn clients(process: &Path) -> impl Iterator<Item = CardClient> {
    let open = super::entries(&process.join("fd")).into_iter().flatten();
    let on_cards = open.filter(|file| fs::read_link(file).is_ok_and(|to| to.starts_with("/dev/dri")));
    let infos = process.join("fdinfo");
    on_cards.filter_map(move |file| client(&fs::read_to_string(infos.join(file.file_name()?)).ok()?))
}

fn client(text: &str) -> Option<CardClient> {
    let pairs: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key, value.trim()))
        .collect();
    let said = |key: &str| pairs.iter().find(|(other, _)| *other == key).map(|(_, value)| *value);
    let of = |start: &str| {
        let regions = pairs.iter().filter_map(|(key, value)| Some((key.strip_prefix(start)?, *value)));
        // A card's own memory: other regions are the machine's.
        let own = regions.filter(|(region, _)| region.starts_with("vram") || region.starts_with("local"));
        let sizes: Vec<u64> = own.filter_map(|(_, value)| bytes(value)).collect();
        (!sizes.is_empty()).then(|| sizes.iter().fold(0, |sum: u64, size| sum.saturating_add(*size)))
    };
    Some(CardClient {
        card: said("drm-pdev").or_else(|| said("drm-driver"))?.to_owned(),
        id: said("drm-client-id")?.parse().ok()?,
        bytes: of("drm-resident-").or_else(|| of("drm-memory-")).or_else(|| of("drm-total-")).unwrap_or(0),
    })
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let each: u64 = match unit.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(each)
}

/// Behind the name, which may hold anything.
fn parent(process: &Path) -> Option<u32> {
    let text = super::said(&process.join("stat"))?;
    let (_, behind) = text.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A process with these open devices.
    fn put(root: &Path, number: u32, parent: u32, devices: &[&str]) {
        let process = root.join(format!("proc/{number}"));
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::create_dir_all(process.join("fdinfo")).unwrap();
        fs::write(process.join("stat"), format!("{number} (a) name) S {parent} 1 1 0")).unwrap();
        for (at, info) in devices.iter().enumerate() {
            symlink("/dev/dri/renderD128", process.join(format!("fd/{at}"))).unwrap();
            fs::write(process.join(format!("fdinfo/{at}")), info).unwrap();
        }
        symlink("/dev/null", process.join("fd/99")).unwrap();
        fs::write(process.join("fdinfo/99"), "drm-pdev:\tx\ndrm-client-id:\t9\ndrm-resident-vram:\t9 GiB\n")
            .unwrap();
    }

    #[test]
    fn what_others_use_is_counted_once_by_card_and_what_this_program_started_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let device = |card: &str, id: u64, memory: &str| {
            format!("pos:\t0\ndrm-driver:\tamdgpu\ndrm-pdev:\t{card}\ndrm-client-id:\t{id}\n{memory}\n")
        };
        put(root, process::id(), 1, &[&device("a", 1, "drm-resident-vram:\t8 GiB")]);
        let others = || by_card(root).map(|used| used.into_values().collect::<Vec<u64>>());
        assert_eq!(others(), None, "no card is here");
        fs::create_dir_all(root.join("dev/dri/card0")).unwrap();
        put(root, 4_000_001, process::id(), &[&device("a", 2, "drm-resident-vram:\t8 GiB")]);
        put(root, 4_000_002, 4_000_001, &[&device("a", 3, "drm-resident-vram:\t8 GiB")]);
        assert_eq!(others(), Some(vec![]));
        let game =
            device("a", 4, "drm-total-vram:\t9 GiB\ndrm-resident-vram0:\t2048 MiB\ndrm-resident-gtt:\t7 GiB");
        put(root, 4_000_003, 1, &[&game, &game]);
        put(root, 4_000_004, 1, &[&game, &device("a", 5, "drm-memory-vram:\t1024 KiB")]);
        put(root, 4_000_005, 1, &[&device("b", 4, "drm-resident-local0:\t4096"), "no device", ""]);
        assert_eq!(others(), Some(vec![(2 << 30) + (1 << 20), 4096]));
    }
}
