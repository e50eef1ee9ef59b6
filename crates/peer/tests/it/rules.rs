//! An owner's rules by sensors, which a test plays.

use std::{fs, path::Path, time::Instant};

use assay_market::owner::{HeldRule, OwnerRule};
use assay_peer::{
    daemon::Options,
    handle::{HeedSettings, LookAtMachine, ShowStatus},
};
use tokio::time::sleep;

use crate::{
    home::{House, Running, WAIT_MAX, genesis},
    world::id,
};

/// Between two looks.
const LOOK_STEP: std::time::Duration = std::time::Duration::from_millis(20);

/// What the system shows in `file`.
fn show(machine: &Path, file: &str, text: &str) {
    let path = machine.join("sys/class").join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}

fn rules(held: Vec<HeldRule>) -> Vec<OwnerRule> {
    held.into_iter().map(|held| held.rule).collect()
}

/// Waits until these rules hold, which nobody has it look for.
async fn until(running: &Running, expected: &[OwnerRule]) {
    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let held = rules(running.handle.call(ShowStatus).await.unwrap().held);
        if held == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{held:?} hold and not {expected:?}");
        sleep(LOOK_STEP).await;
    }
}

#[tokio::test]
async fn a_daemon_looks_by_itself_and_heeds_rules_as_they_are_settled() {
    let (house, machine) = (House::new(1, genesis(id(1)), Vec::new()), tempfile::tempdir().unwrap());
    let machine = machine.path();
    show(machine, "power_supply/BAT0/type", "Battery");
    show(machine, "power_supply/BAT0/status", "Discharging");
    show(machine, "thermal/thermal_zone0/type", "x86_pkg_temp");
    show(machine, "thermal/thermal_zone0/temp", "70000");
    fs::write(house.home.settings(), "[provider]\nmains_only = true\nsettle = \"0s\"\n").unwrap();
    let running = house.start_with(Options { machine: machine.to_owned(), ..house.options() }).await;
    until(&running, &[OwnerRule::OnBattery]).await;
    show(machine, "power_supply/BAT0/status", "Charging");
    until(&running, &[]).await;

    let seen = running.handle.call(LookAtMachine).await.unwrap();
    assert_eq!((seen.reading.temperature, seen.reading.is_on_battery), (Some(70), Some(false)));
    assert_eq!((seen.reading.idle, seen.reading.card_others), (None, None), "there is nothing that says so");
    fs::write(house.home.settings(), "[provider]\ntemperature_max = 65\nsettle = \"0s\"\n").unwrap();
    running.handle.call(HeedSettings).await.unwrap();
    until(&running, &[OwnerRule::TooHot]).await;
    show(machine, "thermal/thermal_zone0/temp", "60000");
    until(&running, &[]).await;
    show(machine, "thermal/thermal_zone0/temp", "90000");
    let seen = running.handle.call(LookAtMachine).await.unwrap();
    assert_eq!(rules(seen.held), [OwnerRule::TooHot], "what was seen is decided by at once");
    fs::write(house.home.settings(), "").unwrap();
    running.handle.call(HeedSettings).await.unwrap();
    until(&running, &[]).await;
    running.stop().await;
}
