//! What a card shows before it is used: every function over a million inputs.
//!
//! **Invariant:** an input is within what the arithmetic defines, and is the same on every machine.

use std::time::Instant;

use super::{
    CardError, CardInfo,
    device::{Device, KernelParams},
};
use crate::arithmetic as law;

/// The functions, in the order that the kernels give them in.
pub const FUNCTIONS: [&str; 14] = [
    "reciprocal",
    "inverse root",
    "exp",
    "silu",
    "tanh",
    "gelu",
    "door",
    "keep",
    "what was kept",
    "a scale of sixteen bits",
    "a · b + a",
    "(a + b) − b · b",
    "+0 + a · b",
    "a clamped gate",
];

const INPUTS: usize = 1 << 20;
/// Threads of the kernel.
const THREADS: usize = 64;

/// Numbers where functions change, of either sign and a little beside; and numbers of every size in use.
fn inputs() -> Vec<f32> {
    const BORDERS: [f32; 12] =
        [law::LEAST, 40.0, 0.625, 41.0, 65504.0, 6.103_515_6e-5, 1.0, 2.0, 127.0, 0.5, 16.0, 1e-10];
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut inputs = Vec::with_capacity(INPUTS);
    for i in 0..INPUTS as u32 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let number = if i % 2 == 0 {
            let border = BORDERS[i as usize / 4 % BORDERS.len()].to_bits();
            f32::from_bits(border + i / 64 - (1 << 13))
        } else {
            // A size from 2⁻⁴¹ to 2⁴⁰ and any fraction.
            let exponent = 127 - 41 + (state >> 40) as u32 % 82;
            f32::from_bits(exponent << 23 | state as u32 >> 9)
        };
        inputs.push(if i / 2 % 2 == 0 { number } else { -number });
    }
    inputs
}

/// What the arithmetic gives.
fn wanted(a: f32, b: f32) -> [f32; FUNCTIONS.len()] {
    let kept = law::keep(a);
    let half = a.to_bits() as u16;
    let half = if half & 0x7C00 == 0x7C00 { half & !0x400 } else { half };
    let mut gate = [a];
    law::clamped_gate(&mut gate, &[b]);
    [
        law::reciprocal(a),
        law::inverse_root(a.abs()),
        law::exp(-a.abs()),
        law::silu(a),
        law::tanh(a),
        law::gelu(law::door(a)),
        law::door(a),
        f32::from_bits(u32::from(kept)),
        law::f16(kept),
        law::f16(half),
        a * b + a,
        (a + b) - b * b,
        0.0 + a * b,
        gate[0],
    ]
}

/// Compares every function, and says which differs.
pub(super) fn functions(info: &CardInfo, device: &Device) -> Result<(), CardError> {
    let inputs = inputs();
    let found = computed(device, &inputs)?;
    for (i, found) in found.chunks_exact(FUNCTIONS.len()).enumerate() {
        let wanted = wanted(inputs[i], inputs[INPUTS - 1 - i]);
        let differs = (0..FUNCTIONS.len()).find(|k| wanted[*k].to_bits() != found[*k].to_bits());
        if let Some(k) = differs {
            return Err(CardError::Differs {
                card: info.name.clone(),
                function: FUNCTIONS[k],
                argument: inputs[i].to_bits(),
                found: found[k].to_bits(),
                wanted: wanted[k].to_bits(),
            });
        }
    }
    Ok(())
}

fn computed(device: &Device, inputs: &[f32]) -> Result<Vec<f32>, CardError> {
    let count = inputs.len() * FUNCTIONS.len();
    let (x, y) = (device.put(inputs), device.room(count * size_of::<f32>()));
    let back = device.back(count * size_of::<f32>());
    let pipeline = device.pipeline("functions", &[]);
    let group = device.group(&pipeline, &[(5, &y), (8, &x)]);
    let mut encoder = device.encoder();
    {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let params = KernelParams { rows: inputs.len() as u32, ..KernelParams::default() };
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        pass.set_immediates(0, bytemuck::bytes_of(&params));
        pass.dispatch_workgroups(inputs.len().div_ceil(THREADS) as u32, 1, 1);
    }
    encoder.copy_buffer_to_buffer(&y, 0, &back, 0, (count * size_of::<f32>()) as u64);
    device.submit(encoder.finish());
    device.read(&back, count)
}

/// Bytes a second of a plain read.
pub(super) fn read_speed(device: &Device, bytes: usize) -> Result<f64, CardError> {
    /// Bytes of a workgroup.
    const PIECE: usize = 1 << 15;
    const ROUNDS: usize = 4;
    let bytes = bytes.next_multiple_of(PIECE);
    let most = device.limits.max_storage_buffer_binding_size;
    if bytes as u64 > most {
        return Err(CardError::Large { what: "a buffer", found: bytes as u64, most });
    }
    let (weights, y) = (device.room(bytes), device.room(4));
    let pipeline = device.pipeline("plain", &[]);
    let group = device.group(&pipeline, &[(0, &weights), (5, &y)]);
    let pieces = (bytes / PIECE) as u32;
    let mut best = 0f64;
    for _ in 0..ROUNDS {
        let mut encoder = device.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.set_immediates(0, bytemuck::bytes_of(&KernelParams::default()));
            for _ in 0..ROUNDS {
                pass.dispatch_workgroups(pieces.min(1 << 15), pieces.div_ceil(1 << 15), 1);
            }
        }
        let commands = encoder.finish();
        device.wait()?;
        let start = Instant::now();
        device.submit(commands);
        device.wait()?;
        best = best.max((ROUNDS * bytes) as f64 / start.elapsed().as_secs_f64());
    }
    Ok(best)
}
