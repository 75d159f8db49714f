//! The checks of the workspace and the steps of CI. `cargo xtask` without arguments lists them.
//!
//! ```text
//! workspace (cargo metadata) ─► ladder ─┐
//! source (files ─► lexer) ─► tidy ──────┼─► faults, one sentence each; none is exit 0
//!                       └─► docs ───────┘
//! no_std, lints_bite: build what must hold, then what must be refused
//! ci: all of it, then tests, the tour, and somebody else's code: as judge of its evidence, as payee and payer,
//!     and beside the calculator (differential)
//! ```
//! **Invariant:** every check is shown, in its tests or by its own run, a bad input that it refuses.
pub mod ci;
pub mod claims;
pub mod debian;
pub mod differential;
pub mod docs;
pub mod foreign;
pub mod ladder;
pub mod lexer;
pub mod lints_bite;
pub mod no_std;
pub mod node;
pub mod process;
pub mod python;
pub mod registry;
pub mod soak;
pub mod source;
pub mod tidy;
pub mod workspace;
