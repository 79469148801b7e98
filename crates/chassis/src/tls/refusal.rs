//! Why a connection was refused, in words that say which side is to be mended.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, Error};

use super::shown;

/// How rustls and whatever prints it begin with what the other side has against this one.
const ALERT: &str = "received fatal alert: ";

/// What is wrong with a certificate, seen from whoever refuses it.
pub(super) fn certificate_in_words(error: &Error, name: &ServerName<'_>) -> String {
    let Error::InvalidCertificate(error) = error else {
        return error.to_string();
    };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("it expired at {}", moment(*not_after))
        }
        CertificateError::Expired => "it has expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "it is valid from {} on only; is one of the clocks wrong?",
            moment(*not_before)
        ),
        CertificateError::UnknownIssuer => {
            "it is not signed by an authority in internal_tls.ca".to_owned()
        }
        CertificateError::BadSignature => {
            "it is not signed by the authority that it names; is internal_tls.ca that of another installation?".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "it does not bear the name of internal_tls.name, {}; its names are: {}",
            name.to_str(),
            presented.join(", ")
        ),
        CertificateError::NotValidForName => format!(
            "it does not bear the name of internal_tls.name, {}",
            name.to_str()
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its extended key usage must allow both serverAuth and clientAuth".to_owned()
        }
        CertificateError::Other(other) => {
            let text = other.to_string();
            if text.contains("CaUsedAsEndEntity") {
                return "it is that of an authority: put one that the authority has signed in its place".to_owned();
            }
            text
        }
        other => other.to_string(),
    }
}

/// What has ended a handshake.
pub(super) fn in_words(error: &Error, name: &ServerName<'_>) -> String {
    match error {
        Error::InvalidCertificate(_) => format!(
            "the certificate of the other side is refused: {}",
            certificate_in_words(error, name)
        ),
        Error::AlertReceived(alert) => alert_in_words(&format!("{alert:?}")),
        Error::InvalidMessage(_) => {
            "the other side does not speak TLS; is its internal_tls.kind \"mutual\", too?"
                .to_owned()
        }
        other => other.to_string(),
    }
}

fn alert_in_words(alert: &str) -> String {
    let why = match alert {
        "CertificateExpired" => "it has expired, by the other side's clock",
        "UnknownCA" | "UnknownCa" => {
            "it is not signed by an authority in the other side's internal_tls.ca"
        }
        "BadCertificate" | "CertificateUnknown" | "UnsupportedCertificate" => {
            "by its name or use, or it is malformed; the other side's log says more"
        }
        "CertificateRequired" => "there is none",
        other => return format!("the other side ends the connection: {other}"),
    };
    format!("the other side refuses the certificate of this process: {why}")
}

/// Whether the other side has refused this side's certificate: then it has read nothing of what was sent.
pub(crate) fn is_certificate_alert(error: &(dyn StdError + 'static)) -> bool {
    let alert = alert_of(error);
    alert.is_some_and(|alert| alert.contains("Cert") || alert.starts_with("UnknownC"))
}

/// Why TLS has ended a connection; `None` when something else has.
pub(crate) fn words_for(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(error) = find(error) {
        // The name is said by the side that knows it.
        let name = ServerName::try_from("internal_tls.name").ok()?;
        return Some(in_words(error, &name));
    }
    alert_of(error).map(|alert| alert_in_words(&alert))
}

/// Where the text is all that is left of an error, as with streams of HTTP/2, it is looked for there.
fn alert_of(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if let Some((_, rest)) = text.split_once(ALERT) {
            let alert = rest.chars().take_while(char::is_ascii_alphanumeric);
            return Some(alert.collect());
        }
        next = error.source();
    }
    None
}

pub(super) fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // An `io::Error` names what is in the error that it holds as its source, and not that error.
        let held = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = held.and_then(|held| find(held)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn moment(time: UnixTime) -> String {
    let since_1970 = Duration::from_secs(time.as_secs());
    shown(std::time::SystemTime::UNIX_EPOCH.checked_add(since_1970))
}
