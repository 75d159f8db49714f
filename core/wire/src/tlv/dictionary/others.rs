//! The data elements of kernels C-3 to C-7 that differ from the common ones (EMV Contactless Books C-3 to C-7, data dictionaries).
//!
//! **Invariant:** rows of a table rise by tag.
use super::Format::{B, N};
use super::{Element, LENGTH_ANY, row};

/// Book C-3.
pub(super) const C3: &[Element] = &[
    row(0x9F5A, "Application Program Identifier (Program ID)", B, (1, 16), &[0xBF0C]),
    row(0x9F5D, "Available Offline Spending Amount (AOSA)", N, (6, 6), &[]),
    row(0x9F66, "Terminal Transaction Qualifiers (TTQ)", B, (4, 4), &[]),
    row(0x9F68, "Card Additional Processes", B, (4, 4), &[]),
    row(0x9F69, "Card Authentication Related Data", B, (5, 16), &[0x70]),
    row(0x9F6B, "Card CVM Limit", N, (6, 6), &[]),
    row(0x9F6C, "Card Transaction Qualifiers (CTQ)", B, (2, 2), &[0x77]),
    row(0x9F6E, "Form Factor Indicator (FFI)", B, (4, 4), &[0x77]),
    row(0x9F7C, "Customer Exclusive Data (CED)", B, (0, 32), &[0x77]),
];

/// Book C-4.
pub(super) const C4: &[Element] = &[
    row(0x9F6D, "Contactless Reader Capabilities", B, (1, 1), &[]),
    row(0x9F6E, "Enhanced Contactless Reader Capabilities", B, (4, 4), &[]),
    row(0x9F70, "Card Interface and Payment Capabilities", B, (2, 2), &[0x77]),
    row(0x9F71, "Mobile CVM Results", B, (3, 3), &[0x77]),
];

/// Book C-5.
pub(super) const C5: &[Element] = &[
    row(0x9F50, "Cardholder Verification Status", B, (1, 1), &[0x77]),
    row(0x9F52, "Terminal Compatibility Indicator", B, (1, 1), &[]),
    row(0x9F53, "Terminal Interchange Profile", B, (3, 3), &[]),
    row(0x9F60, "Issuer Update Parameter", B, (0, LENGTH_ANY), &[0x77]),
    row(0x9F7C, "Partner Discretionary Data", B, (0, 32), &[0x77]),
];

/// Book C-6.
pub(super) const C6: &[Element] = &[
    row(0x9F66, "Terminal Transaction Qualifiers (TTQ)", B, (4, 4), &[]),
    row(0x9F71, "Card Processing Requirements (CPR)", B, (2, 2), &[0x77]),
];

/// Book C-7.
pub(super) const C7: &[Element] = &[
    row(0x9F63, "Product Identification Information", B, (16, 16), &[0x70]),
    row(0x9F66, "Terminal Transaction Qualifiers (TTQ)", B, (4, 4), &[]),
    row(0x9F6C, "Card Transaction Qualifiers (CTQ)", B, (2, 2), &[0x77]),
];
