//! The phone: secure application and payment application on real transports.
