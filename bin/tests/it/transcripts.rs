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

/// A town in which ada sells both models, for less than is usual, one job at a time however many cores there are. Every job is
/// checked, so that no page depends on a lot.
pub(crate) async fn market() -> Town {
    let town = Town::start().await;
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

#[test]
fn the_picture_in_the_readme_is_of_a_demonstration() {
    let wrong = Reader::new(Likeness::of_story()).reads("README.md");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
