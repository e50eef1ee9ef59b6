//! A client that has its jobs opened and paid for as any other, and serves their inputs so slowly that none ever arrives.
//!
//! It speaks to its peers over libp2p by itself: the network of this crate serves no blob that slowly.
//!
//! **Invariant:** all that it says is signed and right; what is wrong with it is only how fast its bytes come.

use std::{io, sync::Arc, time::Duration};

use assay_protocol::{
    genesis::Genesis,
    id::{Digest, PeerId},
    message::{Message, Opened},
    order::{Open, Order, Propose, secret_commit},
    signed::{Ed25519, Keypair, Signed, Statement, Verified},
    ticket::Start,
    units::{Amount, Timestamp},
};
use libp2p::{
    Multiaddr, StreamProtocol, Swarm, SwarmBuilder,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, StreamExt},
    identity::{Keypair as Keys, PublicKey, ed25519},
    noise, ping,
    request_response::{self, Behaviour, Codec, Config, Message as Exchanged, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{home::Running, world::id};

/// How often a byte of an input comes.
const DROP_EVERY: Duration = Duration::from_secs(9);
/// Bytes that each input says it has.
const INPUT_BYTES: u32 = 1 << 20;
/// How long an exchange may take: as long as it likes.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How long its orders may be opened.
const OPEN_BY: assay_protocol::units::Duration = assay_protocol::units::Duration::seconds(60);

/// What a provider was seen to do about the inputs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// When a provider asked for one, each time.
    pub(crate) asked: Vec<Instant>,
    /// How many bytes each of those streams took.
    pub(crate) taken: Vec<u32>,
}

/// The client. It ends when it is dropped.
pub(crate) struct Trickler {
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

/// What its orders ask for, and of whom.
pub(crate) struct Target<'a> {
    pub(crate) notary: &'a Running,
    pub(crate) provider: &'a Running,
    /// Whose terms the orders meet.
    pub(crate) class: Digest,
    pub(crate) unit_price: Amount,
}

impl Trickler {
    /// Orders so many jobs at once.
    pub(crate) fn start(seed: u8, genesis: &Genesis, target: &Target<'_>, jobs: u16, now: Timestamp) -> Self {
        let (seen, watched) = watch::channel(Seen::default());
        let mut swarm = swarm(seed, genesis, Trickle(Arc::new(seen)));
        for peer in [target.notary, target.provider] {
            let address: Multiaddr = peer.ready.addresses[0].parse().unwrap();
            swarm.add_peer_address(name(peer.ready.peer), address);
        }
        let mut client = Client {
            signer: Keypair::from_seed([seed; 32]),
            network: genesis.id(),
            swarm,
            orders: Vec::new(),
        };
        for lane in 0..jobs {
            let order = order(id(seed), genesis, target, lane, now);
            client.propose(order);
        }
        Self { seen: watched, task: tokio::spawn(client.run()) }
    }

    /// Waits until its inputs were asked for so many times.
    pub(crate) async fn asked(&mut self, times: usize) -> Seen {
        self.seen.wait_for(|seen| seen.asked.len() >= times).await.unwrap().clone()
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }
}

impl Drop for Trickler {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Its side of each job: order, agreement, ticket.
struct Client {
    signer: Keypair,
    network: Digest,
    swarm: Swarm<Carriers>,
    orders: Vec<Verified<Order>>,
}

impl Client {
    fn propose(&mut self, order: Order) {
        let order = self.seal(order);
        let provider = order.provider;
        self.orders.push(order.clone());
        self.say(provider, Propose { order: order.into_signed(), standing: None });
    }

    async fn run(mut self) {
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::Behaviour(CarriersEvent::Messages(event)) => self.hear(event),
                SwarmEvent::Behaviour(CarriersEvent::Blobs(event)) => self.serve(event),
                _ => {}
            }
        }
    }

    fn hear(&mut self, event: request_response::Event<Vec<u8>, u8>) {
        let request_response::Event::Message { message, .. } = event else { return };
        let Exchanged::Request { request, channel, .. } = message else { return };
        let _ = self.swarm.behaviour_mut().messages.send_response(channel, 1);
        match Message::decode(&request).unwrap().open::<Ed25519>(self.network).unwrap() {
            Opened::Accept(accept) => {
                let order = self.orders.iter().find(|order| order.id() == accept.job).unwrap().clone();
                let notary = order.notary;
                self.say(notary, Open { order: order.into_signed(), accept: accept.into_signed() });
            }
            Opened::Ticket(ticket) => {
                let order = self.orders.iter().find(|order| order.id() == ticket.job).unwrap();
                let (provider, order) = (order.provider, order.signed().clone());
                self.say(provider, Start { order, ticket: ticket.into_signed() });
            }
            Opened::Refuse(refuse) => panic!("{refuse:?}"),
            _ => {}
        }
    }

    fn serve(&mut self, event: request_response::Event<(), ()>) {
        if let request_response::Event::Message { message: Exchanged::Request { channel, .. }, .. } = event {
            let _ = self.swarm.behaviour_mut().blobs.send_response(channel, ());
        }
    }

    fn say<T: Statement>(&mut self, to: PeerId, body: T)
    where
        Message: From<Verified<T>>,
    {
        let message: Message = self.seal(body).into();
        self.swarm.behaviour_mut().messages.send_request(&name(to), message.encode());
    }

    fn seal<T: Statement>(&self, body: T) -> Verified<T> {
        Signed::seal(body, &self.signer, self.network)
    }
}

fn order(client: PeerId, genesis: &Genesis, target: &Target<'_>, lane: u16, now: Timestamp) -> Order {
    let manifest = genesis.manifests[0].clone();
    Order {
        client,
        provider: target.provider.ready.peer,
        notary: target.notary.ready.peer,
        lane,
        nonce: 0,
        class: target.class,
        manifest,
        input_commit: Digest::of(&lane.to_le_bytes()),
        units_max: 1_000,
        work_max: 1_000,
        unit_price: target.unit_price,
        total_max: Amount::credits(1),
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount::ZERO,
        run_max: assay_protocol::units::Duration::seconds(2),
        open_by: now.after(OPEN_BY),
        secret_commit: secret_commit(&[7; 32]),
    }
}

/// What it has to say to others, and they to it.
#[derive(NetworkBehaviour)]
struct Carriers {
    /// Who does not answer it is hung up on.
    ping: ping::Behaviour,
    messages: Behaviour<Frames>,
    blobs: Behaviour<Trickle>,
}

fn swarm(seed: u8, genesis: &Genesis, trickle: Trickle) -> Swarm<Carriers> {
    let protocol = |name: &str| {
        let network = genesis.id().to_string();
        let name = format!("/assay/1/{}/{name}", &network[..16]);
        [(StreamProtocol::try_from_owned(name).unwrap(), ProtocolSupport::Full)]
    };
    let config = || Config::default().with_request_timeout(PATIENCE);
    let carriers = Carriers {
        ping: ping::Behaviour::default(),
        messages: Behaviour::new(protocol("messages"), config()),
        blobs: Behaviour::with_codec(trickle, protocol("blobs"), config()),
    };
    SwarmBuilder::with_existing_identity(Keys::ed25519_from_bytes([seed; 32]).unwrap())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .unwrap()
        .with_behaviour(|_| carriers)
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(PATIENCE))
        .build()
}

fn name(peer: PeerId) -> libp2p::PeerId {
    PublicKey::from(ed25519::PublicKey::try_from_bytes(peer.as_bytes()).unwrap()).to_peer_id()
}

/// Messages: a frame there, a byte back.
#[derive(Clone, Default)]
struct Frames;

impl Codec for Frames {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = u8;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut prefix = [0; 4];
        io.read_exact(&mut prefix).await?;
        let mut message = vec![0; u32::from_le_bytes(prefix) as usize];
        io.read_exact(&mut message).await?;
        Ok(message)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<u8>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut said = [0];
        io.read_exact(&mut said).await?;
        Ok(said[0])
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, message: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&(message.len() as u32).to_le_bytes()).await?;
        io.write_all(&message).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, said: u8) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&[said]).await
    }
}

/// Blobs: whichever is asked for is there, and comes byte by byte.
#[derive(Clone)]
struct Trickle(Arc<watch::Sender<Seen>>);

impl Codec for Trickle {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        io.read_exact(&mut [0; 32]).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let mut place = 0;
        self.0.send_modify(|seen| {
            place = seen.asked.len();
            seen.asked.push(Instant::now());
            seen.taken.push(0);
        });
        io.write_all(&[&[1][..], &INPUT_BYTES.to_le_bytes()].concat()).await?;
        loop {
            io.flush().await?;
            sleep(DROP_EVERY).await;
            io.write_all(&[7]).await?;
            self.0.send_modify(|seen| seen.taken[place] += 1);
        }
    }
}
