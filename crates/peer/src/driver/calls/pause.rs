//! Taking nothing new on for a while, and giving the machine back meanwhile.
//!
//! **Invariant:** whoever asked hears of a pause once it is on the disk; its memory is free by then, but for what still runs.

use assay_market::{Command, Input, pause::Pause};
use assay_protocol::units::Duration;
use serde::{Deserialize, Serialize};

use crate::{
    clock::moment,
    driver::{
        Driver,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
    journal::Broken,
};

/// Take nothing new on, and let the models go that nobody runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseProviding {
    /// For how long; until [`ResumeProviding`] if that is nothing.
    pub length: Option<Duration>,
    /// What runs is given up, too.
    pub is_sudden: bool,
}

/// Take on again what comes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ResumeProviding;

impl Call for PauseProviding {
    const NAME: &'static str = "pause_providing";
    type Answer = Pause;
}

impl Respond for PauseProviding {
    async fn respond(self, responder: &Responder) -> Result<Pause, Refused> {
        let pause = responder.act_and_save(move |driver| Box::pin(driver.pause(self))).await??;
        let executor = responder.executor.clone();
        responder.work(move |_| executor.make_way()).await?;
        Ok(pause)
    }
}

impl Call for ResumeProviding {
    const NAME: &'static str = "resume_providing";
    type Answer = ();
}

impl Respond for ResumeProviding {
    async fn respond(self, responder: &Responder) -> Result<(), Refused> {
        responder.act_and_save(|driver| Box::pin(driver.end_pause())).await?
    }
}

impl Driver {
    async fn pause(&mut self, wish: PauseProviding) -> Result<Result<Pause, Refused>, Broken> {
        let PauseProviding { length, is_sudden } = wish;
        // What was begun goes on where nothing is offered any more, and can be given up.
        if self.node.provision().is_none() && (!is_sudden || self.node.due().is_empty()) {
            return Ok(Err(Refused::NotOffering));
        }
        let until = length.map(|length| self.node.time(moment()).after(length));
        self.take(Input::Command(Command::Pause { until, is_sudden })).await?;
        Ok(self.node.paused().ok_or(Refused::Ending))
    }

    async fn end_pause(&mut self) -> Result<Result<(), Refused>, Broken> {
        if self.node.provision().is_none() {
            return Ok(Err(Refused::NotOffering));
        }
        self.take(Input::Command(Command::EndPause)).await?;
        Ok(Ok(()))
    }
}
