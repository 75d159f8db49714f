//! The bitsliced cipher against the crate `des`, on every lane.
//!
//! **Invariant:** keys and blocks are drawn from a fixed seed; no lane has the key or the block of another.
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use symbolon_keys::cipher::{BlockCipher, Padding, Tdes, retail_mac};
use symbolon_keys::des::{
    des_decrypt_batch, des_encrypt_batch, retail_mac_batch, tdes_decrypt_batch, tdes_encrypt_batch,
};

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn key(&mut self) -> [u8; 16] {
        (u128::from(self.draw()) << 64 | u128::from(self.draw())).to_be_bytes()
    }
}

/// As many as fill lanes, groups and runs in part, wholly, and by one too many.
const SIZES: [usize; 9] = [0, 1, 63, 64, 65, 511, 512, 513, 1300];

fn sample(count: usize) -> (Vec<[u8; 16]>, Vec<[u8; 8]>) {
    let mut chance = Chance(count as u64);
    (0..count).map(|_| (chance.key(), chance.draw().to_be_bytes())).unzip()
}

#[test]
fn every_lane_is_triple_des_under_its_own_key() {
    for count in SIZES {
        let (keys, plain) = sample(count);
        let mut blocks = plain.clone();
        tdes_encrypt_batch(&keys, &mut blocks).unwrap();
        for (lane, (key, plain)) in keys.iter().zip(&plain).enumerate() {
            let mut block = des::cipher::Block::<des::TdesEde2>::from(*plain);
            des::TdesEde2::new(key.into()).encrypt_block(&mut block);
            assert_eq!(blocks[lane], block.0, "lane {lane} of {count}");
        }
        let enciphered = blocks.clone();
        tdes_decrypt_batch(&keys, &mut blocks).unwrap();
        assert_eq!(blocks, plain);
        for (lane, key) in keys.iter().enumerate().step_by(7) {
            let mut block = des::cipher::Block::<des::TdesEde2>::from(enciphered[lane]);
            des::TdesEde2::new(key.into()).decrypt_block(&mut block);
            assert_eq!(block.0, plain[lane]);
        }
    }
}

#[test]
fn every_lane_is_single_des_under_the_left_half() {
    for count in [1, 512, 700] {
        let (keys, plain) = sample(count);
        let mut blocks = plain.clone();
        des_encrypt_batch(&keys, &mut blocks).unwrap();
        for (lane, key) in keys.iter().enumerate() {
            let mut block = des::cipher::Block::<des::Des>::from(plain[lane]);
            des::Des::new(key.first_chunk::<8>().unwrap().into()).encrypt_block(&mut block);
            assert_eq!(blocks[lane], block.0, "lane {lane} of {count}");
        }
        des_decrypt_batch(&keys, &mut blocks).unwrap();
        assert_eq!(blocks, plain);
    }
}

/// Each bit of key and block alone: where one permutation is wrong, one of these is.
#[test]
fn every_bit_is_in_its_place() {
    let keys: Vec<[u8; 16]> =
        (0..192).map(|bit| 1_u128.checked_shl(bit).unwrap_or(0).to_be_bytes()).collect();
    let block = |at: u32| at.checked_sub(128).map_or(0, |bit| 1_u64 << bit).to_be_bytes();
    let mut blocks: Vec<[u8; 8]> = (0..192).map(block).collect();
    let plain = blocks.clone();
    tdes_encrypt_batch(&keys, &mut blocks).unwrap();
    for (at, key) in keys.iter().enumerate() {
        let mut block = plain[at];
        Tdes::new(key).unwrap().encrypt(&mut block);
        assert_eq!(blocks[at], block, "bit {at}");
    }
}

#[test]
fn retail_macs_of_texts_of_any_length() {
    let mut chance = Chance(3);
    let keys: Vec<[u8; 16]> = (0..1100).map(|_| chance.key()).collect();
    let texts: Vec<Vec<u8>> =
        (0..keys.len()).map(|at| (0..at * 7 % 61).map(|_| chance.draw() as u8).collect()).collect();
    let refs: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
    for padding in [Padding::Zeros, Padding::Bit] {
        let macs = retail_mac_batch(&keys, &refs, padding).unwrap();
        for (at, mac) in macs.reveal().iter().enumerate() {
            let single = retail_mac(&Tdes::new(&keys[at]).unwrap(), &texts[at], padding);
            assert!(single.equals(mac), "text {at}, {padding:?}");
        }
    }
    assert!(retail_mac_batch(&[], &[], Padding::Zeros).unwrap().reveal().is_empty());
}

#[test]
fn keys_and_blocks_are_of_one_number() {
    let (keys, blocks) = sample(4);
    for operation in [tdes_encrypt_batch, tdes_decrypt_batch, des_encrypt_batch, des_decrypt_batch] {
        let mut fewer = blocks[..3].to_vec();
        assert!(operation(&keys, &mut fewer).is_err());
        assert_eq!(fewer, blocks[..3]);
    }
    assert!(retail_mac_batch(&keys, &[b"1"], Padding::Zeros).is_err());
}
