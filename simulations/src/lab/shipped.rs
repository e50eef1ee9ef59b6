//! The scenarios that come with the program, each with a question.

/// Every one, by its name.
pub const ALL: [(&str, &str); 6] = [
    ("fraud-vs-check-rate", include_str!("../../scenarios/fraud-vs-check-rate.toml")),
    ("lazy-verifiers", include_str!("../../scenarios/lazy-verifiers.toml")),
    ("churn", include_str!("../../scenarios/churn.toml")),
    ("cold-start", include_str!("../../scenarios/cold-start.toml")),
    ("griefing-clients", include_str!("../../scenarios/griefing-clients.toml")),
    ("flash-crowd", include_str!("../../scenarios/flash-crowd.toml")),
];

/// The text of one.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    ALL.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
}
