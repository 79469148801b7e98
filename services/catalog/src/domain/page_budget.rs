//! How much of a page fits into one message.

/// Half of the smallest message bound that is worth setting: the other half is for what is not counted.
const TEXT_BYTES_MAX: usize = 2_000_000;

/// Episodes, with their videos, in one answer. At 1,000 bytes each they stay below a message's bound of 4 MiB even beside
/// full texts.
const EPISODES_MAX: u64 = 1_500;

/// The number of leading items whose texts fit together; at least one, so that a list goes on.
#[must_use]
pub fn fitting_texts(sizes_bytes: impl Iterator<Item = usize>) -> u32 {
    fitting(sizes_bytes.map(|size| size as u64), TEXT_BYTES_MAX as u64)
}

/// The number of leading series whose episodes fit together; at least one.
#[must_use]
pub fn fitting_episodes(counts: impl Iterator<Item = u64>) -> u32 {
    fitting(counts, EPISODES_MAX)
}

fn fitting(sizes: impl Iterator<Item = u64>, budget: u64) -> u32 {
    let mut used = 0_u64;
    let fitting = sizes
        .take_while(|size| {
            used = used.saturating_add(*size);
            used <= budget
        })
        .count();
    u32::try_from(fitting).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_the_budget_does_and_never_before_its_first_item() {
        for (sizes, fits) in [
            (vec![], 1),
            (vec![100, 100], 2),
            (vec![600, 500, 400, 1], 3),
            (vec![5_000, 1], 1),
        ] {
            assert_eq!(fitting_episodes(sizes.iter().copied()), fits, "{sizes:?}");
        }
    }

    #[test]
    fn fifty_dramas_of_twelve_episodes_fit() {
        assert_eq!(fitting_episodes(std::iter::repeat_n(12, 50)), 50);
    }
}
