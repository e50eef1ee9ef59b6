//! What a hub finds.

use assay_hub::HubError;

use crate::{
    scene::Scene,
    server::{Ends, Reply},
};

#[test]
fn a_hub_is_asked_for_what_it_has_for_words() {
    let scene = Scene::of(10);
    let [one] = &scene.hub().search("adder").unwrap()[..] else { panic!("it has one") };
    assert_eq!((one.name.to_string().as_str(), one.licence.as_deref()), ("hf:o/r", Some("apache-2.0")));
    assert_eq!(one.downloads, Some(7));
    assert_eq!(scene.hub().search("nothing of the kind").unwrap(), []);
}

#[test]
fn an_answer_without_an_end_and_one_that_is_none_are_given_up() {
    let scene = Scene::of(10);
    scene.fake.change(|script| {
        script.list = Some(|| Reply::with(200, vec![b'['; 64 * 1024]).ending(Ends::Never));
    });
    assert!(matches!(scene.hub().search("adder"), Err(HubError::Malformed { .. })));
    scene.fake.change(|script| script.list = Some(|| Reply::with(200, "{}")));
    assert!(matches!(scene.hub().search("adder"), Err(HubError::Malformed { .. })));
    scene.fake.change(|script| script.list = Some(|| Reply::with(503, "")));
    assert!(matches!(scene.hub().search("adder"), Err(HubError::Failing { .. })));
}

#[test]
fn nobody_is_asked_who_is_not_to_be() {
    let mut scene = Scene::of(10);
    scene.variables.push(("HF_HUB_OFFLINE", "1".to_owned()));
    assert!(matches!(scene.hub().search("adder"), Err(HubError::Unreachable { .. })));
    assert!(scene.fake.hub.asked().is_empty());
}
