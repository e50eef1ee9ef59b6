//! The module that pages load, as a page uses it: it imports nothing, says what the crate says, and whatever it is handed, it
//! says what is wrong instead of ending.

use std::{fs, path::PathBuf};

use assay_protocol::id::Digest;
use serde_json::{Value, json};
use wasmtime::{Engine, Instance, Memory, Module, Store, Val};

use crate::known::{ANSWER, QUESTION, answer, greatest, sums, told};

/// A page with the module.
struct ModulePage {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

/// What was said, or why nothing came of the call.
type Heard = Result<Vec<u8>, String>;

impl ModulePage {
    fn open(engine: &Engine, module: &Module) -> Self {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "memory").unwrap();
        Self { store, instance, memory }
    }

    /// Calls the module, which never traps; gives the number that it returns.
    fn call(&mut self, name: &str, with: &[i32]) -> i32 {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let with: Vec<Val> = with.iter().map(|number| Val::I32(*number)).collect();
        let mut returned = [Val::I32(0)];
        function
            .call(&mut self.store, &with, &mut returned)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        returned[0].unwrap_i32()
    }

    /// Hands bytes over, if there is room for them.
    fn give(&mut self, bytes: &[u8]) -> bool {
        let at = self.call("room", &[i32::try_from(bytes.len()).unwrap()]);
        at != 0 && self.memory.write(&mut self.store, at as u32 as usize, bytes).is_ok()
    }

    fn hear(&mut self, name: &str, with: &[i32]) -> Heard {
        let length = self.call(name, with);
        let mut said = vec![0; length as u32 as usize];
        let at = self.call("said", &[]) as u32 as usize;
        self.memory.read(&self.store, at, &mut said).unwrap();
        match self.call("failed", &[]) {
            0 => Ok(said),
            _ => Err(String::from_utf8(said).unwrap()),
        }
    }

    fn tell(&mut self, bytes: &[u8], name: &str, with: &[i32]) -> Heard {
        assert!(self.give(bytes));
        self.hear(name, with)
    }

    /// The next token behind these.
    fn next(&mut self, tokens: &[u32]) -> u32 {
        let rows = self.tell(&bytes(tokens), "read_tokens", &[-1, -1]).unwrap();
        let row: Vec<f32> = rows.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        greatest(&row)
    }

    /// Answers as the shipped runner does where nothing is drawn.
    fn greedy(&mut self) -> Value {
        let ends = numbers(&self.hear("end_tokens", &[]).unwrap());
        let asked = numbers(&self.tell(QUESTION.as_bytes(), "tokenize", &[1]).unwrap());
        let prompt: Vec<u32> = [&ends[1..2], asked.as_slice()].concat();
        self.hear("open_session", &[]).unwrap();
        let mut token = self.next(&prompt);
        loop {
            let is_last = ends[3..].contains(&token);
            let text =
                if is_last { Vec::new() } else { self.tell(&bytes(&[token]), "detokenize", &[]).unwrap() };
            assert!(self.give(&[bytes(&[token]), text].concat()));
            assert_eq!(self.call("emit_tokens", &[1]), 1);
            let course = self.hear("course", &[]).unwrap();
            let course: Value = serde_json::from_slice(&course).unwrap();
            if is_last || course["parted"] == true {
                return serde_json::from_slice(&self.hear("compare", &[0]).unwrap()).unwrap();
            }
            token = self.next(&[token]);
        }
    }
}

fn bytes(tokens: &[u32]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.to_le_bytes()).collect()
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

fn module() -> (Engine, Module) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recompute.wasm");
    let engine = Engine::default();
    let module = Module::new(&engine, fs::read(file).unwrap()).unwrap();
    assert_eq!(module.imports().count(), 0);
    (engine, module)
}

#[test]
fn a_page_finds_the_answer_of_a_real_network_the_same_and_a_changed_token_where_it_stands() {
    let (engine, module) = module();
    let mut changed = ANSWER;
    changed[1].0 ^= 1;
    for (tokens, is_same) in [(ANSWER, true), (changed, false)] {
        let mut page = ModulePage::open(&engine, &module);
        page.tell(told().to_string().as_bytes(), "take_order", &[]).unwrap();
        page.tell(&answer(&tokens), "take_answer", &[]).unwrap();
        let needs = page.tell(&sums(), "take_model", &[]).unwrap();
        let needs: Value = serde_json::from_slice(&needs).unwrap();
        assert_eq!((&needs["instructions"], &needs["vocabulary"]), (&json!("simd128"), &json!(373)));
        let found = page.greedy();
        assert_eq!(found["is_same_answer"], is_same, "{found}");
        if is_same {
            let same = ["is_claimed_answer", "is_claimed_output", "are_claimed_rows", "is_claimed_bill"];
            assert!(same.iter().all(|name| found[name] == true) && found["text"] == "85", "{found}");
        } else {
            let parting = &found["parting"];
            assert_eq!((&parting["tokens_same"], &parting["computed"]["token"]), (&json!(1), &json!(53)));
        }
    }
}

#[test]
fn whatever_is_handed_over_something_is_said_to_it() {
    let (engine, module) = module();
    let mut page = ModulePage::open(&engine, &module);
    let calls: [(&str, &[i32]); 11] = [
        ("check_runner", &[]),
        ("check_input", &[]),
        ("take_model", &[]),
        ("tokenize", &[0]),
        ("detokenize", &[]),
        ("end_tokens", &[]),
        ("chat_template", &[]),
        ("open_session", &[]),
        ("read_tokens", &[-1, -1]),
        ("course", &[]),
        ("compare", &[9]),
    ];
    for (name, with) in calls {
        assert!(page.hear(name, with).is_err(), "{name} before anything was handed over");
    }
    assert!(!page.give(&vec![0; (64 << 20) + 1]) && page.call("room", &[-1]) == 0);
    for order in [b"".as_slice(), b"{", b"\xff\xfe", b"[[[[[[[["] {
        assert!(page.tell(order, "take_order", &[]).is_err());
    }
    page.tell(told().to_string().as_bytes(), "take_order", &[]).unwrap();
    assert!(page.tell(b"another model", "take_model", &[]).unwrap_err().starts_with("this is not the model"));
    assert!(
        page.tell(b"another runner", "check_runner", &[]).unwrap_err().starts_with("this is not the runner")
    );
    assert!(page.tell(b"short", "check_input", &[]).unwrap_err().starts_with("this is not the input"));
    page.tell(&sums(), "take_model", &[]).unwrap();
    assert!(page.tell(b"\xff", "tokenize", &[1]).is_err());
    page.hear("open_session", &[]).unwrap();
    for (first, keep) in [(i32::MAX, -1), (5, 0), (-1, i32::MAX), (i32::MIN, i32::MIN)] {
        // A token that does not exist, and more of them than the longest text has.
        for tokens in [bytes(&[u32::MAX]), bytes(&[1; 4_000]), Vec::new()] {
            assert!(page.tell(&tokens, "read_tokens", &[first, keep]).is_err());
        }
    }
    assert!(page.give(b"no whole tokens") && page.call("emit_tokens", &[i32::MAX]) == 0);
    assert!(page.give(&bytes(&[56])) && page.call("emit_tokens", &[1]) == 0, "it has no row");
    assert!(page.hear("compare", &[0]).is_err());
}

#[test]
fn a_model_that_is_broken_is_refused_and_the_page_goes_on() {
    let (engine, module) = module();
    let (model, mut refused) = (sums(), 0);
    let mut page = ModulePage::open(&engine, &module);
    let cut = (0..8).map(|part| model[..model.len() * part / 8].to_vec());
    let flipped = (0..40).map(|place| {
        let mut other = model.clone();
        other[place * place * 5] ^= 0x81;
        other
    });
    for bytes in cut.chain(flipped) {
        let mut order = told();
        order["model"] = json!(Digest::of(&bytes));
        page.tell(order.to_string().as_bytes(), "take_order", &[]).unwrap();
        refused += u32::from(page.tell(&bytes, "take_model", &[]).is_err());
    }
    assert!(refused > 8, "only {refused} are refused");
    page.tell(told().to_string().as_bytes(), "take_order", &[]).unwrap();
    page.tell(&model, "take_model", &[]).unwrap();
    assert_eq!(page.greedy()["text"], "85");
}
