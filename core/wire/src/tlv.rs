//! BER-TLV as EMV Book 3 Annex B uses it, and data object lists.
