use std::net::IpAddr;

use amphi_chassis::auth::AccountRole;
use amphi_contracts::AccountId;

/// A person, or a program that acts as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    /// As it was typed, apart from the domain's letter case.
    pub email: String,
    pub name: String,
    pub role: AccountRole,
    pub created_at_us: i64,
}

/// How an attempt to sign in, or to stay signed in, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    Succeeded,
    WrongPassword,
    /// Refused unseen, after too many wrong passwords.
    Locked,
    /// A spent refresh token was used again; the session was revoked.
    RefreshReused,
}

impl LoginOutcome {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::WrongPassword => "wrong_password",
            Self::Locked => "locked",
            Self::RefreshReused => "refresh_reused",
        }
    }
}

const USER_AGENT_CHARS_MAX: usize = 256;

/// Where a request came from, as far as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientOrigin {
    pub ip: Option<IpAddr>,
    pub user_agent: String,
}

impl ClientOrigin {
    /// Takes what the public border has seen; a text that is no address counts as none.
    #[must_use]
    pub fn new(ip: &str, user_agent: &str) -> Self {
        Self {
            ip: ip.parse().ok(),
            user_agent: user_agent
                .chars()
                .filter(|c| !c.is_control())
                .take(USER_AGENT_CHARS_MAX)
                .collect(),
        }
    }

    /// The address as text, empty when it is not known.
    #[must_use]
    pub fn ip_text(&self) -> String {
        self.ip.map(|ip| ip.to_string()).unwrap_or_default()
    }

    /// Whom a bound per address counts: one IPv4 address, or one IPv6 /64, since a single household commands all of it.
    #[must_use]
    pub fn network(&self) -> Option<String> {
        Some(match self.ip?.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let table = [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::/64")),
            ("2001:db8:1:2::1", Some("2001:db8:1:2::/64")),
            ("somewhere", None),
            ("", None),
        ];
        for (ip, network) in table {
            assert_eq!(
                ClientOrigin::new(ip, "").network().as_deref(),
                network,
                "{ip}"
            );
        }
    }

    #[test]
    fn a_user_agent_is_cut_and_loses_its_control_characters() {
        let agent = format!("curl\r\n{}", "x".repeat(1000));
        let kept = ClientOrigin::new("", &agent).user_agent;
        assert!(kept.starts_with("curlxxx"));
        assert_eq!(kept.chars().count(), 256);
    }
}
