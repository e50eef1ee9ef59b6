//! The roles of one peer, and which of them each thing that happens is for.
//!
//! ```text
//! input ──▶ notaries hear it ──▶ the roles that it may be for, one after another ──▶ Taken by one, or why by none
//! ```
//!
//! **Invariant:** nothing is decided here but whom something is for; a role that has taken it ends the search.

use alloc::boxed::Box;

use assay_protocol::{message::Opened, signed::Signer};

use super::{
    alarms::Alarm,
    client::{Client, FormerClient},
    context::Context,
    heard::Heard,
    notaries::Notaries,
    notary::Notary,
    provider::Provider,
    role::Role,
    verifier::Verifier,
};
use crate::{
    command::{Command, Instruction, NotGranted},
    event::Event,
    input::Input,
};

/// What a peer is, to each job another one of these.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Roles {
    pub(super) client: Client,
    pub(super) provider: Provider,
    pub(super) verifier: Verifier,
    /// Only where the network names this peer a notary.
    pub(super) notary: Option<Box<Notary>>,
}

/// The same in a snapshot of the version before.
#[derive(serde::Deserialize)]
#[serde(rename = "Roles")]
pub(super) struct FormerRoles {
    client: FormerClient,
    provider: Provider,
    verifier: Verifier,
    notary: Option<Box<Notary>>,
}

impl From<FormerRoles> for Roles {
    fn from(former: FormerRoles) -> Self {
        let FormerRoles { client, provider, verifier, notary } = former;
        Self { client: client.into(), provider, verifier, notary }
    }
}

impl Roles {
    /// Those of a peer that has done nothing yet.
    pub(super) fn new(notary: Option<Notary>) -> Self {
        Self {
            client: Client::default(),
            provider: Provider::default(),
            verifier: Verifier::default(),
            notary: notary.map(Box::new),
        }
    }

    /// Has every role take up again what a restart left unfinished.
    pub(super) fn resume<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        self.notary.iter_mut().for_each(|notary| notary.resume(cx));
        self.client.resume(cx);
        self.provider.resume(cx);
        if self.provider.provision().is_some() {
            Notaries::ask_standing(cx);
        }
        self.verifier.resume(cx);
        Notaries::resume(cx);
    }

    /// Offers what came in to those that it may be for. That it is time is for nobody: what is due is done after any input.
    pub(super) fn take<S: Signer>(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        match input {
            Input::Command(command) => self.command(command, input, cx),
            Input::Message(message) => self.hear(message, input, cx),
            Input::Undelivered { .. } => self.undelivered(input, cx),
            Input::Fetched { .. } => self.fetched(input, cx),
            Input::Collected { .. } | Input::Offered { .. } | Input::Connection { .. } => {
                self.client.handle(input, cx)
            }
            Input::Ran { run, .. } | Input::Shown { run, .. } if run.check => self.verifier.handle(input, cx),
            Input::Ran { .. } | Input::Streamed { .. } | Input::Shown { .. } | Input::Sensed(_) => {
                self.provider.handle(input, cx)
            }
            Input::Recalled { .. } => {
                self.notary.as_deref_mut().map_or(Heard::NotMine, |notary| notary.handle(input, cx))
            }
            Input::Wake => Heard::Taken,
        }
    }

    fn command<S: Signer>(&mut self, command: &Command, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        match command {
            Command::Submit(_) | Command::Cancel { .. } | Command::Dispute { .. } | Command::Taken { .. } => {
                return self.client.handle(input, cx);
            }
            Command::Provide(provision) => {
                let heard = self.provider.provide(provision, cx);
                Notaries::ask_standing(cx);
                return heard;
            }
            Command::Pause { until, is_sudden } => return self.provider.pause(*until, *is_sudden, cx),
            Command::EndPause => return self.provider.end_pause(cx),
            Command::Block { client } => return self.provider.block(*client, cx),
            Command::Unblock { client } => return self.provider.unblock(*client, cx),
            Command::KeepBooks => self.notary.iter_mut().for_each(|notary| notary.go_on(cx)),
            Command::Grant(credit) => match self.notary.as_deref_mut() {
                Some(notary) => notary.grant(*credit, cx),
                None => cx.tell(Event::NotGranted { credit: *credit, reason: NotGranted::NotTheIssuer }),
            },
            Command::Ask { notary } => {
                let _ = cx.ask(*notary, None);
            }
            Command::Stake { notary, amount, target } => {
                let instruction = Instruction::Stake { amount: *amount, target: *target };
                Notaries::instruct(*notary, instruction, cx);
            }
            Command::Unstake { notary, amount } => {
                Notaries::instruct(*notary, Instruction::Unstake { amount: *amount }, cx);
            }
            Command::Register { notary, kinds } => {
                let instruction = Instruction::Register { kinds: kinds.clone() };
                Notaries::instruct(*notary, instruction, cx);
            }
        }
        Heard::Taken
    }

    /// Offers a message to those that it may be for, until one takes it.
    fn hear<S: Signer>(&mut self, message: &Opened, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        if Notaries::hear(message, cx) {
            self.client.look_again(cx);
        }
        match message {
            Opened::Accept(_)
            | Opened::Refuse(_)
            | Opened::Ticket(_)
            | Opened::Deliver(_)
            | Opened::Output(_) => self.client.handle(input, cx),
            Opened::Propose(_) | Opened::Start(_) => self.provider.handle(input, cx),
            Opened::Check(_) | Opened::Notice(_) => first(
                [&mut self.verifier as &mut dyn Role<S>, &mut self.client, &mut self.provider],
                input,
                cx,
            ),
            Opened::Abort(_)
            | Opened::Open(_)
            | Opened::Claim(_)
            | Opened::Reveal(_)
            | Opened::Seal(_)
            | Opened::Underway(_)
            | Opened::Unserved(_)
            | Opened::OpenClaim(_)
            | Opened::OpenSeal(_)
            | Opened::Query(_)
            | Opened::Cancel(_)
            | Opened::Dispute(_)
            | Opened::Contradict(_)
            | Opened::Stake(_)
            | Opened::Unstake(_)
            | Opened::Register(_)
            | Opened::Grant(_) => {
                let notary = self.notary.as_deref_mut().map(|notary| notary as &mut dyn Role<S>);
                first([&mut self.client as &mut dyn Role<S>].into_iter().chain(notary), input, cx)
            }
            Opened::PeerStanding(standing) => match Notaries::take_standing(standing, cx) {
                Ok(is_new) => {
                    // Whoever offers something shows it at once.
                    if is_new && self.provider.provision().is_some() {
                        self.provider.tell_offer(cx);
                    }
                    Heard::Taken
                }
                Err(fault) => Heard::Misstep(fault),
            },
            Opened::Account(_) | Opened::Tick(_) => Heard::Taken,
            // Found in receipts, and for the book.
            Opened::Settled(_) | Opened::Offer(_) => Heard::NotMine,
        }
    }

    /// Tells all that speak to a peer that it may not have heard the last.
    fn undelivered<S: Signer>(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        let heard = self.client.handle(input, cx);
        self.notary.as_deref_mut().map_or(heard, |notary| notary.handle(input, cx))
    }

    /// Offers a blob to whose job it is for.
    fn fetched<S: Signer>(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        let roles = [&mut self.provider as &mut dyn Role<S>, &mut self.verifier, &mut self.client];
        first(roles, input, cx)
    }

    /// Has the role that an alarm is of look again.
    pub(super) fn wake<S: Signer>(&mut self, alarm: Alarm, cx: &mut Context<'_, S>) {
        match alarm {
            Alarm::Tick => self.notary.iter_mut().for_each(|notary| notary.tick(cx)),
            Alarm::Offer => self.provider.tell_offer(cx),
            Alarm::Standing => Notaries::ask_standing(cx),
            Alarm::Submission(key) => self.client.seek(key, cx),
            Alarm::Attempt(job) => self.client.wake_attempt(job, cx),
            Alarm::Serving(job) => self.provider.wake(job, cx),
            Alarm::Checking(job) => self.verifier.wake(job, cx),
            Alarm::Deadline(key) => self.client.wake_deadline(key, cx),
            Alarm::Instruction(notary) => Notaries::wake(notary, cx),
            Alarm::Question(notary) => {
                cx.ask(notary, None);
            }
            Alarm::Notice(job) => self.notary.iter_mut().for_each(|notary| notary.press(job, cx)),
        }
    }
}

/// What the first role says that takes it, or else the one that knows best why not.
fn first<'a, S: Signer + 'a>(
    roles: impl IntoIterator<Item = &'a mut dyn Role<S>>,
    input: &Input,
    cx: &mut Context<'_, S>,
) -> Heard {
    let mut best = Heard::NotMine;
    for role in roles {
        match role.handle(input, cx) {
            Heard::Taken => return Heard::Taken,
            Heard::Misstep(fault) => best = Heard::Misstep(fault),
            Heard::NotMine => {}
        }
    }
    best
}
