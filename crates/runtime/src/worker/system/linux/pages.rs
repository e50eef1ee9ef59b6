//! Pages that an engine lays rows in and a worker copies them from.
//!
//! **Invariant:** who reads them can neither write to them nor make them so that they can be written to; nobody makes them
//! longer or shorter, so that no look at them faults. What lies there means nothing until the engine says so over the link.
#![allow(
    unsafe_code,
    reason = "what two processes see is reached by its address; each block says why it is sound"
)]

use std::{
    ffi::c_void,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    ptr::{self, NonNull},
    sync::Arc,
};

use rustix::{
    fs::{MemfdFlags, Mode, SealFlags, fchmod, fcntl_add_seals, fstat, ftruncate, memfd_create},
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

/// Pages on their way to one of those who see them.
#[derive(Clone)]
pub(in super::super) struct PagesEnd {
    file: Arc<OwnedFd>,
}

impl PagesEnd {
    /// Pages of so many bytes: the engine's end, which is written to, and the worker's, which is not.
    pub(in super::super) fn pair(bytes: u64) -> io::Result<(Self, Self)> {
        let written = memory()?;
        ftruncate(&written, bytes)?;
        fcntl_add_seals(&written, SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        // Who has the other end cannot open it anew for writing, wherever it finds its name.
        fchmod(&written, Mode::RUSR)?;
        let read = File::open(format!("/proc/self/fd/{}", written.as_raw_fd()))?;
        Ok((Self { file: Arc::new(written) }, Self { file: Arc::new(read.into()) }))
    }

    /// An end that came over a socket.
    pub(in super::super) fn received(file: OwnedFd) -> Option<Self> {
        Some(Self { file: Arc::new(file) })
    }

    /// The engine's end, in its memory; nothing where that is refused.
    pub(in super::super) fn written(&self) -> Option<WrittenPages> {
        Mapping::of(&self.file, ProtFlags::READ | ProtFlags::WRITE).map(WrittenPages).ok()
    }

    /// The worker's end, in its memory; nothing where that is refused.
    pub(in super::super) fn read(&self) -> Option<ReadPages> {
        Mapping::of(&self.file, ProtFlags::READ).map(ReadPages).ok()
    }
}

impl AsFd for PagesEnd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Memory with no name, whose bytes are nobody's program where the kernel knows how.
fn memory() -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    memfd_create("rows", flags | MemfdFlags::NOEXEC_SEAL).or_else(|_| memfd_create("rows", flags))
}

/// Pages in the memory of this process, until it is dropped.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it owns what it points to, which is unmapped once, and any thread may look at it.
unsafe impl Send for Mapping {}
// SAFETY: what is shared only reads.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn of(file: &OwnedFd, protection: ProtFlags) -> io::Result<Self> {
        let length = usize::try_from(fstat(file)?.st_size).map_err(io::Error::other)?;
        // SAFETY: the kernel chooses the place, so nothing that is somewhere goes.
        let start = unsafe { mmap(ptr::null_mut(), length, protection, MapFlags::SHARED, file, 0)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let start: *mut c_void = self.start.as_ptr().cast();
        // SAFETY: it was mapped so, and nothing points to it any more.
        let _ = unsafe { munmap(start, self.length) };
    }
}

/// The engine's end of pages.
pub(crate) struct WrittenPages(Mapping);

impl WrittenPages {
    /// How many bytes there is room for.
    pub(crate) const fn length(&self) -> usize {
        self.0.length
    }

    /// Lays numbers down from this byte on, little-endian; false, and nothing, where they do not fit.
    pub(crate) fn lay(&mut self, first: usize, numbers: &[f32]) -> bool {
        let Some(end) = first.checked_add(size_of_val(numbers)) else { return false };
        if end > self.0.length {
            return false;
        }
        for (place, number) in numbers.iter().enumerate() {
            // SAFETY: the four bytes end no later than `end`, so they are in the mapping, which can be written to. In this
            // process nobody else has it; another only reads it, and nothing here depends on when.
            unsafe {
                let to = self.0.start.as_ptr().add(first + place * size_of::<f32>());
                to.cast::<[u8; size_of::<f32>()]>().write(number.to_le_bytes());
            }
        }
        true
    }
}

/// The worker's end of pages.
pub(crate) struct ReadPages(Mapping);

impl ReadPages {
    /// A copy of the first bytes; nothing where there are not as many.
    pub(crate) fn copy(&self, length: usize) -> Option<Vec<u8>> {
        if length > self.0.length {
            return None;
        }
        let mut bytes = Vec::with_capacity(length);
        // SAFETY: so many bytes are in the mapping, and there is room for them in the vector, which is elsewhere. Should the
        // other process write meanwhile, some are what was there before: any byte is one.
        unsafe {
            ptr::copy_nonoverlapping(self.0.start.as_ptr(), bytes.as_mut_ptr(), length);
            bytes.set_len(length);
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::OpenOptions,
        io::{Seek, Write},
    };

    use super::*;

    const BYTES: u64 = 8192;

    fn pair() -> (PagesEnd, PagesEnd) {
        PagesEnd::pair(BYTES).unwrap()
    }

    #[test]
    fn what_one_lays_down_the_other_copies_to_the_bit() {
        let (written, read) = pair();
        let (mut written, read) = (written.written().unwrap(), read.read().unwrap());
        let numbers = [1.5, -0.0, f32::NAN, f32::from_bits(0xffc0_0001), f32::MIN_POSITIVE];
        assert!(written.lay(0, &numbers[..2]) && written.lay(8, &numbers[2..]));
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(read.copy(20), Some(bytes));
        assert_eq!(read.copy(0), Some(Vec::new()));
    }

    #[test]
    fn nothing_is_laid_or_copied_beyond_the_end() {
        let (written, read) = pair();
        let (mut written, read) = (written.written().unwrap(), read.read().unwrap());
        assert_eq!(written.length() as u64, BYTES);
        let whole = vec![1.0; written.length() / 4];
        assert!(written.lay(0, &whole));
        for (first, count) in
            [(4, whole.len()), (written.length(), 1), (usize::MAX, 1), (written.length() - 3, 1)]
        {
            assert!(!written.lay(first, &whole[..count]), "{count} numbers from byte {first} on");
        }
        assert!(read.copy(written.length()).is_some() && read.copy(written.length() + 1).is_none());
    }

    #[test]
    fn whoever_reads_has_no_way_to_write() {
        let (written, read) = pair();
        assert!(written.written().unwrap().lay(0, &[1.0]));
        assert!(read.written().is_none(), "it is not mapped so");
        let mapping = Mapping::of(&read.file, ProtFlags::READ).unwrap();
        // SAFETY: nothing here points into it.
        let opened = unsafe {
            let start: *mut c_void = mapping.start.as_ptr().cast();
            rustix::mm::mprotect(start, mapping.length, rustix::mm::MprotectFlags::WRITE)
        };
        assert_eq!(opened, Err(Errno::ACCESS));
        let mut file = File::from(read.file.try_clone().unwrap());
        assert!(file.write(b"other").is_err());
        assert!(file.set_len(0).is_err() && file.set_len(2 * BYTES).is_err());
        assert!(fcntl_add_seals(&read.file, SealFlags::WRITE).is_err());
        if !rustix::process::geteuid().is_root() {
            let name = format!("/proc/self/fd/{}", read.file.as_raw_fd());
            assert!(OpenOptions::new().write(true).open(name).is_err());
        }
        assert_eq!(read.read().unwrap().copy(4), Some(1_f32.to_le_bytes().to_vec()));
    }

    #[test]
    fn nobody_makes_pages_longer_or_shorter() {
        let (written, _read) = pair();
        let mut file = File::from(written.file.try_clone().unwrap());
        assert!(file.set_len(0).is_err() && file.set_len(BYTES + 1).is_err());
        file.seek(io::SeekFrom::Start(BYTES)).unwrap();
        assert!(file.write(b"more").is_err());
    }

    #[test]
    fn the_pages_of_one_are_not_those_of_another() {
        let [(one, own), (other, _)] = [pair(), pair()];
        assert!(one.written().unwrap().lay(0, &[1.0]) && other.written().unwrap().lay(0, &[2.0]));
        assert_eq!(own.read().unwrap().copy(4), Some(1_f32.to_le_bytes().to_vec()));
    }

    #[test]
    fn pages_of_no_bytes_are_none() {
        let (written, read) = PagesEnd::pair(0).unwrap();
        assert!(written.written().is_none() && read.read().is_none());
    }
}
