//! `bus.url` of a Kafka: where its brokers are, and who we are to them.

use crate::Secret;
use crate::config::percent_decoded;

pub(super) const FORM: &str = "kafka://host:9092,host:9092, with TLS kafka+ssl://…, and with a login kafka+ssl://user:password@host:9093?sasl=plain \
     (or scram-sha-256, scram-sha-512)";

const PLAIN_TEXT: &str = "kafka://";
const TLS: &str = "kafka+ssl://";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bus) struct Address {
    /// `host:port,host:port`
    pub servers: String,
    pub is_tls: bool,
    pub login: Option<Login>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bus) struct Login {
    pub user: String,
    pub password: Secret<String>,
    /// As SASL names it.
    pub mechanism: &'static str,
}

impl Address {
    /// # Errors
    /// What is wrong, without quoting what may be a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (is_tls, rest) = match (text.strip_prefix(PLAIN_TEXT), text.strip_prefix(TLS)) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err("it begins with neither kafka:// nor kafka+ssl://".to_owned()),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, servers) = match place.rsplit_once('@') {
            Some((credentials, servers)) => (Some(credentials), servers),
            None => (None, place),
        };
        let servers = servers.trim_end_matches('/');
        for server in servers.split(',') {
            check_server(server)?;
        }
        let mechanism = mechanism(query)?;
        let login = match (credentials, mechanism) {
            (Some(credentials), mechanism) => {
                Some(Login::parse(credentials, mechanism.unwrap_or("PLAIN"))?)
            }
            (None, Some(_)) => {
                return Err("`?sasl=` is for a login, and there is no user:password@".to_owned());
            }
            (None, None) => None,
        };
        Ok(Self {
            servers: servers.to_owned(),
            is_tls,
            login,
        })
    }

    /// As librdkafka names it.
    pub const fn security_protocol(&self) -> &'static str {
        match (self.is_tls, self.login.is_some()) {
            (false, false) => "plaintext",
            (false, true) => "sasl_plaintext",
            (true, false) => "ssl",
            (true, true) => "sasl_ssl",
        }
    }
}

impl Login {
    fn parse(credentials: &str, mechanism: &'static str) -> Result<Self, String> {
        let unreadable = || {
            "before the @, user:password is expected, with %40 for an @ and %25 for a %".to_owned()
        };
        let (user, password) = credentials.split_once(':').ok_or_else(unreadable)?;
        let user = percent_decoded(user).ok_or_else(unreadable)?;
        let password = percent_decoded(password).ok_or_else(unreadable)?;
        if user.is_empty() || user.contains('\0') || password.contains('\0') {
            return Err(unreadable());
        }
        Ok(Self {
            user,
            password: Secret::new(password),
            mechanism,
        })
    }
}

/// What stands here may be part of a password with an `@` that was not written `%40`: it is not quoted.
fn check_server(server: &str) -> Result<(), String> {
    let is_of_host = |it: char| it.is_ascii_alphanumeric() || "-._[]:".contains(it);
    let has_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    match server.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && host.chars().all(is_of_host) && has_port(port) =>
        {
            Ok(())
        }
        _ => Err("each broker is named host:port, and several are separated by commas".to_owned()),
    }
}

fn mechanism(query: &str) -> Result<Option<&'static str>, String> {
    match query {
        "" => Ok(None),
        "sasl=plain" => Ok(Some("PLAIN")),
        "sasl=scram-sha-256" => Ok(Some("SCRAM-SHA-256")),
        "sasl=scram-sha-512" => Ok(Some("SCRAM-SHA-512")),
        _ => Err(
            "after the ?, only sasl=plain, sasl=scram-sha-256 and sasl=scram-sha-512 are understood"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_says_where_how_and_who() {
        let plain = Address::parse("kafka://10.0.0.1:9092,b.example.org:9092").unwrap();
        assert_eq!(plain.servers, "10.0.0.1:9092,b.example.org:9092");
        assert_eq!(plain.security_protocol(), "plaintext");
        assert_eq!(plain.login, None);

        let managed = "kafka+ssl://ann:p%40ss:w%25rd@b-1.example.org:9096?sasl=scram-sha-512";
        let managed = Address::parse(managed).unwrap();
        assert_eq!(managed.servers, "b-1.example.org:9096");
        assert_eq!(managed.security_protocol(), "sasl_ssl");
        let login = managed.login.unwrap();
        assert_eq!(login.user, "ann");
        assert_eq!(login.password.expose(), "p@ss:w%rd");
        assert_eq!(login.mechanism, "SCRAM-SHA-512");

        let login = Address::parse("kafka://u:p@h:1").unwrap().login.unwrap();
        assert_eq!(login.mechanism, "PLAIN");
        assert!(Address::parse("kafka+ssl://[::1]:9093/").unwrap().is_tls);
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_quoted() {
        for text in [
            "",
            "amqp://u:hunter2@h:9092",
            "kafka://",
            "kafka://h",
            "kafka://h:0",
            "kafka://h:9092,",
            "kafka://h:99999",
            "kafka://h:9092/vhost",
            "kafka://u:hunter2@",
            "kafka://u:hun@ter2",
            "kafka://hunter2@h:9092",
            "kafka://:hunter2@h:9092",
            "kafka://u:hunter2%@h:9092",
            "kafka://u:hunter2@h:9092?sasl=gssapi",
            "kafka://h:9092?sasl=plain",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.contains("hun"), "{error}");
        }
    }
}
