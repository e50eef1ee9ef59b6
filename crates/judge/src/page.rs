//! How a page hands over a file, and reads what was found.
//!
//! **Invariant:** there is one file and one verdict at a time; a page reads and writes memory only where it was told to, and
//! as much as it was told.

#![allow(unsafe_code, reason = "names for a page, and the bytes that it wrote between two calls")]

use std::cell::RefCell;

use assay_protocol::receipt::VIEW_BYTES_MAX;

thread_local! {
    static FILE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes room for a file of so many bytes, and says where; nowhere, if no receipt is as long.
#[unsafe(no_mangle)]
extern "C" fn room(bytes: usize) -> *mut u8 {
    if bytes > VIEW_BYTES_MAX {
        return std::ptr::null_mut();
    }
    FILE.with_borrow_mut(|file| {
        file.clear();
        file.resize(bytes, 0);
        file.as_mut_ptr()
    })
}

/// Judges the file that was written there, and says how many bytes the verdict has, a document of JSON.
#[unsafe(no_mangle)]
extern "C" fn judge() -> usize {
    let said = FILE.with_borrow(|file| crate::verdict(file).to_string());
    SAID.with_borrow_mut(|last| {
        *last = said;
        last.len()
    })
}

/// Where the verdict is.
#[unsafe(no_mangle)]
extern "C" fn said() -> *const u8 {
    SAID.with_borrow(|said| said.as_ptr())
}
