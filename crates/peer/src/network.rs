pub const BLOB_BYTES_MAX: usize = 16 * 1024 * 1024;
pub trait BlobSource { fn open(&self, digest: &assay_protocol::id::Digest, to: &assay_protocol::id::PeerId) -> Option<std::fs::File>; }
