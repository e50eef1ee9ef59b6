//! What a hub may say, and what comes of it.

use assay_hub::{AbsentPart, DownloadError, HubError, NotChosen};

use crate::{
    fake_hub::NamedFile,
    scene::{Nowhere, Refusal, Scene},
    server::{Ends, Reply},
};

fn listed(reply: fn() -> Reply) -> HubError {
    let scene = Scene::of(10);
    scene.fake.change(|script| script.list = Some(reply));
    scene.list("hf:o/r").unwrap_err()
}

fn resolved(reply: fn() -> Reply) -> DownloadError {
    let scene = Scene::of(10);
    scene.fake.change(|script| script.resolve = Some(reply));
    scene.fails("hf:o/r")
}

#[test]
fn what_is_not_there_is_told_apart() {
    let scene = Scene::of(10);
    let part = |name| match scene.list(name) {
        Err(HubError::Absent { part, .. }) => part,
        other => panic!("{other:?}"),
    };
    assert_eq!(part("hf:o/other"), AbsentPart::Repository);
    assert_eq!(part("hf:o/r@v9"), AbsentPart::Revision);
    let gone = resolved(|| Reply::with(404, "").header("X-Error-Code", "EntryNotFound"));
    assert!(matches!(gone, DownloadError::Hub(HubError::Absent { part: AbsentPart::File, .. })), "{gone}");
}

#[test]
fn a_hub_that_is_busy_or_broken_says_so() {
    let busy = listed(|| Reply::with(429, "").header("Retry-After", 17));
    assert!(matches!(busy, HubError::Busy { retry_s: Some(17), .. }), "{busy}");
    let busy = listed(|| Reply::with(429, "").header("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"));
    assert!(matches!(busy, HubError::Busy { retry_s: None, .. }), "{busy}");
    let broken = listed(|| Reply::with(503, ""));
    assert!(matches!(broken, HubError::Failing { status: 503, .. }), "{broken}");
    let denied = listed(|| Reply::with(403, ""));
    assert!(matches!(denied, HubError::Denied { has_token: false, .. }), "{denied}");
}

#[test]
fn a_list_without_an_end_is_given_up() {
    let scene = Scene::of(10);
    scene.fake.change(|script| {
        script.list = Some(|| Reply::with(200, vec![b'['; 64 * 1024]).ending(Ends::Never));
    });
    let error = scene.list("hf:o/r").unwrap_err();
    assert!(matches!(error, HubError::Malformed { .. }), "{error}");
    assert!(scene.fake.hub.asked()[0].sent < 16 << 20);
}

#[test]
fn what_is_no_list_or_no_header_is_told() {
    let replies: [fn() -> Reply; 5] = [
        || Reply::with(200, "<html>"),
        || Reply::with(200, "{}"),
        || Reply::with(200, "[".repeat(1 << 20)),
        || Reply::with(200, "x".repeat(5 << 20)),
        || Reply::with(204, "").header("X-Long", "x".repeat(64 * 1024)),
    ];
    for reply in replies {
        let error = listed(reply);
        assert!(matches!(error, HubError::Malformed { .. }), "{error}");
    }
}

#[test]
fn a_hub_sends_nobody_to_where_nobody_should_go() {
    let locations: [fn() -> Reply; 4] = [
        || Reply::with(302, "").header("Location", "http://store.example/m.gguf"),
        || Reply::with(302, "").header("Location", "file:///etc/passwd"),
        || Reply::with(302, "").header("Location", ""),
        || {
            Reply::with(302, "")
                .header("Location", "/o/r/resolve/0123456789abcdef0123456789abcdef01234567/m.gguf")
        },
    ];
    for location in locations {
        let error = resolved(location);
        assert!(matches!(error, DownloadError::Hub(HubError::Unsafe { .. })), "{error}");
    }
}

#[test]
fn a_hub_that_says_two_things_of_one_file_is_not_believed() {
    let other: [fn() -> Reply; 2] = [
        || Reply::with(200, "0123456789").header("X-Repo-Commit", "f".repeat(40)),
        || Reply::with(200, "0123456789").header("X-Linked-ETag", format!("\"{}\"", "0".repeat(64))),
    ];
    for reply in other {
        let error = resolved(reply);
        assert!(matches!(error, DownloadError::Changed { .. }), "{error}");
    }
    let longer = resolved(|| Reply::with(200, "0123456789").header("X-Linked-Size", 11));
    assert!(matches!(longer, DownloadError::WrongLength { .. }), "{longer}");
}

#[test]
fn no_file_is_named_by_a_path_that_leads_out() {
    let hostile = ["../../../etc/x.gguf", "/etc/x.gguf", "a/../../x.gguf"];
    let scene = Scene::with(hostile.map(|path| NamedFile::of(path, b"x".to_vec())).to_vec());
    assert!(matches!(scene.fetches("hf:o/r"), Err(Refusal::Choice(NotChosen::None { .. }))));
}

#[test]
fn a_hub_that_is_not_there_is_told() {
    let mut scene = Scene::of(10);
    let gone = Nowhere::hold();
    scene.variables = vec![("HF_ENDPOINT", format!("http://{}", gone.at))];
    let error = scene.list("hf:o/r").unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
}
