//! Randomness as a parameter: names, ids and secrets are drawn from an [`Entropy`], which a test seeds, so that a
//! failing schedule is repeated by its seed.

use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// A source of random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random (version 4) UUID.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// `length` characters drawn evenly from `alphabet` (at most 256 characters; an empty one gives an empty text).
    fn text(&self, length: usize, alphabet: &[u8]) -> String {
        if alphabet.is_empty() {
            return String::new();
        }
        let size = alphabet.len().min(256);
        // Bytes at or above the largest multiple of `size` are drawn again: no character is likelier than another.
        let limit = 256 - 256 % size;
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let mut byte = [0];
            self.fill(&mut byte);
            let [byte] = byte;
            if usize::from(byte) < limit
                && let Some(character) = alphabet.get(usize::from(byte) % size)
            {
                text.push(char::from(*character));
            }
        }
        text
    }
}

/// The operating system's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // The generator fails only where the system has none at all; a service without randomness must not go on
        // with predictable secrets.
        #[expect(clippy::expect_used, reason = "no safe way to go on without randomness")]
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// A repeatable generator for tests (SplitMix64). Never for secrets of a running service.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// A generator that always gives the same sequence for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (byte, random) in chunk.iter_mut().zip(z.to_le_bytes()) {
                *byte = random;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (one, two) = (SeededEntropy::new(7), SeededEntropy::new(7));
        assert_eq!(one.uuid(), two.uuid());
        assert_ne!(one.uuid(), SeededEntropy::new(8).uuid());
    }

    #[test]
    fn a_text_has_the_wanted_length_and_alphabet() {
        let text = SystemEntropy.text(64, b"abc");
        assert_eq!(text.len(), 64);
        assert!(text.bytes().all(|b| b"abc".contains(&b)));
    }
}
