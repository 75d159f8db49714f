//! A static library that links every crate of `core/` and `systems/` and brings its own panic handler and allocator.
//!
//! It builds only while none of them, nor anything they use, links the standard library: `std` has a panic handler
//! of its own, and two are an error (`duplicate lang item panic_impl`). It is built, never run.
//!
//! **Invariant:** this is the one place of the repository with `unsafe`: `GlobalAlloc` cannot be implemented without it.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

extern crate symbolon_acquiring as _;
extern crate symbolon_journal as _;
extern crate symbolon_keys as _;
extern crate symbolon_offline_payment as _;
extern crate symbolon_proof as _;
extern crate symbolon_state as _;
extern crate symbolon_types as _;
extern crate symbolon_wire as _;
#[cfg(feature = "bite")]
extern crate uses_std as _;

/// An allocator that has no memory to give: it answers every request with null, which `GlobalAlloc` allows.
struct NoMemory;

// SAFETY: null is the documented answer of an allocator that cannot serve a request; nothing was ever handed out, so
// there is nothing that `dealloc` could be given.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
