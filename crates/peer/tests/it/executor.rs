//! Jobs through the executor: what is stored, what is counted, and what a forger gives instead.

use assay_market::{
    effect::Run,
    input::{RunId, RunResult},
};
use assay_peer::{
    blobs::Blobs,
    executor::{Conduct, Executor},
};
use assay_protocol::{
    claim::Written,
    id::Digest,
    manifest::{End, Manifest},
    merkle,
    order::Failure,
    units::Duration,
};
use tempfile::TempDir;

use crate::home::{PURE, pure, worker};

/// Blobs with the runner in them, and an executor on them.
struct Shop {
    blobs: Blobs,
    executor: Executor,
    _folder: TempDir,
}

impl Shop {
    fn new(conduct: Conduct) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&folder.path().join("blobs"), 1 << 30).unwrap();
        blobs.put(PURE).unwrap();
        let executor = Executor::new(worker(), folder.path().join("compiled"), 1, blobs.clone(), conduct);
        Self { blobs, executor, _folder: folder }
    }

    async fn run(&self, manifest: Manifest, input: &[u8], check: bool) -> Result<RunResult, Failure> {
        let input = self.blobs.put(&[&[9; 32], input].concat()).unwrap();
        let id = RunId { job: Digest([1; 32]), check };
        let run_max = Duration::seconds(60);
        let class = self.class().await;
        let seed = Digest([2; 32]);
        let run = Run {
            id,
            class,
            manifest,
            input,
            seed,
            units_max: 1_000_000,
            run_max,
            listener: None,
            draft: None,
        };
        self.executor.run(run).await.expect("nobody stopped it")
    }

    /// The class of this machine for what has no model.
    async fn class(&self) -> Digest {
        self.executor.class_of(&pure()).await.unwrap().digest()
    }
}

#[tokio::test]
async fn an_honest_run_is_stored_counted_and_shown() {
    let shop = Shop::new(Conduct::Honest);
    let result = shop.run(pure(), &[128; 64], false).await.unwrap();
    let output = shop.blobs.get(&result.written.blob).unwrap().unwrap();
    assert_eq!(output.len(), 10 * 4, "ten scores");
    assert_eq!(result.written, Written::of(&output));
    assert!(result.units > 0 && result.work == result.units && result.end == End::Stop);
    let shown = shop.executor.show(result.written.blob, vec![0]).await;
    assert!(merkle::verify(result.written.root, 1, 0, &shown[0].bytes, &shown[0].path));
    assert_eq!(shop.executor.show(result.written.blob, vec![1]).await, []);
    assert_eq!(shop.run(pure(), &[128; 64], true).await.unwrap(), result, "the same wherever it runs");
}

#[tokio::test]
async fn a_forger_gives_something_else_of_the_same_form() {
    let shop = Shop::new(Conduct::Forge);
    shop.executor.test(pure(), vec![128; 64]).await.unwrap();
    let forged = shop.run(pure(), &[128; 64], false).await.unwrap();
    let true_one = shop.run(pure(), &[128; 64], true).await.unwrap();
    assert_ne!(forged.written.root, true_one.written.root);
    assert_eq!((forged.written.records, forged.units), (true_one.written.records, true_one.units));
}

#[tokio::test]
async fn what_cannot_run_fails_by_kind() {
    let shop = Shop::new(Conduct::Honest);
    assert_eq!(shop.run(pure(), b"no picture", false).await, Err(Failure::BadInput));
    let absent = Manifest { runner: Digest([3; 32]), ..pure() };
    assert_eq!(shop.run(absent, &[0; 64], false).await, Err(Failure::Unusable));
    let noise = shop.blobs.put(b"no component").unwrap();
    assert_eq!(shop.run(Manifest { runner: noise, ..pure() }, &[0; 64], false).await, Err(Failure::Unusable));
}

#[tokio::test]
async fn what_is_for_machines_of_another_class_is_not_run_here() {
    let shop = Shop::new(Conduct::Honest);
    for check in [false, true] {
        let run = Run {
            id: RunId { job: Digest([1; 32]), check },
            class: Digest([5; 32]),
            manifest: pure(),
            input: shop.blobs.put(&[128; 32 + 64]).unwrap(),
            seed: Digest([2; 32]),
            units_max: 1_000_000,
            run_max: Duration::seconds(60),
            listener: None,
            draft: None,
        };
        assert_eq!(shop.executor.run(run).await, Some(Err(Failure::Machine)));
    }
}

#[tokio::test]
async fn a_run_that_was_stopped_says_nothing_and_may_be_begun_anew() {
    let shop = Shop::new(Conduct::Honest);
    let id = RunId { job: Digest([1; 32]), check: false };
    let run = Run {
        id,
        class: shop.class().await,
        manifest: pure(),
        input: shop.blobs.put(&[128; 32 + 64]).unwrap(),
        seed: Digest([2; 32]),
        units_max: 1_000_000,
        run_max: Duration::seconds(60),
        listener: None,
        draft: None,
    };
    let (first, again, anew) =
        tokio::join!(shop.executor.run(run.clone()), shop.executor.run(run.clone()), async {
            shop.executor.stop(id);
            shop.executor.run(run).await
        });
    assert_eq!((first, again), (None, None), "stopped, and the same one");
    assert!(anew.expect("not stopped").is_ok());
    assert_eq!(shop.executor.running(), 0);
}
