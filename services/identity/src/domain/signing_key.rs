//! When the key that signs access tokens is replaced, and how long the old one stays known.

use std::time::Duration;

/// A signing key as far as its life is concerned. Generations count up; the highest one signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAge {
    pub generation: i64,
    pub created_at_us: i64,
}

/// The lives of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How long a key signs.
    pub period: Duration,
    /// How long a replaced key is still published: what it signed last must have expired, and every replica of this
    /// service must have noticed the newer key.
    pub overlap: Duration,
}

impl Rotation {
    /// The generation to make now, if one is due. `keys` in any order.
    #[must_use]
    pub fn due(&self, keys: &[KeyAge], now_us: i64) -> Option<i64> {
        let Some(newest) = keys.iter().max_by_key(|key| key.generation) else {
            return Some(1);
        };
        let age_us = now_us.saturating_sub(newest.created_at_us);
        (age_us >= micros(self.period)).then_some(newest.generation + 1)
    }

    /// The generation below which keys are of no use any more.
    #[must_use]
    pub fn oldest_useful(&self, keys: &[KeyAge], now_us: i64) -> i64 {
        let in_charge_longer_than_overlap =
            |key: &&KeyAge| now_us.saturating_sub(key.created_at_us) > micros(self.overlap);
        keys.iter()
            .filter(in_charge_longer_than_overlap)
            .map(|key| key.generation)
            .max()
            .unwrap_or(i64::MIN)
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROTATION: Rotation = Rotation {
        period: Duration::from_micros(1_000),
        overlap: Duration::from_micros(100),
    };

    fn keys(created_at_us: &[i64]) -> Vec<KeyAge> {
        (1..)
            .zip(created_at_us)
            .map(|(generation, created_at_us)| KeyAge {
                generation,
                created_at_us: *created_at_us,
            })
            .collect()
    }

    #[test]
    fn a_key_is_made_at_first_and_after_each_period() {
        for (created, now_us, due) in [
            (vec![], 5, Some(1)),
            (vec![0], 999, None),
            (vec![0], 1_000, Some(2)),
            (vec![0, 1_000], 1_500, None),
            (vec![0, 1_000], 2_000, Some(3)),
        ] {
            assert_eq!(
                ROTATION.due(&keys(&created), now_us),
                due,
                "{created:?} at {now_us}"
            );
        }
    }

    #[test]
    fn a_replaced_key_stays_until_what_it_signed_has_expired() {
        for (created, now_us, oldest) in [
            (vec![], 5, i64::MIN),
            (vec![0], 5_000, 1),
            (vec![0, 1_000], 1_050, 1),
            (vec![0, 1_000], 1_100, 1),
            (vec![0, 1_000], 1_101, 2),
        ] {
            assert_eq!(
                ROTATION.oldest_useful(&keys(&created), now_us),
                oldest,
                "{created:?} at {now_us}"
            );
        }
    }
}
