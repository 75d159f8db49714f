//! How the five versions protect a payload: the two keys from the protection key, the cipher, the MAC.
//!
//! **Invariant:** a payload is handed out only when its MAC holds; MACs are compared in constant time.
use super::{KeyBlockError, Version};
use crate::cipher::{BlockCipher, Padding, cbc_decrypt, cbc_encrypt, cmac, mac_algorithm_1, xor};
use crate::usage::{Key, KeyAlgorithm, KeyEncryption};
use crate::{CryptoError, usages};
use alloc::vec::Vec;
use symbolon_types::Secret;
use zeroize::Zeroizing;

usages! {
    /// Enciphers the payload of key blocks (KBEK).
    BlockEncryption "key block encryption",
    /// Makes and checks the MAC of key blocks (KBAK).
    BlockAuthentication "key block authentication",
}

/// The encryption and the authentication key that a version takes from a protection key.
///
/// # Errors
/// [`KeyBlockError::ProtectionKey`] when the version is not for keys of this algorithm.
pub fn protection_keys(
    version: Version,
    key: &Key<KeyEncryption>,
) -> Result<(Key<BlockEncryption>, Key<BlockAuthentication>), KeyBlockError> {
    let keys = match (version, key.algorithm()) {
        (Version::A | Version::C, KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3) => {
            // X9.143 annex on variants: every byte of the key, xor 45 and xor 4D.
            let variant = |constant: u8| {
                Zeroizing::new(key.reveal().iter().map(|byte| byte ^ constant).collect::<Vec<u8>>())
            };
            Key::new(key.algorithm(), &variant(0x45))
                .and_then(|encryption| Ok((encryption, Key::new(key.algorithm(), &variant(0x4D))?)))
        }
        (Version::B, KeyAlgorithm::Tdes2 | KeyAlgorithm::Tdes3) => {
            key.tdes().and_then(|cipher| derived(&cipher, key.algorithm(), CBC))
        }
        (Version::D | Version::E, KeyAlgorithm::Aes128 | KeyAlgorithm::Aes192 | KeyAlgorithm::Aes256) => {
            let usage = if version == Version::E { COUNTER } else { CBC };
            key.aes().and_then(|cipher| derived(&cipher, key.algorithm(), usage))
        }
        _ => Err(CryptoError),
    };
    keys.map_err(|_| KeyBlockError::ProtectionKey)
}

/// What a derived key is for, as the derivation has it (X9.143 §7.2; ISO 20038 for counter mode).
const CBC: u8 = 0;
const AUTHENTICATION: u8 = 1;
const COUNTER: u8 = 2;

fn derived<C: BlockCipher<N>, const N: usize>(
    cipher: &C,
    algorithm: KeyAlgorithm,
    encryption: u8,
) -> Result<(Key<BlockEncryption>, Key<BlockAuthentication>), CryptoError> {
    let bytes = |usage| derived_bytes(cipher, algorithm, usage);
    Ok((Key::new(algorithm, &bytes(encryption)?)?, Key::new(algorithm, &bytes(AUTHENTICATION)?)?))
}

/// `CMAC(counter, usage, 00, algorithm, length in bits)` for counters from 1, as many bytes as the key has (X9.143 §7.2, SP 800-108 in counter mode).
fn derived_bytes<C: BlockCipher<N>, const N: usize>(
    cipher: &C,
    algorithm: KeyAlgorithm,
    usage: u8,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let (code, bits) = match algorithm {
        KeyAlgorithm::Tdes2 => (0, [0x00, 0x80]),
        KeyAlgorithm::Tdes3 => (1, [0x00, 0xC0]),
        KeyAlgorithm::Aes128 => (2, [0x00, 0x80]),
        KeyAlgorithm::Aes192 => (3, [0x00, 0xC0]),
        KeyAlgorithm::Aes256 => (4, [0x01, 0x00]),
        _ => return Err(CryptoError),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(N.saturating_mul(4)));
    for counter in 1..=4_u8 {
        let input = [[counter, 0, usage, 0], [0, code, bits[0], bits[1]]];
        bytes.extend_from_slice(cmac(cipher, &[input.as_flattened()]).reveal());
    }
    bytes.truncate(algorithm.key_len());
    Ok(bytes)
}

/// The keys of one block.
pub(super) struct Protection {
    version: Version,
    encryption: Key<BlockEncryption>,
    authentication: Key<BlockAuthentication>,
}

/// Which way a cipher runs.
#[derive(Clone, Copy)]
enum Way {
    Encipher,
    Decipher,
}

impl Protection {
    pub(super) fn new(version: Version, key: &Key<KeyEncryption>) -> Result<Self, KeyBlockError> {
        let (encryption, authentication) = protection_keys(version, key)?;
        Ok(Self { version, encryption, authentication })
    }

    /// The enciphered payload and the MAC.
    pub(super) fn seal(&self, header: &[u8], clear: &[u8]) -> Result<(Vec<u8>, Vec<u8>), KeyBlockError> {
        let inner = |error: CryptoError| {
            let CryptoError = error;
            KeyBlockError::ProtectionKey
        };
        let mut payload = Zeroizing::new(clear.to_vec());
        if self.version.is_deprecated() {
            self.crypt(Way::Encipher, header, &mut payload).map_err(inner)?;
            let mac = self.mac(header, &payload).map_err(inner)?;
            return Ok((payload.to_vec(), mac.reveal().clone()));
        }
        let mac = self.mac(header, clear).map_err(inner)?;
        self.crypt(Way::Encipher, mac.reveal(), &mut payload).map_err(inner)?;
        Ok((payload.to_vec(), mac.reveal().clone()))
    }

    /// The clear payload, if the MAC holds. Nothing else can go wrong with texts of the right lengths, and whatever does is the same error.
    pub(super) fn open(
        &self,
        header: &[u8],
        payload: Vec<u8>,
        mac: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KeyBlockError> {
        let mut clear = Zeroizing::new(payload);
        let authentic = if self.version.is_deprecated() {
            let expected = self.mac(header, &clear);
            self.crypt(Way::Decipher, header, &mut clear).and(expected)
        } else {
            self.crypt(Way::Decipher, mac, &mut clear).and_then(|()| self.mac(header, &clear))
        };
        let holds = authentic.is_ok_and(|expected| expected.equals(mac));
        if holds { Ok(clear) } else { Err(KeyBlockError::Mac) }
    }

    /// The MAC over the header and the payload: enciphered for A and C, clear for the others.
    fn mac(&self, header: &[u8], payload: &[u8]) -> Result<Secret<Vec<u8>>, CryptoError> {
        let key = &self.authentication;
        let whole = match self.version {
            Version::A | Version::C => {
                mac_algorithm_1(&key.tdes()?, &[header, payload].concat(), Padding::Zeros).reveal().to_vec()
            }
            Version::B => cmac(&key.tdes()?, &[header, payload]).reveal().to_vec(),
            Version::D | Version::E => cmac(&key.aes()?, &[header, payload]).reveal().to_vec(),
        };
        Ok(Secret::new(whole.get(..self.version.mac_len()).ok_or(CryptoError)?.to_vec()))
    }

    /// Enciphers or deciphers in place. The initial value is the first block of `start`: the header for A and C, the MAC for the others.
    fn crypt(&self, way: Way, start: &[u8], text: &mut [u8]) -> Result<(), CryptoError> {
        let key = &self.encryption;
        match self.version {
            Version::A | Version::B | Version::C => {
                let (iv, _) = start.split_first_chunk::<8>().ok_or(CryptoError)?;
                let cipher = key.tdes()?;
                match way {
                    Way::Encipher => cbc_encrypt(&cipher, iv, text),
                    Way::Decipher => cbc_decrypt(&cipher, iv, text),
                }
            }
            Version::D => {
                let (iv, _) = start.split_first_chunk::<16>().ok_or(CryptoError)?;
                let cipher = key.aes()?;
                match way {
                    Way::Encipher => cbc_encrypt(&cipher, iv, text),
                    Way::Decipher => cbc_decrypt(&cipher, iv, text),
                }
            }
            Version::E => {
                let (first, _) = start.split_first_chunk::<16>().ok_or(CryptoError)?;
                counter_mode(&key.aes()?, *first, text);
                Ok(())
            }
        }
    }
}

/// Counter mode (SP 800-38A §6.5): the counter is the whole block, as one number.
fn counter_mode(cipher: &impl BlockCipher<16>, first: [u8; 16], text: &mut [u8]) {
    let mut counter = u128::from_be_bytes(first);
    for chunk in text.chunks_mut(16) {
        let mut stream = Zeroizing::new(counter.to_be_bytes());
        cipher.encrypt(&mut stream);
        xor(chunk, &*stream);
        counter = counter.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::Aes;
    use symbolon_types::hex_parse;

    /// SP 800-38A F.5.1, and a counter that overflows.
    #[test]
    fn counter_mode_is_that_of_the_standard_and_wraps() {
        let aes = Aes::new(&hex_parse("2B7E151628AED2A6ABF7158809CF4F3C").unwrap()).unwrap();
        let first = hex_parse("F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF").unwrap().try_into().unwrap();
        let mut text = hex_parse("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E51").unwrap();
        counter_mode(&aes, first, &mut text);
        let expect = hex_parse("874D6191B620E3261BEF6864990DB6CE9806F66B7970FDFF8617187BB9FFFDFF").unwrap();
        assert_eq!(text, expect);
        let (mut long, mut zero) = ([0; 32], [0; 16]);
        counter_mode(&aes, [0xFF; 16], &mut long);
        counter_mode(&aes, [0; 16], &mut zero);
        assert_eq!(long[16..], zero);
    }
}
