//! What hostile runners and models get: a failure that names what they did, and a host that goes on.

use assay_protocol::manifest::{End, Meter};
use assay_runtime::outcome::RunFailure;

use crate::{
    guests::{self, CALL_ONCE, SPIN, caller, runner, runner_with},
    onnx,
    world::World,
};

const MIB: u64 = 1024 * 1024;

fn check(component: &[u8], expected: &RunFailure) {
    let world = World::new();
    let mut job = world.job(component);
    job.envelope.limits.wall_ms = 10_000;
    job.envelope.limits.fuel = 50_000_000;
    job.envelope.limits.guest_memory_bytes = 32 * MIB;
    job.envelope.limits.host_call_bytes = 4 * MIB;
    job.envelope.limits.output_bytes = MIB;
    job.envelope.limits.handles = 100;
    assert_eq!(world.failure(&job), *expected);
}

fn refused(component: &[u8]) -> String {
    let world = World::new();
    let failure = world.failure(&world.job(component));
    let RunFailure::NotARunner(why) = failure else { panic!("{failure:?}") };
    why
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    check(&runner(SPIN), &RunFailure::OutOfFuel { fuel: 50_000_000 });
}

#[test]
fn an_endless_loop_in_the_start_function_runs_out_of_fuel() {
    let component = runner_with(&format!("(func $spin {SPIN}) (start $spin)"), guests::ECHO);
    check(&component, &RunFailure::OutOfFuel { fuel: 50_000_000 });
}

#[test]
fn an_endless_loop_with_fuel_for_ever_runs_out_of_time() {
    for component in [runner(SPIN), runner_with(&format!("(func $spin {SPIN}) (start $spin)"), guests::ECHO)]
    {
        let world = World::new();
        let mut job = world.job(&component);
        job.envelope.limits.wall_ms = 300;
        job.envelope.limits.fuel = u64::MAX;
        assert_eq!(world.failure(&job), RunFailure::WallTime { ms: 300 });
    }
}

#[test]
fn a_memory_bomb_is_told_that_memory_is_out_not_that_it_trapped() {
    let bomb =
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    check(&runner(bomb), &RunFailure::OutOfMemory { bytes: 32 * MIB });
}

#[test]
fn a_memory_that_begins_too_large_is_refused() {
    let component = runner_with("(memory $second 4096)", guests::ECHO);
    check(&component, &RunFailure::OutOfMemory { bytes: 32 * MIB });
}

#[test]
fn a_table_bomb_is_refused() {
    let bomb = "(loop $again (br_if $again
        (i32.ne (table.grow $bomb (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable)";
    check(&runner_with("(table $bomb 1 funcref)", bomb), &RunFailure::OutOfTable { elements: 65_536 });
}

#[test]
fn a_stack_bomb_is_stopped() {
    let fields = "(func $deeper (param i32) (result i32)
        (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (local.get 0)))";
    let component = runner_with(fields, "(drop (call $deeper (i32.const 0))) (unreachable)");
    check(&component, &RunFailure::OutOfStack { bytes: 512 * 1024 });
}

#[test]
fn an_output_that_is_too_long_is_refused() {
    let body = "(drop (memory.grow (i32.const 48)))
        (call $return (i32.const 0) (i32.const 2097152) (i32.const 0))";
    check(&runner(body), &RunFailure::OutputTooLong { bytes: 2 * MIB, max: MIB });
}

#[test]
fn a_runner_that_emits_for_ever_gets_no_more_than_its_ceiling() {
    let world = World::new();
    let body = "(loop $again
        (br_if $again (call $emit (i32.const 1024) (i32.const 4))))
        (call $return (i32.const 0) (i32.const 0) (i32.const 0))";
    let mut job = world.job(&runner(body));
    job.envelope.limits.output_bytes = 1_000;
    let outcome = world.run(&job, b"").expect("the runner returns when told");
    assert_eq!((outcome.output.len(), outcome.end), (1_000, End::Length));
}

#[test]
fn a_call_that_hands_over_too_much_is_stopped() {
    let body = "(drop (memory.grow (i32.const 100)))
        (drop (call $emit (i32.const 0) (i32.const 5242880))) (unreachable)";
    check(&runner(body), &RunFailure::HostCallTooLong { bytes: 4 * MIB });
}

#[test]
fn a_runner_that_hoards_handles_is_stopped() {
    let body = "(loop $again
        (drop (call $tensor (i32.const 4096) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 1)))
        (br $again)) (unreachable)";
    check(&runner(body), &RunFailure::OutOfHandles { handles: 100 });
}

#[test]
fn a_log_without_end_is_cut() {
    let world = World::new();
    let body = "(local $left i32) (local.set $left (i32.const 10000))
        (loop $again
          (call $log (i32.const 1024) (i32.const 4))
          (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        (call $return (i32.const 0) (i32.const 0) (i32.const 0))";
    let mut job = world.job(&runner(body));
    job.envelope.limits.log_bytes = 50;
    let outcome = world.run(&job, b"").expect("the runner returns");
    assert_eq!(outcome.log, vec!["oops"; 10]);
}

#[test]
fn a_graph_by_a_forged_name_is_not_found() {
    let world = World::new();
    for name in ["../../etc/passwd", "digits", "", &"0".repeat(64)] {
        let job = world.job_on(&caller(name, "x", 4, 16, CALL_ONCE), &onnx::double());
        let failure = world.failure(&job);
        assert!(failure.to_string().contains("no graph is called"), "{failure}");
    }
    let failure = world.failure(&world.job(&caller("model", "x", 4, 16, CALL_ONCE)));
    assert!(failure.to_string().contains("the job has no model"), "{failure}");
}

#[test]
fn a_forged_handle_is_a_trap() {
    let world = World::new();
    let body = "(call $context (i32.const 4242) (i32.const 64)) (unreachable)";
    let failure = world.failure(&world.job_on(&runner(body), &onnx::double()));
    assert!(matches!(failure, RunFailure::Trap(_)), "{failure}");
}

#[test]
fn a_graph_from_the_guests_own_bytes_is_refused() {
    let world = World::new();
    let body = "(call $load (i32.const 4096) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 64))
        (if (result i32) (i32.load8_u (i32.const 64))
          (then (call $fail (i32.const 2))) (else (unreachable)))";
    let failure = world.failure(&world.job_on(&runner(body), &onnx::double()));
    assert_eq!(failure, RunFailure::Unsupported("oops".into()));
}

#[test]
fn a_tensor_that_lies_never_reaches_the_engine() {
    let world = World::new();
    let cases = [
        ("x", 4, 12, "holds 12 bytes, where its shape needs 16"),
        ("x", 4, 0, "holds 0 bytes, where its shape needs 16"),
        ("x", 5, 20, "has shape [1, 5], not [1, 4]"),
        ("x", u32::MAX, 16, "has shape [1, 4294967295], not [1, 4]"),
        ("z", 4, 16, r#"the model has no input "z"; it has x"#),
    ];
    for (input, columns, bytes, expected) in cases {
        let job = world.job_on(&caller("model", input, columns, bytes, CALL_ONCE), &onnx::double());
        let failure = world.failure(&job);
        assert!(matches!(failure, RunFailure::Internal(_)), "{failure}");
        assert!(failure.to_string().contains(expected), "{failure}");
    }
}

#[test]
fn a_call_beyond_the_units_ordered_is_refused() {
    let world = World::new();
    let endless = "(loop $again (br_if $again (i32.eqz (call $once)))) (call $fail (i32.const 3))";
    let mut job = world.job_on(&caller("model", "x", 4, 16, endless), &onnx::double());
    job.envelope.units_max = 3;
    assert_eq!(world.failure(&job), RunFailure::OutOfUnits { units: 3 });

    let content = "(loop $again (br_if $again (i32.eqz (call $once))))
        (call $return (i32.const 1024) (i32.const 1) (i32.const 0))";
    let mut job = world.job_on(&caller("model", "x", 4, 16, content), &onnx::double());
    job.envelope.units_max = 3;
    let outcome = world.run(&job, b"").expect("the runner returns what it has");
    assert_eq!((outcome.end, outcome.meters.calls), (End::Length, 3));
}

#[test]
fn fuel_is_what_runs_out_where_fuel_is_ordered() {
    let world = World::new();
    let mut job = world.job(&runner(SPIN));
    job.envelope.meter = Meter::MegaFuel;
    job.envelope.units_max = 2;
    assert_eq!(world.failure(&job), RunFailure::OutOfFuel { fuel: 2_000_000 });
}

#[test]
fn a_model_that_eats_all_memory_is_told_so() {
    let world = World::new();
    let mut job = world.job_on(&caller("model", "x", 4, 16, CALL_ONCE), &onnx::glutton());
    job.envelope.limits.process_memory_bytes = 512 * MIB;
    assert_eq!(world.failure(&job), RunFailure::OutOfProcessMemory { bytes: 512 * MIB });
}

#[test]
fn a_model_call_that_does_not_return_is_killed_from_outside() {
    let world = World::new();
    let mut job = world.job_on(&caller("model", "x", 1, 4, CALL_ONCE), &onnx::sloth());
    job.envelope.limits.wall_ms = 500;
    assert_eq!(world.failure(&job), RunFailure::WallTime { ms: 500 });
}

#[test]
fn what_is_no_model_is_refused() {
    let world = World::new();
    let failure = world.failure(&world.job_on(&runner(guests::ECHO), b"no model at all"));
    assert!(matches!(failure, RunFailure::NotAModel(_)), "{failure}");
    let failure = world.failure(&world.job_on(&runner(guests::ECHO), &onnx::exotic()));
    assert!(failure.to_string().contains("Transmogrify"), "{failure}");
}

#[test]
fn what_is_no_runner_is_refused_by_name() {
    let corrupt = &runner(guests::ECHO)[..500];
    let cases: [(&[u8], &str); 6] = [
        (b"", ""),
        (b"\0asm\x01\0\0\0", "module"),
        (corrupt, ""),
        (
            &wat::parse_str("(component)").expect("it is well formed"),
            "does not export assay:runner/running@2.0.0",
        ),
        (
            &wat::parse_str(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#)
                .expect("it is well formed"),
            "it imports wasi:clocks/wall-clock@0.2.0, which runners may not",
        ),
        (
            &wat::parse_str(
                r#"(component (instance $empty) (export "assay:runner/running@2.0.0" (instance $empty)))"#,
            )
            .expect("it is well formed"),
            "run",
        ),
    ];
    for (component, expected) in cases {
        let why = refused(component);
        assert!(why.contains(expected), "{why:?} does not say {expected:?}");
    }
}

#[test]
fn a_component_of_a_hundred_megabytes_is_refused_by_its_length() {
    // A section of whatever its writer liked: the length is told in seven bits a byte, the least first.
    let section = |bytes: usize| {
        let mut length = bytes + 2;
        let mut section = vec![0];
        while length >= 128 {
            section.push((length & 127) as u8 | 128);
            length >>= 7;
        }
        section.extend([length as u8, 1, b'x']);
        section.resize(section.len() + bytes, 0);
        section
    };
    let padded = |bytes: usize| [runner(guests::ECHO), section(bytes)].concat();
    let world = World::new();
    let job = world.job(&padded(1 << 20));
    assert_eq!(world.run(&job, b"it").expect("it is longer, and works").output, b"it");
    let why = refused(&padded(100_000_000));
    assert!(why.contains("and at most 67108864 are compiled"), "{why}");
}

#[test]
fn what_a_guest_says_is_told_as_it_said_it_and_no_longer_than_it_may_be() {
    // Whoever shows it escapes it: here it is only bounded, in characters.
    let world = World::new();
    let fields = r#"(data (i32.const 2048) "\1b[2J\1b]0;owned\07")"#;
    let body = "(call $log (i32.const 2048) (i32.const 14)) (call $return (i32.const 0) (i32.const 0) (i32.const 0))";
    let outcome = world.run(&world.job(&runner_with(fields, body)), b"").expect("the runner returns");
    assert_eq!(outcome.log, ["\u{1b}[2J\u{1b}]0;owned\u{7}"]);
}
