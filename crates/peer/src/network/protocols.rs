//! What the connections of this peer carry, and under which bounds.
//!
//! Every protocol name holds the network's, so peers of different networks have nothing to say to each other.
//!
//! **Invariant:** the limits stand first: a connection that they refuse reaches nothing behind them. Every number that
//! gossip scores by is written here; none is left to a default.

use std::time::Duration;

use assay_protocol::id::Digest;
use libp2p::{
    PeerId, StreamProtocol, connection_limits, gossipsub, identify,
    identity::Keypair,
    memory_connection_limits, ping,
    request_response::{self, ProtocolSupport},
    swarm::NetworkBehaviour,
};

use super::{
    GOSSIP_BYTES_MAX, Limits, crowds::Crowds, messages::MessageCodec, questions::QuestionCodec,
    queues::IN_FLIGHT_MAX, severance::Severance, streams::Streams, topics::Topic, vicinity::Vicinity,
};

/// Connections to one peer: as many as two peers need that dial each other through several paths at once.
const CONNECTIONS_PER_PEER_MAX: u32 = 8;
/// Connections being set up in each direction. Of those that others open, one address has a small share.
const CONNECTIONS_PENDING_MAX: u32 = 256;
/// How long a message may take.
const MESSAGE_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(30);
/// Questions on one connection at a time, both ways together.
const STREAMS_MAX: usize = 32;
/// Bytes that gossip takes beside what it says: topic, author, sequence, signature.
const GOSSIP_ENVELOPE_BYTES: usize = 512;
/// Bytes of gossip sent at once: several messages and what controls them.
const GOSSIP_BATCH_BYTES_MAX: usize = 64 * 1024;
/// Messages that may wait for one slow peer.
const GOSSIP_QUEUE_MAX: usize = 256;
/// How long a gossip is known again here. What is remembered has no other bound, and is before any rate is asked: what may be
/// passed on for longer the driver knows again.
const GOSSIP_MEMORY: Duration = Duration::from_secs(15 * 60);
/// Below this a peer is not listened to at all.
const SCORE_SHUNNED: f64 = -80.0;
/// What this peer takes off a peer's score that floods it.
pub(super) const SCORE_FLOODING: f64 = -100.0;

/// Gossip among those who subscribe to our topics and to no others.
pub(super) type Gossip =
    gossipsub::Behaviour<gossipsub::IdentityTransform, gossipsub::WhitelistSubscriptionFilter>;

/// All of it, in the order in which a connection is offered to it.
#[derive(NetworkBehaviour)]
pub(super) struct Protocols {
    pub(super) severed: Severance,
    connections: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    // Behind what may deny a connection, so that nobody makes room for one that does not come about.
    pub(super) crowds: Crowds,
    vicinity: Vicinity,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(super) gossip: Gossip,
    pub(super) messages: request_response::Behaviour<MessageCodec>,
    pub(super) questions: request_response::Behaviour<QuestionCodec>,
    pub(super) transfers: Streams,
    pub(super) recitals: Streams,
}

impl Protocols {
    pub(super) fn new(
        keys: &Keypair,
        network: &Digest,
        limits: &Limits,
        known: &[PeerId],
        nearby: &[PeerId],
    ) -> Result<Self, String> {
        let mut connections = connection_limits::Behaviour::new(connection_limits(limits));
        let stays = known.iter().chain(nearby);
        stays.clone().for_each(|peer| connections.bypass_peer_id(peer));
        let version = version(network);
        // The rest is for connections that this peer wants: others cannot crowd it out.
        let places = (limits.connections_max - limits.connections_max / 3) as usize;
        Ok(Self {
            severed: Severance::default(),
            connections,
            memory: memory_connection_limits::Behaviour::with_max_bytes(limits.memory_bytes_max),
            crowds: Crowds::new(places, limits.connections_per_address_max, stays.copied()),
            vicinity: Vicinity::new(keys.public().to_peer_id(), nearby.iter().copied()),
            identify: identify::Behaviour::new(
                identify::Config::new(version.clone(), keys.public())
                    .with_agent_version(concat!("assay/", env!("CARGO_PKG_VERSION")).into())
                    // Addresses are kept in a book of our own.
                    .with_cache_size(0),
            ),
            ping: ping::Behaviour::default(),
            gossip: gossip(keys, network)?,
            messages: carrier(&version, "messages", MESSAGE_WAIT_MAX, 2 * IN_FLIGHT_MAX)?,
            questions: carrier(&version, "questions", ANSWER_WAIT_MAX, STREAMS_MAX)?,
            transfers: Streams::new(protocol(&version, "blobs")?),
            recitals: Streams::new(protocol(&version, "speeches")?),
        })
    }
}

/// What every protocol name of a network begins with.
pub(super) fn version(network: &Digest) -> String {
    format!("/assay/1/{}", &network.to_string()[..16])
}

fn connection_limits(limits: &Limits) -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(CONNECTIONS_PENDING_MAX))
        .with_max_pending_outgoing(Some(CONNECTIONS_PENDING_MAX))
        .with_max_established(Some(limits.connections_max))
        .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX))
}

fn carrier<C: request_response::Codec<Protocol = StreamProtocol> + Clone + Default + Send + 'static>(
    version: &str,
    name: &str,
    wait_max: Duration,
    streams_max: usize,
) -> Result<request_response::Behaviour<C>, String> {
    let config = request_response::Config::default()
        .with_request_timeout(wait_max)
        .with_max_concurrent_streams(streams_max);
    Ok(request_response::Behaviour::new([(protocol(version, name)?, ProtocolSupport::Full)], config))
}

fn protocol(version: &str, name: &str) -> Result<StreamProtocol, String> {
    StreamProtocol::try_from_owned(format!("{version}/{name}")).map_err(|error| error.to_string())
}

fn gossip(keys: &Keypair, network: &Digest) -> Result<Gossip, String> {
    let topics = Topic::ALL.map(|topic| topic.of(network));
    let config = gossip_config(network, &topics)?;
    let filter =
        gossipsub::WhitelistSubscriptionFilter(topics.iter().map(gossipsub::IdentTopic::hash).collect());
    let authenticity = gossipsub::MessageAuthenticity::Signed(keys.clone());
    let mut gossip = Gossip::new_with_subscription_filter(authenticity, config, filter)?;
    gossip.with_peer_score(scores(&topics), thresholds())?;
    for topic in &topics {
        gossip.subscribe(topic).map_err(|error| error.to_string())?;
    }
    Ok(gossip)
}

fn gossip_config(network: &Digest, topics: &[gossipsub::IdentTopic]) -> Result<gossipsub::Config, String> {
    let mut config = gossipsub::ConfigBuilder::default();
    for topic in topics {
        config.max_transmit_size_for_topic(GOSSIP_BYTES_MAX + GOSSIP_ENVELOPE_BYTES, topic.hash());
    }
    config
        .protocol_id_prefix(format!("{}/gossip", version(network)))
        .heartbeat_initial_delay(Duration::from_millis(200))
        .validation_mode(gossipsub::ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(GOSSIP_BATCH_BYTES_MAX)
        .connection_handler_queue_len(GOSSIP_QUEUE_MAX)
        .duplicate_cache_time(GOSSIP_MEMORY)
        .build()
        .map_err(|error| error.to_string())
}

/// The digest of everything that makes a message this one, each part with its length.
fn message_id(message: &gossipsub::Message) -> gossipsub::MessageId {
    let source = message.source.map(libp2p::PeerId::to_bytes).unwrap_or_default();
    let sequence = message.sequence_number.unwrap_or_default().to_le_bytes();
    let mut hasher = blake3::Hasher::new();
    for part in [message.topic.as_str().as_bytes(), &source, &sequence, &message.data] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    gossipsub::MessageId::new(hasher.finalize().as_bytes())
}

fn thresholds() -> gossipsub::PeerScoreThresholds {
    gossipsub::PeerScoreThresholds {
        gossip_threshold: -20.0,
        publish_threshold: -40.0,
        graylist_threshold: SCORE_SHUNNED,
        accept_px_threshold: 100.0,
        opportunistic_graft_threshold: 2.0,
    }
}

fn scores(topics: &[gossipsub::IdentTopic]) -> gossipsub::PeerScoreParams {
    gossipsub::PeerScoreParams {
        topics: topics.iter().map(|topic| (topic.hash(), topic_scores())).collect(),
        topic_score_cap: 30.0,
        app_specific_weight: 1.0,
        // Many machines in one room share an address, so that is held against nobody until it is a crowd.
        ip_colocation_factor_weight: -1.0,
        ip_colocation_factor_threshold: 64.0,
        ip_colocation_factor_whitelist: ["127.0.0.1", "::1"]
            .iter()
            .filter_map(|ip| ip.parse().ok())
            .collect(),
        behaviour_penalty_weight: -10.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: gossipsub::score_parameter_decay(Duration::from_secs(600)),
        decay_interval: Duration::from_secs(1),
        decay_to_zero: 0.1,
        retain_score: Duration::from_secs(3600),
        slow_peer_weight: -0.2,
        slow_peer_threshold: 10.0,
        slow_peer_decay: 0.5,
    }
}

fn topic_scores() -> gossipsub::TopicScoreParams {
    gossipsub::TopicScoreParams {
        topic_weight: 1.0,
        // A point for each ten minutes in the mesh, up to an hour.
        time_in_mesh_weight: 1.0,
        time_in_mesh_quantum: Duration::from_secs(600),
        time_in_mesh_cap: 6.0,
        first_message_deliveries_weight: 0.2,
        first_message_deliveries_decay: gossipsub::score_parameter_decay(Duration::from_secs(600)),
        first_message_deliveries_cap: 100.0,
        // Off: on a quiet topic nobody delivers enough, and all would be punished.
        mesh_message_deliveries_weight: 0.0,
        mesh_message_deliveries_decay: 0.5,
        mesh_message_deliveries_cap: 100.0,
        mesh_message_deliveries_threshold: 1.0,
        mesh_message_deliveries_window: Duration::from_millis(10),
        mesh_message_deliveries_activation: Duration::from_secs(60),
        mesh_failure_penalty_weight: 0.0,
        mesh_failure_penalty_decay: 0.5,
        // Squared: a third invalid message within ten minutes and a peer without merits is shunned.
        invalid_message_deliveries_weight: -10.0,
        invalid_message_deliveries_decay: gossipsub::score_parameter_decay(Duration::from_secs(600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scores_pass_gossipsubs_own_check() {
        let topics = Topic::ALL.map(|topic| topic.of(&Digest::of(b"network")));
        scores(&topics).validate().unwrap();
        thresholds().validate().unwrap();
        let invalid = topic_scores().invalid_message_deliveries_weight;
        assert!(9.0 * invalid < SCORE_SHUNNED && 4.0 * invalid > SCORE_SHUNNED, "three strikes");
    }

    /// `GossipParameters::LIBP2P` in `simulations/src/lab/gossip/parameters.rs` has the same.
    #[test]
    fn a_mesh_has_the_numbers_that_the_simulator_carries_hops_by() {
        let network = Digest::of(b"network");
        let config = gossip_config(&network, &Topic::ALL.map(|topic| topic.of(&network))).unwrap();
        assert_eq!((config.mesh_n(), config.mesh_n_low(), config.mesh_n_high()), (6, 5, 12));
        assert_eq!((config.mesh_outbound_min(), config.prune_backoff()), (2, Duration::from_secs(60)));
        assert_eq!((config.gossip_lazy(), config.gossip_factor(), config.history_gossip()), (6, 0.25, 3));
        assert_eq!(config.heartbeat_interval(), Duration::from_secs(1));
        assert!(config.flood_publish());
    }

    #[test]
    fn what_strangers_have_remembered_is_forgotten_after_a_quarter_of_an_hour() {
        let network = Digest::of(b"network");
        let config = gossip_config(&network, &Topic::ALL.map(|topic| topic.of(&network))).unwrap();
        assert!(config.duplicate_cache_time() <= Duration::from_secs(900));
    }

    #[test]
    fn every_part_of_a_gossip_is_in_its_name() {
        let message = |topic: &str, source, sequence, data: &[u8]| {
            message_id(&gossipsub::Message {
                source,
                data: data.to_vec(),
                sequence_number: Some(sequence),
                topic: gossipsub::TopicHash::from_raw(topic),
            })
        };
        let source = Some(libp2p::PeerId::random());
        let names = [
            message("t", source, 1, b"d"),
            message("u", source, 1, b"d"),
            message("t", None, 1, b"d"),
            message("t", source, 2, b"d"),
            message("t", source, 1, b"e"),
        ];
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    }
}
