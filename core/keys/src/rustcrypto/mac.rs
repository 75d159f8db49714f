//! MACs of the provider: HMAC, AES-CMAC, AES-CBC-MAC.
use crate::CryptoError;
use aes::cipher::{Block, BlockCipherEncrypt, BlockSizeUser, KeyInit, consts::U16};
use aes::{Aes128, Aes192, Aes256};
use alloc::vec::Vec;
use cmac::Cmac;
use hmac::Mac;
use symbolon_types::Secret;
use zeroize::Zeroize;

/// One after the other; `key` is of any length.
pub(super) fn hmac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Secret<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104 §2)")]
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    Secret::new(mac.finalize().into_bytes().to_vec())
}

fn cmac_with<M: Mac<OutputSize = U16> + KeyInit>(
    key: &[u8],
    parts: &[&[u8]],
) -> Result<Secret<[u8; 16]>, CryptoError> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| CryptoError)?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(Secret::new(mac.finalize().into_bytes().into()))
}

pub(super) fn aes_cmac(key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
    match key.len() {
        16 => cmac_with::<Cmac<Aes128>>(key, parts),
        24 => cmac_with::<Cmac<Aes192>>(key, parts),
        32 => cmac_with::<Cmac<Aes256>>(key, parts),
        _ => Err(CryptoError),
    }
}

/// Each byte is added to the block; a full block, and the last one as it stands, is enciphered.
fn cbc_mac_with<C>(key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit,
{
    let cipher = C::new_from_slice(key).map_err(|_| CryptoError)?;
    let (mut block, mut filled) = (Block::<C>::default(), None);
    for &byte in parts.iter().copied().flatten() {
        let at = match filled {
            None => 0,
            Some(at) if at < block.len() => at,
            Some(_) => {
                cipher.encrypt_block(&mut block);
                0
            }
        };
        block.iter_mut().skip(at).take(1).for_each(|slot| *slot ^= byte);
        filled = Some(at.saturating_add(1));
    }
    filled.ok_or(CryptoError)?;
    cipher.encrypt_block(&mut block);
    let mac = Secret::new(block.into());
    block.zeroize();
    Ok(mac)
}

pub(super) fn aes_cbc_mac(key: &[u8], parts: &[&[u8]]) -> Result<Secret<[u8; 16]>, CryptoError> {
    match key.len() {
        16 => cbc_mac_with::<Aes128>(key, parts),
        24 => cbc_mac_with::<Aes192>(key, parts),
        32 => cbc_mac_with::<Aes256>(key, parts),
        _ => Err(CryptoError),
    }
}
