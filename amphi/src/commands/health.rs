//! `amphi health`

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use amphi_chassis::config::{Config, InternalTlsKind};
use anyhow::{Context as _, bail};

use super::Exit;

/// Less than any supervisor waits.
const TIMEOUT: Duration = Duration::from_secs(4);
const ANSWER_CHARS_MAX: usize = 2_000;

/// Asks the process that runs here by this configuration whether it is ready, as a supervisor does.
pub async fn run(config: &Config) -> anyhow::Result<Exit> {
    let address = reached_at(config.server.internal_listen)?;
    let scheme = match config.internal_tls.kind {
        InternalTlsKind::Off => "http",
        InternalTlsKind::Mutual => "https",
    };
    let url = format!("{scheme}://{address}/readyz");
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        // Over loopback, and nothing is told: whose certificate it is does not matter.
        .tls_danger_accept_invalid_certs(true)
        .build()
        .context("no client for HTTP")?;
    let answer = match http.get(&url).send().await {
        Ok(answer) => answer,
        Err(error) => {
            eprintln!("not ready: {:#}", anyhow::Error::from(error));
            return Ok(Exit::FoundProblems);
        }
    };
    let status = answer.status();
    if status.is_success() {
        println!("ready");
        return Ok(Exit::Done);
    }
    let said = answer.text().await.unwrap_or_default();
    let said: String = said.trim().chars().take(ANSWER_CHARS_MAX).collect();
    eprintln!("not ready: {url} answers {status}: {said}");
    Ok(Exit::FoundProblems)
}

/// Where what listens there is reached from here.
fn reached_at(listen: SocketAddr) -> anyhow::Result<SocketAddr> {
    if listen.port() == 0 {
        bail!(
            "`server.internal_listen` is {listen}, which is another port at each start: name one, as the process here does"
        );
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Ok(SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_over_loopback() {
        for (listen, reached) in [
            ("0.0.0.0:7000", "127.0.0.1:7000"),
            ("[::]:7000", "[::1]:7000"),
            ("10.1.2.3:7000", "10.1.2.3:7000"),
        ] {
            let reached: SocketAddr = reached.parse().unwrap();
            assert_eq!(reached_at(listen.parse().unwrap()).unwrap(), reached);
        }
        reached_at("127.0.0.1:0".parse().unwrap()).unwrap_err();
    }
}
