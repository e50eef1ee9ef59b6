//! What connections run over: TCP, with proof of who the other side is, in many streams.
//!
//! **Invariant:** a connection that this peer opens comes from a port of its own. From the port that it listens on, nobody
//! could be dialled while any other connection of this machine holds that port on another address.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId, Transport,
    core::{
        muxing::StreamMuxerBox,
        transport::{DialOpts, ListenerId, PortUse, TransportError, TransportEvent},
        upgrade::Version,
    },
    identity::Keypair,
    noise, tcp, yamux,
};

/// Streams on one connection at a time.
const STREAMS_PER_CONNECTION_MAX: usize = 256;

/// The carrier of the peer that has these keys.
pub(super) fn carrier(
    keys: &Keypair,
) -> Result<
    impl Transport<
        Output = (PeerId, StreamMuxerBox),
        Error: Send + Sync + 'static,
        Dial: Send,
        ListenerUpgrade: Send,
    > + Send
    + Unpin
    + use<>,
    noise::Error,
> {
    let mut streams = yamux::Config::default();
    streams.set_max_num_streams(STREAMS_PER_CONNECTION_MAX);
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
    let proven = OwnPorts(tcp).upgrade(Version::V1Lazy).authenticate(noise::Config::new(keys)?);
    Ok(proven.multiplex(streams).map(|(peer, streams), _| (peer, StreamMuxerBox::new(streams))))
}

/// A carrier whose connections come from ports of their own.
struct OwnPorts<T>(T);

impl<T: Transport + Unpin> Transport for OwnPorts<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(&mut self, id: ListenerId, at: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        self.0.listen_on(id, at)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(&mut self, to: Multiaddr, asked: DialOpts) -> Result<Self::Dial, TransportError<Self::Error>> {
        self.0.dial(to, DialOpts { port_use: PortUse::New, ..asked })
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.0).poll(context)
    }
}
