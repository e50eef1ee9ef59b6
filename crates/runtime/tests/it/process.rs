//! What becomes of the processes: killed ones, orphaned ones, and the walls around them.

use std::{
    cell::Cell,
    io::Write,
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use assay_runtime::{
    outcome::RunFailure,
    worker::{Follower, Given, Worker},
};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{
    guests::{self, SPIN, runner},
    world::World,
};

/// How soon an end must be noticed on a busy machine: long before a run's time is over.
const NOTICED_IN: Duration = Duration::from_secs(20);

/// Kills the process of a run as soon as it follows that.
struct Killer {
    process: Pid,
    /// When that was.
    killed: Cell<Option<Instant>>,
}

impl Follower for Killer {
    fn is_cancelled(&self) -> bool {
        if self.killed.get().is_none() {
            kill_process(self.process, Signal::KILL).expect("the worker is there");
            self.killed.set(Some(Instant::now()));
        }
        false
    }
}

#[test]
fn a_worker_that_is_killed_under_a_job_is_said_to_have_died() {
    let world = World::new();
    let mut job = world.job(&runner(SPIN));
    job.envelope.limits.fuel = u64::MAX;
    let mut worker = world.worker(&job);
    let process = Pid::from_raw(worker.process_id().cast_signed()).expect("a process has a number");
    let mut killer = Killer { process, killed: Cell::new(None) };
    let failure = worker
        .run(&job.envelope, job.files(), Given::default(), &mut killer)
        .expect_err("the worker is dead");
    let killed = killer.killed.get().expect("the run was followed");
    assert!(killed.elapsed() < NOTICED_IN);
    assert!(matches!(&failure, RunFailure::WorkerDied(how) if how.contains("signal: 9")), "{failure}");
    assert!(!worker.is_alive());
}

#[test]
fn a_warm_worker_that_died_while_it_waited_is_replaced() {
    let world = World::new();
    let job = world.job(&runner(guests::ECHO));
    world.run(&job, b"").expect("the job succeeds");
    for process in children_of_this_one() {
        let _ = kill_process(process, Signal::KILL);
        // It is dead then, and not buried.
        let _ = waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    }
    world.run(&job, b"").expect("the job succeeds in another worker");
}

/// The processes that this thread has started, where the system tells.
pub(crate) fn children_of_this_one() -> Vec<Pid> {
    let path = format!("/proc/self/task/{}/children", rustix::thread::gettid().as_raw_nonzero());
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
}

#[test]
fn a_worker_leaves_with_its_parent() {
    let world = World::new();
    let (parent, stdin) = UnixStream::pair().expect("a pair of sockets");
    let mut child = Command::new(&world.worker_source.binary)
        .stdin(std::os::fd::OwnedFd::from(stdin))
        .stdout(Stdio::null())
        .spawn()
        .expect("a worker starts");
    thread::sleep(Duration::from_millis(100));
    assert!(matches!(child.try_wait(), Ok(None)));
    drop(parent);
    let started = Instant::now();
    assert!(child.wait().expect("it can be waited for").success());
    assert!(started.elapsed() < NOTICED_IN);
}

#[test]
fn a_worker_that_hears_nonsense_leaves() {
    let world = World::new();
    let (mut parent, stdin) = UnixStream::pair().expect("a pair of sockets");
    let mut child = Command::new(&world.worker_source.binary)
        .stdin(std::os::fd::OwnedFd::from(stdin))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a worker starts");
    parent.write_all(&[255; 64]).expect("it takes bytes");
    assert!(!child.wait().expect("it can be waited for").success());
}

#[test]
fn a_program_that_is_no_worker_is_named() {
    let mut world = World::new();
    for (binary, expected) in [("/nowhere/at/all", "/nowhere/at/all"), ("/bin/true", "it broke off")] {
        world.worker_source.binary = binary.into();
        let job = world.job(&runner(guests::ECHO));
        let failure = assay_runtime::worker::Worker::spawn(&world.worker_source, &job.envelope.limits)
            .err()
            .expect("it is no worker");
        let takes_none = failure.to_string().contains("takes no message");
        assert!(takes_none || failure.to_string().contains(expected), "{failure}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_stands_inside_its_walls() {
    let world = World::new();
    let job = world.job(&runner(guests::ECHO));
    let mut worker = world.worker(&job);
    worker.run(&job.envelope, job.files(), Given::default(), &mut ()).expect("the job succeeds");
    let path = format!("/proc/{}/status", worker.process_id());
    let status = std::fs::read_to_string(path).expect("the worker is there");
    for wall in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(wall), "{wall} is missing: {status}");
    }
    // A kernel may be too old for all of landlock; whatever else is missing is a mistake here.
    let strange: Vec<_> = worker.missing().iter().filter(|wall| !wall.starts_with("file system")).collect();
    assert!(strange.is_empty(), "{strange:?}");
    for capabilities in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(named(&status, capabilities), ["0000000000000000"], "{capabilities}");
    }
    if rustix::process::geteuid().is_root() {
        for users in ["Uid", "Gid"] {
            assert!(named(&status, users).iter().all(|user| *user != "0"), "{status}");
        }
        assert_eq!(named(&status, "Groups"), [""; 0]);
        let root = std::fs::read_link(format!("/proc/{}/root", worker.process_id()));
        assert!(root.expect("the worker is there").ends_with("cache"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn every_thread_is_sealed_before_a_guest_runs() {
    let world = World::new();
    let job = world.job(&runner(guests::ECHO));
    let mut worker = world.worker(&job);
    let filters = |worker: &Worker| -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", worker.process_id()));
        let status = |task: std::io::Result<std::fs::DirEntry>| {
            let status = std::fs::read_to_string(task.expect("a thread").path().join("status"));
            named(&status.expect("the thread is there"), "Seccomp_filters")[0].parse().expect("a number")
        };
        tasks.expect("the worker is there").map(status).collect()
    };
    let before = *filters(&worker).iter().max().expect("a thread");
    worker.run(&job.envelope, job.files(), Given::default(), &mut ()).expect("the job succeeds");
    let after = filters(&worker);
    assert!(after.len() >= 2 && after.iter().all(|filters| *filters == before + 1), "{before}: {after:?}");
}

/// What stands behind a name in the state of a process.
fn named<'a>(status: &'a str, name: &str) -> Vec<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).split_whitespace().collect()
}
