//! How far a video is, as one number that never falls.
//!
//! The upload counts for a quarter of the way, the inspection for a twentieth, the encoding for the rest. The encoding's
//! part is the mean of its tasks, each weighed by the seconds of media and the pixels it makes. The stored value is the
//! highest one reached, so a task that starts again does not turn the bar back.

const UPLOAD_END: f64 = 0.25;
const ENCODING_START: f64 = 0.30;

/// Progress while the source is being uploaded. Both in bytes; 0 while the whole length is not known.
#[must_use]
pub fn of_upload(received: u64, length: Option<u64>) -> f64 {
    match length {
        Some(length) if length > 0 => UPLOAD_END * ratio(received, length),
        _ => 0.0,
    }
}

/// Progress while the source is being inspected.
#[must_use]
pub const fn of_inspection() -> f64 {
    UPLOAD_END
}

/// Progress while its tasks run, from the weight of each and how far it is (0 to 1). 1 only for a video that is ready:
/// the last step is the caller's.
#[must_use]
pub fn of_encoding(tasks: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let (done, all) = tasks
        .into_iter()
        .fold((0.0, 0.0), |(done, all), (weight, progress)| {
            (done + weight * progress.clamp(0.0, 1.0), all + weight)
        });
    let share = if all > 0.0 { done / all } else { 0.0 };
    (ENCODING_START + (1.0 - ENCODING_START) * share).min(0.999)
}

/// The value to store: what is known now, but never less than what was told before.
#[must_use]
pub fn risen(before: f64, now: f64) -> f64 {
    now.max(before).clamp(0.0, 1.0)
}

#[allow(clippy::cast_precision_loss, reason = "a progress bar has no 53 bits")]
fn ratio(part: u64, whole: u64) -> f64 {
    (part as f64 / whole as f64).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_follow_each_other_without_a_step_back() {
        let stages = [
            of_upload(0, Some(100)),
            of_upload(50, Some(100)),
            of_upload(100, Some(100)),
            of_inspection(),
            of_encoding([(1.0, 0.0), (3.0, 0.0)]),
            of_encoding([(1.0, 1.0), (3.0, 0.0)]),
            of_encoding([(1.0, 1.0), (3.0, 1.0)]),
        ];
        assert!(
            stages.windows(2).all(|pair| pair[0] <= pair[1]),
            "{stages:?}"
        );
        assert!(stages.iter().all(|value| *value < 1.0));
    }

    #[test]
    fn a_heavy_task_moves_the_bar_more_than_a_light_one() {
        let light = of_encoding([(1.0, 1.0), (9.0, 0.0)]);
        let heavy = of_encoding([(1.0, 0.0), (9.0, 1.0)]);
        assert!(heavy > light);
    }

    #[test]
    fn a_task_that_starts_again_does_not_turn_the_bar_back() {
        let before = of_encoding([(1.0, 0.9)]);
        let after = of_encoding([(1.0, 0.1)]);
        assert!((risen(before, after) - before).abs() < f64::EPSILON);
    }

    #[test]
    fn an_unknown_length_and_an_empty_upload_count_nothing() {
        assert!(of_upload(10, None).abs() < f64::EPSILON);
        assert!(of_upload(0, Some(0)).abs() < f64::EPSILON);
    }
}
