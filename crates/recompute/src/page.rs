//! How a page hands over files, answers what a runner asks, and reads what was found.
//!
//! A page writes bytes into the room, calls, and reads what was said. Whatever is refused is said as a text, and [`failed`] says
//! that it is one.
//!
//! **Invariant:** there is one run at a time; a page reads and writes memory only where it was told to, and as much as it was
//! told. Nothing that it hands over is an error of this module: what is wrong is said.

#![allow(unsafe_code, reason = "names for a page, and the bytes that it wrote between two calls")]

use std::cell::RefCell;

use assay_protocol::{id::Digest, manifest::End};
use serde_json::json;

use crate::{MODEL_BYTES_MAX, NotRerun, OrderedRun, PageModel, Rerun};

/// Bytes of salt in front of an input.
const SALT_BYTES: usize = 32;

thread_local! {
    static PAGE: RefCell<PageMemory> = RefCell::new(PageMemory::default());
}

/// What was handed over, and what is said to it.
#[derive(Default)]
struct PageMemory {
    room: Vec<u8>,
    said: Vec<u8>,
    failed: bool,
    order: Option<OrderedRun>,
    /// Bytes of what was asked, without its salt.
    input_bytes: usize,
    answer: Option<Vec<u8>>,
    run: Option<Rerun>,
}

impl PageMemory {
    fn order(&self) -> Result<&OrderedRun, NotRerun> {
        self.order.as_ref().ok_or(NotRerun::Missing("order"))
    }

    fn run(&mut self) -> Result<&mut Rerun, NotRerun> {
        self.run.as_mut().ok_or(NotRerun::Missing("model"))
    }

    fn tokens(&self, count: usize) -> Result<(Vec<u32>, &[u8]), NotRerun> {
        let (tokens, rest) =
            self.room.split_at_checked(count.saturating_mul(4)).ok_or(NotRerun::Missing("tokens"))?;
        Ok((tokens.as_chunks::<4>().0.iter().map(|token| u32::from_le_bytes(*token)).collect(), rest))
    }
}

/// Whether a digest is the one that was meant.
///
/// # Errors
/// [`NotRerun::Other`], if it is not.
fn expect(what: &'static str, meant: Digest, found: Digest) -> Result<(), NotRerun> {
    if meant == found { Ok(()) } else { Err(NotRerun::Other { what, found }) }
}

/// Does something with what was handed over, and says what came of it; says how many bytes that has.
fn say(act: impl FnOnce(&mut PageMemory) -> Result<Vec<u8>, NotRerun>) -> usize {
    PAGE.with_borrow_mut(|page| {
        let said = act(page);
        page.failed = said.is_err();
        page.said = said.unwrap_or_else(|why| why.to_string().into_bytes());
        page.said.len()
    })
}

fn bytes_of(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    numbers.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Makes room for so many bytes, and says where; nowhere, if that is more than anything here may have.
#[unsafe(no_mangle)]
extern "C" fn room(bytes: usize) -> *mut u8 {
    PAGE.with_borrow_mut(|page| {
        if bytes > MODEL_BYTES_MAX
            || page.room.try_reserve_exact(bytes.saturating_sub(page.room.len())).is_err()
        {
            return std::ptr::null_mut();
        }
        page.room.resize(bytes, 0);
        page.room.as_mut_ptr()
    })
}

/// Where what was said is.
#[unsafe(no_mangle)]
extern "C" fn said() -> *const u8 {
    PAGE.with_borrow(|page| page.said.as_ptr())
}

/// Whether it is why nothing came of the call.
#[unsafe(no_mangle)]
extern "C" fn failed() -> bool {
    PAGE.with_borrow(|page| page.failed)
}

/// Says the digest of what is in the room, by which a file is known.
#[unsafe(no_mangle)]
extern "C" fn digest() -> usize {
    say(|page| Ok(Digest::of(&page.room).to_string().into_bytes()))
}

/// Takes what the receipt says of the run, as JSON.
#[unsafe(no_mangle)]
extern "C" fn take_order() -> usize {
    say(|page| {
        let order = OrderedRun::read(&page.room)?;
        order.weights()?;
        *page = PageMemory { order: Some(order), ..PageMemory::default() };
        Ok(Vec::new())
    })
}

/// Takes the answer that is to be compared.
#[unsafe(no_mangle)]
extern "C" fn take_answer() -> usize {
    say(|page| {
        page.answer = Some(std::mem::take(&mut page.room));
        Ok(Vec::new())
    })
}

/// Checks that the room holds the runner of the order.
#[unsafe(no_mangle)]
extern "C" fn check_runner() -> usize {
    say(|page| {
        expect("runner", page.order()?.runner, Digest::of(&page.room))?;
        Ok(Vec::new())
    })
}

/// Checks that the room holds the salted input of the order, and says it without its salt; what is another is asked as it stands.
#[unsafe(no_mangle)]
extern "C" fn check_input() -> usize {
    say(|page| {
        page.input_bytes = page.room.len();
        expect("input", page.order()?.input_commit, Digest::of(&page.room))?;
        let input = page.room.get(SALT_BYTES..).unwrap_or_default().to_vec();
        page.input_bytes = input.len();
        Ok(input)
    })
}

/// Takes the model, and says what it needs.
#[unsafe(no_mangle)]
extern "C" fn take_model() -> usize {
    say(|page| {
        let order = page.order()?.clone();
        let model = PageModel::load(order.model, std::mem::take(&mut page.room))?;
        let (memory, tokens, isa) = (model.need(), model.tokens(), model.isa());
        let run = Rerun::new(order, model, page.answer.take())?;
        page.run = Some(run.of_input(page.input_bytes as u64));
        let said = json!({ "memory_bytes": memory, "vocabulary": tokens, "instructions": isa.name() });
        Ok(said.to_string().into_bytes())
    })
}

/// Says the tokens of the text in the room.
#[unsafe(no_mangle)]
extern "C" fn tokenize(special: bool) -> usize {
    say(|page| {
        let text = String::from_utf8(std::mem::take(&mut page.room));
        let text = text.map_err(|error| NotRerun::Refused(error.to_string()))?;
        Ok(bytes_of(page.run()?.tokenize(&text, special)?))
    })
}

/// Says the bytes of the tokens in the room.
#[unsafe(no_mangle)]
extern "C" fn detokenize() -> usize {
    say(|page| {
        let (tokens, _) = page.tokens(page.room.len() / 4)?;
        Ok(page.run()?.detokenize(&tokens))
    })
}

/// Says the tokens of ends: whether there is one that begins texts, which, whether it leads all, and those that end answers.
#[unsafe(no_mangle)]
extern "C" fn end_tokens() -> usize {
    say(|page| {
        let ends = page.run()?.end_tokens();
        let begin = [u32::from(ends.begin.is_some()), ends.begin.unwrap_or_default(), u32::from(ends.leads)];
        Ok(bytes_of(begin.into_iter().chain(ends.end)))
    })
}

/// Says the template of conversations; fails where there is none.
#[unsafe(no_mangle)]
extern "C" fn chat_template() -> usize {
    say(|page| {
        let template = page.run()?.chat_template().ok_or(NotRerun::Missing("template"))?;
        Ok(template.as_bytes().to_vec())
    })
}

/// Begins the session of the run.
#[unsafe(no_mangle)]
extern "C" fn open_session() -> usize {
    say(|page| page.run()?.open().map(|()| Vec::new()))
}

/// Reads the tokens in the room, and says rows: of those from `first` on, or of the last if that is below 0; behind the first
/// `keep` that were read before, or behind all if that is.
#[unsafe(no_mangle)]
extern "C" fn read_tokens(first: i32, keep: i32) -> usize {
    say(|page| {
        let (tokens, _) = page.tokens(page.room.len() / 4)?;
        let rows = page.run()?.read(&tokens, usize::try_from(first).ok(), usize::try_from(keep).ok())?;
        Ok(rows.iter().flat_map(|logit| logit.to_le_bytes()).collect())
    })
}

/// Takes so many tokens, and behind them text, as written; whether more is wanted.
#[unsafe(no_mangle)]
extern "C" fn emit_tokens(count: usize) -> bool {
    let mut is_wanted = false;
    say(|page| {
        let (tokens, text) = page.tokens(count)?;
        let text = text.to_vec();
        is_wanted = page.run()?.emit_tokens(&tokens, &text);
        Ok(Vec::new())
    });
    is_wanted
}

/// Says how far the run is.
#[unsafe(no_mangle)]
extern "C" fn course() -> usize {
    say(|page| {
        let run = page.run()?;
        let (written, claimed) = run.course();
        Ok(json!({ "written": written, "claimed": claimed, "parted": run.has_parted() })
            .to_string()
            .into_bytes())
    })
}

/// Says what came of it, where the runner says that it ended so: 0 by itself, 1 by its length, 2 because no more was wanted.
#[unsafe(no_mangle)]
extern "C" fn compare(end: u32) -> usize {
    say(|page| {
        let end = match end {
            1 => End::Length,
            2 => End::Cancelled,
            _ => End::Stop,
        };
        let comparison = page.run()?.ended(end)?;
        serde_json::to_vec(&comparison).map_err(|error| NotRerun::Refused(error.to_string()))
    })
}
