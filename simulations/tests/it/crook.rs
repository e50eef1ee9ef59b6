//! Hostile peers: they say what they heard with other contents and their own true signature, and send damaged bytes.

use std::{collections::BTreeMap, rc::Rc};

use assay_market::Effect;
use assay_protocol::{
    claim::Deliver,
    codec::{self, MESSAGE_BYTES_MAX},
    id::{Digest, NetworkId},
    message::{Message, Opened},
    order::{Accept, Open, Propose},
    signed::{Signed, Signer, Statement, Verified},
    units::{Duration, Rate},
};
use assay_simulations::{
    behaviour::Behaviour,
    crypto::{Simulated, SimulatedKey},
    random::Stream,
    world::{Place, World},
};

/// How often one statement is damaged anew until it decodes again.
const TRIES: u64 = 40;
/// Numbers at the edges of their encodings.
const EXTREMES: [u64; 6] = [0, 1, 250, u32::MAX as u64, (1 << 32) + 1, u64::MAX];

/// Changes every other message of its own brain before it is sent.
#[derive(Debug)]
pub(crate) struct Tamperer(pub(crate) Crook);

impl Behaviour for Tamperer {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let Effect::Send { to, message } = effect else { return Some(effect) };
        let (_, key) = self.0.keys[0];
        let changed =
            if self.0.luck.below(2) == 0 { self.0.falsified(&message.encode(), &key) } else { None };
        Some(Effect::Send { to, message: changed.unwrap_or(message) })
    }
}

/// Somebody with the keys of registered peers who has heard everything.
#[derive(Debug)]
pub(crate) struct Crook {
    keys: Vec<(Place, SimulatedKey)>,
    network: NetworkId,
    luck: Stream,
    names: Vec<Digest>,
    /// What was heard, by kind: all of it, and what was signed with one of the keys.
    heard: BTreeMap<&'static str, [Vec<Rc<[u8]>>; 2]>,
    listened: usize,
    /// How often it said each kind of message.
    pub(crate) sent: BTreeMap<&'static str, u64>,
}

impl Crook {
    /// Somebody with the keys of these peers.
    pub(crate) fn new(world: &World, places: &[Place]) -> Self {
        let names = (0..world.plan().peers()).map(|number| Digest(world.id(Place(number)).0)).collect();
        Self {
            keys: places.iter().map(|place| (*place, world.key(*place))).collect(),
            network: world.genesis().id(),
            luck: Stream::new(world.plan().seed, "crook", 0),
            names,
            heard: BTreeMap::new(),
            listened: 0,
            sent: BTreeMap::new(),
        }
    }

    /// Remembers what was said since the last time.
    pub(crate) fn listen(&mut self, world: &World) {
        for bytes in &world.overheard()[self.listened..] {
            let Ok(message) = Message::decode(bytes) else { continue };
            let Ok(opened) = message.open::<Simulated>(self.network) else { continue };
            let own = self.keys.iter().any(|(_, key)| key.id() == opened.signer());
            let heard = self.heard.entry(opened.kind()).or_default();
            heard[0].push(bytes.clone());
            if own {
                heard[1].push(bytes.clone());
            }
            if let Opened::Accept(accept) = &opened {
                self.names.push(accept.job);
            }
        }
        self.listened = world.overheard().len();
    }

    /// Changes something that was heard, signs it and sends it to somebody, if it can be changed.
    pub(crate) fn send(&mut self, world: &mut World) -> bool {
        let kinds = self.heard.len();
        let Some(heard) = self.heard.values().nth(pick(&mut self.luck, kinds)) else { return false };
        let own = &heard[pick(&mut self.luck, 2)];
        let heard = if own.is_empty() { &heard[0] } else { own };
        let recent = if self.luck.below(2) == 0 { heard.len().min(8) } else { heard.len() };
        let bytes = heard[heard.len() - 1 - pick(&mut self.luck, recent)].clone();
        let (from, key) = self.keys[pick(&mut self.luck, self.keys.len())];
        let Some(message) = self.falsified(&bytes, &key) else { return false };
        *self.sent.entry(message.kind()).or_default() += 1;
        let to = match self.luck.below(2) {
            0 => world.plan().notary(),
            _ => Place(pick(&mut self.luck, world.plan().peers())),
        };
        world.post(from, to, message.encode());
        true
    }

    /// A message with other contents and a true signature, if it can be changed.
    fn falsified(&mut self, bytes: &[u8], key: &SimulatedKey) -> Option<Message> {
        let opened = Message::decode(bytes).ok()?.open::<Simulated>(self.network).ok()?;
        Some(match opened {
            Opened::Propose(propose) => {
                let order = self.twist(propose.order().to_verified(), key)?;
                let standing = propose.into_body().standing;
                Message::Propose(self.signed(&Propose { order, standing }, key)?)
            }
            Opened::Open(open) => {
                let order = self.twist(open.order().to_verified(), key)?;
                let terms = order.clone().open::<Simulated>(self.network).ok()?;
                let accept = Accept {
                    job: terms.id(),
                    class: terms.class,
                    rate_max: Rate::ONE,
                    starts_in: Duration::default(),
                };
                let (_, provider) = self.keys[self.keys.len() - 1];
                let accept = Signed::seal(accept, &provider, self.network).into_signed();
                Message::Open(self.signed(&Open { order, accept }, key)?)
            }
            Opened::Deliver(deliver) => {
                let claim = self.twist(deliver.claim().to_verified(), key)?;
                Message::Deliver(self.signed(&Deliver { claim, ..deliver.into_body() }, key)?)
            }
            Opened::Offer(said) => Message::Offer(self.twist(said, key)?),
            Opened::Accept(said) => Message::Accept(self.twist(said, key)?),
            Opened::Refuse(said) => Message::Refuse(self.twist(said, key)?),
            Opened::Ticket(said) => Message::Ticket(self.twist(said, key)?),
            Opened::Start(said) => Message::Start(self.twist(said, key)?),
            Opened::Abort(said) => Message::Abort(self.twist(said, key)?),
            Opened::Claim(said) => Message::Claim(self.twist(said, key)?),
            Opened::Reveal(said) => Message::Reveal(self.twist(said, key)?),
            Opened::Check(said) => Message::Check(self.twist(said, key)?),
            Opened::Seal(said) => Message::Seal(self.twist(said, key)?),
            Opened::Underway(said) => Message::Underway(self.twist(said, key)?),
            Opened::Unserved(said) => Message::Unserved(self.twist(said, key)?),
            Opened::OpenClaim(said) => Message::OpenClaim(self.twist(said, key)?),
            Opened::OpenSeal(said) => Message::OpenSeal(self.twist(said, key)?),
            Opened::Notice(said) => Message::Notice(self.twist(said, key)?),
            Opened::Query(said) => Message::Query(self.twist(said, key)?),
            Opened::Account(said) => Message::Account(self.twist(said, key)?),
            Opened::Cancel(said) => Message::Cancel(self.twist(said, key)?),
            Opened::Dispute(said) => Message::Dispute(self.twist(said, key)?),
            Opened::Output(said) => Message::Output(self.twist(said, key)?),
            Opened::Contradict(said) => Message::Contradict(self.twist(said, key)?),
            Opened::Stake(said) => Message::Stake(self.twist(said, key)?),
            Opened::Unstake(said) => Message::Unstake(self.twist(said, key)?),
            Opened::Register(said) => Message::Register(self.twist(said, key)?),
            Opened::Grant(said) => Message::Grant(self.twist(said, key)?),
            Opened::Tick(said) => Message::Tick(self.twist(said, key)?),
            Opened::PeerStanding(said) => Message::PeerStanding(self.twist(said, key)?),
            Opened::Settled(said) => Message::Settled(self.twist(said, key)?),
        })
    }

    /// The same kind of statement with other contents and the crook's signature.
    fn twist<T: Statement>(&mut self, said: Verified<T>, key: &SimulatedKey) -> Option<Signed<T>> {
        let body = self.changed(&said.into_body())?;
        self.signed(&body, key)
    }

    /// Truly signed, whatever is inside it: honest peers sign around nothing that they have not verified.
    fn signed<T: Statement>(&self, body: &T, key: &SimulatedKey) -> Option<Signed<T>> {
        let signature = key.sign(&codec::encode(&("assay/1/", T::NAME, self.network, body)));
        codec::decode(&codec::encode(&(body, key.id(), signature)), MESSAGE_BYTES_MAX).ok()
    }

    /// The same kind of statement with other contents; now and then with the same.
    fn changed<T: Statement>(&mut self, body: &T) -> Option<T> {
        if self.luck.below(16) == 0 {
            return Some(body.clone());
        }
        let bytes = codec::encode(body);
        (0..TRIES).find_map(|_| {
            codec::decode(&damaged(&bytes, &mut self.luck, &self.names), MESSAGE_BYTES_MAX).ok()
        })
    }
}

/// Bytes with one to three changes: bits, numbers, names and lengths.
pub(crate) fn damaged(bytes: &[u8], luck: &mut Stream, names: &[Digest]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..luck.between(1, 3) {
        let at = pick(luck, bytes.len());
        match luck.below(6) {
            0 => bytes[at] ^= 1 << luck.below(8),
            1 => bytes[at] = luck.number() as u8,
            2 => {
                let number = codec::encode(&EXTREMES[pick(luck, EXTREMES.len())]);
                bytes.splice(at..=at, number).for_each(drop);
            }
            3 if bytes.len() - at > 32 && !names.is_empty() => {
                bytes[at..at + 32].copy_from_slice(&names[pick(luck, names.len())].0);
            }
            4 => bytes.truncate(at + 1),
            _ => bytes.insert(at, luck.number() as u8),
        }
    }
    bytes
}

/// A number below `count`.
pub(crate) fn pick(luck: &mut Stream, count: usize) -> usize {
    usize::try_from(luck.below(count as u64)).unwrap_or_default()
}
