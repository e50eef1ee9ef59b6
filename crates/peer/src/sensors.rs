//! What this machine shows of itself to somebody who wants to know whether its owner needs it.
//!
//! **Invariant:** only what a rule asks for is looked at; what the system does not say is nothing, and never guessed. Looking is
//! done off the loop; a brain that is not told of a look for a minute takes nothing on.

mod cards;
mod clients;
mod heat;
mod nvidia;
mod power;
mod presence;
mod processor;
mod programs;
mod week;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use assay_market::{
    Input,
    owner::{MachineReading, OwnerRule, OwnerRules},
};
use tokio::{
    sync::{Notify, mpsc},
    task::spawn_blocking,
    time::timeout,
};

use self::nvidia::NvidiaLibrary;
pub use self::{cards::CardReading, processor::ProcessorReading};
use crate::driver::LiveSettings;

/// How often the machine is looked at while its owner has rules.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The graphics cards of this machine, as they are now, for whoever has no daemon to ask.
#[must_use]
pub fn cards_of_this_machine() -> Vec<CardReading> {
    Sensors::at(PathBuf::from("/")).cards()
}

/// Where the system shows what goes on. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Sensors {
    root: Arc<Path>,
    nvidia: Arc<NvidiaLibrary>,
}

impl Sensors {
    /// Of the system whose files begin in this folder.
    pub(crate) fn at(root: PathBuf) -> Self {
        let nvidia = NvidiaLibrary::of(&root);
        Self { root: root.into(), nvidia: Arc::new(nvidia) }
    }

    /// The graphics cards, as they are now.
    pub(crate) fn cards(&self) -> Vec<CardReading> {
        cards::all(&self.root, &self.nvidia)
    }

    /// The processor, as it is now.
    pub(crate) fn processor(&self) -> ProcessorReading {
        processor::now(&self.root)
    }

    /// What these rules are about.
    pub(crate) fn look(&self, rules: &OwnerRules) -> MachineReading {
        self.read(rules, |rule| rules.has(rule))
    }

    /// All that the machine shows; of programs, those that the rules name.
    pub(crate) fn look_at_all(&self, rules: &OwnerRules) -> MachineReading {
        self.read(rules, |_| true)
    }

    fn read(&self, rules: &OwnerRules, is_wanted: impl Fn(OwnerRule) -> bool) -> MachineReading {
        let root = &*self.root;
        let on_cards = [OwnerRule::TooHot, OwnerRule::CardInUse].into_iter().any(&is_wanted);
        let cards = if on_cards { self.nvidia.cards(root) } else { Vec::new() };
        let hottest =
            || heat::hottest(root).into_iter().chain(cards.iter().filter_map(|card| card.temperature)).max();
        let others = || {
            let by_driver = clients::by_card(root).map(|used| used.into_values().max().unwrap_or(0));
            by_driver.into_iter().chain(cards.iter().filter_map(|card| card.memory_others)).max()
        };
        MachineReading {
            programs: is_wanted(OwnerRule::Program)
                .then(|| programs::running(root, &rules.programs))
                .flatten(),
            idle: is_wanted(OwnerRule::InUse).then(|| presence::idle(root)).flatten(),
            is_on_battery: is_wanted(OwnerRule::OnBattery).then(|| power::is_on_battery(root)).flatten(),
            temperature: is_wanted(OwnerRule::TooHot).then(hottest).flatten(),
            card_others: is_wanted(OwnerRule::CardInUse).then(others).flatten(),
            minute: is_wanted(OwnerRule::OutOfHours).then(week::minute).flatten(),
        }
    }
}

/// Who looks at the machine now and then, and whoever wants that to be now. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Lookout {
    pub(crate) sensors: Sensors,
    now: Arc<Notify>,
}

impl Lookout {
    /// Looks while there are rules, and has the loop told, until that has ended.
    pub(crate) fn start(
        sensors: Sensors,
        settings: LiveSettings,
        reports: mpsc::WeakUnboundedSender<Input>,
    ) -> Self {
        let lookout = Self { sensors, now: Arc::new(Notify::new()) };
        tokio::spawn(lookout.clone().look_on(settings, reports));
        lookout
    }

    /// The rules are others now.
    pub(crate) fn look_again(&self) {
        self.now.notify_one();
    }

    async fn look_on(self, settings: LiveSettings, reports: mpsc::WeakUnboundedSender<Input>) {
        loop {
            // What held lets go by a look once there are no rules any more.
            if settings.rules().are_none() {
                self.now.notified().await;
            }
            let (sensors, rules) = (self.sensors.clone(), settings.rules());
            let Ok(reading) = spawn_blocking(move || sensors.look(&rules)).await else { return };
            let Some(reports) = reports.upgrade() else { return };
            if reports.send(Input::Sensed(reading)).is_err() {
                return;
            }
            drop(reports);
            if !settings.rules().are_none() {
                // Either way it is time.
                drop(timeout(LOOK_EVERY, self.now.notified()).await);
            }
        }
    }
}

/// The names of what is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Option<impl Iterator<Item = PathBuf> + use<>> {
    let entries = fs::read_dir(folder).ok()?;
    Some(entries.filter_map(|entry| Some(entry.ok()?.path())))
}

/// What a file says, without the space around it.
fn said(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// Processes, each with its folder.
fn processes(root: &Path) -> Option<impl Iterator<Item = (u32, PathBuf)> + use<>> {
    let folders = entries(&root.join("proc"))?;
    Some(folders.filter_map(|folder| {
        let number = folder.file_name()?.to_str()?.parse().ok()?;
        Some((number, folder))
    }))
}
