//! What a host counts, for `/metrics` to print.
//!
//! **Invariant:** a counter only grows, and says nothing of a message's contents.
use crate::framing::Fault;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one listener.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections served, those that are open among them.
    pub accepted: Counter,
    /// Connections closed at once: as many are open as may be.
    pub refused_full: Counter,
    /// Connections closed at once: too many new ones within a second, of one address or of all.
    pub refused_flood: Counter,
    /// Connections whose TLS could not be agreed on in time.
    pub refused_tls: Counter,
    /// Whole messages read.
    pub messages: Counter,
    /// Frames written: answers, and keep-alives where they are answered.
    pub written: Counter,
    /// Frames of length 0.
    pub keep_alives: Counter,
    /// Messages whose service gave no answer, or one that no frame holds.
    pub unanswered: Counter,
    /// Connections ended for a length that is no number.
    pub length_not_decimal: Counter,
    /// Connections ended for a length below what every message has.
    pub length_short: Counter,
    /// Connections ended for a length above the bound.
    pub length_long: Counter,
    /// Connections ended for a header that is no TPDU.
    pub header_invalid: Counter,
    /// Connections ended for a missing ETX.
    pub trailer_missing: Counter,
    /// Connections that ended inside a message.
    pub cut_short: Counter,
    /// Connections ended because a message took too long to arrive.
    pub timeouts_read: Counter,
    /// Connections ended because nothing came and nothing was under way.
    pub timeouts_idle: Counter,
    /// Connections ended because, long after the last request, an answer was still to come.
    pub timeouts_answer: Counter,
    /// Connections ended because the other side did not read.
    pub timeouts_write: Counter,
}

impl Metrics {
    /// Counts why a stream could not be read on.
    pub fn fault(&self, fault: Fault) {
        match fault {
            Fault::NotDecimal => &self.length_not_decimal,
            Fault::TooShort => &self.length_short,
            Fault::TooLong => &self.length_long,
            Fault::Header => &self.header_invalid,
            Fault::Trailer => &self.trailer_missing,
        }
        .count();
    }
}
