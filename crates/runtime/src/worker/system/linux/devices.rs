//! What a driver of graphics cards reaches: its own files and devices, and nothing of anybody's.
//!
//! **Invariant:** no path here holds what a person wrote.

use std::{fs, os::unix::fs::MetadataExt};

use landlock::{AccessFs, BitFlags};
use rustix::process::Gid;

/// Where drivers, what they load and what they are told of the machine lie.
const READ: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/vulkan",
    "/etc/glvnd",
    "/etc/drirc",
    "/lib",
    "/lib64",
    "/opt/amdgpu",
    "/proc/cpuinfo",
    "/proc/devices",
    "/proc/driver",
    "/proc/meminfo",
    "/proc/modules",
    "/proc/self",
    "/run/opengl-driver",
    "/sys/bus/pci",
    "/sys/class/drm",
    "/sys/class/kfd",
    "/sys/dev/char",
    "/sys/devices",
    "/sys/module",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/nvidia",
    "/usr/share/drirc.d",
    "/usr/share/glvnd",
    "/usr/share/nvidia",
    "/usr/share/vulkan",
];
/// Devices of cards.
const DEVICES: &[&str] = &[
    "/dev/dri",
    "/dev/kfd",
    "/dev/nvidia-caps",
    "/dev/nvidia-modeset",
    "/dev/nvidia-uvm",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidiactl",
];
/// Cards of one maker are devices of their own, with numbers up to this.
const NUMBERED: [&str; 16] = [
    "/dev/nvidia0",
    "/dev/nvidia1",
    "/dev/nvidia2",
    "/dev/nvidia3",
    "/dev/nvidia4",
    "/dev/nvidia5",
    "/dev/nvidia6",
    "/dev/nvidia7",
    "/dev/nvidia8",
    "/dev/nvidia9",
    "/dev/nvidia10",
    "/dev/nvidia11",
    "/dev/nvidia12",
    "/dev/nvidia13",
    "/dev/nvidia14",
    "/dev/nvidia15",
];

/// What may be reached, and how.
pub(super) fn paths() -> impl Iterator<Item = (&'static str, BitFlags<AccessFs>)> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let using = reading | AccessFs::WriteFile | AccessFs::IoctlDev;
    let read = READ.iter().map(move |path| (*path, reading));
    read.chain(DEVICES.iter().chain(&NUMBERED).map(move |path| (*path, using)))
}

/// The groups that may use cards, which a process keeps that gives up being root.
pub(super) fn groups() -> Vec<Gid> {
    let within = fs::read_dir("/dev/dri").into_iter().flatten().flatten().map(|entry| entry.path());
    let nodes = within.chain(["/dev/kfd".into()]);
    let mut groups: Vec<u32> = nodes
        .filter_map(|node| fs::metadata(node).ok())
        .map(|node| node.gid())
        .filter(|gid| *gid != 0)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter().map(Gid::from_raw).collect()
}
