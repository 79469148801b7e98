//! What must hold between settings, of whichever section: each is fine by itself, together they do not work.

use toml::Value;

use super::error::ConfigError;
use super::layers::Layers;
use super::origin_of;
use crate::Role;

/// `lower` and `gap` more are at most `upper`. Times are compared as milliseconds whatever their unit, and `gap` is in
/// milliseconds then.
struct Rule {
    /// Who breaks when it does not hold; `None` for every process.
    role: Option<Role>,
    lower: &'static str,
    gap: i64,
    upper: &'static str,
    why: &'static str,
}

const fn at_most(
    role: Option<Role>,
    lower: &'static str,
    upper: &'static str,
    why: &'static str,
) -> Rule {
    Rule {
        role,
        lower,
        gap: 0,
        upper,
        why,
    }
}

const fn below(
    role: Option<Role>,
    lower: &'static str,
    upper: &'static str,
    why: &'static str,
) -> Rule {
    Rule {
        gap: 1,
        ..at_most(role, lower, upper, why)
    }
}

const RULES: &[Rule] = &[
    at_most(
        None,
        "rpc.connect_timeout_ms",
        "rpc.timeout_ms",
        "a call ends before its connection is given up",
    ),
    at_most(
        None,
        "telemetry.export_batch_spans_max",
        "telemetry.spans_waiting_max",
        "a batch never fills",
    ),
    below(
        Some(Role::Identity),
        "identity.access_token_lifetime_s",
        "identity.refresh_token_lifetime_s",
        "a sign-in would end before it can be renewed",
    ),
    below(
        Some(Role::Identity),
        "identity.access_token_lifetime_s",
        "identity.session_lifetime_s",
        "a sign-in would end before it can be renewed",
    ),
    Rule {
        // What a verifier may be behind: the leeway of clocks and a replica's view of the keys.
        gap: 330_000,
        ..at_most(
            Some(Role::Identity),
            "identity.access_token_lifetime_s",
            "identity.signing_key_period_s",
            "a key must outlive what it signed by 330 s",
        )
    },
    below(
        Some(Role::Identity),
        "identity.throttle.failures_per_account_and_network_max",
        "identity.throttle.failures_per_account_max",
        "one stranger would lock an account for everybody",
    ),
    at_most(
        Some(Role::Media),
        "media.limits.duration_ms_max",
        "media.encode.duration_ms_max",
        "a source that is admitted would be cut off",
    ),
    below(
        Some(Role::Encoder),
        "encoder.wait_ms",
        "rpc.timeout_ms",
        "asking for a task would always time out",
    ),
    below(
        Some(Role::Encoder),
        "encoder.report_ms",
        "media.lease_ms",
        "every lease would run out before it is renewed",
    ),
    below(
        Some(Role::Playback),
        "playback.grant_reuse_s",
        "playback.session_lifetime_s",
        "addresses would be given out that have ended",
    ),
    at_most(
        Some(Role::Observatory),
        "observatory.spans_per_trace_max",
        "observatory.spans_max",
        "one trace would not fit",
    ),
];

/// The rules that a process as a whole keeps, or with `role` those of that role.
pub(super) fn check(layers: &Layers, role: Option<Role>) -> Result<(), ConfigError> {
    let broken = RULES
        .iter()
        .filter(|rule| rule.role == role)
        .filter_map(|rule| rule.broken(layers))
        .collect();
    ConfigError::from_all(broken).map_or(Ok(()), Err)
}

impl Rule {
    fn broken(&self, layers: &Layers) -> Option<ConfigError> {
        let (lower, upper) = (number(layers, self.lower)?, number(layers, self.upper)?);
        if in_base_unit(self.lower, lower).saturating_add(self.gap)
            <= in_base_unit(self.upper, upper)
        {
            return None;
        }
        let relation = match self.gap {
            0 => "may be at most",
            1 => "must be less than",
            _ => "must be well below",
        };
        // Of the two the one that somebody has said is the one to look at.
        let is_default = |key| matches!(origin_of(layers, key), super::Origin::Default);
        let said = if is_default(self.lower) {
            self.upper
        } else {
            self.lower
        };
        Some(ConfigError::Invalid {
            key: said.to_owned(),
            origin: origin_of(layers, said),
            message: format!(
                "`{}` is {lower} and {relation} `{}`, which is {upper}: {}",
                self.lower, self.upper, self.why
            ),
        })
    }
}

fn number(layers: &Layers, key: &str) -> Option<i64> {
    layers
        .settings
        .get(key)
        .map(|setting| &setting.value)
        .and_then(Value::as_integer)
}

fn in_base_unit(key: &str, number: i64) -> i64 {
    if key.ends_with("_s") {
        return number.saturating_mul(1000);
    }
    number
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::config::DEFAULTS;

    #[test]
    fn every_rule_is_about_settings_that_there_are() {
        let layers = Layers::from_defaults(DEFAULTS).unwrap();
        for rule in RULES {
            for key in [rule.lower, rule.upper] {
                assert!(number(&layers, key).is_some(), "{key}");
            }
            assert!(rule.broken(&layers).is_none(), "{}", rule.lower);
        }
    }
}
