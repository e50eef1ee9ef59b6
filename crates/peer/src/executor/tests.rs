//! Who waits for whom.

use assay_protocol::manifest::{Policy, TokenWeights, WorkPerMeter};
use futures::FutureExt as _;

use super::*;

/// A run of nothing that is here.
fn run(number: u8) -> Run {
    let manifest = Manifest {
        name: "poet".into(),
        runner: Digest([1; 32]),
        model: Digest([2; 32]),
        params: "{}".into(),
        policy: Policy::Replay,
        meter: Meter::Tokens(TokenWeights::default()),
        work: WorkPerMeter::default(),
        work_most: 100,
        memory_bytes: 1 << 20,
        licence: "MIT".into(),
    };
    Run {
        id: RunId { job: Digest([number; 32]), check: false },
        class: Digest::default(),
        manifest,
        input: Digest([3; 32]),
        seed: Digest::default(),
        units_max: 100,
        run_max: Duration::seconds(1),
        listener: None,
        draft: None,
    }
}

#[test]
fn whoever_waits_for_a_place_leaves_as_soon_as_nobody_wants_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(&folder.path().join("blobs"), 1 << 20).unwrap();
    let executor = Executor::new(PathBuf::new(), folder.path().to_owned(), 1, blobs, Conduct::Honest);
    let place = executor.inner.enter(false).now_or_never().expect("it is the first").unwrap();
    let [mut cut, mut stopped, mut before] =
        [1, 2, 3].map(|number| Box::pin(executor.begin(run(number)).expect("it is new").go(None)));
    assert!((&mut cut).now_or_never().is_none() && (&mut stopped).now_or_never().is_none());
    executor.cut(run(1).id);
    executor.stop(run(2).id);
    executor.cut(run(3).id);
    assert_eq!(cut.now_or_never(), Some(Some(Err(Failure::Machine))), "it has written nothing");
    assert_eq!(stopped.now_or_never(), Some(None), "nothing comes of it");
    assert_eq!((&mut before).now_or_never(), Some(Some(Err(Failure::Machine))), "before it was waited");
    drop(place);
    assert_eq!(executor.running(), 0);
}

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

#[test]
fn a_check_has_all_that_its_run_has_and_more_stack() {
    let ordered = run(1);
    let check = Run { id: RunId { check: true, ..ordered.id }, ..ordered.clone() };
    let [ran, checked] = [&ordered, &check].map(|run| envelope_of(run, &run.manifest, 1 << 20));
    assert!(checked.limits.stack_bytes >= 4 * ran.limits.stack_bytes);
    let stack_bytes = ran.limits.stack_bytes;
    assert_eq!(Envelope { limits: RunLimits { stack_bytes, ..checked.limits }, ..checked }, ran);
}
