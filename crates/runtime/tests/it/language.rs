//! Texts: what they are made of, what they are evidence for, and what no runner may do.
//!
//! **Invariant:** the model is the one that is shipped, and so is the runner wherever it does what it should.

use assay_protocol::{
    frames,
    manifest::{End, Meter, TokenWeights},
};
use assay_runtime::{
    coarse_model::coarser,
    outcome::{Completed, RunFailure},
    worker::{Follower, Given},
};

use crate::{
    guests::{runner, runner_with},
    world::{Job, World, shipped},
};

const SUMS: &str = "models/sums/sums.gguf";
/// Sums that the model was not trained on, of which so many are asked.
const HELD_OUT: &str = "models/sums/held-out.tsv";
const ASKED: usize = 50;
/// Texts that are tried along drafts, and drafts of each.
const DRAFTED: u64 = 20;
const DRAFTS: usize = 3;

/// The shipped runner on the shipped model, billed by the token.
fn sums(world: &World) -> Job {
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), &shipped(SUMS));
    job.envelope.params = r#"{"temperature":0}"#.into();
    job.envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    job
}

fn text(completed: &Completed) -> String {
    String::from_utf8(frames::text(&completed.output)).expect("an answer is UTF-8")
}

#[test]
fn the_shipped_model_adds() {
    let world = World::new();
    let job = sums(&world);
    for (asked, answer) in [("27+58=", "85"), ("1+1=", "2"), ("90+19=", "109")] {
        let completed = world.run(&job, asked.as_bytes()).expect("the job succeeds");
        assert_eq!((text(&completed).as_str(), completed.end), (answer, End::Stop));
        let written = frames::tokens(&completed.output).len();
        assert_eq!((completed.rows.len(), completed.meters.tokens_written), (written, written as u64));
        assert!(completed.meters.tokens_read > 0 && written > 0);
    }
}

#[test]
fn the_shipped_model_adds_what_it_was_not_trained_on() {
    let world = World::new();
    let job = sums(&world);
    let lines = String::from_utf8(shipped(HELD_OUT)).expect("it is UTF-8");
    let lines: Vec<(&str, &str)> = lines.lines().filter_map(|line| line.split_once('\t')).collect();
    // There are as many of each form: small and large, in digits and in words.
    let asked = lines.iter().step_by(lines.len() / ASKED);
    assert_eq!(asked.len(), ASKED);
    let mistakes: Vec<String> = asked
        .filter_map(|(asked, answer)| {
            let given = Given::from(asked.as_bytes());
            let completed =
                world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("it is answered");
            let given = text(&completed);
            (given != *answer || completed.end != End::Stop).then(|| format!("{asked} {given}"))
        })
        .collect();
    assert!(20 * mistakes.len() <= ASKED, "{mistakes:?}");
}

/// Numbers by chance, the same each time.
struct Lot(u64);

impl Lot {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// A place in something that has one.
    fn place<T>(&mut self, among: &[T]) -> usize {
        self.below(among.len() as u64) as usize
    }

    /// A token of the shipped model, or one that it does not have.
    fn token(&mut self) -> u32 {
        self.below(400) as u32
    }
}

/// What a draft is to the text that comes of its job.
#[derive(Clone, Copy, Debug)]
enum Draft {
    True,
    Short,
    Long,
    Foreign,
    OtherToken,
    LackingToken,
    MoreTokens,
    OtherBit,
    AnyTokens,
    AnyBytes,
}

impl Draft {
    const ALL: [Self; 10] = [
        Self::True,
        Self::Short,
        Self::Long,
        Self::Foreign,
        Self::OtherToken,
        Self::LackingToken,
        Self::MoreTokens,
        Self::OtherBit,
        Self::AnyTokens,
        Self::AnyBytes,
    ];

    /// One of this kind, where this is the text, and that is one of another job.
    fn made(self, text: &[u8], foreign: &[u8], lot: &mut Lot) -> Vec<u8> {
        let mut tokens = frames::tokens(text);
        let place = lot.place(&tokens);
        match self {
            Self::True => return text.to_owned(),
            // In the middle of a frame as well.
            Self::Short => return text[..lot.place(text)].to_owned(),
            Self::Long => return [text, foreign].concat(),
            Self::Foreign => return foreign.to_owned(),
            Self::OtherToken => tokens[place] = lot.token(),
            Self::LackingToken => {
                tokens.remove(place);
            }
            Self::MoreTokens => (0..=lot.below(4)).for_each(|_| tokens.insert(place, lot.token())),
            Self::OtherBit => {
                let (mut bytes, place) = (text.to_owned(), lot.place(text));
                bytes[place] ^= 1_u8 << lot.below(8);
                return bytes;
            }
            Self::AnyTokens => tokens = (0..=lot.below(40)).map(|_| lot.token()).collect(),
            Self::AnyBytes => return (0..=lot.below(100)).map(|_| lot.below(256) as u8).collect(),
        }
        frames::encode(&tokens, b"").expect("it is no long frame")
    }
}

#[test]
fn no_draft_changes_a_bit_whatever_it_says() {
    let (world, mut lot) = (World::new(), Lot(7));
    let mut job = sums(&world);
    let mut foreign = world.run(&job, b"1+1=").expect("the job succeeds").output;
    let end = frames::tokens(&foreign).pop().expect("an answer has an end");
    let mut kinds = Draft::ALL.into_iter().cycle();
    for number in 0..DRAFTED {
        let form = if lot.below(2) == 0 { "" } else { " in words" };
        let input = format!("{}+{}{form}=", lot.below(1_000), lot.below(1_000));
        // Every second one does not end by itself.
        let bias = if number % 2 == 0 { "-1000" } else { "0" };
        job.envelope.params = format!(
            r#"{{"temperature":1,"seed":{},"max_tokens":{},"logit_bias":{{"{end}":{bias}}}}}"#,
            lot.below(1 << 30),
            1 + lot.below(24)
        );
        let given = Given::from(input.as_bytes());
        let alone = world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("the job succeeds");
        for kind in kinds.by_ref().take(DRAFTS) {
            let draft = kind.made(&alone.output, &foreign, &mut lot);
            let given = Given { draft: &draft, ..given };
            let along = world.pool.run(&job.envelope, job.files(), given, &mut ());
            assert_eq!(along.as_ref(), Ok(&alone), "{input}, a draft that is {kind:?}: {draft:?}");
        }
        foreign = alone.output;
    }
}

#[test]
fn a_draft_changes_no_bit() {
    let world = World::new();
    let mut job = sums(&world);
    job.envelope.params = r#"{"temperature":1,"max_tokens":40}"#.into();
    let alone = world.run(&job, b"27+58=").expect("the job succeeds");
    let other = world.run(&job, b"31+15=").expect("the job succeeds");
    let long = [alone.output.clone(), other.output.clone()].concat();
    let drafts: [&[u8]; 5] =
        [&alone.output, &alone.output[..alone.output.len() / 2], &other.output, &long, b"what no frame is"];
    for draft in drafts {
        let given = Given { input: b"27+58=", draft, ..Given::default() };
        let along = world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("the job succeeds");
        assert_eq!(along, alone);
    }
    world.pool.clear();
    assert_eq!(world.run(&job, b"27+58="), Ok(alone), "in another process");
}

#[test]
fn another_precision_writes_another_text_and_one_pass_along_it_tells_where() {
    let world = World::new();
    let job = sums(&world);
    let whole = job.files().model.expect("it has a model");
    let mut rounded = world.job_on(&shipped("runners/generate/generate.wasm"), &coarser(whole, 2).unwrap());
    (rounded.envelope.params, rounded.envelope.meter) = (job.envelope.params.clone(), job.envelope.meter);
    let input = b"745+196 in words=";
    let cheap = world.run(&rounded, input).expect("it is a model");
    let alone = world.run(&job, input).expect("the job succeeds");
    let given = Given { input, draft: &cheap.output, ..Given::default() };
    let along = world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("the job succeeds");
    assert_eq!(along, alone, "a check gives what the model gives, along another text too");
    assert_eq!(text(&cheap), "nine hundred and fifty-one");
    assert_eq!(text(&along), "nine hundred and forty-one");
    let [claimed, found] = [&cheap, &along].map(|completed| frames::tokens(&completed.output));
    assert_eq!(claimed.iter().zip(&found).position(|(one, other)| one != other), Some(3));
    // The rows tell it before the words do.
    assert_ne!(cheap.rows[0], along.rows[0]);
}

#[test]
fn chances_are_told_of_each_token_where_somebody_asks_and_change_nothing() {
    let world = World::new();
    let job = sums(&world);
    let plain = world.run(&job, b"27+58=").expect("the job succeeds");
    assert!(plain.chances.is_empty());
    for draft in [&b""[..], plain.output.as_slice()] {
        let given = Given { input: b"27+58=", draft, chances: Some(3), ..Given::default() };
        let told = world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("the job succeeds");
        let tokens: Vec<u32> = told.chances.iter().map(|one| one.written.token).collect();
        assert_eq!(tokens, frames::tokens(&plain.output));
        let text: Vec<u8> = told.chances.iter().flat_map(|one| one.written.text.clone()).collect();
        assert_eq!(text, b"85", "the end adds nothing");
        for one in &told.chances {
            // Without chance the likeliest is written, and this model is sure of it.
            assert_eq!(one.likeliest.first(), Some(&one.written));
            assert!(one.likeliest.len() == 3 && one.written.log > 0.5_f64.ln(), "{one:?}");
            let shares: f64 = one.likeliest.iter().map(|chance| chance.log.exp()).sum();
            assert!(shares < 1.000_001 && one.likeliest.is_sorted_by(|a, b| a.log >= b.log), "{one:?}");
        }
        assert_eq!(Completed { chances: Vec::new(), ..told }, plain);
    }
}

#[test]
fn no_more_is_read_or_written_than_is_paid_for() {
    let world = World::new();
    let mut job = sums(&world);
    let whole = world.run(&job, b"27+58=").expect("the job succeeds");
    let units = whole.meters.tokens_read + 4 * whole.meters.tokens_written;
    job.envelope.units_max = units;
    assert_eq!(world.run(&job, b"27+58="), Ok(whole.clone()));
    job.envelope.units_max = units - 1;
    let short = world.run(&job, b"27+58=").expect("the job succeeds");
    assert_eq!((short.end, short.meters.tokens_written), (End::Length, whole.meters.tokens_written - 1));
    assert_eq!(short.rows[..], whole.rows[..short.rows.len()]);
    job.envelope.units_max = whole.meters.tokens_read - 1;
    let units = job.envelope.units_max;
    assert_eq!(world.run(&job, b"27+58="), Err(RunFailure::OutOfUnits { units }));
}

/// Gives a text up once more than so many bytes of it are there.
struct Impatient {
    heard: usize,
    enough: usize,
}

impl Follower for Impatient {
    fn chunk(&mut self, bytes: &[u8]) {
        self.heard += bytes.len();
    }

    fn is_cancelled(&self) -> bool {
        self.heard > self.enough
    }

    fn is_awaited(&self) -> bool {
        true
    }
}

#[test]
fn a_text_that_nobody_wants_any_longer_ends_with_what_is_there() {
    let world = World::new();
    let mut job = sums(&world);
    let whole = world.run(&job, b"27+58=").expect("the job succeeds");
    let end = frames::tokens(&whole.output).pop().expect("an answer has an end");
    job.envelope.params = format!(r#"{{"temperature":1,"logit_bias":{{"{end}":-1000}}}}"#);
    let units_max = job.envelope.units_max;
    for enough in [0, 100, 400] {
        job.envelope.units_max = units_max;
        let mut impatient = Impatient { heard: 0, enough };
        let completed = world.follow(&job, b"27+58=", &mut impatient).expect("the job ends in order");
        assert_eq!(completed.end, End::Cancelled);
        assert_eq!(completed.rows.len(), frames::tokens(&completed.output).len());
        // Whoever checks it has no units beyond what was written, and finds the same.
        job.envelope.units_max = completed.meters.tokens_read + 4 * completed.meters.tokens_written;
        let given = Given { input: b"27+58=", draft: &completed.output, ..Given::default() };
        let checked = world.pool.run(&job.envelope, job.files(), given, &mut ());
        assert_eq!(checked, Ok(Completed { end: End::Length, ..completed }));
    }
}

#[test]
fn chances_are_told_of_what_was_written_of_a_text_that_nobody_wants_any_longer() {
    let world = World::new();
    let mut job = sums(&world);
    let whole = world.run(&job, b"27+58=").expect("the job succeeds");
    let end = frames::tokens(&whole.output).pop().expect("an answer has an end");
    job.envelope.params = format!(r#"{{"temperature":1,"logit_bias":{{"{end}":-1000}}}}"#);
    let mut impatient = Impatient { heard: 0, enough: 100 };
    let given = Given { input: b"27+58=", chances: Some(1), ..Given::default() };
    let told = world.pool.run(&job.envelope, job.files(), given, &mut impatient).expect("it ends in order");
    let tokens: Vec<u32> = told.chances.iter().map(|one| one.written.token).collect();
    assert_eq!((told.end, &tokens), (End::Cancelled, &frames::tokens(&told.output)));
    assert!(!tokens.is_empty());
}

/// Opens a context of the model of the job at 76 and, if that goes well, does `body`.
fn on_model(body: &str) -> Vec<u8> {
    let fields = format!(
        r#"(data (i32.const 2048) "model") (data (i32.const 2064) "\05\00\00\00\06\00\00\00")
        (func $open (result i32)
          (call $load_by_name (i32.const 2048) (i32.const 5) (i32.const 64))
          (if (i32.load8_u (i32.const 64)) (then (return (i32.const 1))))
          (call $context (i32.load (i32.const 68)) (i32.const 72))
          (i32.load8_u (i32.const 72)))
        (func $act (result i32) {body})"#
    );
    runner_with(
        &fields,
        "(if (result i32) (call $act) (then (call $fail (i32.const 3)))
          (else (call $return (i32.const 1024) (i32.const 0) (i32.const 0))))",
    )
}

#[test]
fn what_no_runner_may_do_ends_its_run() {
    let world = World::new();
    let wrote = "(drop (call $emit_tokens (i32.const 2064) (i32.const 2) (i32.const 1024) (i32.const 0)))";
    let plain = "(drop (call $emit (i32.const 1024) (i32.const 4)))";
    let words = "(drop (call $emit_tokens (i32.const 2064) (i32.const 0) (i32.const 1024) (i32.const 4)))";
    let cases = [
        (format!("{wrote} (i32.const 0)"), "it wrote a token without asking for the row that it is chosen from"),
        (
            format!("(drop (call $open)) {wrote} (i32.const 0)"),
            "it wrote a token without asking for the row that it is chosen from",
        ),
        ("(drop (call $open)) (call $open)".into(), "it opened a second context, and evidence is of one"),
        (format!("{words} {plain} (i32.const 0)"), "it wrote tokens and plain bytes"),
        (format!("{plain} {words} (i32.const 0)"), "it wrote tokens and plain bytes"),
        (
            "(drop (call $emit_tokens (i32.const 2064) (i32.const 0) (i32.const 1024) (i32.const 65536))) (i32.const 0)".into(),
            "it wrote more at once than a frame holds",
        ),
    ];
    for (body, expected) in cases {
        let job = world.job_on(&on_model(&body), &shipped(SUMS));
        let RunFailure::Internal(why) = world.failure(&job) else { panic!("{body} fails otherwise") };
        assert!(why.contains(expected), "{body}: {why}");
    }
}

#[test]
fn text_that_no_token_comes_for_goes_out_at_the_runners_own_end() {
    let world = World::new();
    let words = "(drop (call $emit_tokens (i32.const 2064) (i32.const 0) (i32.const 1024) (i32.const 4)))";
    let job = world.job_on(&on_model(&format!("{words} {words} (i32.const 0)")), &shipped(SUMS));
    let completed = world.run(&job, b"").expect("the job succeeds");
    assert_eq!(Some(completed.output), frames::encode(&[], b"oopsoops"));
}

#[test]
fn a_model_that_no_engine_reads_is_refused_by_what_is_wrong_with_it() {
    let world = World::new();
    let whole = shipped(SUMS);
    for (length, expected) in [(4, "the file ends within the header"), (whole.len() / 2, "and the file has")]
    {
        let job = world.job_on(&runner("(call $fail (i32.const 3))"), &whole[..length]);
        let RunFailure::NotAModel(why) = world.failure(&job) else { panic!("it is refused otherwise") };
        assert!(why.contains(expected), "{why}");
    }
}
