//! The scenarios that come with the program, each with a question.

/// Every one, by its name.
pub const ALL: [(&str, &str); 18] = [
    ("fraud-vs-check-rate", include_str!("../../scenarios/fraud-vs-check-rate.toml")),
    ("lazy-verifiers", include_str!("../../scenarios/lazy-verifiers.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("cold-start", include_str!("../../scenarios/cold-start.toml")),
    ("griefing-clients", include_str!("../../scenarios/griefing-clients.toml")),
    ("flash-crowd", include_str!("../../scenarios/flash-crowd.toml")),
    ("trust-then-cheat", include_str!("../../scenarios/trust-then-cheat.toml")),
    ("collusion-k-of-n", include_str!("../../scenarios/collusion-k-of-n.toml")),
    ("sybil-whitewash", include_str!("../../scenarios/sybil-whitewash.toml")),
    ("deterrence-frontier", include_str!("../../scenarios/deterrence-frontier.toml")),
    ("cost-vs-reputation", include_str!("../../scenarios/cost-vs-reputation.toml")),
    ("eclipse-verifiers", include_str!("../../scenarios/eclipse-verifiers.toml")),
    ("price-war", include_str!("../../scenarios/price-war.toml")),
    ("slow-links", include_str!("../../scenarios/slow-links.toml")),
    ("gossip-partition", include_str!("../../scenarios/gossip-partition.toml")),
    ("twenty-peers", include_str!("../../scenarios/twenty-peers.toml")),
    ("market", include_str!("../../scenarios/market.toml")),
    ("year", include_str!("../../scenarios/year.toml")),
];

/// A scenario to begin one's own with, whose every key is explained.
const FRESH: &str = include_str!("../../scenarios/new.toml");
/// What stands in it for the name.
const NAME: &str = "NAME";

/// The text of a new scenario of this name.
#[must_use]
pub fn fresh(name: &str) -> String {
    FRESH.replace(NAME, name)
}

/// The text of one.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
}
