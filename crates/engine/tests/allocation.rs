//! Whatever a stranger's file claims, reading it takes no more memory than a few times what is really there.
//!
//! The kernel measures: a process of its own, whose allocator maps each block above a page and returns it at once, asks how
//! much address space it ever had.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::{env, fs, hint::black_box, process::Command};

use assay_engine::{
    gguf::{Format, Gguf, TENSORS_MAX, Writer},
    model::ModelPlan,
    vocabulary::{MERGES_MAX, TOKENS_MAX, Vocabulary},
};

/// What a file may take while it is read, beside `TIMES_MAX` times its bytes.
const BYTES_MAX: usize = 1 << 20;
/// A token of one byte is known by its text, by its number and by its kind.
const TIMES_MAX: usize = 8;
/// Says that this is the process that measures itself.
const MEASURED: &str = "ASSAY_TEST_MEASURES_ITSELF";
/// Blocks above a page are mapped, and nothing is kept in reserve.
const ALLOCATOR: &str = "glibc.malloc.mmap_threshold=4096:glibc.malloc.top_pad=0:glibc.malloc.trim_threshold=0:glibc.malloc.arena_max=1";
/// Numbers that are claimed and not there.
const CLAIMS: [u64; 7] = [1 << 16, 1_000_000, 10_000_000, u32::MAX as u64, 1 << 40, 1 << 61, u64::MAX];

#[test]
fn reading_a_file_takes_a_few_times_its_bytes() {
    if env::var_os(MEASURED).is_some() {
        for (what, bytes, took) in measure() {
            println!("{what}: the greatest is {bytes} bytes and takes {took}");
        }
        return;
    }
    let process = Command::new(env::current_exe().expect("a test has a path"))
        .args(["--exact", "reading_a_file_takes_a_few_times_its_bytes", "--nocapture", "--test-threads=1"])
        .env(MEASURED, "1")
        .env("GLIBC_TUNABLES", ALLOCATOR)
        .output()
        .expect("a test can be started");
    let said = [process.stdout, process.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(process.status.success(), "{said}");
    println!("{said}");
}

/// What was read, the bytes of what took the most, and how much that was.
fn measure() -> [(&'static str, usize, usize); 3] {
    let small = small();
    // A false number of four or eight bytes at every place of a small file.
    let claims = (4..small.len()).flat_map(|at| CLAIMS.iter().map(move |claim| (at, claim.to_le_bytes())));
    let bent = claims.flat_map(|(at, claim)| {
        [4, 8].map(|bytes| {
            let mut bent = small.clone();
            bent.iter_mut().skip(at).zip(&claim[..bytes]).for_each(|(to, from)| *to = *from);
            bent
        })
    });
    let took = [
        most("a small file with a false number", bent),
        most("as many tensors as there can be", [tensors()].into_iter()),
        most("as many tokens and merges as there can be", [tokens()].into_iter()),
    ];
    let before = address_space("VmSize:");
    drop(black_box(vec![1_u8; 1 << 28]));
    assert!(address_space("VmPeak:") >= before + (1 << 28), "the measure sees what is allocated");
    took
}

fn small() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.key("general.architecture", "llama");
    for (key, number) in [
        ("embedding_length", 64_u32),
        ("block_count", 1),
        ("attention.head_count", 4),
        ("feed_forward_length", 64),
        ("context_length", 64),
    ] {
        writer.key(&format!("llama.{key}"), number);
    }
    writer.key("llama.attention.layer_norm_rms_epsilon", 1e-5_f32);
    writer.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.pre", "gpt-2");
    writer.key("tokenizer.ggml.tokens", vec!["a", "b", "ab"]);
    writer.key("tokenizer.ggml.merges", vec!["a b"]);
    writer.tensor("token_embd.weight", Format::F16, &[64, 3]).expect("a shape");
    writer.to_bytes(|_, _| {})
}

fn tensors() -> Vec<u8> {
    let mut writer = Writer::new();
    for number in 0..TENSORS_MAX {
        writer.tensor(&format!("t{number}"), Format::F32, &[1]).expect("a shape");
    }
    writer.to_bytes(|_, _| {})
}

fn tokens() -> Vec<u8> {
    let tokens: Vec<String> = (0..TOKENS_MAX).map(|token| format!("{token:x}")).collect();
    let merges: Vec<String> =
        (0..MERGES_MAX).map(|merge| format!("{:x} {:x}", merge >> 4, merge & 15)).collect();
    let mut writer = Writer::new();
    writer.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.pre", "gpt-2");
    writer.key("tokenizer.ggml.tokens", tokens).key("tokenizer.ggml.merges", merges);
    writer.to_bytes(|_, _| {})
}

/// All that is asked of a file before it is packed.
fn read(bytes: &[u8]) {
    let Ok(file) = Gguf::parse(bytes) else { return };
    drop(black_box(ModelPlan::of(&file)));
    drop(black_box(Vocabulary::read(&file)));
}

/// Reads each, and demands that none takes more than it may.
fn most(what: &'static str, inputs: impl Iterator<Item = Vec<u8>>) -> (&'static str, usize, usize) {
    let mut greatest = (what, 0, 0);
    for (number, input) in inputs.enumerate() {
        // What is held from here on fills what was held before, so that the peak is what reading adds.
        let filled: Vec<u8> = Vec::with_capacity(address_space("VmPeak:") - address_space("VmSize:"));
        let before = address_space("VmSize:");
        read(&input);
        let took = address_space("VmPeak:").saturating_sub(before);
        let bytes_max = BYTES_MAX + TIMES_MAX * input.len();
        assert!(took <= bytes_max, "{what}, number {number}, of {} bytes: {took}", input.len());
        if took >= greatest.2 {
            greatest = (what, input.len(), took);
        }
        drop(black_box(filled));
    }
    greatest
}

/// What the kernel says of this process, in bytes.
fn address_space(what: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel says how much there is");
    let line = status.lines().find_map(|line| line.strip_prefix(what)).expect("a line for it");
    let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kibibytes * 1024
}
