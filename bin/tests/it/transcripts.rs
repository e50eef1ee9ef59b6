//! What the guide shows is what the program prints: each page is typed from its top, at a terminal, by somebody who has
//! just come to a network of real peers.

use crate::{
    assay::assay,
    likeness::Likeness,
    reader::{Reader, are_read},
    town::Town,
};

/// The pages, in the order in which the network meets their readers: those who sell come last, so that nobody orders of one
/// who is gone.
pub(crate) const GUIDE: [&str; 6] = ["README", "client", "researcher", "operator", "author", "provider"];
/// Where they lie.
pub(crate) const GUIDE_FOLDER: &str = "docs/guide";

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_shows_what_the_program_prints() {
    let town = market().await;
    let wrong = are_read(&town, GUIDE.map(|page| format!("{GUIDE_FOLDER}/{page}.md")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What the rules of the pages' network say otherwise. Every job is checked, so that no page depends on a lot; and whoever is
/// to say something may be slow, so that none depends on how busy a machine is: nobody is waited for who has said it.
const OTHERWISE: [(&str, &str); 7] = [
    ("ramp", "1000"),
    ("reveal", "\"1m\""),
    ("underway", "\"1m\""),
    ("seal", "\"1m\""),
    ("opening", "\"1m\""),
    ("unbonding", "\"1h\""),
    ("settle_max", "\"1h\""),
];

/// A town in which ada sells both models, for less than is usual, one job at a time however many cores there are.
pub(crate) async fn market() -> Town {
    let town = Town::begin(patient).await;
    let ada = town.network.peer("ada").home.root();
    let terms: [&[&str]; 3] = [
        &["provide", "--slots", "1"],
        &["provider", "price", "digits", "0.02"],
        &["provider", "price", "sums", "0.0025"],
    ];
    for typed in terms {
        let done = assay(ada, typed);
        assert_eq!(done.status, Some(0), "{done:?}");
    }
    town
}

/// The same rules, but for those.
fn patient(file: &str) -> String {
    let (mut changed, mut found) = (String::new(), 0);
    for line in file.lines() {
        let other = OTHERWISE.iter().find(|(key, _)| line.split(" = ").next() == Some(*key));
        found += usize::from(other.is_some());
        changed += &other.map_or_else(|| line.to_owned(), |(key, value)| format!("{key} = {value}"));
        changed += "\n";
    }
    assert_eq!(found, OTHERWISE.len(), "each is a rule, once: {file}");
    changed
}

#[test]
fn the_picture_in_the_readme_is_of_a_demonstration() {
    let wrong = Reader::new(Likeness::of_story()).reads("README.md");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
