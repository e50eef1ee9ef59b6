//! Figures by their names: in what is printed, in the page about them, and in the dashboard for Grafana.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use assay_protocol::manifest::End;
use serde_json::Value;

use super::*;

/// All that is printed once each thing has happened.
fn printed() -> String {
    let metrics = Metrics::new(true);
    metrics.requests.get_or_create(&RequestLabels { route: "/v1/models".to_owned(), status: 200 }).inc();
    metrics.count("laptop", &WholeAnswer::example("85", End::Stop));
    metrics.text(Some(PeerFigures { disk_free_bytes: Some(1), ..PeerFigures::default() }))
}

/// What is measured, by its name, with its kind.
fn kinds(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// What people ask a figure by: its name with the ending of its kind.
fn asked_by(name: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    }
}

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(path)).unwrap()
}

/// Names of figures in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
    let ours = words.filter(|word| word.starts_with("assay_gateway_") || word.starts_with("assay_peer_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn every_figure_is_described_and_named_as_prometheus_has_it() {
    let text = printed();
    let kinds = kinds(&text);
    assert!(kinds.len() > 15, "{kinds:?}");
    for (name, kind) in &kinds {
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} "))).unwrap();
        assert!(help.len() > 10 && help.ends_with('.'), "{name}: {help}");
        assert!(["counter", "gauge", "histogram", "info"].contains(&kind.as_str()), "{name} is a {kind}");
        let is_small = name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        assert!(is_small && !name.ends_with("_total") && !name.contains("_ms"), "{name}");
        if let Some(unit) = text.lines().find_map(|line| line.strip_prefix(&format!("# UNIT {name} "))) {
            assert!(name.ends_with(&format!("_{unit}")), "{name} is in {unit}");
        }
    }
    for unit in ["seconds", "bytes", "credits"] {
        for name in kinds.keys().filter(|name| name.ends_with(unit)) {
            assert!(text.contains(&format!("# UNIT {name} {unit}\n")), "{name} does not say its unit");
        }
    }
}

#[test]
fn the_page_about_figures_names_each_and_no_other() {
    let printed: BTreeSet<String> =
        kinds(&printed()).iter().map(|(name, kind)| asked_by(name, kind)).collect();
    assert_eq!(named(&file("docs/gateway.md")), printed);
}

#[test]
fn the_dashboard_for_grafana_asks_for_figures_that_there_are() {
    let text = printed();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples: BTreeSet<&str> = samples.filter_map(|line| line.split(['{', ' ']).next()).collect();
    let document: Value = serde_json::from_str(&file("contrib/grafana.json")).unwrap();
    let panels = document["panels"].as_array().unwrap();
    let mut asked = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().unwrap();
        assert!(!title.is_empty() && panel["gridPos"]["w"].is_u64(), "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title} asks one source and no other");
        for target in panel["targets"].as_array().into_iter().flatten() {
            asked.extend(named(target["expr"].as_str().unwrap()));
        }
    }
    for name in &asked {
        assert!(samples.contains(name.as_str()), "{name} is asked for and not printed: {samples:?}");
    }
    let families = kinds(&text);
    let is_asked = |name: &&String| asked.iter().any(|asked| asked.starts_with(name.as_str()));
    let unasked: Vec<&String> = families.keys().filter(|name| !is_asked(name)).collect();
    assert!(unasked.is_empty(), "no panel shows {unasked:?}");
}
