//! Strangers at addresses of their own, by the bare library: they keep no rule of this network, and are told apart from
//! those who are measured.
//!
//! **Invariant:** none of them comes from the address that peers of the tests have.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use assay_protocol::{
    codec,
    id::Digest,
    offer::{Bench, Offer, Reachability},
    signed::{Keypair, Signed},
    units::Timestamp,
};
use libp2p::{
    Multiaddr, StreamProtocol, Swarm, SwarmBuilder, Transport,
    core::{
        transport::{DialOpts, ListenerId, TransportError, TransportEvent},
        upgrade::Version,
    },
    futures::{
        AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt, StreamExt,
        future::{BoxFuture, Pending},
    },
    identity,
    multiaddr::Protocol,
    noise,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use tokio::net::{TcpSocket, TcpStream};

/// Addresses of this machine that are the strangers' own.
pub(crate) const ADDRESSES: usize = 4;
/// How long a connection of theirs stays that nobody uses.
const STAY: std::time::Duration = std::time::Duration::from_secs(600);

/// The bytes of what is sent as a message and is none.
#[derive(Clone, Default)]
pub(crate) struct JunkCodec;

impl request_response::Codec for JunkCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = u8;

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<u8>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        Ok(byte[0])
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, junk: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&(junk.len() as u32).to_le_bytes()).await?;
        io.write_all(&junk).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, _: u8) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What the names of the protocols of a network begin with.
pub(crate) fn version(network: &Digest) -> String {
    format!("/assay/1/{}", &network.to_string()[..16])
}

/// Who sends what is no message.
pub(crate) fn junk(network: &Digest) -> request_response::Behaviour<JunkCodec> {
    let name = StreamProtocol::try_from_owned(format!("{}/messages", version(network))).unwrap();
    let config = request_response::Config::default().with_max_concurrent_streams(256);
    request_response::Behaviour::new([(name, ProtocolSupport::Outbound)], config)
}

/// Offers of so many names that are made up, with eight addresses each that are like no others.
pub(crate) fn library(
    network: &Digest,
    number: u16,
    offers: u16,
    valid_until: Timestamp,
) -> Vec<Signed<Offer>> {
    let offer = |made_up: u16| {
        let key = Keypair::from_seed(codec::digest("made up", &(number, made_up)).0);
        let [[first, second], [third, fourth]] = [number.to_be_bytes(), made_up.to_be_bytes()];
        let host = Ipv4Addr::new(127, 16 + first + second, third, fourth);
        let offer = Offer {
            sequence: 1,
            valid_until,
            benches: vec![Bench {
                class: Digest::default(),
                machine: String::new(),
                device: String::new(),
                memory_free: 1 << 30,
                slots: 1,
                services: Vec::new(),
            }],
            notaries: Vec::new(),
            addresses: (1..=8).map(|port| format!("/ip4/{host}/tcp/{port}")).collect(),
            reachability: Reachability::Unknown,
            standing: None,
        };
        Signed::seal(offer, &key, *network).into_signed()
    };
    (0..offers).map(offer).collect()
}

/// The way out from one address of this machine; there is none in.
struct From(Ipv4Addr);

impl Transport for From {
    type Output = tcp::tokio::TcpStream;
    type Error = io::Error;
    type ListenerUpgrade = Pending<io::Result<Self::Output>>;
    type Dial = BoxFuture<'static, io::Result<Self::Output>>;

    fn listen_on(&mut self, _: ListenerId, at: Multiaddr) -> Result<(), TransportError<io::Error>> {
        Err(TransportError::MultiaddrNotSupported(at))
    }

    fn remove_listener(&mut self, _: ListenerId) -> bool {
        false
    }

    fn dial(&mut self, to: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let from = self.0;
        let connecting = async move { connect(from, socket_of(&to)).await.map(tcp::tokio::TcpStream) };
        Ok(connecting.boxed())
    }

    fn poll(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Poll::Pending
    }
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// The socket that an address over TCP names.
pub(crate) fn socket_of(address: &Multiaddr) -> SocketAddr {
    let parts: Vec<Protocol> = address.iter().collect();
    let [Protocol::Ip4(host), Protocol::Tcp(port), ..] = parts[..] else { panic!("{address}") };
    (host, port).into()
}

/// A stranger of a new name, who dials from one of the strangers' addresses.
pub(crate) fn stranger<B: NetworkBehaviour>(behaviour: B, number: usize) -> Swarm<B> {
    let host = Ipv4Addr::new(127, 0, 1, 1 + (number % ADDRESSES) as u8);
    let carrier = |keys: &identity::Keypair| {
        let proven = From(host).upgrade(Version::V1).authenticate(noise::Config::new(keys).unwrap());
        proven.multiplex(yamux::Config::default())
    };
    let builder = SwarmBuilder::with_new_identity().with_tokio().with_other_transport(carrier).unwrap();
    let builder = builder.with_behaviour(|_| behaviour).unwrap();
    builder.with_swarm_config(|config| config.with_idle_connection_timeout(STAY)).build()
}

/// Dials, and says whether the other side has let it in so far as a stranger can see.
pub(crate) async fn enters<B: NetworkBehaviour>(swarm: &mut Swarm<B>, address: &Multiaddr) -> bool {
    swarm.dial(address.clone()).unwrap();
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => return true,
            SwarmEvent::OutgoingConnectionError { .. } => return false,
            _ => {}
        }
    }
}

/// A connection that never says who it is, from a host of the strangers'.
pub(crate) async fn knock(at: SocketAddr) -> Option<TcpStream> {
    connect(Ipv4Addr::new(127, 0, 0, 2), at).await.ok()
}
