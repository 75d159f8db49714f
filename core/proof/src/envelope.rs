//! What COSE_Sign1 and COSE_Mac0 (RFC 9052 §4.2, §6.2) share in Symbolon's strict form: tag, array of four, empty unprotected header.
//!
//! **Invariant:** a message that is read has exactly the bytes that would be written for its parts, the payload's claims included.
use alloc::vec::Vec;
use symbolon_types::{CoreRefusal, Refused};
use symbolon_wire::cbor::{Cbor, Decoder, Encoder, Malformed, from_slice, to_vec};

/// The longest message that is read or signed: 16 KiB.
pub const MESSAGE_LEN_MAX: usize = 16 * 1024;

/// What a kind of proof says, and the number that keeps kinds apart.
pub trait Claims: Cbor {
    /// The `typ` header (RFC 9596) as a CoAP content format of the experimental range 65000..=65535 (RFC 7252 §12.3), unique in the platform.
    const TYPE: u16;
}

/// The one error of verification: wrong key, wrong key id, wrong signature or wrong MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

impl From<BadSignature> for Refused {
    fn from(_: BadSignature) -> Self {
        CoreRefusal::BadSignature.refused()
    }
}

/// Bytes from outside. All that can be done with them is to parse them, as [`Raw::parse`] or [`Raw::parse_mac`].
#[derive(Clone, Copy, Debug)]
pub struct Raw<'a>(pub &'a [u8]);

/// Header parameter 1, the algorithm (RFC 9052 §3.1).
pub(crate) const ALG: i64 = 1;
/// Header parameter 4, the key id (RFC 9052 §3.1).
pub(crate) const KID: i64 = 4;
/// Header parameter 16, the type (RFC 9596 §2).
pub(crate) const TYP: i64 = 16;

/// The parts of a message: `tag([protected, {}, payload, seal])`, where `seal` is a signature or a MAC.
pub(crate) struct Parts<'a, const N: usize> {
    pub(crate) protected: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) seal: [u8; N],
}

impl<'a, const N: usize> Parts<'a, N> {
    pub(crate) fn read(bytes: &'a [u8], tag: u64) -> Result<Self, Malformed> {
        if bytes.len() > MESSAGE_LEN_MAX {
            return Err(Malformed);
        }
        let mut input = Decoder::new(bytes);
        if input.tag()? != tag {
            return Err(Malformed);
        }
        let parts = input.array(|input, items| {
            let protected = input.bytes()?;
            input.map(|_| Ok(()))?;
            let (payload, seal) = (input.bytes()?, Cbor::decode(input)?);
            if items == 4 { Ok(Self { protected, payload, seal }) } else { Err(Malformed) }
        })?;
        input.finish()?;
        Ok(parts)
    }

    pub(crate) fn write(&self, tag: u64) -> Vec<u8> {
        let mut out = Encoder::new();
        out.tag(tag).array(4).bytes(self.protected).map(0).bytes(self.payload).bytes(&self.seal);
        out.finish()
    }
}

/// The claims of a payload, which must be their one encoding.
pub(crate) fn claims<T: Claims>(payload: &[u8]) -> Result<T, Malformed> {
    let claims: T = from_slice(payload)?;
    // Whatever the type's own decoder lets pass, a payload has one form.
    if to_vec(&claims) == payload { Ok(claims) } else { Err(Malformed) }
}

/// `[context, protected, external_aad = empty, payload]`: Sig_structure (RFC 9052 §4.4) or MAC_structure (§6.3).
pub(crate) fn structure(context: &str, protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Encoder::new();
    out.array(4).text(context).bytes(protected).bytes(&[]).bytes(payload);
    out.finish()
}
