//! Hosts: the TCP links that terminals and processors speak ISO 8583 over.
//!
//! ```text
//! bytes ─► framing (pure: where a message begins and ends) ─► Service ─► framing ─► bytes
//!          server: connections, bounds, deadlines, pipelining
//!                  acquirer: a Service that checks, tokenises, decides durably and answers
//!                  processor: the way on, for cards that are not known here
//! ```
//!
//! **Invariant:** nothing of a message is in a log, an error or a counter; buffers that held one are wiped.
pub mod acquirer;
pub mod framing;
pub mod keys;
pub mod metrics;
pub mod processor;
pub mod server;
pub mod tls;
