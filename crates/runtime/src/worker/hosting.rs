//! The inside of an engine's process: reads one model, and serves a session to each worker that is handed one.
//!
//! **Invariant:** no guest ever runs here. What a stranger wrote is the model's file, which is read behind the walls, and what
//! a worker says that a guest took over.

use std::{io, sync::Arc, thread};

use assay_engine::{
    arithmetic::CHUNK,
    cpu::Cpu,
    model::{MemoryNeed, Model},
    session::{Processor, RowDigest, Rows, Session},
};
use assay_protocol::id::Digest;

use super::{
    child::{Line, ends},
    packing::{self, NotRead, PackSource},
    system::Intake,
    wire::{self, CardPlace, CardRoom, FoundCard, HostedModel, Request, WorkerReply},
};
use crate::{
    class::arithmetic,
    engine::{
        cards::{Card, CardError, CardInfo, CardModel, CardPart, CardSession},
        draft_pieces::PIECE,
        far,
        kept_sessions::KeptBytes,
        shared_engine::{ModelPlace, SharedEngine, cpu},
    },
    outcome::{RunFailure, cut},
};

/// Bytes of stack of a thread that computes: as the system has it.
const THREAD_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of stack of a thread that serves a session.
const SESSION_STACK_BYTES: usize = 256 * 1024;
/// Weights that a thread of a pass is worth: half a millisecond of one token.
const THREAD_WEIGHTS: usize = 4 * 1024 * 1024;

/// Tokens of a model that a card has to give the same rows for as the processor before it serves it.
const COMPARED: u32 = 6;
/// Of these, how many are read together.
const TOGETHER: usize = 2;
/// Of a card's memory one over this is for sessions that ended.
const CARD_KEPT_PART: u64 = 8;
/// Positions of a session that a model on a card leaves room for, at least.
const CARD_POSITIONS: usize = 4096;

/// What a parent wants held.
struct ModelOrder {
    name: Digest,
    card: Option<CardPlace>,
    threads: usize,
    kept_bytes: u64,
}

/// Serves one parent until it goes away, or has no model for it.
pub(super) fn serve(mut requests: Intake, line: &Line, has_file_wall: bool) -> io::Result<()> {
    let malformed = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let Some((request, _)) = wire::receive(&mut requests, 0)? else { return Ok(()) };
    let (order, source) = match request {
        Request::Load { model, pack, card, threads, kept_bytes } => {
            let threads = usize::from(threads);
            (ModelOrder { name: model, card, threads, kept_bytes }, PackSource::take(pack, &mut requests)?)
        }
        Request::Cards => {
            line.send(&WorkerReply::Cards(Card::list().into_iter().map(found).collect()), &[]);
            return Ok(());
        }
        Request::Prepare { .. }
        | Request::Draft
        | Request::Start { .. }
        | Request::Compile { .. }
        | Request::EngineSession { .. }
        | Request::Classify
        | Request::Cancel => return Err(malformed("no model came first")),
    };
    let loaded = match &order.card {
        // A driver can name files, so this wall is what keeps it from those of people.
        Some(_) if !has_file_wall => {
            let why = "this machine does not keep a driver's process from files";
            Err(RunFailure::CardRefused(why.to_owned()).into())
        }
        Some(_) | None => load(&order, source, line),
    };
    let engine = match loaded {
        Ok((hosted, engine)) => {
            line.send(&WorkerReply::Loaded(hosted), &[]);
            engine
        }
        Err(why) => {
            let reply = match why {
                NotRead::Failed(failure) => WorkerReply::Failed(failure),
                NotRead::Pack(why) => WorkerReply::PackRefused(why),
            };
            line.send(&reply, &[]);
            return Ok(());
        }
    };
    let engine = &*Box::leak(Box::new(engine));
    while let Some((request, _)) = wire::receive(&mut requests, 0)? {
        let Request::EngineSession(bounds) = request else {
            return Err(malformed("no session"));
        };
        let link = requests.take_link()?;
        let session = thread::Builder::new().name("session".into()).stack_size(SESSION_STACK_BYTES);
        let serving = session.spawn(move || {
            ends(|| {
                // A worker that goes away in the middle was killed; its parent knows why.
                let _ = far::serve(link, engine, bounds);
            });
        });
        // Without a thread its link is closed, which its job alone feels.
        drop(serving);
    }
    Ok(())
}

fn found(info: CardInfo) -> FoundCard {
    let CardInfo { index, name, driver, is_hardware, is_integrated, memory_bytes } = info;
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    FoundCard { index, name, driver, is_hardware, is_integrated, memory_bytes }
}

fn load(order: &ModelOrder, source: PackSource, line: &Line) -> Result<(HostedModel, SharedEngine), NotRead> {
    let &ModelOrder { name, threads, kept_bytes, .. } = order;
    let model = Arc::new(packing::read(name, source, threads, line)?);
    let need = MemoryNeed::of_loaded(&model);
    let settings = model.settings();
    let (draft, positions, layers) = (settings.draft_bytes(PIECE), settings.context, settings.layers);
    let placed = match &order.card {
        None => None,
        Some(card) => on_card(card, &model, (threads, kept_bytes))?,
    };
    let in_process = KeptBytes::in_process(kept_bytes);
    // What of a session is on a card is not here.
    let (place, card, page_bytes, kept) = match placed {
        None => {
            let threads = threads_worth(need.weights, threads);
            (ModelPlace::Processor { model, threads }, None, need.page, in_process)
        }
        Some(PlacedModel { loaded, room, ended }) => {
            let page_bytes = loaded.page_bytes();
            (ModelPlace::Card(loaded), Some(room), page_bytes, KeptBytes { card: ended, ..in_process })
        }
    };
    let stacks = threads.saturating_mul(2 * THREAD_STACK_BYTES);
    let hosted = HostedModel {
        kept_bytes: need.weights.saturating_add(need.scratch).saturating_add(stacks) as u64,
        page_bytes: page_bytes as u64,
        draft_bytes: draft as u64,
        positions: positions as u64,
        layers: layers as u32,
        card,
    };
    let engine = SharedEngine::start(place, kept).map_err(|error| {
        let why = format!("the engine has no thread: {error}");
        RunFailure::EngineDied(why)
    })?;
    Ok((hosted, engine))
}

/// How many of so many threads a model is worth that has so many bytes of weights: where a token is over within a few microseconds
/// a product, threads that wait for each other take more of the processors than they save.
fn threads_worth(weights: usize, threads: usize) -> usize {
    threads.min((weights / THREAD_WEIGHTS).max(1))
}

/// A model on a card: what it takes there, and how much of that is for sessions that ended.
struct PlacedModel {
    loaded: Arc<CardModel>,
    room: CardRoom,
    ended: u64,
}

/// Puts as much of a model as there is room for on a card that has shown the arithmetic, its probe and the first rows of this
/// very model; nothing, where there is no room for a layer beside a session.
fn on_card(
    wanted: &CardPlace,
    model: &Arc<Model>,
    (threads, kept_bytes): (usize, u64),
) -> Result<Option<PlacedModel>, RunFailure> {
    let refuse = |why: CardError| RunFailure::CardRefused(cut(why.to_string()));
    let other = |what: &str| RunFailure::CardRefused(format!("it gives other rows for {what}"));
    let (name, bytes) = (&wanted.name, wanted.bytes);
    // Of some cards nobody knows how much memory they have.
    let ended = if bytes == u64::MAX { kept_bytes } else { bytes / CARD_KEPT_PART };
    let positions = model.settings().context.min(CARD_POSITIONS);
    let part = CardPart::within(model, bytes.saturating_sub(ended), positions).map_err(refuse)?;
    let Some(part) = part else { return Ok(None) };
    let card = Card::open(name.index as usize).map_err(refuse)?;
    if card.info().name != name.name {
        let (found, name) = (&card.info().name, &name.name);
        return Err(RunFailure::CardRefused(cut(format!("{found} stands where {name} did"))));
    }
    if !arithmetic::is_shown_by(&card)? {
        return Err(other("the probe"));
    }
    let loaded = match part {
        CardPart::Whole => CardModel::load(&card, model),
        CardPart::Last(layers) => CardModel::load_last(&card, model, layers, cpu(threads)),
    };
    let loaded = Arc::new(loaded.map_err(refuse)?);
    if !is_equal(&loaded, threads).map_err(refuse)? {
        return Err(other("this model"));
    }
    let [one, two] = [CHUNK, 2 * CHUNK].map(|capacity| loaded.session_bytes(capacity) as u64);
    let room = CardRoom {
        layers: loaded.layers() as u32,
        kept_bytes: loaded.weight_bytes().saturating_add(ended),
        session_bytes: one.saturating_sub(two - one),
        page_bytes: two - one,
        positions: loaded.positions_max() as u64,
    };
    Ok(Some(PlacedModel { loaded, room, ended }))
}

/// Whether the first rows of a model are the same on its card and on the processor, of tokens that are read together, one
/// by one and ahead, which are three ways through other kernels.
fn is_equal(loaded: &Arc<CardModel>, threads: usize) -> Result<bool, CardError> {
    let model = loaded.model();
    let most = u32::try_from(model.settings().vocabulary.min(model.settings().context)).unwrap_or(u32::MAX);
    let tokens: Vec<u32> = (0..COMPARED.min(most)).collect();
    let (mut here, mut there): (Vec<RowDigest>, Vec<RowDigest>) = (Vec::new(), Vec::new());
    let mut session = Session::new(model, tokens.len())?;
    let mut processor = Processor::new(Arc::clone(model), Cpu::new(threads));
    processor.extend(&mut session, &tokens, Rows::All, |row| here.push(row.digest))?;
    let mut session = CardSession::new(loaded, tokens.len())?;
    let (together, others) = tokens.split_at(tokens.len().min(TOGETHER));
    let (single, ahead) = others.split_at(others.len().min(1));
    session.extend(together, Rows::All, |row| there.push(row.digest))?;
    for piece in [single].into_iter().chain(ahead.chunks(1)).filter(|piece| !piece.is_empty()) {
        if piece == ahead.get(..1).unwrap_or_default() {
            session.expect(&ahead[1..])?;
        }
        session.extend(piece, Rows::All, |row| there.push(row.digest))?;
    }
    Ok(here == there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_of_few_weights_is_computed_by_few_threads() {
        for (weights, threads) in [(0, 1), (THREAD_WEIGHTS, 1), (3 * THREAD_WEIGHTS, 3), (usize::MAX, 8)] {
            assert_eq!(threads_worth(weights, 8), threads, "{weights} bytes");
        }
        assert_eq!(threads_worth(usize::MAX, 1), 1);
    }
}
