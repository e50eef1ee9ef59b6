//! Models on graphics cards: the same texts, the same evidence, and a word where a card does not serve one.
//!
//! Where there is no Vulkan device, not even one that a processor plays, each test says so in one line and ends.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use assay_engine::{
    gguf::Gguf,
    gpu::CardPart,
    model::{Choices, Model},
    pack::Pack,
};
use assay_protocol::{
    frames,
    id::Digest,
    manifest::{End, Meter, TokenWeights},
};
use assay_runtime::{
    outcome::{Completed, RunFailure},
    worker::{CardLayers, Follower, FoundCard, Given},
};

use crate::{
    hosting::{AT_LEISURE_MS, endless},
    world::{Job, World, shipped},
};

/// Tokens of a text.
const TOKENS: u64 = 24;

/// A world whose models are on the first device, if there is one.
fn world() -> Option<World> {
    let world = World::new();
    let cards = world.pool.cards().expect("they are listed");
    let Some(card) = cards.first() else {
        eprintln!("no Vulkan device is here: cards are not tried");
        return None;
    };
    world.pool.use_card(Some(card), false);
    Some(world)
}

fn job(world: &World) -> Job {
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), &shipped("models/sums/sums.gguf"));
    (job.envelope.meter, job.envelope.limits.wall_ms) =
        (Meter::Tokens(TokenWeights { read: 1, written: 4 }), AT_LEISURE_MS);
    job.envelope.params =
        format!(r#"{{"temperature":1,"max_tokens":{TOKENS},"logit_bias":{{"1":-1000,"2":-1000}}}}"#);
    job
}

fn run(world: &World, job: &Job, given: Given<'_>) -> Completed {
    world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("the job succeeds")
}

/// A job on the processor, and what it gives there.
fn on_the_processor(input: &[u8]) -> Completed {
    let world = World::new();
    let job = job(&world);
    run(&world, &job, input.into())
}

#[test]
fn a_text_on_a_card_is_that_of_the_processor_to_the_last_row() {
    let Some(world) = world() else { return };
    let (job, input) = (job(&world), b"27+58=");
    let expected = on_the_processor(input);
    assert!(frames::tokens(&expected.output).len() > 2, "there is something to compare");
    assert_eq!(run(&world, &job, input.as_slice().into()), expected);
    assert_eq!(world.pool.refused_by_card(job.envelope.model), None);
    let other = on_the_processor(b"1+1=");
    for draft in [expected.output.as_slice(), &expected.output[..expected.output.len() / 2], &other.output] {
        let given = Given { input, draft, ..Given::default() };
        assert_eq!(run(&world, &job, given), expected, "a draft of {} bytes", draft.len());
    }
    let asker = Some(Digest::of(b"somebody"));
    for _ in 0..2 {
        let given = Given { input, asker, ..Given::default() };
        assert_eq!(run(&world, &job, given), expected, "it goes on where it was");
    }
    assert_eq!(world.pool.hosts().len(), 1, "all of that was one process");
}

#[test]
fn jobs_at_the_same_time_are_on_one_card_and_change_no_bit_of_each_other() {
    let Some(world) = world() else { return };
    let job = job(&world);
    let inputs = ["27+58=", "1+1=", "99+99="];
    let together: Vec<Completed> = thread::scope(|scope| {
        let begun: Vec<_> =
            inputs.iter().map(|input| scope.spawn(|| run(&world, &job, input.as_bytes().into()))).collect();
        begun.into_iter().map(|begun| begun.join().expect("no panic")).collect()
    });
    for (input, given) in inputs.iter().zip(together) {
        assert_eq!(given, on_the_processor(input.as_bytes()), "{input}");
    }
    assert_eq!(world.pool.hosts().len(), 1);
}

#[test]
fn a_model_that_no_card_serves_is_on_the_processor_and_the_reason_is_known() {
    let world = World::new();
    let job = job(&world);
    let absent = FoundCard {
        index: 99,
        name: "a card that was pulled out".to_owned(),
        driver: String::new(),
        is_hardware: true,
        is_integrated: false,
        memory_bytes: None,
    };
    world.pool.use_card(Some(&absent), false);
    let input = b"27+58=";
    assert_eq!(run(&world, &job, input.as_slice().into()), on_the_processor(input));
    let why = world.pool.refused_by_card(job.envelope.model).expect("it was tried");
    assert!(why.contains("no card 99"), "{why}");
    world.pool.use_card(Some(&absent), true);
    let refused = world.pool.run(&job.envelope, job.files(), input.as_slice().into(), &mut ());
    assert!(matches!(refused, Err(RunFailure::CardRefused(_))), "asked for by its name: {refused:?}");
}

/// The bytes of memory of the smallest card, to a sixteenth of a mebibyte, on which so much of sums is, or all of it.
fn memory_for(part: CardPart) -> u64 {
    let bytes = shipped("models/sums/sums.gguf");
    let pack = Pack::of_file(&Gguf::parse(&bytes).expect("a file"), [0; 32]).expect("it can be packed");
    let model = Model::load(&pack, Choices::default()).expect("it can be run");
    let step = 1 << 16;
    // A sixteenth is left to the driver, and of the rest an eighth to sessions that ended.
    let room = |memory: u64| {
        let bytes = memory - memory / 16;
        bytes - bytes / 8
    };
    let holds = |memory: &u64| {
        CardPart::within(&model, room(*memory), model.settings().context).expect("cards run it") == Some(part)
    };
    (1..).map(|steps| steps * step).find(holds).expect("there is one")
}

/// A world whose models are on the first device, which has no more memory than this.
fn world_of(memory_bytes: u64) -> Option<World> {
    let world = world()?;
    let mut small = world.pool.cards().expect("they are listed").swap_remove(0);
    small.memory_bytes = Some(memory_bytes);
    world.pool.use_card(Some(&small), false);
    Some(world)
}

#[test]
fn a_model_that_is_more_than_the_card_holds_is_divided_and_its_texts_are_the_same() {
    let Some(world) = world_of(memory_for(CardPart::Last(2))) else { return };
    let (job, input) = (job(&world), b"27+58=");
    let expected = on_the_processor(input);
    assert_eq!(world.pool.layers_on_card(job.envelope.model), None);
    for draft in [b"".as_slice(), &expected.output, &expected.output[..expected.output.len() / 2]] {
        let given = Given { input, draft, ..Given::default() };
        assert_eq!(run(&world, &job, given), expected, "a draft of {} bytes", draft.len());
    }
    let layers = CardLayers { on_card: 2, all: 4 };
    assert_eq!(world.pool.layers_on_card(job.envelope.model), Some(layers));
    assert_eq!(world.pool.refused_by_card(job.envelope.model), None);
    assert_eq!(world.pool.hosts().len(), 1, "all of that was one process");
}

#[test]
fn a_model_that_the_card_has_no_room_for_is_on_the_processor() {
    let Some(world) = world_of(1 << 20) else { return };
    let job = job(&world);
    let input = b"27+58=";
    assert_eq!(run(&world, &job, input.as_slice().into()), on_the_processor(input));
    assert_eq!(world.pool.refused_by_card(job.envelope.model), None, "it is only full");
    assert_eq!(world.pool.layers_on_card(job.envelope.model), Some(CardLayers { on_card: 0, all: 4 }));
    assert_eq!(world.pool.hosts().len(), 1);
}

/// Holds up a run from its first words on, until it may go on.
struct Held {
    begun: Sender<()>,
    goes_on: Receiver<()>,
}

impl Follower for Held {
    fn chunk(&mut self, _bytes: &[u8]) {
        // Nobody waits for the second chunk, nor holds it up.
        let _ = self.begun.send(());
        let _ = self.goes_on.recv();
    }
}

#[test]
fn a_text_that_the_card_has_no_room_for_is_computed_by_the_processor() {
    // All of the model, and one session.
    let Some(world) = world_of(memory_for(CardPart::Whole)) else { return };
    let job = job(&world);
    let inputs = [b"27+58=", b"99+99="].map(|input| input.as_slice());
    let [first, second] = inputs.map(on_the_processor);
    let (begun, has_begun) = channel();
    let (go_on, goes_on) = channel();
    thread::scope(|scope| {
        let held = scope.spawn(|| {
            let mut held = Held { begun, goes_on };
            world.pool.run(&job.envelope, job.files(), inputs[0].into(), &mut held)
        });
        has_begun.recv().expect("it writes something");
        assert_eq!(run(&world, &job, inputs[1].into()), second);
        assert_eq!(world.pool.hosts().len(), 2, "one on the card, one on the processor");
        drop(go_on);
        assert_eq!(held.join().expect("no panic").expect("the job succeeds"), first);
    });
    assert_eq!(world.pool.refused_by_card(job.envelope.model), None, "it is only full");
}

#[test]
fn whoever_cancels_a_text_on_a_card_harms_nobody() {
    struct Gone;
    impl Follower for Gone {
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let Some(world) = world() else { return };
    let (job, input) = (job(&world), b"27+58=");
    let expected = run(&world, &job, input.as_slice().into());
    let ended = world.pool.run(&job.envelope, job.files(), input.as_slice().into(), &mut Gone);
    // A card that is slow is at its first token when the run is over.
    match ended {
        Ok(ended) => assert!(ended.end == End::Cancelled && ended.output != expected.output),
        Err(failure) => assert_eq!(failure, RunFailure::Cancelled),
    }
    assert_eq!(run(&world, &job, input.as_slice().into()), expected);
}

#[test]
fn what_a_text_that_is_given_up_took_of_the_card_is_there_for_the_next() {
    // All of the model, and one session: where that is still taken, the next text is on the processor.
    let Some(world) = world_of(memory_for(CardPart::Whole)) else { return };
    let (processor, input) = (World::new(), b"27+58=".as_slice());
    let expected = run(&processor, &endless(&processor, TOKENS), input.into());
    let job = endless(&world, TOKENS);
    world.pool.clear();
    // While the card is opened, while the prompt is read, and while the text is written.
    for heard in [0, 0, 1, 40] {
        world.give_up(&job, input, heard);
        assert_eq!(run(&world, &job, input.into()), expected, "after {heard} bytes");
        assert_eq!(world.pool.hosts().len(), 1, "there was room on the card after {heard} bytes");
    }
    let layers = world.pool.layers_on_card(job.envelope.model);
    assert!(layers.is_some_and(CardLayers::is_whole), "{layers:?}");
}
