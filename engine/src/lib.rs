//! Re-exports every C symbol of Wasmtime's C API from one static library, and
//! adds the few settings that the C API lacks.  No logic lives here.
use wasmtime_c_api::wasmtime::{Config, Engine, Error, ResourceLimiter};
pub use wasmtime_c_api::*;

/// `wasm_config_t` is `repr(C)` around one `Config` and nothing else, which
/// the assertion holds on to.
fn config<'a>(c: *mut wasm_config_t) -> &'a mut Config {
    const { assert!(size_of::<wasm_config_t>() == size_of::<Config>()) };
    unsafe { &mut *c.cast::<Config>() }
}

/// No backtrace is captured when a guest traps.
#[unsafe(no_mangle)]
pub extern "C" fn platform_engine_backtrace_off(c: *mut wasm_config_t) {
    config(c).wasm_backtrace_max_frames(None);
}

/// Whether code offsets are kept for backtraces.
#[unsafe(no_mangle)]
pub extern "C" fn platform_engine_address_map_set(c: *mut wasm_config_t, on: bool) {
    config(c).generate_address_map(on);
}

/// Arithmetic in constant expressions.
#[unsafe(no_mangle)]
pub extern "C" fn platform_engine_extended_const_set(c: *mut wasm_config_t, on: bool) {
    config(c).wasm_extended_const(on);
}

/// Whether an engine with this configuration can be made;
/// `wasm_engine_new_with_config` aborts the process where this says false.
#[unsafe(no_mangle)]
pub extern "C" fn platform_engine_try(c: *mut wasm_config_t) -> bool {
    Engine::new(config(c)).is_ok()
}

/// What one store may take, and what became of its requests to grow.
#[repr(C)]
pub struct platform_engine_limits {
    pub memory_bytes_max: u64,
    pub table_elements_max: u64,
    /// Requests refused because of a maximum above.
    pub denied: u32,
    /// Requests that this machine could not fulfil.
    pub failed: u32,
}

impl ResourceLimiter for platform_engine_limits {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, Error> {
        if desired as u64 > self.memory_bytes_max {
            self.denied = self.denied.saturating_add(1);
            return Ok(false);
        }
        Ok(maximum.is_none_or(|max| desired <= max))
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<(), Error> {
        self.failed = self.failed.saturating_add(1);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, Error> {
        if desired as u64 > self.table_elements_max {
            self.denied = self.denied.saturating_add(1);
            return Ok(false);
        }
        Ok(maximum.is_none_or(|max| desired <= max))
    }
}

/// `limits` outlives the store, and only this thread touches either.
#[unsafe(no_mangle)]
pub extern "C" fn platform_engine_limiter_set(
    store: *mut wasmtime_store_t,
    limits: *mut platform_engine_limits,
) {
    const { assert!(size_of::<wasmtime_store_t>() == size_of::<WasmtimeStore>()) };
    let address = limits as usize;
    let store = unsafe { &mut *store.cast::<WasmtimeStore>() };
    store.limiter(move |_| unsafe { &mut *(address as *mut platform_engine_limits) });
}
