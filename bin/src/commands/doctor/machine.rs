//! What this machine gives to jobs: a sandbox with its walls, cores and memory for what the settings sell.

use std::path::{Path, PathBuf};

use assay_peer::{
    config::DaemonSettings,
    executor::{CHECK_PLACES, DeviceWish, cores, places_of},
    handle::CardReading,
    sensors::cards_of_this_machine,
};
use assay_runtime::{
    class::{Class, ProbedMachine},
    envelope::RunLimits,
    pool::Pool,
    worker::{FoundCard, WorkerSource},
};

use super::Finding;
use crate::{
    command_error::{CommandError, Exit},
    printer::number_of,
    system,
};

/// What helps against a wall that is missing.
const WALL_MENDS: &str = "a newer kernel, or a system that has it; until then a runner that breaks out of the sandbox \
                          meets one wall less";
/// What helps against what a system has not.
const SYSTEM_MENDS: &str =
    "nothing but another system; docs/decisions/063-other-systems.md says what follows";

/// Memory of a card that is worth asking for a driver.
const WORTHY_BYTES: u64 = 2 << 30;
/// What helps where a card's driver gives no Vulkan.
const VULKAN_MENDS: &str = "the card's own driver with its part for Vulkan, and the loader (libvulkan1 on Debian and Ubuntu), \
                            then a new start of the daemon; until then models of language are on the processor";
/// What helps where this program knows no cards.
const CARDLESS_MENDS: &str =
    "a program that was built with its default features; this one has models of language on the processor";

/// What a machine is told whose arithmetic is not the one.
const NO_TEXTS: &str = "this machine computes other bits than everybody else, so it offers no texts";
/// What helps against that.
const NO_TEXTS_MENDS: &str =
    "the processor or its microcode is at fault, or this program was built with unsound options";

pub(super) fn look(settings: &DaemonSettings, findings: &mut Vec<Finding>) {
    let library = settings.onnx_library();
    let pool = pool(library.clone());
    let examined = pool.as_ref().map_err(String::clone);
    let examined = examined.and_then(|pool| pool.examine().map_err(|error| error.to_string()));
    let networks = examined.as_ref().ok().map(|machine| networks(machine, library.as_deref()));
    findings.extend(sandbox(examined));
    findings.extend(networks);
    let listed = pool.and_then(|pool| pool.cards().map_err(|error| error.to_string()));
    findings.push(cards(&settings.device, listed, &cards_of_this_machine()));
    findings.push(capacity(settings, cores(), system::memory_bytes()));
    let lacks = assay_peer::system::lacks().iter().chain(system::lacks());
    findings.extend(lacks.map(|lack| Finding::warning("system", *lack, SYSTEM_MENDS)));
}

/// Where workers are started, as for a job, and asked what they are, which walls they have not, and which cards there are.
fn pool(onnx_runtime: Option<PathBuf>) -> Result<Pool, String> {
    let binary = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(Pool::new(WorkerSource { binary, cache: None, onnx_runtime }))
}

/// What runs networks.
fn networks(machine: &ProbedMachine, library: Option<&Path>) -> Finding {
    let hint =
        "daemon.onnxruntime in the home's config.toml says where ONNX Runtime's library is, 1.17 or newer";
    let Some(library) = library else {
        let found = "networks are on rten; ONNX Runtime, for those that it does not run, is not set up";
        return Finding::fine("networks", found);
    };
    let library = library.display();
    match (machine.classes.iter().find(|class| class.is_onnx_runtime()), &machine.onnx_runtime_fault) {
        (Some(class), _) => {
            let found =
                format!("networks are on rten, and those that it does not run on {class}, from {library}");
            Finding::fine("networks", found)
        }
        (None, Some(fault)) => {
            Finding::warning("networks", format!("ONNX Runtime is not used, from {library}: {fault}"), hint)
        }
        (None, None) => {
            Finding::warning("networks", format!("ONNX Runtime is not used, from {library}"), hint)
        }
    }
}

/// Where models of language are. `present` are the cards that sit in this machine, whether they can be used or not.
fn cards(device: &str, listed: Result<Vec<FoundCard>, String>, present: &[CardReading]) -> Finding {
    let Ok(wish) = device.parse::<DeviceWish>();
    let hint = "daemon.device in the home's config.toml says where models of language are wanted";
    let found = match listed {
        Ok(found) => found,
        Err(why) => {
            return Finding::warning("cards", format!("graphics cards cannot be listed: {why}"), hint);
        }
    };
    let is_idle = matches!(wish, DeviceWish::Auto) && !found.iter().any(|card| card.is_hardware);
    // One that is part of a processor has next to no memory of its own, and would not be used anyway.
    let mut worthy = present.iter().filter(|card| card.memory.is_some_and(|bytes| bytes >= WORTHY_BYTES));
    if let Some(card) = worthy.next().filter(|_| is_idle) {
        let (why, mends) = if cfg!(feature = "gpu") {
            ("no driver gives Vulkan for it", VULKAN_MENDS)
        } else {
            ("this program was built without cards", CARDLESS_MENDS)
        };
        let found = format!("{} is in this machine and cannot be used: {why}", card.name);
        return Finding::warning("cards", found, mends);
    }
    match wish.choose(&found) {
        Ok(Some(FoundCard { name, driver, memory_bytes, .. })) => {
            let memory = memory_bytes.map_or_else(String::new, |bytes| format!(", {} MiB", bytes >> 20));
            Finding::fine("cards", format!("models of language are on {name} ({driver}{memory})"))
        }
        Ok(None) => Finding::fine("cards", "models of language are on the processor"),
        Err(missing) => Finding::problem("cards", &CommandError::new(Exit::Other, "NO_CARD", missing, hint)),
    }
}

fn sandbox(examined: Result<ProbedMachine, String>) -> Vec<Finding> {
    let ProbedMachine { classes, missing, .. } = match examined {
        Ok(examined) => examined,
        Err(reason) => {
            let hint = "the sandbox must be able to start processes of this program";
            return vec![Finding::problem(
                "sandbox",
                &CommandError::new(Exit::Other, "SANDBOX", reason, hint),
            )];
        }
    };
    let walls = if missing.is_empty() { "within all walls" } else { "with fewer walls than it should" };
    let missing = missing.into_iter().map(|wall| {
        Finding::warning("sandbox", format!("this machine does not give it a wall: {wall}"), WALL_MENDS)
    });
    let texts = classes.iter().any(|class| matches!(class, Class::Arithmetic(_)));
    let no_texts = (!texts).then(|| Finding::warning("sandbox", NO_TEXTS, NO_TEXTS_MENDS));
    let classes: Vec<String> = classes.iter().map(Class::to_string).collect();
    let starts = Finding::fine("sandbox", format!("starts, {walls}, as {}", classes.join("; ")));
    [starts].into_iter().chain(no_texts).chain(missing).collect()
}

/// Whether the runs that the settings allow at a time have room.
fn capacity(settings: &DaemonSettings, cores: usize, memory: Option<u64>) -> Finding {
    let places = places_of(usize::try_from(settings.workers).unwrap_or(usize::MAX));
    let each = RunLimits::default().process_memory_bytes;
    // Beside the workers there is the process that holds the model which they run.
    let most = each.saturating_mul(places.saturating_add(CHECK_PLACES).saturating_add(1) as u64);
    let (most_mib, memory_mib) = (most >> 20, memory.map(|bytes| bytes >> 20));
    let said = format!(
        "{} at a time beside a check and a model, on {}; they may take {most_mib} MiB",
        number_of(places, "run"),
        number_of(cores, "core")
    );
    let lower = "lower daemon.workers in the home's config.toml";
    match memory_mib {
        _ if places > cores => Finding::warning("capacity", format!("{said}: more runs than cores"), lower),
        Some(has) if most_mib > has => {
            Finding::warning("capacity", format!("{said}, and the machine has {has} MiB"), lower)
        }
        Some(has) => Finding::fine("capacity", format!("{said} of {has} MiB")),
        None => {
            Finding::fine("capacity", format!("{said}; how much memory there is, this system does not say"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::finding::Severity;

    #[test]
    fn a_sandbox_that_does_not_start_or_lacks_a_wall_is_named() {
        let absent = sandbox(Err("the worker cannot be started: no".to_owned()));
        assert!(matches!(&absent[..], [found] if found.severity == Severity::Problem), "{absent:?}");
        let machine = |classes: Vec<Class>, missing: Vec<String>| {
            sandbox(Ok(ProbedMachine { classes, missing, onnx_runtime_fault: None }))
        };
        let classes = vec![Class::Arithmetic(1)];
        let whole = machine(classes.clone(), Vec::new());
        assert!(
            matches!(&whole[..], [found] if found.found == "starts, within all walls, as arithmetic 1"),
            "{whole:?}"
        );
        let other = machine(Vec::new(), Vec::new());
        assert!(
            matches!(&other[..], [_, found] if found.severity == Severity::Warning && found.found == NO_TEXTS),
            "{other:?}"
        );
        let open = machine(classes, vec!["network: none".to_owned()]);
        assert!(open[0].found.contains("fewer walls"), "{open:?}");
        assert!(
            open[1].severity == Severity::Warning && open[1].found.ends_with("network: none"),
            "{open:?}"
        );
    }

    #[test]
    fn a_library_that_is_named_and_of_no_use_is_named() {
        let machine = ProbedMachine::default();
        let none = networks(&machine, None);
        assert!(none.severity == Severity::Fine && none.found.contains("is not set up"), "{none:?}");
        let fault = ProbedMachine { onnx_runtime_fault: Some("a fault".to_owned()), ..machine };
        let broken = networks(&fault, Some(Path::new("lib.so")));
        assert_eq!(broken.severity, Severity::Warning);
        assert!(broken.found.ends_with("from lib.so: a fault"), "{broken:?}");
    }

    #[test]
    fn a_card_that_is_wanted_and_not_there_is_a_problem() {
        let card = FoundCard {
            index: 0,
            name: "Some Card".to_owned(),
            driver: "some 1.2".to_owned(),
            is_hardware: true,
            is_integrated: false,
            memory_bytes: Some(8 << 30),
        };
        let fine = cards("auto", Ok(vec![card.clone()]), &[]);
        assert!(fine.severity == Severity::Fine && fine.found.ends_with("Some Card (some 1.2, 8192 MiB)"));
        assert!(cards("auto", Ok(Vec::new()), &[]).found.ends_with("on the processor"));
        assert!(cards("processor", Ok(vec![card.clone()]), &[]).found.ends_with("on the processor"));
        assert_eq!(cards("other", Ok(vec![card]), &[]).severity, Severity::Problem);
        assert_eq!(cards("auto", Err("no".to_owned()), &[]).severity, Severity::Warning);
    }

    #[test]
    fn a_card_without_a_driver_that_can_be_used_is_named() {
        let large =
            CardReading { name: "Some Card".to_owned(), memory: Some(8 << 30), ..CardReading::default() };
        let small = CardReading { memory: Some(512 << 20), ..large.clone() };
        assert_eq!(cards("auto", Ok(Vec::new()), &[small]).severity, Severity::Fine);
        let present = [large];
        let played = FoundCard {
            index: 0,
            name: "a processor that plays one".to_owned(),
            driver: String::new(),
            is_hardware: false,
            is_integrated: false,
            memory_bytes: None,
        };
        for listed in [Vec::new(), vec![played]] {
            let found = cards("auto", Ok(listed), &present);
            assert!(found.severity == Severity::Warning && found.found.starts_with("Some Card is in"));
        }
        // Whoever wants the processor is not asked to mend anything.
        assert_eq!(cards("processor", Ok(Vec::new()), &present).severity, Severity::Fine);
    }

    #[test]
    fn runs_need_cores_and_memory() {
        let severity = |workers, cores, memory| {
            let settings = DaemonSettings { workers, ..DaemonSettings::default() };
            capacity(&settings, cores, memory).severity
        };
        let each = RunLimits::default().process_memory_bytes;
        assert_eq!(severity(2, 2, Some(4 * each)), Severity::Fine);
        assert_eq!(
            severity(2, 2, Some(4 * each - (1 << 20))),
            Severity::Warning,
            "check and model have theirs"
        );
        assert_eq!(severity(3, 2, Some(u64::MAX)), Severity::Warning);
        assert_eq!(severity(2, 2, None), Severity::Fine);
    }
}
