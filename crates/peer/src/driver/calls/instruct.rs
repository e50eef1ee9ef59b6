//! What an account's owner has its notary do: put money at stake, withdraw it, note what it can check.
//!
//! **Invariant:** the answer is what the notary said after it was done; who waits no longer takes nothing back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use assay_market::{
    Command, Input,
    command::{Instruction, NotCarriedOut},
    event::Event,
    view::AccountView,
};
use assay_protocol::{account::Registration, id::PeerId, units::Amount};
use serde::{Deserialize, Serialize};
use tokio::{sync::broadcast::Receiver, time::timeout};

use super::{ShowAccount, provide::tried, watch::next_decision};
use crate::{
    driver::{
        calls::Update,
        responder::{Respond, Responder},
    },
    handle::{Call, Refused},
};

/// How long is waited for a notary. It is asked for longer.
const INSTRUCTION_WAIT: Duration = Duration::from_secs(60);

/// Has a notary do something with this peer's account, and says what it holds then.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstructNotary {
    /// Which notary; the network's first if none.
    pub notary: Option<PeerId>,
    /// What.
    pub order: AccountOrder,
}

/// What can be done with an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountOrder {
    /// Put money at stake.
    Stake {
        /// How much of what is free.
        amount: Amount,
        /// Up to which stake a part of each pay is added; none leaves it to the network.
        target: Option<Amount>,
    },
    /// Withdraw money from the stake.
    Unstake {
        /// How much.
        amount: Amount,
    },
    /// Check jobs of these models from now on, and no others. Each is tried first.
    Check {
        /// Models that the network pins or the library holds, by their names or unique prefixes of their digests.
        models: Vec<String>,
    },
}

/// What a notary has done with an account, as it was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InstructedView {
    /// The number under which this peer signed it; nothing, where others were carried out meanwhile.
    pub number: Option<u64>,
    /// What the notary said of the account then.
    pub said: AccountView,
}

impl Call for InstructNotary {
    const NAME: &'static str = "instruct_notary";
    type Answer = InstructedView;
}

impl Respond for InstructNotary {
    async fn respond(self, responder: &Responder) -> Result<InstructedView, Refused> {
        let notary = responder.notary(self.notary)?;
        let instruction = instruction(self.order, responder).await?;
        // What the account does not hold is known before its notary is asked to move it; a silent one is asked all the same.
        let before = ShowAccount { notary: Some(notary) }.respond(responder).await.ok();
        if before.as_ref().is_some_and(|view| lacks(&instruction, view.account.free, view.account.stake)) {
            return Err(Refused::NotCarriedOut { reason: NotCarriedOut::Funds });
        }
        let command = command(notary, instruction.clone());
        // Subscribed before anything is said, so that nothing is missed.
        let (mut updates, since) = (responder.updates()?, Instant::now());
        responder.act_and_save(|driver| Box::pin(driver.take(Input::Command(command)))).await?;
        let done = timeout(INSTRUCTION_WAIT, carried_out(&mut updates, notary, &instruction)).await;
        let waited_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        done.map_err(|_| Refused::NotYet { notary, waited_ms })??;
        let said = ShowAccount { notary: Some(notary) }.respond(responder).await?;
        let number = only_between(before.map(|view| view.account.instruction), said.account.instruction);
        Ok(InstructedView { number, said })
    }
}

/// The number of the one instruction that was carried out between two statements, if it was one.
fn only_between(before: Option<u64>, after: u64) -> Option<u64> {
    before?.checked_add(1).filter(|next| *next == after)
}

/// Whether an instruction moves more than there is.
fn lacks(instruction: &Instruction, free: Amount, stake: Amount) -> bool {
    match instruction {
        Instruction::Stake { amount, .. } => free < *amount,
        Instruction::Unstake { amount } => stake < *amount,
        Instruction::Register { .. } => false,
    }
}

async fn instruction(order: AccountOrder, responder: &Responder) -> Result<Instruction, Refused> {
    Ok(match order {
        AccountOrder::Stake { amount, target } => Instruction::Stake { amount, target },
        AccountOrder::Unstake { amount } => Instruction::Unstake { amount },
        AccountOrder::Check { models } => Instruction::Register { kinds: kinds(models, responder).await? },
    })
}

/// What this machine can check of these models, in the order of instructions.
async fn kinds(models: Vec<String>, responder: &Responder) -> Result<Vec<Registration>, Refused> {
    let mut kinds = Vec::new();
    for name in models {
        let manifest = responder.own_model(&name)?.manifest;
        let (class, _) = tried(&manifest, None, responder).await?;
        kinds.push(manifest.kind(class.digest()));
    }
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

fn command(notary: PeerId, instruction: Instruction) -> Command {
    match instruction {
        Instruction::Stake { amount, target } => Command::Stake { notary, amount, target },
        Instruction::Unstake { amount } => Command::Unstake { notary, amount },
        Instruction::Register { kinds } => Command::Register { notary, kinds },
    }
}

/// Waits until a notary has done it, or is known not to.
async fn carried_out(
    updates: &mut Receiver<Arc<Update>>,
    notary: PeerId,
    instruction: &Instruction,
) -> Result<(), Refused> {
    loop {
        if let Some(end) = next_decision(updates, |event| end_of(event, notary, instruction)).await? {
            return end.map_err(|reason| Refused::NotCarriedOut { reason });
        }
    }
}

/// What became of an instruction, where this says so.
fn end_of(event: &Event, of: PeerId, instruction: &Instruction) -> Option<Result<(), NotCarriedOut>> {
    let (notary, done, end) = if let Event::CarriedOut { notary, instruction } = event {
        (notary, instruction, Ok(()))
    } else if let Event::NotCarriedOut { notary, instruction, reason } = event {
        (notary, instruction, Err(*reason))
    } else {
        return None;
    };
    ((notary, done) == (&of, instruction)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_has_the_number_that_no_other_can_have() {
        assert_eq!(only_between(Some(2), 3), Some(3));
        for (before, after) in [(None, 3), (Some(1), 3), (Some(3), 3), (Some(u64::MAX), 0)] {
            assert_eq!(only_between(before, after), None, "{before:?}, {after}");
        }
    }

    #[test]
    fn nobody_is_asked_to_move_what_the_account_does_not_hold() {
        let (free, at_stake) = (Amount(3), Amount(2));
        let stake = |amount| Instruction::Stake { amount: Amount(amount), target: None };
        let unstake = |amount| Instruction::Unstake { amount: Amount(amount) };
        let lacking = |instruction: Instruction| lacks(&instruction, free, at_stake);
        assert!(lacking(stake(4)) && lacking(unstake(3)));
        assert!(!lacking(stake(3)) && !lacking(unstake(2)));
        assert!(!lacking(Instruction::Register { kinds: Vec::new() }));
    }
}
