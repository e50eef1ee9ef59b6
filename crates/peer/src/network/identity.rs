//! Peers and addresses under libp2p's names and under ours.
//!
//! **Invariant:** both names of a peer hold the same ed25519 key; what has no such key has no name here.

use assay_protocol::id::PeerId;
use libp2p::{
    Multiaddr,
    identity::{Keypair, PublicKey, ed25519},
    multiaddr::Protocol,
};

use super::event::NetworkError;

/// The key pair of a seed.
pub(super) fn keypair(mut secret: [u8; 32]) -> Option<Keypair> {
    // Wipes the copy that it is given.
    Keypair::ed25519_from_bytes(&mut secret).ok()
}

/// libp2p's name of a peer; none if the bytes are no point of the curve.
pub(super) fn to_libp2p(peer: PeerId) -> Option<libp2p::PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(peer.as_bytes()).ok()?;
    Some(PublicKey::from(key).to_peer_id())
}

/// Our name of a peer; none if its key is of another kind.
pub(super) fn from_libp2p(peer: &libp2p::PeerId) -> Option<PeerId> {
    let key = PublicKey::try_decode_protobuf(peer.as_ref().digest()).ok()?;
    Some(PeerId(key.try_into_ed25519().ok()?.to_bytes()))
}

/// Reads the address of a peer. It may end with the peer's name, and then the name must be right.
pub(super) fn address_of(peer: PeerId, text: &str) -> Result<Multiaddr, NetworkError> {
    let wrong = |reason: String| NetworkError::Address { text: text.into(), reason };
    let mut address: Multiaddr =
        text.parse().map_err(|error: libp2p::multiaddr::Error| wrong(error.to_string()))?;
    let named = to_libp2p(peer).ok_or_else(|| wrong("the peer's name is no key".into()))?;
    match address.iter().last() {
        None => return Err(wrong("it is empty".into())),
        Some(Protocol::P2p(other)) if other != named => return Err(wrong("it names another peer".into())),
        Some(Protocol::P2p(_)) => drop(address.pop()),
        Some(_) => {}
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_the_same_key_under_both_names() {
        let ours = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key().to_bytes();
        let theirs = keypair([7; 32]).unwrap().public().to_peer_id();
        assert_eq!(to_libp2p(PeerId(ours)), Some(theirs));
        assert_eq!(from_libp2p(&theirs), Some(PeerId(ours)));
        assert_eq!(to_libp2p(PeerId([2; 32])), None, "no point of the curve");
    }

    #[test]
    fn an_address_may_name_its_peer_and_no_other() {
        let [peer, other] = [[7; 32], [8; 32]].map(|seed| keypair(seed).unwrap().public().to_peer_id());
        let name = from_libp2p(&peer).unwrap();
        let bare: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
        assert_eq!(address_of(name, "/ip4/127.0.0.1/tcp/1").unwrap(), bare);
        assert_eq!(address_of(name, &format!("{bare}/p2p/{peer}")).unwrap(), bare);
        for wrong in [String::new(), "127.0.0.1:1".into(), format!("{bare}/p2p/{other}")] {
            assert!(matches!(address_of(name, &wrong), Err(NetworkError::Address { .. })), "{wrong}");
        }
    }
}
