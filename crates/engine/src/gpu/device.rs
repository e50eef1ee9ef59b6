//! A device of wgpu: its buffers, its pipelines, and what comes back from it.
//!
//! **Invariant:** what the driver says went wrong is kept and becomes an error of the next thing that is read; nothing
//! of it is a panic.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{CardError, CardInfo};

/// The kernels.
const KERNELS: &str = include_str!("kernels.wgsl");

/// What a kernel is told at each start. The first is zero, and no compiler knows it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct KernelParams {
    pub(super) zero: u32,
    pub(super) rows: u32,
    pub(super) groups: u32,
    pub(super) tokens: u32,
    pub(super) position: u32,
    pub(super) width: u32,
    pub(super) heads: u32,
    pub(super) key_heads: u32,
    pub(super) pairs: u32,
    pub(super) window: u32,
    pub(super) chunks: u32,
    pub(super) blocks: u32,
    pub(super) from_block: u32,
    pub(super) stride: u32,
    pub(super) at: u32,
    pub(super) scale: f32,
    pub(super) epsilon: f32,
    pub(super) by_width: f32,
    pub(super) by_head_width: f32,
    pub(super) cap: f32,
}

/// The cards of this machine, in the driver's order.
pub(super) fn adapters() -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN;
    pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::VULKAN))
}

pub(super) fn info(index: usize, adapter: &wgpu::Adapter) -> CardInfo {
    let info = adapter.get_info();
    let is_hardware = info.device_type != wgpu::DeviceType::Cpu;
    let is_integrated = info.device_type == wgpu::DeviceType::IntegratedGpu;
    let driver = format!("{} {}", info.driver, info.driver_info);
    let memory_bytes = is_hardware.then(|| memory(adapter)).flatten();
    CardInfo { index, name: info.name, driver, is_hardware, is_integrated, memory_bytes }
}

/// Not known: these systems have no Vulkan of their own, so no device of theirs is listed.
#[cfg(target_vendor = "apple")]
fn memory(_adapter: &wgpu::Adapter) -> Option<u64> {
    None
}

/// The largest heap that is the device's own.
#[cfg(not(target_vendor = "apple"))]
fn memory(adapter: &wgpu::Adapter) -> Option<u64> {
    // SAFETY: the physical device is only asked about its memory, and not kept.
    #[allow(unsafe_code)]
    let properties = unsafe {
        let adapter = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = adapter.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(adapter.raw_physical_device())
    };
    let heaps = &properties.memory_heaps[..properties.memory_heap_count as usize];
    // The lowest bit of a heap's flags is that of memory on the device.
    heaps.iter().filter(|heap| heap.flags.as_raw() & 1 == 1).map(|heap| heap.size).max()
}

/// Bytes of a buffer for so many: vec4s are bound whole.
pub(super) const fn buffer_bytes(bytes: usize) -> usize {
    let whole = bytes.next_multiple_of(16);
    if whole < 64 { 64 } else { whole }
}

/// An opened device.
pub(super) struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
    module: wgpu::ShaderModule,
    pub(super) limits: wgpu::Limits,
    pipelines: Mutex<HashMap<String, wgpu::ComputePipeline>>,
    fault: Arc<Mutex<Option<String>>>,
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Device").finish_non_exhaustive()
    }
}

impl Device {
    pub(super) fn open(info: &CardInfo, adapter: &wgpu::Adapter) -> Result<Self, CardError> {
        let closed = |why: String| CardError::Closed { card: info.name.clone(), why };
        let limits = adapter.limits();
        let needed = size_of::<KernelParams>() as u32;
        if limits.max_immediate_size < needed || limits.max_storage_buffers_per_shader_stage < 12 {
            return Err(closed("too few parameters or buffers at a time".to_owned()));
        }
        if limits.max_compute_invocations_per_workgroup < 256 {
            return Err(closed("fewer than 256 threads at a time".to_owned()));
        }
        let request = adapter.request_device(&wgpu::DeviceDescriptor {
            required_features: wgpu::Features::IMMEDIATES,
            required_limits: limits.clone(),
            ..Default::default()
        });
        let (device, queue) = pollster::block_on(request).map_err(|error| closed(error.to_string()))?;
        let fault = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            keep.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
        }));
        let source =
            wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(KERNELS.into()) };
        // SAFETY: the kernels are our own, read and write within the buffers that they are started with, and end.
        #[allow(unsafe_code)]
        let module =
            unsafe { device.create_shader_module_trusted(source, wgpu::ShaderRuntimeChecks::unchecked()) };
        let device = Self { device, queue, module, limits, pipelines: Mutex::default(), fault };
        device.sound().map_err(|error| closed(error.to_string()))?;
        Ok(device)
    }

    /// How many numbers of its own a workgroup can have beside those that every kernel has.
    pub(super) const fn pool_max(&self) -> usize {
        const OTHERS: u32 = 2 * 1024 * 4 + 256;
        self.limits.max_compute_workgroup_storage_size.saturating_sub(OTHERS) as usize / size_of::<f32>()
    }

    /// A kernel with these settings.
    pub(super) fn pipeline(&self, entry: &str, constants: &[(&str, f64)]) -> wgpu::ComputePipeline {
        let mut known = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(entry),
                layout: None,
                module: &self.module,
                entry_point: Some(entry),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants,
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
        };
        known.entry(format!("{entry} {constants:?}")).or_insert_with(make).clone()
    }

    pub(super) fn group(
        &self,
        pipeline: &wgpu::ComputePipeline,
        buffers: &[(u32, &wgpu::Buffer)],
    ) -> wgpu::BindGroup {
        let entries: Vec<_> = buffers
            .iter()
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding: *binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        })
    }

    pub(super) fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    pub(super) fn submit(&self, commands: wgpu::CommandBuffer) {
        self.queue.submit([commands]);
    }

    pub(super) fn write(&self, buffer: &wgpu::Buffer, bytes: &[u8]) {
        self.queue.write_buffer(buffer, 0, bytes);
    }

    /// A buffer of zeros.
    pub(super) fn room(&self, bytes: usize) -> wgpu::Buffer {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.buffer(bytes, usage)
    }

    /// A buffer that comes back.
    pub(super) fn back(&self, bytes: usize) -> wgpu::Buffer {
        self.buffer(bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)
    }

    fn buffer(&self, bytes: usize, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer_bytes(bytes) as u64,
            usage,
            mapped_at_creation: false,
        })
    }

    /// A buffer of these bytes. What staged them is given back at once.
    pub(super) fn put<T: bytemuck::Pod>(&self, data: &[T]) -> wgpu::Buffer {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let buffer = self.room(bytes.len());
        const PIECE: usize = 1 << 26;
        for (piece, bytes) in bytes.chunks(PIECE).enumerate() {
            self.queue.write_buffer(&buffer, (piece * PIECE) as u64, bytes);
            self.queue.submit([]);
        }
        buffer
    }

    /// Waits until all that was submitted is done.
    pub(super) fn wait(&self) -> Result<(), CardError> {
        let done = self.device.poll(wgpu::PollType::wait_indefinitely());
        done.map_err(|error| CardError::Lost { why: error.to_string() })?;
        self.sound()
    }

    /// The first `count` numbers of what came back.
    pub(super) fn read(&self, back: &wgpu::Buffer, count: usize) -> Result<Vec<f32>, CardError> {
        let lost = |why: String| CardError::Lost { why };
        let view = back.slice(..(count * size_of::<f32>()) as u64);
        view.map_async(wgpu::MapMode::Read, |_| {});
        self.wait()?;
        let range = view.get_mapped_range().map_err(|error| lost(error.to_string()))?;
        let numbers = bytemuck::pod_collect_to_vec::<u8, f32>(&range);
        drop(range);
        back.unmap();
        Ok(numbers)
    }

    /// Whether nothing went wrong so far.
    fn sound(&self) -> Result<(), CardError> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.as_ref().map_or(Ok(()), |why| Err(CardError::Lost { why: why.clone() }))
    }
}
