//! The system calls that a worker may make.
//!
//! **Invariant:** the list says what is allowed; all else answers "not permitted". Nothing on it starts a process, opens a
//! socket, or reaches another process.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use super::super::wire::Purpose;

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
    libc::SYS_memfd_create,
    libc::SYS_mmap,
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

/// The old names of calls that libraries for this processor still use.
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

/// Puts the filter up for this thread and all that it starts.
pub(super) fn install(purpose: Purpose) -> Result<(), String> {
    install_filters(purpose).map_err(|error| error.to_string())
}

fn install_filters(purpose: Purpose) -> Result<(), seccompiler::Error> {
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
    // The last, since it allows no more filters.
    filters.push(allowed);
    filters.into_iter().try_for_each(|filter| apply_filter(&BpfProgram::try_from(filter)?))
}

fn allowed(purpose: Purpose) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::Error> {
    let writing: [&[c_long]; 2] = match purpose {
        Purpose::Run => [&[], &[]],
        Purpose::Compile => [WRITING, WRITING_BY_PROCESSOR],
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [ALWAYS, BY_PROCESSOR, writing[0], writing[1]]
        .into_iter()
        .flatten()
        .map(|call| (*call, Vec::new()))
        .collect();
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    rules.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // A signal to oneself is how a process aborts.
    rules.insert(libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Eq, std::process::id().into())?]);
    // Reading a limit, not setting one.
    rules.insert(libc::SYS_prlimit64, vec![when(2, SeccompCmpOp::Eq, 0)?]);
    let name = libc::PR_SET_NAME.unsigned_abs().into();
    let memory = libc::PR_SET_VMA.unsigned_abs().into();
    rules.insert(libc::SYS_prctl, vec![when(0, SeccompCmpOp::Eq, name)?, when(0, SeccompCmpOp::Eq, memory)?]);
    Ok(rules)
}

fn when(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Qword, is, value)?])
}
