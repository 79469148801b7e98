//! Which traces took unusually long for what they did.

use std::collections::HashMap;

use amphi_chassis::Role;
use amphi_chassis::telemetry::{FinishedSpan, SpanKind};

use crate::domain::calls::BROWSER;
use crate::domain::histogram::Histogram;

/// Fewer say nothing about what is usual.
const SEEN_MIN: u64 = 20;

/// After so many the older ones count half, so that what is usual may change.
const SEEN_BEFORE_FADING: u64 = 1000;

/// Operations beyond that are not judged; names come from whoever sends spans.
const OPERATIONS_MAX: usize = 512;

/// A trace is slow when it takes half as long again as this share of the traces of its operation.
const USUAL_SHARE: f64 = 0.95;

/// How long the traces of each operation take, by the spans with which they entered the platform.
#[derive(Debug, Default)]
pub(super) struct UsualDurations {
    by_operation: HashMap<String, Histogram>,
}

impl UsualDurations {
    /// Whether the span is the entry of a trace that took unusually long. Remembers the span.
    pub fn is_slow_entry(&mut self, span: &FinishedSpan) -> bool {
        if !is_entry(span) {
            return false;
        }
        let operation = format!("{}\n{}", span.service, span.name);
        let is_full = self.by_operation.len() >= OPERATIONS_MAX;
        if is_full && !self.by_operation.contains_key(&operation) {
            return false;
        }
        let durations = self.by_operation.entry(operation).or_default();
        let duration_us = span.duration_ns / 1000;
        let usual_us = durations.quantile_us(USUAL_SHARE);
        let is_slow = durations.total() >= SEEN_MIN && duration_us > usual_us + usual_us / 2;
        durations.record(duration_us);
        if durations.total() >= SEEN_BEFORE_FADING {
            durations.fade();
        }
        is_slow
    }
}

/// What a browser tells of itself is no measure, since anybody may tell it: its requests enter at the gateway. What begins
/// elsewhere enters with its root.
fn is_entry(span: &FinishedSpan) -> bool {
    let is_request = &*span.service == Role::Gateway.as_str() && span.kind == SpanKind::Server;
    let is_root = span.parent_span_id.is_none() && &*span.service != BROWSER;
    is_request || is_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestSpan as S;

    fn is_slow(usual: &mut UsualDurations, duration_ms: i64) -> bool {
        usual.is_slow_entry(&S::new(1, 0, 0, duration_ms).in_trace(1))
    }

    #[test]
    fn only_what_is_longer_than_usual_is_slow() {
        let mut usual = UsualDurations::default();
        assert!(!is_slow(&mut usual, 60_000), "nothing is known yet");
        for duration_ms in 1..=100 {
            is_slow(&mut usual, duration_ms);
        }
        assert!(!is_slow(&mut usual, 50));
        assert!(is_slow(&mut usual, 500));
        let child = S::new(2, 1, 0, 500).in_trace(1);
        assert!(!usual.is_slow_entry(&child));
    }

    #[test]
    fn a_click_is_judged_by_its_request_and_not_by_the_browser() {
        let mut usual = UsualDurations::default();
        let click = |duration_ms: i64| S::new(1, 0, 0, duration_ms).by(BROWSER, SpanKind::Internal);
        let request =
            |duration_ms: i64| S::new(2, 1, 0, duration_ms).by("gateway", SpanKind::Server);
        for _ in 0..50 {
            assert!(!usual.is_slow_entry(&click(10).in_trace(1)));
            assert!(!usual.is_slow_entry(&request(10).in_trace(1)));
        }
        assert!(!usual.is_slow_entry(&click(60_000).in_trace(1)));
        assert!(usual.is_slow_entry(&request(500).in_trace(1)));
    }

    #[test]
    fn what_is_usual_changes_with_time() {
        let mut usual = UsualDurations::default();
        for _ in 0..100 {
            is_slow(&mut usual, 10);
        }
        assert!(is_slow(&mut usual, 100));
        for _ in 0..10_000 {
            is_slow(&mut usual, 100);
        }
        assert!(!is_slow(&mut usual, 100));
    }

    #[test]
    fn made_up_operations_do_not_fill_the_memory() {
        let mut usual = UsualDurations::default();
        for n in 0..10_000_u64 {
            let mut span = S::new(1, 0, 0, 1).in_trace(n);
            span.name = format!("GET /{n}").into();
            usual.is_slow_entry(&span);
        }
        assert_eq!(usual.by_operation.len(), OPERATIONS_MAX);
    }
}
