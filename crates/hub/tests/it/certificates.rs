//! Who vouches for a hub. The certificates were made for this test, and vouch for `localhost`.

use std::{net::TcpStream, sync::Arc};

use assay_hub::HubError;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::{
    scene::Scene,
    server::{Carrier, Reply, Server},
};

const VOUCHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/certificates/voucher.pem");
const CERTIFICATE: &[u8] = include_bytes!("certificates/localhost.pem");
const KEY: &[u8] = include_bytes!("certificates/localhost.key");

/// A server that shows the certificate of `localhost`, and has no list.
fn secured() -> Server {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let over = move |stream: TcpStream| -> Box<dyn Carrier> {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(StreamOwned::new(connection, stream))
    };
    Server::start_over(|_| Reply::with(503, ""), over)
}

#[test]
fn a_hub_is_believed_if_somebody_vouches_for_its_name() {
    let server = secured();
    let mut scene = Scene::of(10);
    let asked = |scene: &mut Scene, host: &str| {
        scene.variables[0].1 = format!("https://{host}:{}", server.at.port());
        scene.list("hf:o/r").unwrap_err()
    };
    let unknown = asked(&mut scene, "localhost");
    assert!(matches!(unknown, HubError::Unreachable { .. }), "{unknown}");
    scene.variables.push(("SSL_CERT_FILE", VOUCHER.to_owned()));
    let known = asked(&mut scene, "localhost");
    assert!(matches!(known, HubError::Failing { status: 503, .. }), "{known}");
    let other = asked(&mut scene, "127.0.0.1");
    assert!(matches!(other, HubError::Unreachable { .. }), "it is vouched for by another name: {other}");
    assert_eq!(server.asked().len(), 1, "nothing is said to whom nobody vouches for");
}
