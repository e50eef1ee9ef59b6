//! What a driver of graphics cards reaches: its own files and devices, and nothing of anybody's.
//!
//! **Invariant:** no path here holds what a person wrote.

use std::{fs, os::unix::fs::MetadataExt};

use landlock::{AccessFs, BitFlags};
use rustix::process::Gid;

/// Where drivers, what they load and what they are told of the machine lie; of devices, the list.
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
    "/dev/dri",
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
/// Devices of cards. What draws on screens is not among them.
const DEVICES: &[&str] =
    &["/dev/kfd", "/dev/nvidia-caps", "/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/nvidiactl"];
/// How devices of single cards are called: what is before the number, and the first number.
const NUMBERED: [(&str, u32); 2] = [("/dev/nvidia", 0), ("/dev/dri/renderD", 128)];
/// Cards that are looked for.
const CARDS_MAX: u32 = 16;

/// What may be reached, and how.
pub(super) fn paths() -> impl Iterator<Item = (String, BitFlags<AccessFs>)> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let using = reading | AccessFs::WriteFile | AccessFs::IoctlDev;
    let read = READ.iter().map(move |path| ((*path).to_owned(), reading));
    let devices = DEVICES.iter().map(|path| (*path).to_owned()).chain(cards());
    read.chain(devices.map(move |path| (path, using)))
}

fn cards() -> impl Iterator<Item = String> {
    let numbers =
        |(name, first): (&'static str, u32)| (first..first + CARDS_MAX).map(move |n| format!("{name}{n}"));
    NUMBERED.into_iter().flat_map(numbers)
}

/// The groups that may use cards, which a process keeps that gives up being root.
pub(super) fn groups() -> Vec<Gid> {
    let nodes = cards().chain(["/dev/kfd".to_owned()]);
    let owners = nodes.filter_map(|node| fs::metadata(node).ok()).map(|node| node.gid());
    let mut groups: Vec<u32> = owners.filter(|gid| *gid != 0).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter().map(Gid::from_raw).collect()
}
