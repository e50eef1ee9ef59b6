//! Steps of a batch where no daemon is, or no notary.

use assay_protocol::{manifest::Policy, units::Amount};

use super::*;
use crate::{LineRecord, LineResult, drawn_name::BatchId, tests::poet};

fn manifest() -> Manifest {
    Manifest { name: "sums".into(), policy: Policy::Exact, ..poet() }
}

fn plan_of(manifest: &Manifest) -> BatchPlan {
    BatchPlan {
        name: Digest::of(b"name"),
        label: None,
        content: Digest::of(b"lines"),
        input: "lines".to_owned(),
        output: PathBuf::new(),
        begun: Timestamp::now(),
        lines: 1,
        tokens_max: 1,
        models: BTreeMap::from([("sums".to_owned(), manifest.digest())]),
        cost_max: None,
        concurrency: 1,
    }
}

#[tokio::test]
async fn the_lines_of_a_batch_are_read_only_once_the_daemon_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = crate::tests::bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let ids = (BatchId::draw().unwrap(), FileId::draw().unwrap());
    let record = BatchRecord::new((ids.0, None), ("/v1/completions".to_owned(), ids.1), None);
    let batch = gateway.batches.add(record).unwrap().unwrap();
    batch.work().make().unwrap();
    batch.work().keep(&plan_of(&manifest())).unwrap();
    // There are no lines to read, and nothing is said of that.
    assert_eq!(carry_out(&gateway, &batch).await.unwrap_err().code, HttpFailure::NO_DAEMON);
}

#[tokio::test]
async fn a_batch_comes_to_an_end_though_nobody_offers_its_models_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = crate::tests::bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let manifest = manifest();
    let mut plan = plan_of(&manifest);
    let models = BTreeMap::from([("sums".to_owned(), manifest)]);
    let work = BatchFolder::at(folder.path().join("work"));
    work.make().unwrap();
    assert_eq!(planned(&gateway, &work, &plan).await.unwrap_err().code, HttpFailure::NO_DAEMON);
    work.keep_models(&models).unwrap();
    assert_eq!(planned(&gateway, &work, &plan).await, Ok(models));
    plan.models.insert("sums".to_owned(), Digest::of(b"another"));
    assert!(planned(&gateway, &work, &plan).await.is_err(), "what is kept is of another batch");
}

/// A batch that was begun.
fn begun(gateway: &Gateway) -> Arc<OpenBatch> {
    let ids = (BatchId::draw().unwrap(), FileId::draw().unwrap());
    let mut record = BatchRecord::new((ids.0, None), ("/v1/completions".to_owned(), ids.1), None);
    record.times.in_progress = Some(Timestamp::now());
    let batch = gateway.batches.add(record).unwrap().unwrap();
    batch.work().make().unwrap();
    batch
}

#[tokio::test]
async fn a_batch_whose_plan_is_damaged_fails_once_and_what_is_left_of_it_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = crate::tests::bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    for text in [Some("{"), None] {
        let batch = begun(&gateway);
        if let Some(text) = text {
            std::fs::write(batch.work().path().join("plan.json"), text).unwrap();
        }
        step(&gateway, &batch).await.unwrap();
        let document = batch.document();
        assert_eq!(document["status"], "failed", "{document}");
        assert_eq!(document["errors"]["data"][0]["code"], BatchWait::DAMAGED, "{document}");
        let aside = folder.path().join("batches").join(format!("{}.damaged", batch.id()));
        assert!(aside.is_dir() && !batch.work().path().exists());
        step(&gateway, &batch).await.unwrap();
        assert_eq!(batch.document(), document, "it is over");
    }
}

#[tokio::test]
async fn what_can_be_read_of_a_damaged_log_becomes_files() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = crate::tests::bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let batch = begun(&gateway);
    let plan = BatchPlan { lines: 2, ..plan_of(&manifest()) };
    batch.work().keep(&plan).unwrap();
    let result = LineResult { line: 1, attempt: 0, cost: Amount(5), failure: None, answer: "paid".into() };
    let record = serde_json::to_string(&LineRecord::Over(result)).unwrap();
    std::fs::write(batch.work().path().join("results.jsonl"), format!("torn\n{record}\n")).unwrap();
    assert!(batch.work().log(&plan).unwrap_err().is_damage());
    keep_answers(&gateway, &batch, &batch.work().salvage(&plan).unwrap()).unwrap();
    let record = batch.record();
    assert_eq!((record.counts.completed, record.counts.spent, record.error_file), (1, Amount(5), None));
    let file = gateway.files.path(record.output_file.unwrap());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "\"paid\"\n");
    let away = give_up(&gateway, &batch, BatchWait::damaged("torn")).await.unwrap_err();
    assert_eq!(away.code, HttpFailure::NO_DAEMON, "what is under way is cancelled first");
    assert!(batch.work().path().exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_batch_that_waits_for_a_notary_that_is_gone_says_so_until_it_is_back() {
    use assay_market::view::{AttemptState, SubmissionView};
    use assay_peer::handle::{KnownJob, LostNotary};
    use assay_protocol::{
        id::PeerId,
        units::{Duration as Length, Rate, Timestamp as Moment},
    };
    use serde_json::Value;

    use crate::stand_in::{StandInDaemon, attempted};

    let daemon = StandInDaemon::begin();
    let gateway = crate::tests::bound(daemon.link.0.root(), "127.0.0.1:0", None).await.unwrap().gateway;
    let (batch, manifest) = (begun(&gateway), manifest());
    let plan = plan_of(&manifest);
    let line =
        r#"{"custom_id":"one","body":{"model":"sums","messages":[{"role":"user","content":"27+58="}]}}"#;
    batch.work().keep_models(&BTreeMap::from([("sums".to_owned(), manifest)])).unwrap();
    batch.work().begin(&plan, &mut line.as_bytes()).unwrap();
    // It is opened, and its provider may be gone as well.
    let submission =
        SubmissionView { key: plan.key(0, 0), ..attempted(AttemptState::Running, Some(Rate::ONE)) };
    let (cost_max, unit_price_max, gives_parts, awaits) = (Some(Amount(1)), None, false, None);
    daemon.answers("known_jobs", [KnownJob { submission, cost_max, unit_price_max, gives_parts, awaits }]);
    let silent_for = Length::seconds(90);
    let lost = LostNotary { notary: PeerId([7; 32]), silent_for, heard: Some(Moment(1)) };
    daemon.answers("look_for_notary", Some(lost));
    let says = async |code: Value| {
        while batch.document()["assay"]["waits_for"]["code"] != code {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let told = async {
        says("notary_gone".into()).await;
        let document = batch.document();
        let message = document["assay"]["waits_for"]["message"].as_str().unwrap();
        assert!(message.contains("last heard 90 s ago, and is waited for"), "{message}");
        assert_eq!(document["status"], "in_progress", "nothing is given up");
        daemon.answers("look_for_notary", None::<LostNotary>);
        says(Value::Null).await;
    };
    let carried = async {
        tokio::select! {
            carried = carry_out(&gateway, &batch) => panic!("its job is open: {carried:?}"),
            () = told => {}
        }
    };
    timeout(Duration::from_secs(60), carried).await.unwrap();
}
