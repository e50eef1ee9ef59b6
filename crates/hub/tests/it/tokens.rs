//! Who is told the token.

use assay_hub::HubError;

use crate::{
    scene::{Refusal, Scene, content},
    server::{Asked, Reply},
};

const TOKEN: &str = "hf_secret";

fn tokens(asked: &[Asked]) -> Vec<Option<&str>> {
    asked.iter().map(|asked| asked.header("authorization")).collect()
}

fn gated() -> Scene {
    let scene = Scene::of(1_000);
    scene.fake.change(|script| script.token = Some(TOKEN));
    scene
}

#[test]
fn a_gated_repository_is_fetched_with_the_token_and_the_store_never_sees_it() {
    let mut scene = gated();
    scene.variables.push(("HF_TOKEN", TOKEN.to_owned()));
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(1_000));
    let shown = Some("Bearer hf_secret");
    assert_eq!(tokens(&scene.fake.hub.asked()), [None, shown, shown]);
    assert_eq!(tokens(&scene.fake.store.asked()), [None]);
}

#[test]
fn a_token_in_the_file_of_the_hubs_own_tool_is_found() {
    let mut scene = gated();
    std::fs::write(scene.folder.path().join("token"), TOKEN).unwrap();
    scene.variables.push(("HF_HOME", scene.folder.path().to_str().unwrap().to_owned()));
    assert_eq!(scene.fetches("hf:o/r").unwrap(), content(1_000));
}

#[test]
fn a_gated_repository_is_refused_without_a_token_and_with_a_wrong_one() {
    let mut scene = gated();
    let refused = scene.fetches("hf:o/r");
    assert!(matches!(refused, Err(Refusal::List(HubError::Gated { has_token: false, .. }))), "{refused:?}");
    scene.variables.push(("HF_TOKEN", "hf_other".to_owned()));
    let refused = scene.fetches("hf:o/r");
    assert!(matches!(refused, Err(Refusal::List(HubError::Gated { has_token: true, .. }))), "{refused:?}");
    assert!(!format!("{refused:?}").contains("hf_other"));
}

#[test]
fn what_is_open_to_all_is_fetched_without_the_token() {
    let mut scene = Scene::of(1_000);
    scene.variables.push(("HF_TOKEN", TOKEN.to_owned()));
    scene.fetches("hf:o/r").unwrap();
    assert_eq!(tokens(&scene.fake.hub.asked()), [None, None]);
}

#[test]
fn a_store_that_refuses_is_not_shown_the_token_either() {
    let mut scene = Scene::of(1_000);
    scene.variables.push(("HF_TOKEN", TOKEN.to_owned()));
    scene.fake.change(|script| script.store = Some(|| Reply::with(403, "")));
    scene.fails("hf:o/r");
    assert!(tokens(&scene.fake.store.asked()).iter().all(Option::is_none));
    assert!(tokens(&scene.fake.hub.asked()).iter().all(Option::is_none));
}
