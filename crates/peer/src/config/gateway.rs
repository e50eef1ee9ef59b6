//! How a home's gateway is to be where nobody says otherwise as it starts.
//!
//! **Invariant:** nothing here is heeded by a gateway that runs, and nothing of it opens one to others: that needs a key.

use super::section::section;

/// Settings of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewaySettings {
    /// Where it listens, as an address with a port; none for [`GatewaySettings::USUAL_PLACE`].
    pub listen: Option<String>,
    /// Names by which clients call it beside `localhost` and its address.
    pub hosts: Vec<String>,
    /// Origins whose pages may use it.
    pub origins: Vec<String>,
    /// The most tokens of an answer where a client does not say.
    pub tokens_max: u64,
    /// Where figures and answers are told to a collector, as an address of the web; none for nobody.
    pub otlp: Option<String>,
}

impl GatewaySettings {
    /// Where it listens if nothing says otherwise.
    pub const USUAL_PLACE: &'static str = "127.0.0.1:11435";

    /// Where it listens, in words.
    #[must_use]
    pub fn place(&self) -> &str {
        self.listen.as_deref().unwrap_or(Self::USUAL_PLACE)
    }
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self { listen: None, hosts: Vec::new(), origins: Vec::new(), tokens_max: 256, otlp: None }
    }
}

section!(optional "gateway" GatewaySettings {
    listen AtNextServe: "Where tools of others find the gateway; none for 127.0.0.1:11435.",
    hosts AtNextServe: "Other names by which its clients call it; with one it needs a key.",
    origins AtNextServe: "Origins whose pages may use it, such as https://notes.example.",
    tokens_max AtNextServe: "The most tokens of an answer where a client does not say.",
    otlp AtNextServe: "A collector of OpenTelemetry that is told its figures, such as http://127.0.0.1:4318; none for nobody.",
});
