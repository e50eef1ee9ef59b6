//! One start of a kernel: what it reads and writes, what it is told, how many workgroups it takes.
//!
//! **Invariant:** a step names every buffer that its kernel knows; what a kernel does not use in this step is a buffer
//! that nobody reads.

use super::device::{Device, KernelParams};
use crate::arithmetic::CHUNK;

/// How many workgroups a step takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Grid {
    /// So many threads a token, 64 a workgroup.
    Threads(u32),
    /// A workgroup a token.
    Tokens,
    /// So many workgroups, whatever there is to do.
    Rows(u32),
    /// So many, for each 64 tokens.
    Tiles(u32),
    /// So many heads of each token.
    Heads(u32),
    /// So many heads, each chunk of positions, each token.
    Chunks(u32),
    /// So many pairs of tiles, each of so many experts of a token, each token.
    Experts(u32, u32),
}

/// The bindings of each kernel.
const fn bindings(entry: &str) -> &'static [u32] {
    match entry.as_bytes() {
        b"embed" => &[0, 6, 12],
        b"norm" => &[3, 4, 5, 6, 7],
        b"join_normed" => &[5, 6, 7],
        b"activations" | b"gated" => &[3, 4, 5],
        b"matvec" => &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13],
        b"matmul" => &[0, 1, 2, 5, 6, 13],
        b"route" => &[5, 7, 13, 14],
        b"choose" => &[14, 18],
        b"expert_gate" => &[0, 1, 2, 3, 4, 13, 18],
        b"expert_down" => &[0, 1, 2, 6, 13, 18],
        b"turn" => &[5, 7, 8, 9, 10, 11, 13],
        b"score" => &[8, 9, 14, 15],
        b"attend" => &[7, 10, 14, 15, 16, 17],
        b"join" => &[3, 4, 5, 7, 15, 16, 17],
        _ => &[5],
    }
}

/// Bindings that a kernel only reads.
const READ: [u32; 7] = [0, 1, 2, 7, 11, 12, 13];

/// What stands where a kernel uses nothing: read, and written.
#[derive(Debug)]
pub(super) struct Nothing {
    read: wgpu::Buffer,
    write: wgpu::Buffer,
}

impl Nothing {
    pub(super) fn new(device: &Device) -> Self {
        Self { read: device.room(0), write: device.room(0) }
    }
}

/// One start of a kernel.
#[derive(Debug)]
pub(super) struct KernelStep {
    /// What it is for.
    pub(super) name: &'static str,
    /// Bytes of weights that it reads, as in the pack.
    pub(super) bytes: usize,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    pub(super) params: KernelParams,
    grid: Grid,
}

/// What a step is made of.
pub(super) struct Kernel<'a> {
    pub(super) name: &'static str,
    pub(super) entry: &'static str,
    pub(super) constants: &'a [(&'a str, f64)],
    pub(super) buffers: &'a [(u32, &'a wgpu::Buffer)],
    pub(super) params: KernelParams,
    pub(super) grid: Grid,
    pub(super) bytes: usize,
}

impl KernelStep {
    pub(super) fn new(device: &Device, nothing: &Nothing, kernel: Kernel<'_>) -> Self {
        let Kernel { name, entry, constants, buffers, params, grid, bytes } = kernel;
        let pipeline = device.pipeline(entry, constants);
        let bound: Vec<(u32, &wgpu::Buffer)> = bindings(entry)
            .iter()
            .map(|binding| {
                let given = buffers.iter().find(|(at, _)| at == binding).map(|(_, buffer)| *buffer);
                let none = if READ.contains(binding) { &nothing.read } else { &nothing.write };
                (*binding, given.unwrap_or(none))
            })
            .collect();
        let group = device.group(&pipeline, &bound);
        Self { name, bytes, pipeline, group, params, grid }
    }

    /// Starts it for tokens from a position on. Activations are read from block `from_block` on.
    pub(super) fn run(
        &self,
        pass: &mut wgpu::ComputePass<'_>,
        tokens: usize,
        position: usize,
        from_block: usize,
    ) {
        let n = tokens as u32;
        let params = KernelParams {
            tokens: n,
            position: position as u32,
            from_block: from_block as u32,
            ..self.params
        };
        let chunks = (position + tokens).div_ceil(CHUNK) as u32;
        let (x, y, z) = match self.grid {
            Grid::Threads(each) => ((n * each).div_ceil(64), 1, 1),
            Grid::Tokens => (n, 1, 1),
            Grid::Rows(rows) => (rows.min(1 << 15), rows.div_ceil(1 << 15), 1),
            Grid::Tiles(rows) => (rows, n.div_ceil(64), 1),
            Grid::Heads(heads) => (heads, n, 1),
            Grid::Chunks(heads) => (heads, chunks, n),
            Grid::Experts(pairs, used) => (pairs, used, n),
        };
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.group, &[]);
        pass.set_immediates(0, bytemuck::bytes_of(&params));
        pass.dispatch_workgroups(x, y, z);
    }
}
