//! Header parameters (RFC 9052 §3): two maps, protected and not, that may not repeat each other.
//!
//! **Invariant:** a protected bucket without parameters counts as the empty string, however it was written (RFC 9052 §3, §4.4).
use super::{Algorithm, CoseError};
use alloc::vec::Vec;
use symbolon_wire::cbor::any::Item;

/// alg (RFC 9052 §3.1, table 3).
const ALG: Item = Item::Uint(1);
/// crit.
const CRIT: Item = Item::Uint(2);
/// content type.
const CONTENT_TYPE: Item = Item::Uint(3);
/// kid.
const KID: Item = Item::Uint(4);
/// IV.
const IV: Item = Item::Uint(5);
/// Partial IV.
const PARTIAL_IV: Item = Item::Uint(6);

/// The parameters that are understood, and so may be called critical.
const UNDERSTOOD: [Item; 6] = [ALG, CRIT, CONTENT_TYPE, KID, IV, PARTIAL_IV];

type Map = Vec<(Item, Item)>;

/// Both buckets of a message, well-formed.
#[derive(Clone, Debug)]
pub struct Headers {
    /// As it came, or empty.
    bytes: Vec<u8>,
    protected: Map,
    unprotected: Map,
}

fn find<'a>(map: &'a Map, label: &Item) -> Option<&'a Item> {
    map.iter().find(|(found, _)| found == label).map(|(_, value)| value)
}

/// A map whose labels are integers or text and whose known parameters have the types of RFC 9052 §3.1.
fn parameters(item: Item) -> Result<Map, CoseError> {
    let Item::Map(map) = item else { return Err(CoseError::Malformed) };
    let well_typed = |(label, value): &(Item, Item)| match label {
        Item::Uint(1) => matches!(value, Item::Uint(_) | Item::Nint(_) | Item::Text(_)),
        Item::Uint(2) => matches!(value, Item::Array(labels) if !labels.is_empty()),
        Item::Uint(3) => matches!(value, Item::Uint(_) | Item::Text(_)),
        Item::Uint(4..=6) => matches!(value, Item::Bytes(_)),
        label => matches!(label, Item::Uint(_) | Item::Nint(_) | Item::Text(_)),
    };
    if map.iter().all(well_typed) { Ok(map) } else { Err(CoseError::Malformed) }
}

impl Headers {
    pub(super) fn read(protected: Vec<u8>, unprotected: Item) -> Result<Self, CoseError> {
        let (unprotected, empty) = (parameters(unprotected)?, protected.is_empty());
        let map = if empty { Map::new() } else { parameters(Item::read(&protected)?)? };
        // A label in both buckets is refused (RFC 9052 §3), and so is a crit that nobody protects (§3.1).
        let repeated = unprotected.iter().any(|(label, _)| *label == CRIT || find(&map, label).is_some());
        if repeated {
            return Err(CoseError::Malformed);
        }
        let bytes = if map.is_empty() { Vec::new() } else { protected };
        let headers = Self { bytes, protected: map, unprotected };
        headers.check_critical()?;
        Ok(headers)
    }

    /// Each critical label names a protected parameter that is understood (RFC 9052 §3.1).
    fn check_critical(&self) -> Result<(), CoseError> {
        let Some(Item::Array(labels)) = find(&self.protected, &CRIT) else { return Ok(()) };
        if labels.iter().any(|label| find(&self.protected, label).is_none()) {
            return Err(CoseError::Malformed);
        }
        if labels.iter().all(|label| UNDERSTOOD.contains(label)) { Ok(()) } else { Err(CoseError::Critical) }
    }

    fn either(&self, label: &Item) -> Option<&Item> {
        find(&self.protected, label).or_else(|| find(&self.unprotected, label))
    }

    /// The protected bytes as they are signed.
    pub(super) fn protected(&self) -> &[u8] {
        &self.bytes
    }

    /// alg, from either bucket: RFC 9052 §3.1 wants it authenticated, but published messages have it unprotected. Whoever relies on one of
    /// those should ask [`Headers::algorithm_is_protected`]: an HMAC's tag could have been cut to 64 bits on its way.
    pub(super) fn algorithm(&self) -> Result<Algorithm, CoseError> {
        let value = self.either(&ALG).ok_or(CoseError::Malformed)?;
        value.as_int().and_then(Algorithm::from_id).ok_or(CoseError::AlgorithmUnsupported)
    }

    /// Whether the algorithm is in the protected bucket.
    #[must_use]
    pub fn algorithm_is_protected(&self) -> bool {
        find(&self.protected, &ALG).is_some()
    }

    /// The key's id, which says only where to look for a key.
    #[must_use]
    pub fn kid(&self) -> Option<&[u8]> {
        self.either(&KID).and_then(Item::as_bytes)
    }

    /// The nonce (RFC 9052 §3.1): IV, or the Base IV with Partial IV, filled up with zeros on the left, over its end.
    pub(super) fn nonce(&self, len: usize, base_iv: Option<&[u8]>) -> Result<Vec<u8>, CoseError> {
        let bytes = |label: &Item| self.either(label).and_then(Item::as_bytes);
        let nonce = match (bytes(&IV), bytes(&PARTIAL_IV)) {
            (Some(iv), None) => iv.to_vec(),
            (None, Some(partial)) => combined(len, base_iv.ok_or(CoseError::BaseIvMissing)?, partial)?,
            _ => return Err(CoseError::Malformed),
        };
        if nonce.len() == len { Ok(nonce) } else { Err(CoseError::Malformed) }
    }
}

/// RFC 9052 §3.1; a base that is shorter than the nonce is its beginning (the "prefix for IV" of appendix C.4.2).
fn combined(len: usize, base: &[u8], partial: &[u8]) -> Result<Vec<u8>, CoseError> {
    if partial.is_empty() || partial.len() > len {
        return Err(CoseError::Malformed);
    }
    let mut nonce = base.to_vec();
    nonce.resize(nonce.len().max(len), 0);
    nonce.iter_mut().rev().zip(partial.iter().rev()).for_each(|(byte, partial)| *byte ^= partial);
    Ok(nonce)
}
