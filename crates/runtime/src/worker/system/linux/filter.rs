//! The system calls that a worker may make.
//!
//! **Invariant:** the list says what is allowed; all else answers "not permitted". Nothing on it starts a process, opens a
//! socket, reaches another process, or gives memory that the ceiling does not count, but for a card's and for pages of rows, whose
//! number is fixed by who hands them over. What is sealed stays so.

use std::collections::BTreeMap;

use libc::{c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter, apply_filter_all_threads,
};

use super::super::super::wire::Purpose;

/// What compiling and running need: memory, threads, time, signals to oneself, reading.
const ALWAYS: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getdents64,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mkdirat,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_write,
    libc::SYS_writev,
];

/// The old names of calls that libraries for this processor still use, and the one by which an engine asks for the tiles of a
/// processor that has some. Where it could not ask it would do without.
#[cfg(target_arch = "x86_64")]
const BY_PROCESSOR: &[c_long] =
    &[libc::SYS_arch_prctl, libc::SYS_mkdir, libc::SYS_open, libc::SYS_readlink, libc::SYS_stat];
#[cfg(not(target_arch = "x86_64"))]
const BY_PROCESSOR: &[c_long] = &[];

/// What writing to the cache needs besides.
const WRITING: &[c_long] = &[
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
];
#[cfg(target_arch = "x86_64")]
const WRITING_BY_PROCESSOR: &[c_long] = &[libc::SYS_rename, libc::SYS_unlink];
#[cfg(target_arch = "aarch64")]
const WRITING_BY_PROCESSOR: &[c_long] = &[libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const WRITING_BY_PROCESSOR: &[c_long] = &[];

/// The call whose arguments lie where a filter cannot read them. Told that there is none, libraries use `clone`.
const CLONE_UNREADABLE: &[c_long] = &[libc::SYS_clone3];

/// What the cache does first. A worker that may only read it is told that the directory is there, which it is.
#[cfg(target_arch = "x86_64")]
const MAKE_DIRECTORY: &[c_long] = &[libc::SYS_mkdir, libc::SYS_mkdirat];
#[cfg(not(target_arch = "x86_64"))]
const MAKE_DIRECTORY: &[c_long] = &[libc::SYS_mkdirat];

/// What drivers of graphics cards need besides: their devices, and to find their way on the machine.
const DRIVING: &[c_long] = &[
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstatfs,
    libc::SYS_get_mempolicy,
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getuid,
    libc::SYS_ioctl,
    libc::SYS_mbind,
    libc::SYS_mincore,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_statfs,
    libc::SYS_sysinfo,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_uname,
];
#[cfg(target_arch = "x86_64")]
const DRIVING_BY_PROCESSOR: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_pipe,
    libc::SYS_poll,
];
#[cfg(not(target_arch = "x86_64"))]
const DRIVING_BY_PROCESSOR: &[c_long] = &[];

/// What neither a guest nor who reads a model needs: all calls that name a file.
const NAMING: &[c_long] = &[
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_readlinkat,
    libc::SYS_statx,
];
#[cfg(target_arch = "x86_64")]
const NAMING_BY_PROCESSOR: &[c_long] = &[libc::SYS_mkdir, libc::SYS_open, libc::SYS_readlink, libc::SYS_stat];
#[cfg(not(target_arch = "x86_64"))]
const NAMING_BY_PROCESSOR: &[c_long] = &[];

/// What a guest never needs besides: calls that start a thread, and the one that puts up filters.
const SEALED: &[c_long] = &[libc::SYS_clone, libc::SYS_seccomp];

/// The kind of a mapping, and that it grows downwards, which takes it out of the ceiling.
const MAPPING: c_int = 0x0f | libc::MAP_GROWSDOWN;

/// Takes away, from all threads of this process, what no guest needs.
///
/// # Errors
/// Where the first filter stands and this one cannot be put up.
pub(in super::super::super) fn seal() -> Result<(), String> {
    let sealed = sealed().and_then(|program| apply_filter_all_threads(&program));
    sealed.map_err(|error| error.to_string())
}

/// The filter of a process that runs a guest.
pub(super) fn sealed() -> Result<BpfProgram, seccompiler::Error> {
    let calls = [NAMING, NAMING_BY_PROCESSOR, SEALED].into_iter().flatten();
    let rules = calls.map(|call| (*call, Vec::new())).collect();
    let deny = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into()?;
    Ok(BpfProgram::try_from(SeccompFilter::new(rules, SeccompAction::Allow, deny, architecture)?)?)
}

/// Puts the filter up for this thread and all that it starts.
pub(super) fn install(purpose: Purpose) -> Result<(), String> {
    install_filters(purpose).map_err(|error| error.to_string())
}

fn install_filters(purpose: Purpose) -> Result<(), seccompiler::Error> {
    filters(purpose)?.iter().try_for_each(|filter| apply_filter(filter))
}

/// What is put up, in this order.
fn filters(purpose: Purpose) -> Result<Vec<BpfProgram>, seccompiler::Error> {
    let architecture = std::env::consts::ARCH.try_into()?;
    let deny = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let allowed = SeccompFilter::new(allowed(purpose)?, deny, SeccompAction::Allow, architecture)?;
    let answer = |calls: &[c_long], error: i32| {
        let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
        let answer = SeccompAction::Errno(error.unsigned_abs());
        SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture)
    };
    let mut filters = vec![answer(CLONE_UNREADABLE, libc::ENOSYS)?];
    if purpose == Purpose::Run {
        filters.push(answer(MAKE_DIRECTORY, libc::EEXIST)?);
    }
    // The last, since the others need not be on its list to go up.
    filters.push(allowed);
    Ok(filters.into_iter().map(BpfProgram::try_from).collect::<Result<_, _>>()?)
}

fn allowed(purpose: Purpose) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::Error> {
    let more: [&[c_long]; 2] = match purpose {
        Purpose::Run | Purpose::Host => [&[], &[]],
        Purpose::Card => [DRIVING, DRIVING_BY_PROCESSOR],
        Purpose::Compile => [WRITING, WRITING_BY_PROCESSOR],
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [ALWAYS, BY_PROCESSOR, more[0], more[1]]
        .into_iter()
        .flatten()
        .map(|call| (*call, Vec::new()))
        .collect();
    if purpose == Purpose::Host {
        // Its model is handed over open.
        [NAMING, NAMING_BY_PROCESSOR].into_iter().flatten().for_each(|call| drop(rules.remove(call)));
    }
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // A signal to oneself is how a process aborts.
    rules.insert(libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Eq, std::process::id().into())?]);
    // Reading a limit, not setting one.
    rules.insert(libc::SYS_prlimit64, vec![when(2, SeccompCmpOp::Eq, 0)?]);
    // Private memory is what the ceiling counts.
    let private = libc::MAP_PRIVATE.unsigned_abs().into();
    let mapping = SeccompCmpOp::MaskedEq(MAPPING.unsigned_abs().into());
    let mut mappings = vec![when(3, mapping, private)?];
    // A device's memory is shared with it, and that of rows, which are handed over open. Nothing else is there to be shared: a file
    // that can be named cannot be written.
    let handed = SeccompCmpOp::MaskedEq((MAPPING | libc::MAP_ANONYMOUS).unsigned_abs().into());
    let handed = condition(3, handed, libc::MAP_SHARED.unsigned_abs().into())?;
    match purpose {
        Purpose::Host | Purpose::Card => mappings.push(SeccompRule::new(vec![handed])?),
        Purpose::Run => {
            let to_read = condition(2, SeccompCmpOp::Eq, libc::PROT_READ.unsigned_abs().into())?;
            mappings.push(SeccompRule::new(vec![to_read, handed])?);
        }
        Purpose::Compile => {}
    }
    rules.insert(libc::SYS_mmap, mappings);
    if purpose == Purpose::Card {
        // Of the thread that asks, and of no other process.
        rules.insert(libc::SYS_sched_setaffinity, vec![when(0, SeccompCmpOp::Eq, 0)?]);
    }
    let name = libc::PR_SET_NAME.unsigned_abs().into();
    let memory = libc::PR_SET_VMA.unsigned_abs().into();
    let privileges = libc::PR_SET_NO_NEW_PRIVS.unsigned_abs().into();
    let harmless = [name, memory, privileges].map(|option| when(0, SeccompCmpOp::Eq, option));
    rules.insert(libc::SYS_prctl, harmless.into_iter().collect::<Result<_, _>>()?);
    // One more filter may be put up, which only takes away.
    let filter = libc::SECCOMP_SET_MODE_FILTER.into();
    rules.insert(libc::SYS_seccomp, vec![when(0, SeccompCmpOp::Eq, filter)?]);
    Ok(rules)
}

fn when(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![condition(argument, is, value)?])
}

fn condition(
    argument: u8,
    is: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, is, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a filter answers to a call, read as the kernel reads it.
    fn answer(filter: &BpfProgram, call: c_long, arguments: [u64; 6]) -> u32 {
        let architecture = if cfg!(target_arch = "x86_64") { 0xC000_003E_u32 } else { 0xC000_00B7 };
        let mut data = u32::try_from(call).unwrap().to_ne_bytes().to_vec();
        data.extend(architecture.to_ne_bytes());
        data.extend([0; 8]);
        arguments.iter().for_each(|argument| data.extend(argument.to_ne_bytes()));
        let (mut at, mut held) = (0, 0_u32);
        loop {
            let step = &filter[at];
            let (code, constant) = (u32::from(step.code), step.k);
            let goes_on = |is: bool| usize::from(if is { step.jt } else { step.jf });
            at += 1;
            match code {
                0x20 => {
                    let place = constant as usize;
                    held = u32::from_ne_bytes(data[place..place + 4].try_into().unwrap());
                }
                0x54 => held &= constant,
                0x05 => at += constant as usize,
                0x15 => at += goes_on(held == constant),
                0x25 => at += goes_on(held > constant),
                0x35 => at += goes_on(held >= constant),
                0x06 => return constant,
                other => panic!("{other:#x} is no step of these filters"),
            }
        }
    }

    #[test]
    fn memory_is_private_and_grows_only_as_the_ceiling_counts() {
        let flags = [
            (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, true),
            (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE, true),
            (libc::MAP_PRIVATE | libc::MAP_FIXED, true),
            (libc::MAP_SHARED | libc::MAP_ANONYMOUS, false),
            (libc::MAP_SHARED_VALIDATE, false),
            (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_GROWSDOWN, false),
        ];
        // What is shared was handed over: a device's memory, and pages that an engine lays rows in.
        let purposes =
            [(Purpose::Run, false), (Purpose::Host, true), (Purpose::Card, true), (Purpose::Compile, false)];
        for (purpose, is_shared) in purposes {
            let filters = filters(purpose).unwrap();
            for (flags, expected) in flags.into_iter().chain([(libc::MAP_SHARED, is_shared)]) {
                let arguments = [0, 6 << 30, 3, u64::from(flags.unsigned_abs()), u64::MAX, 0];
                let is_allowed =
                    |filter| answer(filter, libc::SYS_mmap, arguments) == libc::SECCOMP_RET_ALLOW;
                assert_eq!(filters.iter().all(is_allowed), expected, "{purpose:?}: {flags:#x}");
            }
        }
    }

    #[test]
    fn who_runs_guests_shares_memory_only_to_read_it() {
        let (filters, seal) = (filters(Purpose::Run).unwrap(), sealed().unwrap());
        let (read, write, run) = (libc::PROT_READ, libc::PROT_WRITE, libc::PROT_EXEC);
        let cases = [
            (read, libc::MAP_SHARED, true),
            (write, libc::MAP_SHARED, false),
            (read | write, libc::MAP_SHARED, false),
            (read | run, libc::MAP_SHARED, false),
            (read, libc::MAP_SHARED | libc::MAP_ANONYMOUS, false),
            (read, libc::MAP_SHARED | libc::MAP_GROWSDOWN, false),
        ];
        for (protection, flags, expected) in cases {
            let [protection, flags] = [protection, flags].map(|bits| u64::from(bits.unsigned_abs()));
            let arguments = [0, 4096, protection, flags, 5, 0];
            let is_allowed = |filter| answer(filter, libc::SYS_mmap, arguments) == libc::SECCOMP_RET_ALLOW;
            let all = filters.iter().chain([&seal]).all(is_allowed);
            assert_eq!(all, expected, "{protection:#x}, {flags:#x}");
        }
    }

    #[test]
    fn who_reads_a_model_names_no_file_and_starts_threads() {
        let filters = filters(Purpose::Host).unwrap();
        let threads = u64::from(libc::CLONE_THREAD.unsigned_abs());
        let is_allowed = |call| {
            let allows = |filter| answer(filter, call, [threads; 6]) == libc::SECCOMP_RET_ALLOW;
            filters.iter().all(allows)
        };
        let naming = [NAMING, NAMING_BY_PROCESSOR].concat();
        assert!(naming.iter().all(|call| !is_allowed(*call)) && is_allowed(libc::SYS_clone));
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn an_engine_may_ask_for_tiles_behind_every_wall() {
        // `ARCH_REQ_XCOMP_PERM`, and what tiles hold.
        let arguments = [0x1023, 18, 0, 0, 0, 0];
        for purpose in [Purpose::Run, Purpose::Host, Purpose::Card, Purpose::Compile] {
            let filters = filters(purpose).unwrap();
            let is_allowed =
                |filter| answer(filter, libc::SYS_arch_prctl, arguments) == libc::SECCOMP_RET_ALLOW;
            assert!(filters.iter().all(is_allowed), "{purpose:?}");
        }
    }

    #[test]
    fn nothing_starts_a_process() {
        let (filters, seal) = (filters(Purpose::Run).unwrap(), sealed().unwrap());
        let threads = u64::from(libc::CLONE_THREAD.unsigned_abs());
        for call in [libc::SYS_clone, libc::SYS_clone3, libc::SYS_execve, libc::SYS_unshare, libc::SYS_kill] {
            let is_allowed = |filter| answer(filter, call, [0; 6]) == libc::SECCOMP_RET_ALLOW;
            assert!(!filters.iter().all(is_allowed), "{call}");
        }
        let is_allowed = |filter| answer(filter, libc::SYS_clone, [threads; 6]) == libc::SECCOMP_RET_ALLOW;
        assert!(filters.iter().all(is_allowed) && !is_allowed(&seal), "threads, before the seal");
    }
}
