//! Packs: written, mapped, and refused where they are not what was written.

use std::{
    env, fs,
    io::{Read, Seek, Write},
    process::{Command, Stdio},
    sync::Arc,
};

use assay_engine::{
    cpu::{Cpu, Isa},
    gguf::Gguf,
    matrix::SharedBytes,
    model::{Choices, MemoryNeed, Model, ModelPlan},
    pack::{self, Pack, PackError},
    session::{Processor, RowDigest, Rows, Session},
};

use crate::shapes::{self, Shape};

const SOURCE: [u8; 32] = [9; 32];

fn shape() -> Shape {
    shapes::named("llama")
}

fn written(shape: &Shape) -> Vec<u8> {
    let bytes = shape.file(1);
    let file = Gguf::parse(&bytes).expect("a file");
    let mut out = Vec::new();
    pack::write(&file, &ModelPlan::of(&file).expect("a model"), SOURCE, &mut out).expect("a pack");
    out
}

fn open(bytes: Vec<u8>) -> Result<Pack, PackError> {
    let bytes: SharedBytes = Arc::new(bytes);
    Pack::open(bytes)
}

fn last_row(pack: &Pack) -> RowDigest {
    let model = Arc::new(Model::load(pack, Choices::default()).expect("a model"));
    let mut processor = Processor::new(Arc::clone(&model), Cpu::with(Isa::Scalar, 1));
    let mut session = Session::new(&model, 8).expect("room");
    let mut digest = None;
    processor.extend(&mut session, &[1, 2, 3], Rows::Last, |row| digest = Some(row.digest)).expect("a step");
    digest.expect("a row")
}

#[test]
fn a_pack_is_the_same_however_many_threads_write_it() {
    let bytes = Shape { vocabulary: 1_003, ..shape() }.file(1);
    let file = Gguf::parse(&bytes).expect("a file");
    let plan = ModelPlan::of(&file).expect("a model");
    let [one, two, five] = [1, 2, 5].map(|threads| {
        let mut out = Vec::new();
        pack::write_by(threads, &file, &plan, SOURCE, &mut out).expect("a pack");
        out
    });
    assert_eq!(one, two);
    assert_eq!(one, five);
}

#[test]
fn a_mapped_pack_is_the_model_that_was_packed_in_memory() {
    for shape in shapes::all() {
        let bytes = shape.file(1);
        let file = Gguf::parse(&bytes).expect("a file");
        let in_memory = Pack::of_file(&file, SOURCE).expect("a model");
        let mut on_disk = tempfile::tempfile().expect("a file");
        on_disk.write_all(&written(&shape)).expect("room on the disk");
        on_disk.rewind().expect("a file");
        let mapped = Pack::map(&on_disk).expect("a pack");
        assert_eq!(mapped.source(), SOURCE);
        mapped.verify().expect("what was written");
        mapped.verify_by(3).expect("what was written");
        assert_eq!((mapped.digest(), mapped.len_bytes()), (in_memory.digest(), written(&shape).len()));
        assert_eq!(last_row(&mapped), last_row(&in_memory), "{}", shape.name);
        let keys = Gguf::parse(mapped.keys()).expect("a file of keys");
        assert!(keys.keys().eq(file.keys()), "the pack has other keys than its source");
        assert!(keys.tensors().is_empty());
    }
}

#[test]
fn a_changed_byte_is_found() {
    let good = written(&shape());
    open(good.clone()).expect("a pack").verify().expect("what was written");
    for at in [good.len() / 2, good.len() - 40, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let refused = open(bad).and_then(|pack| pack.verify());
        assert!(matches!(refused, Err(PackError::Digest)), "byte {at}: {refused:?}");
    }
}

#[test]
fn a_pack_that_is_cut_or_of_another_version_is_refused_when_it_is_opened() {
    let good = written(&shape());
    for length in 0..good.len().min(3000) {
        assert!(open(good[..length].to_vec()).is_err(), "{length} bytes");
    }
    let cut = open(good[..good.len() - 64].to_vec());
    assert!(matches!(cut, Err(PackError::Broken { .. })), "{cut:?}");
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        open(bad)
    };
    assert!(matches!(with(0, b'x'), Err(PackError::Magic)));
    assert!(matches!(with(8, 2), Err(PackError::Version { found: 2 })));
    assert!(matches!(with(12, 2), Err(PackError::Arithmetic { found: 2 })));
}

#[test]
fn whatever_stands_in_the_head_of_a_pack_nothing_beyond_it_is_read() {
    let good = written(&shape());
    let table = good.len().min(2000);
    for at in 16..table {
        for byte in [0, 0x7F, 0xFF] {
            let mut bad = good.clone();
            bad[at] = byte;
            // Refused, or a model: but never a read beyond the end, which would panic.
            if let Ok(pack) = open(bad) {
                drop(Model::load(&pack, Choices::default()));
            }
        }
    }
}

#[test]
fn what_is_computed_of_memory_before_a_load_is_what_a_pack_takes() {
    for shape in shapes::all() {
        let bytes = shape.file(1);
        let file = Gguf::parse(&bytes).expect("a file");
        let plan = ModelPlan::of(&file).expect("a model");
        let memory = MemoryNeed::of(&plan);
        let pack = written(&shape).len();
        let model = Model::load(&Pack::of_file(&file, SOURCE).expect("a model"), Choices::default());
        let loaded = MemoryNeed::of_loaded(&model.expect("a model"));
        assert_eq!(loaded, MemoryNeed { weights: pack, ..memory }, "{}", shape.name);
        let spare = 64 * (plan.slots.len() + 2);
        assert!((pack..pack + spare).contains(&memory.weights), "{}: {memory:?}, {pack}", shape.name);
        // A page: keys and values of 256 positions, two bytes each.
        let page = shape.layers * shape.key_heads * shape.head_width * 2 * 256 * 2;
        assert_eq!(memory.page, page, "{}", shape.name);
        assert_eq!(memory.total(3, 257), memory.weights + memory.scratch + 6 * page);
    }
}

#[test]
fn a_file_cut_under_a_map_is_seen_by_its_length() {
    let mut on_disk = tempfile::NamedTempFile::new().expect("a file");
    let good = written(&shape());
    on_disk.write_all(&good[..good.len() / 2]).expect("room on the disk");
    let file = fs::File::open(on_disk.path()).expect("a file");
    assert!(matches!(Pack::map(&file), Err(PackError::Broken { .. })));
    on_disk.as_file().set_len(0).expect("a file");
    assert!(matches!(Pack::map(&file), Err(PackError::Io(_))));
}

/// The file that the process which runs this test is to map, if it is the one that maps.
const MAPPED: &str = "ASSAY_TEST_MAPS";

#[cfg(unix)]
#[test]
fn a_file_cut_while_it_is_mapped_ends_its_reader_with_an_error_of_its_own() {
    if let Some(path) = env::var_os(MAPPED) {
        pack::end_where_a_file_is_cut().expect("a handler");
        let pack = Pack::map(&fs::File::open(path).expect("a file")).expect("a pack");
        pack.verify().expect("what was written");
        println!("mapped");
        std::io::stdin().read_to_end(&mut Vec::new()).expect("an end of what comes in");
        panic!("what was cut was read: {:?}", pack.verify());
    }
    let mut on_disk = tempfile::NamedTempFile::new().expect("a file");
    on_disk.write_all(&written(&shape())).expect("room on the disk");
    let mut reader = Command::new(env::current_exe().expect("a test has a path"))
        .args(["--exact", "packs::a_file_cut_while_it_is_mapped_ends_its_reader_with_an_error_of_its_own"])
        .args(["--nocapture", "--test-threads=1"])
        .env(MAPPED, on_disk.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a test can be started");
    let mut said = reader.stdout.take().expect("its output");
    let mut heard = Vec::new();
    while !heard.ends_with(b"mapped\n") {
        let mut byte = [0];
        assert_eq!(said.read(&mut byte).expect("what it says"), 1, "{}", String::from_utf8_lossy(&heard));
        heard.push(byte[0]);
    }
    on_disk.as_file().set_len(0).expect("a file");
    drop(reader.stdin.take());
    let ended = reader.wait_with_output().expect("its end");
    let error = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(pack::CUT_EXIT_CODE), "{}, {error}", ended.status);
    assert!(error.contains("a file was cut while it was read"), "{error}");
}
