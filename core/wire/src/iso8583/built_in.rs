//! The dialects that are here: ISO 8583:1987 and :1993, each field as its standard has it, in the usual codings.
//!
//! | coding | n | ans, an | z | b of fixed length | b of variable length | lengths | bitmaps |
//! | --- | --- | --- | --- | --- | --- | --- | --- |
//! | ascii | ASCII | ASCII | ASCII | hexadecimal | bytes | ASCII | hexadecimal |
//! | binary, 1987 | BCD; fixed: zero before, variable: after | ASCII | track 2 BCD, track 3 ASCII | bytes | bytes | BCD | bytes |
//! | binary, 1993 | BCD, zero after | ASCII | ASCII | bytes | bytes | BCD | bytes |
//! | ebcdic | code page 037 | code page 037 | code page 037 | bytes | bytes | code page 037 | bytes |
//!
//! Field 55 carries the data of an integrated circuit card as bytes, as networks use it with either version. Fields that a standard calls a or
//! an take every printable character, as in practice; a dialect of one's own can be narrower.
//!
//! **Invariant:** every table has all fields from 2 to 128 but 65, once each and rising; nothing is known of fields 129 to 192, so that bit 65
//! is refused.
use super::dialect::{
    BitmapCoding, Coding, Dialect, DialectBuilder, DialectError, FieldSpec, Kind, Length, LengthCoding, Role,
};
use Kind::{AlphaNumericSpecial as Ans, Binary as B, Numeric as N, SignedAmount as Xn, Track as Z};
use Size::{F, Ll, Lll};

/// A dialect that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltIn {
    /// ISO 8583:1987 in ASCII, bitmaps in hexadecimal.
    Ascii1987,
    /// ISO 8583:1987 in BCD and ASCII.
    Binary1987,
    /// ISO 8583:1987 in code page 037.
    Ebcdic1987,
    /// ISO 8583:1993 in ASCII, bitmaps in hexadecimal.
    Ascii1993,
    /// ISO 8583:1993 in BCD and ASCII.
    Binary1993,
}

/// Fixed, or with a prefix of two or three digits.
#[derive(Clone, Copy)]
enum Size {
    F(u16),
    Ll(u16),
    Lll(u16),
}

type Line = (u8, &'static str, Kind, Size);

impl BuiltIn {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Ascii1987, Self::Binary1987, Self::Ebcdic1987, Self::Ascii1993, Self::Binary1993];

    /// As `--dialect` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ascii1987 => "1987-ascii",
            Self::Binary1987 => "1987-binary",
            Self::Ebcdic1987 => "1987-ebcdic",
            Self::Ascii1993 => "1993-ascii",
            Self::Binary1993 => "1993-binary",
        }
    }

    fn lines(self) -> &'static [Line] {
        match self {
            Self::Ascii1987 | Self::Binary1987 | Self::Ebcdic1987 => &FIELDS_1987,
            Self::Ascii1993 | Self::Binary1993 => &FIELDS_1993,
        }
    }

    /// The standard's name of a field.
    #[must_use]
    pub fn field_name(self, number: u8) -> Option<&'static str> {
        self.lines().iter().find(|line| line.0 == number).map(|line| line.1)
    }

    fn coding(self, number: u8, kind: Kind, fixed: bool) -> Coding {
        match (self, kind) {
            (Self::Ascii1987 | Self::Ascii1993, B) if fixed => Coding::Hex,
            (_, B) => Coding::Raw,
            (Self::Ascii1987 | Self::Ascii1993, _) => Coding::Ascii,
            (Self::Ebcdic1987, _) => Coding::Ebcdic,
            (_, Xn) => Coding::SignBcd,
            (Self::Binary1987, N) if fixed => Coding::BcdLeft,
            (_, N) => Coding::BcdRight,
            (Self::Binary1987, Z) if number == 35 => Coding::BcdRight,
            _ => Coding::Ascii,
        }
    }

    fn length_coding(self) -> LengthCoding {
        match self {
            Self::Ascii1987 | Self::Ascii1993 => LengthCoding::Ascii,
            Self::Ebcdic1987 => LengthCoding::Ebcdic,
            Self::Binary1987 | Self::Binary1993 => LengthCoding::Bcd,
        }
    }

    fn spec(self, number: u8, kind: Kind, size: Size) -> FieldSpec {
        let coding = self.length_coding();
        let length = match size {
            F(length) => Length::Fixed(length),
            Ll(max) => Length::Variable { digits: 2, max, coding },
            Lll(max) => Length::Variable { digits: 3, max, coding },
        };
        FieldSpec { kind, coding: self.coding(number, kind, matches!(size, F(_))), length }
    }

    /// The dialect, to be changed.
    #[must_use]
    pub fn builder(self) -> DialectBuilder {
        let bitmap = match self {
            Self::Ascii1987 | Self::Ascii1993 => BitmapCoding::Hex,
            _ => BitmapCoding::Binary,
        };
        let begin = DialectBuilder::new(bitmap, 2).field(0, self.spec(0, N, F(4)));
        let all = self.lines().iter().fold(begin, |builder, &(number, _, kind, size)| {
            builder.field(number, self.spec(number, kind, size))
        });
        // ISO 8583:1993 puts the security related control information into field 53, 48 bytes: with DUKPT, the key serial number. Nothing else has
        // a place in either version; the first fields that both leave to those who use them carry it, as hexadecimal text.
        let ksn = match self {
            Self::Ascii1993 | Self::Binary1993 => 53,
            _ => 121,
        };
        all.role(Role::AesPinBlock, 120)
            .role(Role::Ksn, ksn)
            .role(Role::MacKsn, 122)
            .role(Role::AccountData, 123)
    }

    /// The dialect.
    ///
    /// # Errors
    /// None: a test builds every one.
    pub fn dialect(self) -> Result<Dialect, DialectError> {
        self.builder().build()
    }
}

/// ISO 8583:1987 table 5.
#[rustfmt::skip]
const FIELDS_1987: [Line; 126] = [
    (2, "primary account number", N, Ll(19)),
    (3, "processing code", N, F(6)),
    (4, "amount, transaction", N, F(12)),
    (5, "amount, settlement", N, F(12)),
    (6, "amount, cardholder billing", N, F(12)),
    (7, "transmission date and time", N, F(10)),
    (8, "amount, cardholder billing fee", N, F(8)),
    (9, "conversion rate, settlement", N, F(8)),
    (10, "conversion rate, cardholder billing", N, F(8)),
    (11, "systems trace audit number", N, F(6)),
    (12, "time, local transaction", N, F(6)),
    (13, "date, local transaction", N, F(4)),
    (14, "date, expiration", N, F(4)),
    (15, "date, settlement", N, F(4)),
    (16, "date, conversion", N, F(4)),
    (17, "date, capture", N, F(4)),
    (18, "merchant's type", N, F(4)),
    (19, "acquiring institution country code", N, F(3)),
    (20, "primary account number extended, country code", N, F(3)),
    (21, "forwarding institution country code", N, F(3)),
    (22, "point of service entry mode", N, F(3)),
    (23, "card sequence number", N, F(3)),
    (24, "network international identifier", N, F(3)),
    (25, "point of service condition code", N, F(2)),
    (26, "point of service PIN capture code", N, F(2)),
    (27, "authorisation identification response length", N, F(1)),
    (28, "amount, transaction fee", Xn, F(9)),
    (29, "amount, settlement fee", Xn, F(9)),
    (30, "amount, transaction processing fee", Xn, F(9)),
    (31, "amount, settlement processing fee", Xn, F(9)),
    (32, "acquiring institution identification code", N, Ll(11)),
    (33, "forwarding institution identification code", N, Ll(11)),
    (34, "primary account number, extended", Ans, Ll(28)),
    (35, "track 2 data", Z, Ll(37)),
    (36, "track 3 data", Z, Lll(104)),
    (37, "retrieval reference number", Ans, F(12)),
    (38, "authorisation identification response", Ans, F(6)),
    (39, "response code", Ans, F(2)),
    (40, "service restriction code", Ans, F(3)),
    (41, "card acceptor terminal identification", Ans, F(8)),
    (42, "card acceptor identification code", Ans, F(15)),
    (43, "card acceptor name and location", Ans, F(40)),
    (44, "additional response data", Ans, Ll(25)),
    (45, "track 1 data", Ans, Ll(76)),
    (46, "additional data, ISO", Ans, Lll(999)),
    (47, "additional data, national", Ans, Lll(999)),
    (48, "additional data, private", Ans, Lll(999)),
    (49, "currency code, transaction", Ans, F(3)),
    (50, "currency code, settlement", Ans, F(3)),
    (51, "currency code, cardholder billing", Ans, F(3)),
    (52, "personal identification number data", B, F(8)),
    (53, "security related control information", N, F(16)),
    (54, "additional amounts", Ans, Lll(120)),
    (55, "integrated circuit card data", B, Lll(255)),
    (56, "reserved, ISO", Ans, Lll(999)),
    (57, "reserved, ISO", Ans, Lll(999)),
    (58, "reserved, national", Ans, Lll(999)),
    (59, "reserved, national", Ans, Lll(999)),
    (60, "reserved, private", Ans, Lll(999)),
    (61, "reserved, private", Ans, Lll(999)),
    (62, "reserved, private", Ans, Lll(999)),
    (63, "reserved, private", Ans, Lll(999)),
    (64, "message authentication code", B, F(8)),
    (66, "settlement code", N, F(1)),
    (67, "extended payment code", N, F(2)),
    (68, "receiving institution country code", N, F(3)),
    (69, "settlement institution country code", N, F(3)),
    (70, "network management information code", N, F(3)),
    (71, "message number", N, F(4)),
    (72, "message number, last", N, F(4)),
    (73, "date, action", N, F(6)),
    (74, "credits, number", N, F(10)),
    (75, "credits, reversal number", N, F(10)),
    (76, "debits, number", N, F(10)),
    (77, "debits, reversal number", N, F(10)),
    (78, "transfers, number", N, F(10)),
    (79, "transfers, reversal number", N, F(10)),
    (80, "inquiries, number", N, F(10)),
    (81, "authorisations, number", N, F(10)),
    (82, "credits, processing fee amount", N, F(12)),
    (83, "credits, transaction fee amount", N, F(12)),
    (84, "debits, processing fee amount", N, F(12)),
    (85, "debits, transaction fee amount", N, F(12)),
    (86, "credits, amount", N, F(16)),
    (87, "credits, reversal amount", N, F(16)),
    (88, "debits, amount", N, F(16)),
    (89, "debits, reversal amount", N, F(16)),
    (90, "original data elements", N, F(42)),
    (91, "file update code", Ans, F(1)),
    (92, "file security code", Ans, F(2)),
    (93, "response indicator", Ans, F(6)),
    (94, "service indicator", Ans, F(7)),
    (95, "replacement amounts", Ans, F(42)),
    (96, "message security code", B, F(8)),
    (97, "amount, net settlement", Xn, F(17)),
    (98, "payee", Ans, F(25)),
    (99, "settlement institution identification code", N, Ll(11)),
    (100, "receiving institution identification code", N, Ll(11)),
    (101, "file name", Ans, Ll(17)),
    (102, "account identification 1", Ans, Ll(28)),
    (103, "account identification 2", Ans, Ll(28)),
    (104, "transaction description", Ans, Lll(100)),
    (105, "reserved, ISO", Ans, Lll(999)),
    (106, "reserved, ISO", Ans, Lll(999)),
    (107, "reserved, ISO", Ans, Lll(999)),
    (108, "reserved, ISO", Ans, Lll(999)),
    (109, "reserved, ISO", Ans, Lll(999)),
    (110, "reserved, ISO", Ans, Lll(999)),
    (111, "reserved, ISO", Ans, Lll(999)),
    (112, "reserved, national", Ans, Lll(999)),
    (113, "reserved, national", Ans, Lll(999)),
    (114, "reserved, national", Ans, Lll(999)),
    (115, "reserved, national", Ans, Lll(999)),
    (116, "reserved, national", Ans, Lll(999)),
    (117, "reserved, national", Ans, Lll(999)),
    (118, "reserved, national", Ans, Lll(999)),
    (119, "reserved, national", Ans, Lll(999)),
    (120, "reserved, private", Ans, Lll(999)),
    (121, "reserved, private", Ans, Lll(999)),
    (122, "reserved, private", Ans, Lll(999)),
    (123, "reserved, private", Ans, Lll(999)),
    (124, "reserved, private", Ans, Lll(999)),
    (125, "reserved, private", Ans, Lll(999)),
    (126, "reserved, private", Ans, Lll(999)),
    (127, "reserved, private", Ans, Lll(999)),
    (128, "message authentication code", B, F(8)),
];

/// ISO 8583:1993 table 7.
#[rustfmt::skip]
const FIELDS_1993: [Line; 126] = [
    (2, "primary account number", N, Ll(19)),
    (3, "processing code", N, F(6)),
    (4, "amount, transaction", N, F(12)),
    (5, "amount, reconciliation", N, F(12)),
    (6, "amount, cardholder billing", N, F(12)),
    (7, "transmission date and time", N, F(10)),
    (8, "amount, cardholder billing fee", N, F(8)),
    (9, "conversion rate, reconciliation", N, F(8)),
    (10, "conversion rate, cardholder billing", N, F(8)),
    (11, "systems trace audit number", N, F(6)),
    (12, "date and time, local transaction", N, F(12)),
    (13, "date, effective", N, F(4)),
    (14, "date, expiration", N, F(4)),
    (15, "date, settlement", N, F(6)),
    (16, "date, conversion", N, F(4)),
    (17, "date, capture", N, F(4)),
    (18, "merchant type", N, F(4)),
    (19, "country code, acquiring institution", N, F(3)),
    (20, "country code, primary account number", N, F(3)),
    (21, "country code, forwarding institution", N, F(3)),
    (22, "point of service data code", Ans, F(12)),
    (23, "card sequence number", N, F(3)),
    (24, "function code", N, F(3)),
    (25, "message reason code", N, F(4)),
    (26, "card acceptor business code", N, F(4)),
    (27, "approval code length", N, F(1)),
    (28, "date, reconciliation", N, F(6)),
    (29, "reconciliation indicator", N, F(3)),
    (30, "amounts, original", N, F(24)),
    (31, "acquirer reference data", Ans, Ll(99)),
    (32, "acquiring institution identification code", N, Ll(11)),
    (33, "forwarding institution identification code", N, Ll(11)),
    (34, "primary account number, extended", Ans, Ll(28)),
    (35, "track 2 data", Z, Ll(37)),
    (36, "track 3 data", Z, Lll(104)),
    (37, "retrieval reference number", Ans, F(12)),
    (38, "approval code", Ans, F(6)),
    (39, "action code", N, F(3)),
    (40, "service code", N, F(3)),
    (41, "card acceptor terminal identification", Ans, F(8)),
    (42, "card acceptor identification code", Ans, F(15)),
    (43, "card acceptor name and location", Ans, Ll(99)),
    (44, "additional response data", Ans, Ll(99)),
    (45, "track 1 data", Ans, Ll(76)),
    (46, "amounts, fees", Ans, Lll(204)),
    (47, "additional data, national", Ans, Lll(999)),
    (48, "additional data, private", Ans, Lll(999)),
    (49, "currency code, transaction", Ans, F(3)),
    (50, "currency code, reconciliation", Ans, F(3)),
    (51, "currency code, cardholder billing", Ans, F(3)),
    (52, "personal identification number data", B, F(8)),
    (53, "security related control information", B, Ll(48)),
    (54, "additional amounts", Ans, Lll(120)),
    (55, "integrated circuit card data", B, Lll(255)),
    (56, "original data elements", N, Ll(35)),
    (57, "authorisation life cycle code", N, F(3)),
    (58, "authorising agent institution identification code", N, Ll(11)),
    (59, "transport data", Ans, Lll(999)),
    (60, "reserved, national", Ans, Lll(999)),
    (61, "reserved, national", Ans, Lll(999)),
    (62, "reserved, private", Ans, Lll(999)),
    (63, "reserved, private", Ans, Lll(999)),
    (64, "message authentication code", B, F(8)),
    (66, "amounts, original fees", Ans, Lll(204)),
    (67, "extended payment data", N, F(2)),
    (68, "country code, receiving institution", N, F(3)),
    (69, "country code, settlement institution", N, F(3)),
    (70, "country code, authorising agent institution", N, F(3)),
    (71, "message number", N, F(8)),
    (72, "data record", Ans, Lll(999)),
    (73, "date, action", N, F(6)),
    (74, "credits, number", N, F(10)),
    (75, "credits, reversal number", N, F(10)),
    (76, "debits, number", N, F(10)),
    (77, "debits, reversal number", N, F(10)),
    (78, "transfers, number", N, F(10)),
    (79, "transfers, reversal number", N, F(10)),
    (80, "inquiries, number", N, F(10)),
    (81, "authorisations, number", N, F(10)),
    (82, "inquiries, reversal number", N, F(10)),
    (83, "payments, number", N, F(10)),
    (84, "payments, reversal number", N, F(10)),
    (85, "fee collections, number", N, F(10)),
    (86, "credits, amount", N, F(16)),
    (87, "credits, reversal amount", N, F(16)),
    (88, "debits, amount", N, F(16)),
    (89, "debits, reversal amount", N, F(16)),
    (90, "authorisations, reversal number", N, F(10)),
    (91, "country code, transaction destination institution", N, F(3)),
    (92, "country code, transaction originator institution", N, F(3)),
    (93, "transaction destination institution identification code", N, Ll(11)),
    (94, "transaction originator institution identification code", N, Ll(11)),
    (95, "card issuer reference data", Ans, Ll(99)),
    (96, "key management data", B, Lll(999)),
    (97, "amount, net settlement", Xn, F(17)),
    (98, "payee", Ans, F(25)),
    (99, "settlement institution identification code", Ans, Ll(11)),
    (100, "receiving institution identification code", N, Ll(11)),
    (101, "file name", Ans, Ll(17)),
    (102, "account identification 1", Ans, Ll(28)),
    (103, "account identification 2", Ans, Ll(28)),
    (104, "transaction description", Ans, Lll(100)),
    (105, "credits, chargeback amount", N, F(16)),
    (106, "debits, chargeback amount", N, F(16)),
    (107, "credits, chargeback number", N, F(10)),
    (108, "debits, chargeback number", N, F(10)),
    (109, "credits, fee amounts", Ans, Ll(84)),
    (110, "debits, fee amounts", Ans, Ll(84)),
    (111, "reserved, ISO", Ans, Lll(999)),
    (112, "reserved, ISO", Ans, Lll(999)),
    (113, "reserved, ISO", Ans, Lll(999)),
    (114, "reserved, ISO", Ans, Lll(999)),
    (115, "reserved, ISO", Ans, Lll(999)),
    (116, "reserved, national", Ans, Lll(999)),
    (117, "reserved, national", Ans, Lll(999)),
    (118, "reserved, national", Ans, Lll(999)),
    (119, "reserved, national", Ans, Lll(999)),
    (120, "reserved, national", Ans, Lll(999)),
    (121, "reserved, national", Ans, Lll(999)),
    (122, "reserved, national", Ans, Lll(999)),
    (123, "reserved, private", Ans, Lll(999)),
    (124, "reserved, private", Ans, Lll(999)),
    (125, "reserved, private", Ans, Lll(999)),
    (126, "reserved, private", Ans, Lll(999)),
    (127, "reserved, private", Ans, Lll(999)),
    (128, "message authentication code", B, F(8)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_every_field_once_and_builds() {
        for built_in in BuiltIn::ALL {
            let dialect = built_in.dialect().unwrap();
            let expect: alloc::vec::Vec<u8> = (2..=128).filter(|number| *number != 65).collect();
            assert!(built_in.lines().iter().map(|line| line.0).eq(expect.iter().copied()));
            for number in 0..=255 {
                let there = number == 0 || expect.contains(&number);
                assert_eq!(dialect.spec(number).is_some(), there, "{built_in:?} {number}");
            }
            assert_eq!(
                dialect.to_builder().build().map(|again| again.spec(2).copied()),
                Ok(dialect.spec(2).copied())
            );
        }
        assert_eq!(BuiltIn::Ascii1993.field_name(39), Some("action code"));
    }
}
