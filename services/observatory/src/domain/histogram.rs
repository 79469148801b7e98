//! A histogram that knows any quantile of latencies to within a few percent, in little memory.

/// Equal steps within each power of two. A step is at most 1/16 of its values and its middle stands for it, so a quantile
/// is off by at most 1/32 (3.2 %) of itself.
const STEPS: u64 = 16;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Longer durations count as this long: 2³⁶ µs, 19 hours.
const VALUE_MAX: u64 = (1 << 36) - 1;

/// Counts of microseconds in log-linear steps; only steps that were hit take memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Sorted by step.
    counts: Vec<(u16, u64)>,
    total: u64,
}

impl Histogram {
    pub fn record(&mut self, value_us: u64) {
        self.add(step_of(value_us), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for (step, count) in &other.counts {
            self.add(*step, *count);
        }
    }

    fn add(&mut self, step: u16, count: u64) {
        self.total += count;
        match self.counts.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(at) => {
                if let Some((_, known)) = self.counts.get_mut(at) {
                    *known += count;
                }
            }
            Err(at) => self.counts.insert(at, (step, count)),
        }
    }

    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The value that the share `quantile` (0 to 1) of all values does not exceed, by nearest rank, to within 3.2 %;
    /// 0 when nothing was recorded.
    #[must_use]
    pub fn quantile_us(&self, quantile: f64) -> u64 {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let rank = ((self.total as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (step, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return middle_of(*step);
            }
        }
        0
    }

    /// Halves all counts, so that what comes next weighs more than what was.
    pub fn fade(&mut self) {
        for (_, count) in &mut self.counts {
            *count /= 2;
        }
        self.counts.retain(|(_, count)| *count > 0);
        self.total = self.counts.iter().map(|(_, count)| count).sum();
    }
}

/// Values below 16 have a step each; then 16 steps to each power of two.
fn step_of(value: u64) -> u16 {
    let value = value.min(VALUE_MAX);
    if value < STEPS {
        return u16::try_from(value).unwrap_or(0);
    }
    let power = value.ilog2();
    let within = (value >> (power - STEP_BITS)) - STEPS;
    let step = u64::from(power - STEP_BITS + 1) * STEPS + within;
    // At most (35 - 4 + 1) · 16 + 15 = 527.
    u16::try_from(step).unwrap_or(u16::MAX)
}

fn middle_of(step: u16) -> u64 {
    let step = u64::from(step);
    if step < STEPS {
        return step;
    }
    let shift = step / STEPS - 1;
    let lowest = (STEPS + step % STEPS) << shift;
    let width = 1 << shift;
    lowest + (width - 1) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact_quantile(values: &[u64], quantile: f64) -> u64 {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let rank = ((values.len() as f64 * quantile).ceil() as usize).max(1);
        sorted[rank - 1]
    }

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        histogram
    }

    /// From microseconds to hours, each magnitude as likely.
    fn durations() -> impl Strategy<Value = Vec<u64>> {
        let duration = (0_u32..36).prop_flat_map(|power| 0_u64..(1 << power).max(2));
        prop::collection::vec(duration, 1..500)
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_five_percent_of_the_exact_one(
            values in durations(),
            quantile in prop::sample::select(vec![0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0]),
        ) {
            let exact = exact_quantile(&values, quantile);
            let found = of(&values).quantile_us(quantile);
            prop_assert!(found.abs_diff(exact) * 20 <= exact, "{found} for {exact}");
        }

        #[test]
        fn merging_equals_recording_together(first in durations(), second in durations()) {
            let mut merged = of(&first);
            merged.merge(&of(&second));
            let together: Vec<u64> = first.into_iter().chain(second).collect();
            prop_assert_eq!(merged, of(&together));
        }

        #[test]
        fn a_step_holds_its_middle(value in 0..=VALUE_MAX) {
            let step = step_of(value);
            prop_assert_eq!(step_of(middle_of(step)), step);
        }
    }

    #[test]
    fn an_empty_histogram_has_no_latency() {
        assert_eq!(Histogram::default().quantile_us(0.5), 0);
    }

    #[test]
    fn a_value_beyond_all_bounds_counts_as_the_longest() {
        let longest = of(&[u64::MAX]).quantile_us(1.0);
        assert!(longest.abs_diff(VALUE_MAX) * 20 <= VALUE_MAX);
        assert!(step_of(u64::MAX) <= 527);
    }

    #[test]
    fn fading_keeps_the_shape() {
        let mut histogram = of(&[10; 100]);
        histogram.record(1_000_000);
        histogram.fade();
        assert_eq!((histogram.total(), histogram.quantile_us(1.0)), (50, 10));
    }
}
