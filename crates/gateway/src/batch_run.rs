//! A batch of a client's on its way: it is looked at whole, carried out, and what came of it becomes files.
//!
//! **Invariant:** whenever this ends, whoever begins it again goes on where it was. Nothing of a batch is ordered before all of
//! it was looked at. What keeps a batch back for now, such as a day's ceiling, or a daemon or a notary that is away, does not end
//! it, and is told; damage of what is kept of it ends it.

use std::{collections::BTreeMap, fs::File, path::PathBuf, sync::Arc, time::Duration};

use assay_peer::{
    config::Settings,
    handle::{FindModel, Handle, LookForNotary},
};
use assay_protocol::{id::Digest, manifest::Manifest};
use jiff::Timestamp;
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{sleep, timeout},
};

use crate::{
    Gateway,
    batch::{
        BatchCourse, BatchDaemon, BatchError, BatchFolder, BatchGear, BatchLines, BatchPayer, BatchPlan,
        BatchStop, LineLog, affordable, key_of, retract, write_answers,
    },
    batch_record::{BatchFault, BatchRecord, BatchWait},
    damage::put_aside,
    drawn_name::FileId,
    failure::HttpFailure,
    gateway_batches::OpenBatch,
    guard::Caller,
    keys::AccessKey,
};

/// Before a batch that was kept back is tried again, at first and at most.
const AGAIN: Duration = Duration::from_secs(30);
const AGAIN_MAX: Duration = Duration::from_secs(10 * 60);
/// The same where it is to be cancelled, or its record is not written.
const SOON: Duration = Duration::from_secs(1);
/// Between two looks at whether the notary is there.
const LOOK_STEP: Duration = Duration::from_secs(3);
/// Answers of a batch that are being written at a time.
const CONCURRENCY: u16 = 8;
/// A key that was taken away.
const NO_KEY: &str = "invalid_api_key";

/// A batch that can be begun.
struct CheckedBatch {
    file: PathBuf,
    lines: BatchLines,
    manifests: BTreeMap<String, Manifest>,
    tokens_max: u32,
}

/// Why a batch is not begun.
enum NotBegun {
    /// It never will be.
    Faulty(Vec<BatchFault>),
    /// Not now.
    Later(BatchWait),
}

/// Carries a batch out until it is over, or the gateway ends.
pub(crate) async fn run(gateway: Arc<Gateway>, batch: Arc<OpenBatch>) {
    let (mut again, mut counts) = (AGAIN, batch.record().counts);
    loop {
        let is_cancelled = batch.record().times.cancelling.is_some();
        // Who wants no more of one need not wait until others are over.
        let place = tokio::select! {
            place = gateway.batches.places.wait(batch.owner()) => place,
            () = batch.cancelled() => None,
            () = gateway.batches.ended() => return,
        };
        let (own, its) = (gateway.clone(), batch.clone());
        let runtime = tokio::runtime::Handle::current();
        // It writes to the disk as it goes: nobody else is to wait for that.
        let stepped = spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    stepped = step(&own, &its) => Some(stepped),
                    () = own.batches.ended() => None,
                }
            })
        });
        let stepped = stepped.await;
        drop(place);
        let wait = match stepped {
            Ok(Some(Ok(()))) | Ok(None) => return,
            Ok(Some(Err(wait))) => wait,
            // It is tried again as whatever else keeps it back: who waits for it would wait for ever.
            Err(error) => {
                tracing::error!(%error, batch = %batch.id(), "a batch failed");
                BatchWait::failed("it failed, and is tried again".to_owned())
            }
        };
        if wait.code == NO_KEY {
            // Nobody asks for it any more: what is under way is paid, and no more is ordered.
            let its = batch.clone();
            let _ = spawn_blocking(move || its.cancel().map(|_| ())).await;
        }
        batch.waits_for(Some(wait));
        let before = std::mem::replace(&mut counts, batch.record().counts);
        again = if counts == before { again } else { AGAIN };
        if is_cancelled {
            let _ = timeout(SOON, gateway.batches.ended()).await;
        } else {
            tokio::select! {
                () = sleep(again) => again = (again * 2).min(AGAIN_MAX),
                () = batch.cancelled() => {}
                () = gateway.batches.ended() => return,
            }
        }
    }
}

/// Takes a batch as far as it goes now.
async fn step(gateway: &Arc<Gateway>, batch: &OpenBatch) -> Result<(), BatchWait> {
    let record = batch.record();
    if record.is_over() {
        return Ok(());
    }
    if record.times.in_progress.is_none() {
        if record.times.cancelling.is_some() {
            batch.change(|record| record.times.cancelled = Some(Timestamp::now()))?;
            return Ok(());
        }
        let checked = tokio::select! {
            checked = check(gateway, &record) => checked,
            () = batch.cancelled() => return Err(BatchStop::Cancelled.into()),
        };
        match checked {
            Ok(checked) => begin(batch, &record, &checked)?,
            Err(NotBegun::Later(wait)) => return Err(wait),
            Err(NotBegun::Faulty(faults)) => {
                batch.change(|record| {
                    record.faults = BatchFault::told(faults);
                    record.times.failed = Some(Timestamp::now());
                })?;
                return Ok(());
            }
        }
    }
    match carry_out(gateway, batch).await.and_then(|()| finish(gateway, batch)) {
        Err(wait) if wait.code == BatchWait::DAMAGED => give_up(gateway, batch, wait).await,
        done => done,
    }
}

/// Looks at all of a batch before anything of it is ordered.
async fn check(gateway: &Arc<Gateway>, record: &BatchRecord) -> Result<CheckedBatch, NotBegun> {
    let gone = || {
        let message = format!("there is no file {} any more", record.input_file);
        BatchFault::new("not_found", Some("input_file_id"), None, message)
    };
    let file = gateway.files.find(record.owner, record.input_file).ok_or_else(gone)?;
    let path = gateway.files.path(file.id);
    let opened = File::open(&path).map_err(|_| gone())?;
    // It is copied to where the batch is carried out.
    gateway.files.check_disk(file.bytes).map_err(HttpFailure::from)?;
    let lines = BatchLines::open(opened, gateway.tokens_max)?;
    let key = record.owner.map(|owner| key_of(gateway, owner)).transpose()?;
    let manifests = models(gateway, &lines, record, key.as_ref()).await?;
    lines.check(&manifests)?;
    let handle = gateway.link.open().await?;
    lines.check_chances(&manifests, &handle).await?;
    let daily_max = key.and_then(|key| key.daily_max);
    let tokens_max = affordable(lines.clone(), gateway.tokens_max, &manifests, daily_max, &handle).await?;
    Ok(CheckedBatch { file: path, lines, manifests, tokens_max })
}

/// The models of all lines, if each is one that may be asked, and each line goes where the batch does.
async fn models(
    gateway: &Gateway,
    lines: &BatchLines,
    record: &BatchRecord,
    key: Option<&AccessKey>,
) -> Result<BTreeMap<String, Manifest>, NotBegun> {
    let mut found: BTreeMap<String, Result<Manifest, HttpFailure>> = BTreeMap::new();
    let mut faults = Vec::new();
    for line in 0..lines.count() {
        let request = lines.request(line)?;
        let number = Some(lines.number(line));
        if request.endpoint() != record.endpoint {
            let message =
                format!("the batch is for {}, and this line for {}", record.endpoint, request.endpoint());
            faults.push(BatchFault::new("invalid_value", Some("url"), number, message));
        }
        let name = request.model();
        if !found.contains_key(name) {
            found.insert(name.to_owned(), model(gateway, name, key).await?);
        }
        if let Some(Err(failure)) = found.get(name) {
            faults.push(BatchFault::new(failure.code(), Some("body.model"), number, failure.line()));
        }
        if faults.len() >= BatchFault::MOST {
            break;
        }
    }
    if !faults.is_empty() {
        return Err(NotBegun::Faulty(faults));
    }
    Ok(found.into_iter().filter_map(|(name, found)| Some((name, found.ok()?))).collect())
}

/// The model of a name, or why it cannot be asked, unless that passes.
async fn model(
    gateway: &Gateway,
    name: &str,
    key: Option<&AccessKey>,
) -> Result<Result<Manifest, HttpFailure>, BatchWait> {
    let caller = Caller { key: key.cloned() };
    if let Err(failure) = caller.may_ask(name) {
        return Ok(Err(failure));
    }
    match gateway.link.call(FindModel { name: name.to_owned() }).await {
        Ok(found) => Ok(Ok(found.manifest)),
        Err(failure) if failure.passes() || !failure.status().is_client_error() => Err(failure.into()),
        Err(failure) => Ok(Err(failure)),
    }
}

/// Keeps what a batch is to do, in a place of its own: its file may be let go from now on.
fn begin(batch: &OpenBatch, record: &BatchRecord, checked: &CheckedBatch) -> Result<(), BatchError> {
    let CheckedBatch { file, lines, manifests, tokens_max } = checked;
    let models = manifests.iter().map(|(name, manifest)| (name.clone(), manifest.digest())).collect();
    // No other batch has its label, so what its lines are called by need say no more.
    let (label, content) = (record.id.to_string(), Digest::of(record.input_file.to_string().as_bytes()));
    let plan = BatchPlan {
        name: BatchPlan::name_of(content, *tokens_max, &models, Some(&label)),
        label: Some(label),
        content,
        input: record.input_file.to_string(),
        output: PathBuf::new(),
        begun: Timestamp::now(),
        lines: lines.count(),
        tokens_max: *tokens_max,
        models,
        cost_max: None,
        concurrency: CONCURRENCY,
    };
    let mut opened = File::open(file).map_err(BatchError::Unread)?;
    batch.work().make()?;
    batch.work().keep_models(manifests)?;
    batch.work().begin(&plan, &mut opened)?;
    batch.change(|record| {
        record.counts.total = plan.lines;
        record.times.in_progress = Some(Timestamp::now());
    })?;
    Ok(())
}

/// Orders what is left of a batch, and gathers what comes of it.
async fn carry_out(gateway: &Arc<Gateway>, batch: &OpenBatch) -> Result<(), BatchWait> {
    let (folder, record) = (batch.work(), batch.record());
    let plan = plan(batch)?;
    let _lock = folder.lock(plan.name).await?;
    if record.times.cancelling.is_some() {
        folder.cancel()?;
    }
    // First, because it is tried often: all lines are read and looked at behind it.
    let handle = gateway.link.open().await?;
    let (lines, manifests) = (folder.lines(&plan)?, planned(gateway, folder, &plan).await?);
    let home = &gateway.link.0;
    let unread = |error: &dyn std::error::Error| {
        tracing::error!(error = %error, "a batch waits for the settings of the home");
        BatchWait::failed(
            "the settings of the home cannot be read; the gateway says why where it was started".to_owned(),
        )
    };
    let settings = Settings::read(home).map_err(|error| unread(&error))?.client;
    let tell = |sign| batch.tell(sign);
    let daemon = BatchDaemon::watch(home, &tell, handle).await?;
    let gear = BatchGear { folder, plan: &plan, lines: &lines, manifests: &manifests, settings, tell: &tell };
    let nudge = Notify::new();
    let terms = (BatchPayer::of(gateway, record.owner), Some(&nudge));
    let carried = async {
        let mut course = BatchCourse::begin_for(gear, daemon, folder.open_log(&plan)?, terms).await?;
        course.carry_out().await
    };
    let stop = tokio::select! {
        carried = carried => carried,
        carried = cancel(gateway, batch, &plan, &nudge) => carried,
        carried = look_for_notary(gateway, batch) => carried,
    };
    batch.misses_notary(None);
    match stop? {
        None | Some(BatchStop::Cancelled) => Ok(()),
        Some(
            stop @ (BatchStop::Ceiling { .. }
            | BatchStop::Money(_)
            | BatchStop::Nobody(_)
            | BatchStop::OverDay(_)
            | BatchStop::Refused(_)
            | BatchStop::NotAllowed(_)),
        ) => Err(stop.into()),
    }
}

/// Has it told that the notary is gone, for as long as it is: what is under way waits for that, and goes on by itself. Whoever
/// carries the batch out tells when it is over: this never does.
async fn look_for_notary(gateway: &Gateway, batch: &OpenBatch) -> Result<Option<BatchStop>, BatchError> {
    loop {
        // A daemon that is away is noticed by whoever carries it out.
        let lost = gateway.link.call(LookForNotary).await.unwrap_or_default();
        batch.misses_notary(lost.as_ref().map(BatchWait::notary_gone));
        sleep(LOOK_STEP).await;
    }
}

/// Ends what is under way of a batch as soon as its client wants no more of it. Whoever carries it out tells when it is over:
/// this never does.
async fn cancel(
    gateway: &Gateway,
    batch: &OpenBatch,
    plan: &BatchPlan,
    nudge: &Notify,
) -> Result<Option<BatchStop>, BatchError> {
    batch.cancelled().await;
    while let Err(wait) = retracted(gateway, batch, plan).await {
        batch.waits_for(Some(wait));
        sleep(SOON).await;
    }
    nudge.notify_one();
    std::future::pending().await
}

async fn retracted(gateway: &Gateway, batch: &OpenBatch, plan: &BatchPlan) -> Result<(), BatchWait> {
    // Before the jobs are looked for, so that none follows.
    batch.work().cancel()?;
    let handle: Handle = gateway.link.open().await?;
    retract(&handle, plan, &batch.work().log(plan)?).await.map_err(BatchError::Call)?;
    Ok(())
}

fn plan(batch: &OpenBatch) -> Result<BatchPlan, BatchWait> {
    let plan = batch.work().plan()?;
    plan.ok_or_else(|| BatchWait::damaged("what it is to do is not there any more"))
}

/// The models that a batch was begun with.
async fn planned(
    gateway: &Gateway,
    folder: &BatchFolder,
    plan: &BatchPlan,
) -> Result<BTreeMap<String, Manifest>, BatchWait> {
    if let Some(manifests) = folder.models(plan) {
        return Ok(manifests);
    }
    // Where what is kept is damaged, whoever offers them says what they are.
    let mut manifests = BTreeMap::new();
    for (name, digest) in &plan.models {
        let found = gateway.link.call(FindModel { name: digest.to_string() }).await?;
        manifests.insert(name.clone(), found.manifest);
    }
    Ok(manifests)
}

/// Ends a batch whose lines have all come to something.
fn finish(gateway: &Gateway, batch: &OpenBatch) -> Result<(), BatchWait> {
    let (folder, plan) = (batch.work(), plan(batch)?);
    let log = folder.log(&plan)?;
    batch.change(|record| {
        if record.times.cancelling.is_none() {
            record.times.finalizing = record.times.finalizing.or(Some(Timestamp::now()));
        }
    })?;
    keep_answers(gateway, batch, &log)?;
    batch.change(|record| {
        let now = Some(Timestamp::now());
        match record.times.cancelling {
            Some(_) => record.times.cancelled = now,
            None => record.times.completed = now,
        }
    })?;
    if let Err(error) = folder.remove() {
        tracing::warn!(%error, "what a batch was carried out in is not let go");
    }
    Ok(())
}

/// Ends a batch that can go on no more, because what is kept of it is damaged: what can be read of its answers becomes files,
/// what is under way is cancelled, and the rest is put aside.
async fn give_up(gateway: &Gateway, batch: &OpenBatch, why: BatchWait) -> Result<(), BatchWait> {
    let folder = batch.work();
    if let Some(plan) = folder.plan().ok().flatten()
        && let Ok(log) = folder.salvage(&plan)
    {
        let handle: Handle = gateway.link.open().await?;
        retract(&handle, &plan, &log).await.map_err(BatchError::Call)?;
        keep_answers(gateway, batch, &log)?;
    }
    put_aside(&[folder.path().to_owned()], &format!("{}, of {}", why.message, batch.id()));
    batch.change(|record| {
        record.faults = vec![BatchFault::new(&why.code, None, None, why.message)];
        record.times.failed = Some(Timestamp::now());
    })?;
    Ok(())
}

/// Makes files of what came of the lines of a batch.
fn keep_answers(gateway: &Gateway, batch: &OpenBatch, log: &LineLog) -> Result<(), BatchWait> {
    let (folder, tally) = (batch.work(), log.tally());
    let drawn = |count: usize| match count {
        0 => Ok(None),
        _ => FileId::draw().map(Some).map_err(|error| BatchWait::failed(error.to_string())),
    };
    let (output, error) = (drawn(tally.answered)?, drawn(tally.failed)?);
    let record = batch.change(|record| {
        // Those that were drawn before an end may be made already.
        record.output_file = record.output_file.or(output);
        record.error_file = record.error_file.or(error);
        (record.counts.completed, record.counts.failed) = (tally.answered, tally.failed);
        record.counts.spent = log.spent();
    })?;
    for (file, what, has_failed) in
        [(record.output_file, "output", false), (record.error_file, "error", true)]
    {
        let Some(file) = file else { continue };
        let filename = format!("{}_{what}.jsonl", record.id);
        let lasts_s = record.output_lasts_s;
        gateway.files.make((file, record.owner), (filename, lasts_s), |path| {
            write_answers(folder, log, path, |result| result.failure.is_some() == has_failed)
        })?;
    }
    Ok(())
}

impl From<BatchFault> for NotBegun {
    fn from(fault: BatchFault) -> Self {
        Self::Faulty(vec![fault])
    }
}

impl From<BatchWait> for NotBegun {
    fn from(wait: BatchWait) -> Self {
        Self::Later(wait)
    }
}

impl From<HttpFailure> for NotBegun {
    fn from(failure: HttpFailure) -> Self {
        Self::Later(failure.into())
    }
}

impl From<BatchError> for NotBegun {
    fn from(error: BatchError) -> Self {
        let faulty = |code: &str, error: BatchError| -> Self {
            BatchFault::new(code, Some("input_file_id"), None, error.to_string()).into()
        };
        match error {
            BatchError::BadLines(wrong) => Self::Faulty(BatchFault::of_lines(wrong)),
            error @ BatchError::Empty => faulty("empty_file", error),
            error @ (BatchError::ManyLines { .. } | BatchError::ManyBytes { .. }) => {
                faulty("too_long", error)
            }
            error @ (BatchError::Unread(_)
            | BatchError::Running { .. }
            | BatchError::NoModel { .. }
            | BatchError::Disk { .. }
            | BatchError::Output { .. }
            | BatchError::Call(_)) => Self::Later(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
