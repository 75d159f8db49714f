//! Why a command was not taken. A request is never refused this way for what a terminal sent: it is answered.
use symbolon_types::refusals;

refusals! {
    /// Numbered 80 to 99.
    pub enum AcquiringRefusal {
        80 AccountNotFound "ACQUIRING_ACCOUNT_NOT_FOUND" "there is no such account in the journal",
        81 PolicyInvalid "ACQUIRING_POLICY_INVALID" "a time is zero or above 400 days, or keys are kept for less than their window",
        82 PolicyMissing "ACQUIRING_POLICY_MISSING" "no policy was set; no request is taken before",
        83 ProcessorInvalid "ACQUIRING_PROCESSOR_INVALID" "a processor answers within 1 to 120 seconds",
    }
}

impl symbolon_wire::cbor::Cbor for AcquiringRefusal {
    fn encode(&self, out: &mut symbolon_wire::cbor::Encoder) {
        out.uint(u64::from(self.refused().code));
    }
    fn decode(input: &mut symbolon_wire::cbor::Decoder<'_>) -> Result<Self, symbolon_wire::cbor::Malformed> {
        let code: u16 = symbolon_wire::cbor::Cbor::decode(input)?;
        Self::ALL.iter().find(|row| row.refused().code == code).copied().ok_or(symbolon_wire::cbor::Malformed)
    }
}
