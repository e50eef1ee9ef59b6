//! The walls as Linux builds them.
//!
//! **Invariant:** the filter on system calls goes up last, since it forbids building the others; capabilities go before it,
//! and only after what they are needed for.

mod devices;
mod filter;
mod pages;

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, lchown},
    path::Path,
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use rustix::{
    io::Errno,
    process::{
        DumpableBehavior, Gid, Resource, Rlimit, Uid, chdir, chroot, geteuid, getrlimit,
        set_dumpable_behavior, setrlimit,
    },
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs,
        set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    },
};

pub(in super::super) use self::filter::seal;
pub(super) use self::pages::PagesEnd;
pub(crate) use self::pages::{ReadPages, WrittenPages};
use super::super::{
    confine::{Confined, Enclosure},
    wire::Purpose,
};

/// Whom a process runs as that root starts: nobody else's number.
const USER: u32 = 29_292;
/// Files that a process has open at once: three pipes and their copies, and runner, model, link and pages, and one or two of the
/// cache.
const FILES_OPEN_MAX: u64 = 64;
/// The same of one that holds a model: that, and a link and pages for each session.
const HOST_FILES_OPEN_MAX: u64 = 128;
/// The same of one with a card, whose driver has its own.
const CARD_FILES_OPEN_MAX: u64 = 1024;
/// Where the kernel lists the threads of who looks there.
const THREADS: &str = "/proc/self/task";
/// The newest rights that are asked for; an older kernel gives what it has, and says so.
const RIGHTS: ABI = ABI::V6;

/// Whether this process has one thread, which the walls hold; one that cannot be looked at is taken for one with more.
pub(in super::super) fn is_single_threaded() -> bool {
    fs::read_dir(THREADS).is_ok_and(|threads| threads.count() == 1)
}

/// Shuts this process in and names what is missing.
pub(in super::super) fn confine(enclosure: Enclosure) -> Confined {
    let Enclosure { purpose, mut cache, user, process_memory_bytes, file_bytes } = enclosure;
    let mut missing = Vec::new();
    let mut note = |what: &str, done: Result<(), String>| {
        if let Err(why) = done {
            missing.push(format!("{what}: {why}"));
        }
    };
    note("no new privileges", set_no_new_privs(true).map_err(|error| error.to_string()));
    if purpose == Purpose::Card {
        // Another root directory would have no devices.
        cache = None;
    }
    let groups = if purpose == Purpose::Card { devices::groups() } else { Vec::new() };
    note("another user than root", leave_root(user, &mut cache, &groups));
    note("no capabilities", drop_capabilities().map_err(|error| error.to_string()));
    note(
        "no debugger",
        set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string()),
    );
    note("no core dumps", limit(Resource::Core, 0));
    note("memory ceiling", limit(Resource::Data, process_memory_bytes));
    let files = match purpose {
        Purpose::Card => CARD_FILES_OPEN_MAX,
        Purpose::Host => HOST_FILES_OPEN_MAX,
        Purpose::Run | Purpose::Compile => FILES_OPEN_MAX,
    };
    note("open files", limit(Resource::Nofile, files));
    note("file size", limit(Resource::Fsize, file_bytes));
    let status = restrict(purpose, cache.as_deref()).map_err(|error| error.to_string());
    let has_file_wall = status.as_ref().is_ok_and(|status| *status != RulesetStatus::NotEnforced);
    note("file system and network", status.and_then(wall_off));
    note("system calls", filter::install(purpose));
    Confined { missing, cache, has_file_wall }
}

/// Becomes another user where this process is root's, with the cache for its root directory.
fn leave_root(user: Option<u32>, cache: &mut Option<String>, groups: &[Gid]) -> Result<(), String> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let user = user.ok_or("the cache cannot be given to it")?;
    if let Some(directory) = cache {
        let entered = chroot(directory.as_str()).and_then(|()| chdir("/"));
        entered.map_err(|error| format!("the cache is no root directory: {error}"))?;
        *directory = "/".to_owned();
    }
    become_user(user, groups).map_err(|error| error.to_string())
}

fn become_user(user: u32, groups: &[Gid]) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    set_thread_groups(groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn drop_capabilities() -> Result<(), Errno> {
    clear_ambient_capability_set()?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// Lowers a limit. One that is lower already holds as well, and nobody here may raise it.
fn limit(resource: Resource, most: u64) -> Result<(), String> {
    let most = getrlimit(resource).maximum.map_or(most, |held| held.min(most));
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit).map_err(|error| error.to_string())
}

fn wall_off(status: RulesetStatus) -> Result<(), String> {
    match status {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced => Err("this kernel enforces only a part".into()),
        RulesetStatus::NotEnforced => Err("this kernel has no landlock".into()),
    }
}

fn restrict(purpose: Purpose, cache: Option<&str>) -> Result<RulesetStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .scope(Scope::from_all(RIGHTS))?
        .create()?;
    let paths: Vec<(String, BitFlags<AccessFs>)> = match purpose {
        Purpose::Host => Vec::new(),
        Purpose::Card => devices::paths().collect(),
        Purpose::Run | Purpose::Compile => {
            cache.map(|path| (path.to_owned(), rights(purpose))).into_iter().collect()
        }
    };
    for (path, rights) in paths {
        // What is not there needs no leave: without its cache, a worker compiles.
        let of_its_kind =
            if Path::new(&path).is_dir() { rights } else { rights & AccessFs::from_file(RIGHTS) };
        if let Ok(place) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(place, of_its_kind))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

fn rights(purpose: Purpose) -> BitFlags<AccessFs> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    match purpose {
        Purpose::Run | Purpose::Host | Purpose::Card => reading,
        Purpose::Compile => {
            reading
                | AccessFs::WriteFile
                | AccessFs::MakeReg
                | AccessFs::MakeDir
                | AccessFs::RemoveFile
                | AccessFs::RemoveDir
                | AccessFs::Truncate
        }
    }
}

/// Whom a process runs as instead of root, if the cache can be given to it.
pub(in super::super) fn user(cache: Option<&str>) -> Option<u32> {
    let is_given = |path: &str| give(Path::new(path)).is_ok();
    (geteuid().is_root() && cache.is_none_or(is_given)).then_some(USER)
}

/// Gives a folder and all in it to the user of workers.
fn give(folder: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(folder)?;
    if metadata.uid() == USER {
        return Ok(());
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(folder)? {
            give(&entry?.path())?;
        }
    }
    // The last, so that a folder that is given has nothing in it that is not.
    lchown(folder, Some(USER), Some(USER))
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::ErrorKind::{self, PermissionDenied},
        net::{TcpListener, UdpSocket},
        process::Command,
        thread,
    };

    use super::*;
    use crate::worker::confine::FILE_BYTES_MAX;

    /// Memory by the one way to it that needs no file of the machine's.
    fn shared_memory() -> std::io::Result<()> {
        let file = rustix::fs::memfd_create("shared", rustix::fs::MemfdFlags::CLOEXEC)?;
        Ok(rustix::fs::ftruncate(file, 6 << 30)?)
    }

    /// What a confined thread gets for each attempt to reach outside.
    fn attempts(cache: &str) -> Vec<(&'static str, Result<(), ErrorKind>)> {
        let listing = fs::read_dir("/").map(drop);
        let entry = format!("{cache}/entry");
        vec![
            ("list a directory", listing.map_err(|error| error.kind())),
            ("read a file", fs::read("/etc/passwd").map(drop).map_err(|error| error.kind())),
            ("read the cache", fs::read(&entry).map(drop).map_err(|error| error.kind())),
            ("write to the cache", fs::write(&entry, b"other").map_err(|error| error.kind())),
            ("start a process", Command::new("/bin/true").spawn().map(drop).map_err(|error| error.kind())),
            ("listen", TcpListener::bind("127.0.0.1:0").map(drop).map_err(|error| error.kind())),
            ("open a socket", UdpSocket::bind("127.0.0.1:0").map(drop).map_err(|error| error.kind())),
            ("share memory", shared_memory().map_err(|error| error.kind())),
            ("start a thread", thread::Builder::new().spawn(|| ()).map(drop).map_err(|error| error.kind())),
        ]
    }

    /// What a thread gets that is shut in, and sealed if it is to run a guest. Not as root, whose walls are the whole
    /// process's; nor is the seal put on other threads.
    fn confined(purpose: Purpose) -> Vec<(&'static str, Result<(), ErrorKind>)> {
        let cache = tempfile::tempdir().expect("a temporary directory");
        let path = cache.path().to_str().expect("its name is text").to_owned();
        fs::write(cache.path().join("entry"), b"compiled").expect("it can be written to");
        let inside = thread::spawn(move || {
            let (cache, process_memory_bytes, file_bytes) = (Some(path.clone()), u64::MAX, FILE_BYTES_MAX);
            let enclosure = Enclosure { purpose, cache, user: None, process_memory_bytes, file_bytes };
            let Confined { missing, .. } = confine(enclosure);
            // An older kernel gives a part of the file system's wall and says so; then there is nothing to hold it to.
            if missing.iter().any(|wall| wall.starts_with("file system")) {
                return Vec::new();
            }
            assert!(missing.iter().all(|wall| wall.starts_with("another user")), "{missing:?}");
            let mut attempts = attempts(&path);
            if purpose == Purpose::Run {
                let sealed = filter::sealed().and_then(|program| seccompiler::apply_filter(&program));
                sealed.expect("it is put up");
                attempts.extend(attempts_of_a_guest(&path));
            }
            attempts
        });
        inside.join().expect("the thread does not panic")
    }

    /// What a thread gets that runs a guest which broke out.
    fn attempts_of_a_guest(cache: &str) -> Vec<(&'static str, Result<(), ErrorKind>)> {
        let entry = format!("{cache}/entry");
        let thread = thread::Builder::new().spawn(|| ());
        vec![
            ("stat a file", fs::metadata("/etc/passwd").map(drop).map_err(|error| error.kind())),
            ("stat the cache", fs::metadata(&entry).map(drop).map_err(|error| error.kind())),
            ("read the cache as a guest", fs::read(&entry).map(drop).map_err(|error| error.kind())),
            ("start a thread as a guest", thread.map(drop).map_err(|error| error.kind())),
            ("lift the seal", filter::install(Purpose::Run).map_err(|_| PermissionDenied)),
        ]
    }

    #[test]
    fn a_limit_that_is_lower_already_stays_and_is_no_wall_that_is_missing() {
        let lowered = thread::spawn(|| {
            drop_capabilities().expect("they are dropped");
            let done = [0, 1].map(|most| limit(Resource::Core, most));
            (done, getrlimit(Resource::Core).maximum)
        });
        assert_eq!(lowered.join().expect("no panic"), ([Ok(()), Ok(())], Some(0)));
    }

    /// Whether a thread that is shut in has pages in its memory, to read them and to write to them.
    fn maps_pages(purpose: Purpose) -> (bool, bool) {
        let (written, read) = PagesEnd::pair(8192).expect("there are pages");
        let inside = thread::spawn(move || {
            let (cache, process_memory_bytes, file_bytes) = (None, u64::MAX, FILE_BYTES_MAX);
            confine(Enclosure { purpose, cache, user: None, process_memory_bytes, file_bytes });
            if purpose == Purpose::Run {
                let sealed = filter::sealed().and_then(|program| seccompiler::apply_filter(&program));
                sealed.expect("it is put up");
            }
            (read.read().is_some(), written.written().is_some())
        });
        inside.join().expect("the thread does not panic")
    }

    #[test]
    fn behind_the_walls_an_engine_writes_to_pages_and_who_runs_guests_reads_them() {
        let purposes = [
            (Purpose::Run, (true, false)),
            (Purpose::Host, (true, true)),
            (Purpose::Card, (true, true)),
            (Purpose::Compile, (false, false)),
        ];
        for (purpose, expected) in purposes {
            assert_eq!(maps_pages(purpose), expected, "{purpose:?}");
        }
    }

    #[test]
    fn a_worker_reaches_nothing_but_its_cache_and_only_one_that_compiles_writes_to_it() {
        let denied = Err(PermissionDenied);
        let purposes = [
            (Purpose::Run, Ok(()), denied),
            (Purpose::Host, denied, denied),
            (Purpose::Card, denied, denied),
            (Purpose::Compile, Ok(()), Ok(())),
        ];
        let mut tried = Vec::new();
        for (purpose, reading, writing) in purposes {
            let attempts = confined(purpose);
            tried.push(!attempts.is_empty());
            for (attempt, result) in attempts {
                let expected = match attempt {
                    "read the cache" => reading,
                    "start a thread" => Ok(()),
                    "write to the cache" => writing,
                    _ => Err(PermissionDenied),
                };
                assert_eq!(result, expected, "{purpose:?}: {attempt}");
            }
        }
        assert!(tried.iter().all(|one| *one == tried[0]), "a wall that one has, all have: {tried:?}");
    }
}
