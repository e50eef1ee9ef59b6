//! How a process ends that has mapped a file whose owner cuts it.
//!
//! **Invariant:** the handler does what a handler of signals may do and no more: it writes one line and ends the process.
#![allow(unsafe_code, reason = "a signal's handler is set by a call of the system")]

use std::{io, mem, ptr};

use libc::{BUS_ADRERR, SA_RESETHAND, SA_SIGINFO, SIGBUS, STDERR_FILENO, c_int, c_void, siginfo_t};

/// What a process ends with whose mapped file was cut, where [`end_where_a_file_is_cut`] was called.
pub const CUT_EXIT_CODE: i32 = 74;

const WORDS: &[u8] = b"a file was cut while it was read as a part of memory\n";

/// From now on, reading where a mapped file was cut ends this process with a line on its standard error and
/// [`CUT_EXIT_CODE`]. For processes that do nothing but run one job: what they held is gone.
///
/// # Errors
/// The system refuses.
pub fn end_where_a_file_is_cut() -> io::Result<()> {
    let handler: extern "C" fn(c_int, *const siginfo_t, *const c_void) = ended;
    // SAFETY: all of it may be zeros; what is not is set below.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // What the handler leaves alone happens once more, and then as if there were none.
    action.sa_flags = SA_SIGINFO | SA_RESETHAND;
    // SAFETY: the action is whole and its handler has the signature that SA_SIGINFO promises.
    match unsafe { libc::sigaction(SIGBUS, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

extern "C" fn ended(_: c_int, why: *const siginfo_t, _: *const c_void) {
    // SAFETY: the system hands over what it knows of the signal; `write` and `_exit` may be called in a handler.
    unsafe {
        if (*why).si_code == BUS_ADRERR {
            libc::write(STDERR_FILENO, WORDS.as_ptr().cast(), WORDS.len());
            libc::_exit(CUT_EXIT_CODE);
        }
    }
}
