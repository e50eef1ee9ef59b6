//! What this machine shows, and what that means for its owner's rules.
//!
//! **Invariant:** what is told to hold follows from what is told beside it.

use assay_market::{
    Input,
    owner::{HeldRule, MachineReading},
};
use serde::{Deserialize, Serialize};

use crate::{
    clock::moment,
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
    journal::Broken,
    sensors::{CardReading, ProcessorReading},
};

/// Look at all that the machine shows, whatever its owner's rules are about.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct LookAtMachine;

/// What a look at a machine showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineView {
    /// What it shows.
    pub reading: MachineReading,
    /// The rules that hold, by the last look that was taken for them.
    pub held: Vec<HeldRule>,
}

/// Look at the processor and the graphics cards.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ListDevices;

/// What a machine has that can run models.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicesView {
    /// The processor.
    pub processor: ProcessorReading,
    /// The graphics cards, whether or not models run on them.
    pub cards: Vec<CardReading>,
}

impl Call for ListDevices {
    const NAME: &'static str = "list_devices";
    type Answer = DevicesView;
}

impl Respond for ListDevices {
    async fn respond(self, responder: &Responder) -> Result<DevicesView, Refused> {
        let sensors = responder.lookout.sensors.clone();
        responder.work(move |_| DevicesView { processor: sensors.processor(), cards: sensors.cards() }).await
    }
}

impl Call for LookAtMachine {
    const NAME: &'static str = "look_at_machine";
    type Answer = MachineView;
}

impl Respond for LookAtMachine {
    async fn respond(self, responder: &Responder) -> Result<MachineView, Refused> {
        let (sensors, rules) = (responder.lookout.sensors.clone(), responder.settings.rules());
        let reading = responder.work(move |_| sensors.look_at_all(&rules)).await?;
        let seen = reading.clone();
        let held = responder.act(move |driver| Box::pin(driver.sense(seen))).await?;
        Ok(MachineView { reading, held })
    }
}

impl Driver {
    /// The rules that hold by what was seen.
    async fn sense(&mut self, reading: MachineReading) -> Result<Vec<HeldRule>, Broken> {
        self.take(Input::Sensed(reading)).await?;
        Ok(self.node.held(moment()))
    }
}
