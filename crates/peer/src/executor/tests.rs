//! Who waits for whom.

use futures::FutureExt as _;

use super::*;

#[test]
fn a_check_waits_for_no_job() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&folder.path().join("blobs"), 1 << 20).unwrap();
    let executor = Executor::new(PathBuf::new(), folder.path().to_owned(), 1, blobs, Conduct::Honest);
    let enter = |check| Box::pin(executor.inner.enter(check));
    let job = enter(false).now_or_never().expect("it is the first").unwrap();
    let mut queue: Vec<_> = (0..50).map(|_| enter(false)).collect();
    assert!(queue.iter_mut().all(|waiting| waiting.now_or_never().is_none()), "the place of jobs is taken");
    let check = enter(true).now_or_never().expect("nobody is before it").unwrap();
    let mut second = enter(true);
    assert!((&mut second).now_or_never().is_none(), "their place is taken too");
    drop(check);
    assert!(second.now_or_never().is_some(), "the place of checks is free again");
    drop(job);
}
