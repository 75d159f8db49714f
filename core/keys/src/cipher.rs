//! Block ciphers and their modes: triple DES and AES, ECB and CBC, CMAC, and the retail MAC of ISO/IEC 9797-1.
//!
//! **Invariant:** the ciphers wipe their key schedules when dropped, and show nothing of them.
use crate::CryptoError;
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use alloc::vec::Vec;
use core::fmt;
use symbolon_types::Secret;

/// A block cipher under one key, of `N` bytes a block.
pub trait BlockCipher<const N: usize> {
    /// What CMAC adds to a subkey whose top bit falls out (SP 800-38B §5.3).
    const CMAC_CONSTANT: u8;

    /// Enciphers one block in place.
    fn encrypt(&self, block: &mut [u8; N]);

    /// Deciphers one block in place.
    fn decrypt(&self, block: &mut [u8; N]);
}

/// AES (FIPS 197) under a key of 16, 24 or 32 bytes.
pub struct Aes(AesKey);

enum AesKey {
    Aes128(aes::Aes128),
    Aes192(aes::Aes192),
    Aes256(aes::Aes256),
}

impl Aes {
    /// The cipher under a key.
    ///
    /// # Errors
    /// [`CryptoError`] unless the key has 16, 24 or 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, CryptoError> {
        let cipher = match key.len() {
            16 => aes::Aes128::new_from_slice(key).map(AesKey::Aes128),
            24 => aes::Aes192::new_from_slice(key).map(AesKey::Aes192),
            32 => aes::Aes256::new_from_slice(key).map(AesKey::Aes256),
            _ => return Err(CryptoError),
        };
        cipher.map(Self).map_err(|_| CryptoError)
    }
}

impl BlockCipher<16> for Aes {
    const CMAC_CONSTANT: u8 = 0x87;

    fn encrypt(&self, block: &mut [u8; 16]) {
        match &self.0 {
            AesKey::Aes128(cipher) => cipher.encrypt_block(block.into()),
            AesKey::Aes192(cipher) => cipher.encrypt_block(block.into()),
            AesKey::Aes256(cipher) => cipher.encrypt_block(block.into()),
        }
    }

    fn decrypt(&self, block: &mut [u8; 16]) {
        match &self.0 {
            AesKey::Aes128(cipher) => cipher.decrypt_block(block.into()),
            AesKey::Aes192(cipher) => cipher.decrypt_block(block.into()),
            AesKey::Aes256(cipher) => cipher.decrypt_block(block.into()),
        }
    }
}

/// DES under three keys, EDE (SP 800-67). Two keys are used as first, second, first; one as all three, which is single DES. Parity bits are ignored.
pub struct Tdes {
    first: des::Des,
    second: des::Des,
    third: des::Des,
}

impl Tdes {
    /// The cipher under a key.
    ///
    /// # Errors
    /// [`CryptoError`] unless the key has 8, 16 or 24 bytes.
    pub fn new(key: &[u8]) -> Result<Self, CryptoError> {
        let schedule = |part: &[u8; 8]| des::Des::new(part.into());
        let (first, second, third) = match key.as_chunks() {
            ([first], []) => (schedule(first), None, None),
            ([first, second], []) => (schedule(first), Some(schedule(second)), None),
            ([first, second, third], []) => (schedule(first), Some(schedule(second)), Some(schedule(third))),
            _ => return Err(CryptoError),
        };
        // A copy costs less than a schedule.
        let again = |made: Option<des::Des>| made.unwrap_or_else(|| first.clone());
        Ok(Self { second: again(second), third: again(third), first })
    }

    /// Single DES under its first key: the inner steps of the retail MAC.
    fn encrypt_first(&self, block: &mut [u8; 8]) {
        self.first.encrypt_block(block.into());
    }
}

impl BlockCipher<8> for Tdes {
    const CMAC_CONSTANT: u8 = 0x1B;

    fn encrypt(&self, block: &mut [u8; 8]) {
        let block: &mut Block<des::Des> = block.into();
        self.first.encrypt_block(block);
        self.second.decrypt_block(block);
        self.third.encrypt_block(block);
    }

    fn decrypt(&self, block: &mut [u8; 8]) {
        let block: &mut Block<des::Des> = block.into();
        self.third.decrypt_block(block);
        self.second.encrypt_block(block);
        self.first.decrypt_block(block);
    }
}

impl fmt::Debug for Aes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes(…)")
    }
}

impl fmt::Debug for Tdes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tdes(…)")
    }
}

/// `left ^= right`, over the shorter of the two.
pub fn xor(left: &mut [u8], right: &[u8]) {
    left.iter_mut().zip(right).for_each(|(left, right)| *left ^= right);
}

/// The blocks of a text, in place; what is no whole block is refused.
fn blocks<const N: usize>(text: &mut [u8]) -> Result<&mut [[u8; N]], CryptoError> {
    match text.as_chunks_mut() {
        (blocks, []) => Ok(blocks),
        _ => Err(CryptoError),
    }
}

/// Enciphers each block by itself (SP 800-38A §6.1), in place.
///
/// # Errors
/// [`CryptoError`] unless the text is whole blocks.
pub fn ecb_encrypt<const N: usize>(cipher: &impl BlockCipher<N>, text: &mut [u8]) -> Result<(), CryptoError> {
    blocks(text)?.iter_mut().for_each(|block| cipher.encrypt(block));
    Ok(())
}

/// Deciphers each block by itself (SP 800-38A §6.1), in place.
///
/// # Errors
/// [`CryptoError`] unless the text is whole blocks.
pub fn ecb_decrypt<const N: usize>(cipher: &impl BlockCipher<N>, text: &mut [u8]) -> Result<(), CryptoError> {
    blocks(text)?.iter_mut().for_each(|block| cipher.decrypt(block));
    Ok(())
}

/// Enciphers with cipher block chaining (SP 800-38A §6.2), in place. Nothing is padded.
///
/// # Errors
/// [`CryptoError`] unless the text is whole blocks.
pub fn cbc_encrypt<const N: usize>(
    cipher: &impl BlockCipher<N>,
    iv: &[u8; N],
    text: &mut [u8],
) -> Result<(), CryptoError> {
    let mut previous = *iv;
    for block in blocks(text)? {
        xor(block, &previous);
        cipher.encrypt(block);
        previous = *block;
    }
    Ok(())
}

/// Deciphers with cipher block chaining (SP 800-38A §6.2), in place.
///
/// # Errors
/// [`CryptoError`] unless the text is whole blocks.
pub fn cbc_decrypt<const N: usize>(
    cipher: &impl BlockCipher<N>,
    iv: &[u8; N],
    text: &mut [u8],
) -> Result<(), CryptoError> {
    let mut previous = *iv;
    for block in blocks(text)? {
        let enciphered = *block;
        cipher.decrypt(block);
        xor(block, &previous);
        previous = enciphered;
    }
    Ok(())
}

/// The last block of the CBC encryption with a zero IV of a text of whole blocks; of none, zeros.
fn cbc_mac<const N: usize>(cipher: &impl BlockCipher<N>, text: &[[u8; N]]) -> [u8; N] {
    text.iter().fold([0; N], |mut mac, block| {
        xor(&mut mac, block);
        cipher.encrypt(&mut mac);
        mac
    })
}

/// CMAC over the parts, one after the other (SP 800-38B): AES-CMAC, or TDES-CMAC with `N` = 8. Compare in constant time.
pub fn cmac<C: BlockCipher<N>, const N: usize>(cipher: &C, parts: &[&[u8]]) -> Secret<[u8; N]> {
    let (mut mac, mut filled) = ([0; N], 0_usize);
    for byte in parts.iter().copied().flatten() {
        if filled == N {
            cipher.encrypt(&mut mac);
            filled = 0;
        }
        mac.iter_mut().skip(filled).take(1).for_each(|slot| *slot ^= byte);
        filled = filled.saturating_add(1);
    }
    let mut subkey = [0; N];
    cipher.encrypt(&mut subkey);
    doubled(&mut subkey, C::CMAC_CONSTANT);
    if filled < N {
        doubled(&mut subkey, C::CMAC_CONSTANT);
        mac.iter_mut().skip(filled).take(1).for_each(|slot| *slot ^= 0x80);
    }
    xor(&mut mac, &subkey);
    cipher.encrypt(&mut mac);
    Secret::new(mac)
}

/// Doubling in the field of the block's size (SP 800-38B §6.1).
fn doubled(block: &mut [u8], constant: u8) {
    let mut carry = 0;
    for byte in block.iter_mut().rev() {
        let next = *byte >> 7;
        *byte = (*byte << 1) | carry;
        carry = next;
    }
    if let Some(last) = block.last_mut() {
        *last ^= constant & 0_u8.wrapping_sub(carry);
    }
}

/// How a text is filled up to whole blocks (ISO/IEC 9797-1 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Method 1: zeros, as few as may be; a text of whole blocks stays as it is, an empty one becomes a block.
    Zeros,
    /// Method 2: `80`, then zeros: always at least one byte.
    Bit,
}

/// The text, filled up to whole blocks of `block_bytes`.
#[must_use]
pub fn padded(text: &[u8], padding: Padding, block_bytes: usize) -> Vec<u8> {
    let mut padded = text.to_vec();
    if padding == Padding::Bit {
        padded.push(0x80);
    }
    let blocks = padded.len().div_ceil(block_bytes.max(1)).max(1);
    padded.resize(blocks.saturating_mul(block_bytes), 0);
    padded
}

/// The MAC of ISO/IEC 9797-1 algorithm 3, the retail MAC (X9.19): single DES under the first key for each block, the last one by all keys.
#[must_use]
pub fn retail_mac(cipher: &Tdes, text: &[u8], padding: Padding) -> Secret<[u8; 8]> {
    let text = Secret::new(padded(text, padding, 8));
    let mut mac = [0; 8];
    for block in text.reveal().as_chunks::<8>().0 {
        xor(&mut mac, block);
        cipher.encrypt_first(&mut mac);
    }
    // E under the first, then D under the second and E under the third.
    cipher.first.decrypt_block((&mut mac).into());
    cipher.encrypt(&mut mac);
    Secret::new(mac)
}

/// The MAC of ISO/IEC 9797-1 algorithm 1: the last block of a CBC encryption with a zero IV. Safe only where a text's length is fixed.
pub fn mac_algorithm_1<const N: usize>(
    cipher: &impl BlockCipher<N>,
    text: &[u8],
    padding: Padding,
) -> Secret<[u8; N]> {
    let text = Secret::new(padded(text, padding, N));
    Secret::new(cbc_mac(cipher, text.reveal().as_chunks().0))
}

/// Sets the lowest bit of each byte so that the byte has an odd number of ones, as DES keys are written.
pub fn set_odd_parity(key: &mut [u8]) {
    key.iter_mut()
        .for_each(|byte| *byte = (*byte & 0xFE) | u8::from((*byte & 0xFE).count_ones().is_multiple_of(2)));
}

/// The key check value: the first bytes of a block of zeros, enciphered (three are usual for triple DES; for AES see [`cmac`], X9.24-1 annex A).
#[must_use]
pub fn check_value<const N: usize>(cipher: &impl BlockCipher<N>) -> [u8; 3] {
    let mut block = [0; N];
    cipher.encrypt(&mut block);
    let mut value = [0; 3];
    value.iter_mut().zip(block).for_each(|(slot, byte)| *slot = byte);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use symbolon_types::hex_parse;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        hex_parse(text).unwrap().try_into().unwrap()
    }

    /// SP 800-38B appendix D.4 and D.1 (TDES with three keys, AES-128), messages of none, of whole and of broken blocks.
    #[test]
    fn cmac_gives_the_published_values() {
        let message =
            hex::<40>("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411");
        let tdes = Tdes::new(&hex::<24>("8AA83BF8CBDA10620BC1BF19FBB6CD58BC313D4A371CA8B5")).unwrap();
        for (len, mac) in [
            (0, "B7A688E122FFAF95"),
            (8, "8E8F293136283797"),
            (20, "743DDBE0CE2DC2ED"),
            (32, "33E6B1092400EAE5"),
        ] {
            assert!(cmac(&tdes, &[&message[..len]]).equals(&hex::<8>(mac)), "{len}");
        }
        let aes = Aes::new(&hex::<16>("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        for (len, mac) in [
            (0, "BB1D6929E95937287FA37D129B756746"),
            (16, "070A16B46B4D4144F79BDD9DD04A287C"),
            (40, "DFA66747DE9AE63030CA32611497C827"),
        ] {
            assert!(
                cmac(&aes, &[&message[..len / 2], &message[len / 2..len]]).equals(&hex::<16>(mac)),
                "{len}"
            );
        }
    }

    #[test]
    fn a_text_of_broken_blocks_is_refused_where_nothing_is_padded() {
        let tdes = Tdes::new(&[7; 16]).unwrap();
        let mut text = [3; 16];
        cbc_encrypt(&tdes, &[1; 8], &mut text).unwrap();
        cbc_decrypt(&tdes, &[1; 8], &mut text).unwrap();
        assert_eq!(text, [3; 16]);
        assert_eq!(cbc_encrypt(&tdes, &[1; 8], &mut text[..15]), Err(CryptoError));
        assert_eq!(ecb_decrypt(&tdes, &mut text[..1]), Err(CryptoError));
        assert!(Tdes::new(&[7; 15]).is_err() && Aes::new(&[7; 8]).is_err());
    }

    #[test]
    fn padding_and_parity_are_those_of_their_standards() {
        assert_eq!(padded(b"", Padding::Zeros, 4), [0; 4]);
        assert_eq!(padded(b"abcd", Padding::Zeros, 4), *b"abcd");
        assert_eq!(padded(b"abcd", Padding::Bit, 4), *b"abcd\x80\0\0\0");
        let mut key = [0x00, 0x01, 0xFE, 0xFF, 0x10];
        set_odd_parity(&mut key);
        assert_eq!(key, [0x01, 0x01, 0xFE, 0xFE, 0x10]);
    }
}
