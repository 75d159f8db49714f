//! Record framing, shared by devices and the server's log: `[len u32 LE][crc32c u32 LE][payload]`.
//!
//! The checksum is CRC-32C (Castagnoli, RFC 3720 appendix B.4) over the four bytes of the length and the payload. An all-zero header ends the
//! records, because files are zero-filled ahead of use; so a payload is never empty.
//!
//! **Invariant:** what [`read`] calls a record was written whole by [`append`] or behind a [`header_with`]; it never panics on any bytes.
use alloc::vec::Vec;

/// Bytes before the payload: length and checksum.
pub const HEADER_BYTES: usize = 8;

/// The longest payload, in bytes: 16 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Continues a CRC-32C: `checksum(crc of a, b)` is the CRC of `a ‖ b`; the CRC of nothing is 0. A hardware-accelerated one may stand in for [`crc32c`].
pub type Checksum = fn(u32, &[u8]) -> u32;

/// A payload is empty or longer than [`PAYLOAD_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadLength;

/// What stands at the front of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole record whose checksum holds.
    Record {
        /// What was framed.
        payload: &'a [u8],
        /// The bytes that the frame takes, its header included.
        size: usize,
    },
    /// No further record: no bytes, or a header of zeros. What follows it is not looked at.
    End,
    /// Neither: torn, or changed since it was written.
    Damaged,
}

/// Appends the framed payload.
///
/// # Errors
/// [`PayloadLength`]; then nothing is appended.
pub fn append(out: &mut Vec<u8>, payload: &[u8]) -> Result<(), PayloadLength> {
    let len = length(payload.len())?;
    let checksum = crc32c(crc32c(0, &len), payload);
    out.extend_from_slice(&len);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// The header of the frame of a payload that stands elsewhere: framing without a copy.
///
/// # Errors
/// [`PayloadLength`].
pub fn header_with(checksum: Checksum, payload: &[u8]) -> Result<[u8; HEADER_BYTES], PayloadLength> {
    let len = length(payload.len())?;
    let [a, b, c, d] = len;
    let [e, f, g, h] = checksum(checksum(0, &len), payload).to_le_bytes();
    Ok([a, b, c, d, e, f, g, h])
}

/// Reads the frame at the front of `bytes`.
#[must_use]
pub fn read(bytes: &[u8]) -> Frame<'_> {
    read_with(crc32c, bytes)
}

/// [`read`] with another implementation of the same checksum.
#[must_use]
pub fn read_with(checksum: Checksum, bytes: &[u8]) -> Frame<'_> {
    if bytes.iter().take(HEADER_BYTES).all(|&byte| byte == 0) {
        return Frame::End;
    }
    whole(checksum, bytes).unwrap_or(Frame::Damaged)
}

/// The payload length that the header at the front of `bytes` states, in bytes; `None` when it is cut or out of bounds. Nothing is checked against the checksum.
#[must_use]
pub fn stated_length(bytes: &[u8]) -> Option<usize> {
    let len = usize::try_from(u32::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    (bytes.len() >= HEADER_BYTES && (1..=PAYLOAD_BYTES_MAX).contains(&len)).then_some(len)
}

fn whole(checksum: Checksum, bytes: &[u8]) -> Option<Frame<'_>> {
    let len = stated_length(bytes)?;
    let (len_bytes, rest) = bytes.split_first_chunk::<4>()?;
    let (stated, rest) = rest.split_first_chunk::<4>()?;
    let payload = rest.get(..len)?;
    let holds = checksum(checksum(0, len_bytes), payload) == u32::from_le_bytes(*stated);
    holds.then_some(Frame::Record { payload, size: len.checked_add(HEADER_BYTES)? })
}

fn length(len: usize) -> Result<[u8; 4], PayloadLength> {
    let bounded = (1..=PAYLOAD_BYTES_MAX).contains(&len).then_some(len).ok_or(PayloadLength)?;
    u32::try_from(bounded).map(u32::to_le_bytes).map_err(|_| PayloadLength)
}

/// The Castagnoli polynomial 1EDC6F41, reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// `TABLES[n][b]` is the remainder of byte `b` followed by `n` zero bytes.
static TABLES: [[u32; 256]; 8] = tables();

#[cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        reason = "evaluated at compile time, where a wrong index or an overflow fails the build"
    )
)]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0_u32; 256]; 8];
    let mut index = 0_usize;
    while index < 256 {
        let mut remainder = index as u32;
        let mut bit = 0;
        while bit < 8 {
            remainder = if remainder & 1 == 1 { remainder >> 1 ^ POLYNOMIAL } else { remainder >> 1 };
            bit += 1;
        }
        tables[0][index] = remainder;
        index += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut index = 0;
        while index < 256 {
            let before = tables[table - 1][index];
            tables[table][index] = before >> 8 ^ tables[0][(before & 0xFF) as usize];
            index += 1;
        }
        table += 1;
    }
    tables
}

/// CRC-32C, continued from `crc` (0 to begin), eight bytes a step.
#[must_use]
#[cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "every index is a constant below 8 or a byte into 256 entries"
    )
)]
pub fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut state = !crc;
    for &[a, b, c, d, e, f, g, h] in eights {
        let [a, b, c, d] = (state ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
        let early = TABLES[7][usize::from(a)] ^ TABLES[6][usize::from(b)] ^ TABLES[5][usize::from(c)];
        let late = TABLES[3][usize::from(e)] ^ TABLES[2][usize::from(f)] ^ TABLES[1][usize::from(g)];
        state = early ^ TABLES[4][usize::from(d)] ^ late ^ TABLES[0][usize::from(h)];
    }
    for &byte in rest {
        let [low, ..] = state.to_le_bytes();
        state = state >> 8 ^ TABLES[0][usize::from(low ^ byte)];
    }
    !state
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_checksum_is_that_of_rfc_3720_appendix_b_4() {
        let up: Vec<u8> = (0..32).collect();
        let down: Vec<u8> = (0..32).rev().collect();
        for (bytes, value) in [
            (b"123456789".as_slice(), 0xE306_9283),
            (&[0; 32], 0x8A91_36AA),
            (&[0xFF; 32], 0x62A8_AB43),
            (&up, 0x46DD_794E),
            (&down, 0x113F_DB5C),
        ] {
            assert_eq!(crc32c(0, bytes), value);
            for cut in 0..=bytes.len() {
                assert_eq!(crc32c(crc32c(0, &bytes[..cut]), &bytes[cut..]), value, "continued at {cut}");
            }
        }
    }

    #[test]
    fn a_record_is_read_back_and_every_changed_bit_is_seen() {
        let mut bytes = Vec::new();
        append(&mut bytes, b"one").unwrap();
        append(&mut bytes, b"two and more").unwrap();
        assert_eq!(read(&bytes), Frame::Record { payload: b"one", size: 11 });
        assert_eq!(read(&bytes[11..]), Frame::Record { payload: b"two and more", size: 20 });
        assert_eq!(read(&bytes[31..]), Frame::End);
        for bit in 0..11 * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&changed), Frame::Damaged, "bit {bit}");
        }
    }

    #[test]
    fn a_cut_record_is_damaged_and_zeros_are_the_end() {
        let mut bytes = Vec::new();
        append(&mut bytes, &[7; 20]).unwrap();
        assert_eq!(read(&bytes[..0]), Frame::End);
        for cut in 1..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Frame::Damaged, "cut at {cut}");
        }
        for len in [0, 1, 7, 8, 100] {
            assert_eq!(read(&vec![0; len]), Frame::End, "{len} zeros");
        }
        assert_eq!(read(&[0, 0, 0, 0, 1, 0, 0, 0]), Frame::Damaged);
    }

    #[test]
    fn the_length_is_bounded_on_both_sides() {
        let mut out = Vec::new();
        assert_eq!(append(&mut out, &[]), Err(PayloadLength));
        assert_eq!(append(&mut out, &vec![1; PAYLOAD_BYTES_MAX + 1]), Err(PayloadLength));
        assert!(out.is_empty());
        let longest = vec![1; PAYLOAD_BYTES_MAX];
        append(&mut out, &longest).unwrap();
        assert_eq!(read(&out), Frame::Record { payload: &longest, size: PAYLOAD_BYTES_MAX + HEADER_BYTES });

        let mut wrong = 0x0100_0001_u32.to_le_bytes().to_vec();
        wrong.extend([0; 4]);
        wrong.resize(PAYLOAD_BYTES_MAX + 100, 1);
        let checksum = crc32c(crc32c(0, &wrong[..4]), &wrong[8..8 + PAYLOAD_BYTES_MAX + 1]);
        wrong[4..8].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(read(&wrong), Frame::Damaged, "too long, though its checksum holds");
    }

    #[test]
    fn a_header_made_apart_gives_the_same_frame() {
        let mut appended = Vec::new();
        append(&mut appended, b"payload").unwrap();
        let made = [&header_with(crc32c, b"payload").unwrap()[..], b"payload"].concat();
        assert_eq!(made, appended);
        assert_eq!(header_with(crc32c, b""), Err(PayloadLength));
    }
}
