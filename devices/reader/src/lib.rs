//! The shop's reader: challenges, secure objects, receipts, uploads.
