//! Pages of experiments that were made up, held to what every page is to be.

use super::*;
use crate::lab::{
    experiment::RunFigures,
    scenario::Scenario,
    shipped,
    sweep::{SweepAxis, SweepPlan, SweptCell},
};

fn scenario(name: &str, question: &str) -> Scenario {
    let churn = Scenario::read("churn", &shipped::text("churn").unwrap(), &shipped::text).unwrap();
    Scenario {
        name: name.into(),
        question: question.into(),
        theory: "It is known.".into(),
        seeds: 3,
        ..churn
    }
}

/// Runs whose figures follow from the seed: one that varies, its theory, one that never was and one that is always the same.
fn runs(scale: f64) -> Vec<RunFigures> {
    let run = |seed: u64| RunFigures {
        seed,
        digest: format!("{seed:032x}"),
        events: 10,
        figures: vec![
            ("paid & <b>checked</b>, share".to_owned(), Some(scale * seed as f64)),
            ("paid & <b>checked</b>, in theory".to_owned(), Some(scale * 2.0)),
            ("never".to_owned(), Some(0.0)),
            ("gain, credits".to_owned(), (seed > 1).then_some(-scale / seed as f64)),
            ("nowhere".to_owned(), None),
        ],
        series: Vec::new(),
    };
    (1..=3).map(run).collect()
}

fn sweep(overs: &[&str]) -> SweepArtefact {
    let axes = overs.iter().map(|over| SweepAxis::read(over).unwrap()).collect();
    let plan = SweepPlan::new(scenario("mine", "What?"), axes, 1).unwrap();
    let cell =
        |number: usize| SweptCell { number, build: "0123456789ab".to_owned(), runs: runs(number as f64) };
    let cells = (1..=plan.cells()).map(cell).collect();
    SweepArtefact::new(plan, cells).unwrap()
}

/// Every element that begins ends, in order, and nothing of it comes from elsewhere.
fn judge(page: &str) {
    let mut open = Vec::new();
    for part in page.split('<').skip(1) {
        let tag = part.split('>').next().unwrap();
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let is_empty = tag.ends_with('/') || tag.starts_with('!') || name == "meta";
        match tag.starts_with('/') {
            true => assert_eq!(open.pop(), Some(name), "{tag}"),
            false if is_empty => {}
            false => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for word in ["http:", "https:", "src=", "<script", "url(", "<b>checked", "NaN"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_page_of_a_run_shows_every_figure_with_axes_intervals_and_theory() {
    let scenario = scenario("<i>mine</i>", "Who \"gains\" & who loses?");
    let page = of_run(&Artefact::new(scenario.clone(), 1, runs(0.25)));
    judge(&page);
    assert_eq!(page, of_run(&Artefact::new(scenario, 1, runs(0.25))));
    for shown in [
        "<h1>&lt;i&gt;mine&lt;/i&gt;</h1>",
        "Who &quot;gains&quot; &amp; who loses?",
        "It is known.",
        "assay sim run scenario.resolved.toml --seeds 3 --first-seed 1",
        "paid &amp; &lt;b&gt;checked&lt;/b&gt;, share",
        "never; at most 1.000",
        "&quot;schema&quot;: &quot;assay.experiment.v1&quot;",
        "crowd_factor = 1",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
    // The figure that varies and the gain; what is the same everywhere stands in the table.
    assert_eq!(page.matches("<svg").count(), 2, "{page}");
    assert_eq!(page.matches("class=\"theory ").count(), 1, "{page}");
    assert_eq!(page.matches("class=\"run ").count(), 3 + 2, "{page}");
    assert_eq!(page.matches("class=\"bar ").count(), 2, "{page}");
    assert_eq!(page.matches("class=\"axis\"").count(), 2, "{page}");
}

#[test]
fn a_page_of_a_sweep_shows_each_figure_along_the_first_key_for_the_settings_of_the_others() {
    let one = of_sweep(&sweep(&["market.slots=1,2,4"]));
    judge(&one);
    // What varies by the cell: the share, the gain; theory is dashed in the picture of the share.
    assert_eq!(one.matches("<svg").count(), 2, "{one}");
    assert_eq!(one.matches("class=\"theory ").count(), 1);
    assert_eq!(one.matches("class=\"mark ").count(), 6, "{one}");
    assert!(one.contains("dashed: in theory") && one.contains("market.slots</text>"), "{one}");
    let two = of_sweep(&sweep(&["network.loss=0..10x5 %", "market.slots=1,2"]));
    judge(&two);
    assert_eq!(two.matches("class=\"curve ").count(), 4, "two figures of two series each: {two}");
    for shown in [
        "market.slots = 1",
        "market.slots = 2",
        "network.loss, %",
        "assay sim sweep",
        "&#39;network.loss=0 %,5 %,10 %&#39;",
    ] {
        assert!(two.contains(shown), "{shown} is not in {two}");
    }
    let words = of_sweep(&sweep(&["workload.work=label,exact"]));
    judge(&words);
    assert!(words.contains(">label</text>") && words.contains(">exact</text>"), "{words}");
}
