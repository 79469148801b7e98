//! What must hold for calls between processes to be protected, all of them or none, and for processes to be told apart.

use serde::Deserialize;

use super::service_address::Protection;
use super::{
    Config, ConfigError, InternalTlsKind, RegistryAddress, ServiceAddress, read_section,
    registry_addresses,
};
use crate::Role;

pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    check_schemes(config)?;
    check_registered_address(config)
}

/// Of `[registry]`, what concerns all processes.
#[derive(Deserialize)]
struct RegistryPeers {
    #[serde(deserialize_with = "registry_addresses")]
    peers: Vec<RegistryAddress>,
}

/// A process is registered under its internal address, and known by it: two of them at one are one to a registry.
fn check_registered_address(config: &Config) -> Result<(), ConfigError> {
    let own = config.server.internal_listen;
    if !own.ip().is_loopback() {
        return Ok(());
    }
    let addresses = Role::ALL
        .into_iter()
        .flat_map(|role| config.cluster.services.addresses(role));
    for address in addresses {
        if let ServiceAddress::Registry(registry) = address
            && !registry.is_on_this_machine()
        {
            let message = format!(
                "{own} is an address of this machine alone, but the registry at {registry} is on another: it would know the \
                 processes of all such machines by one id, and nobody could call them. Listen on the address by which \
                 others reach this machine, or on 0.0.0.0 to have it found"
            );
            return Err(config.invalid("server.internal_listen", message));
        }
    }
    Ok(())
}

/// Addresses say by their scheme whether a call is protected, so that none goes unprotected by oversight.
fn check_schemes(config: &Config) -> Result<(), ConfigError> {
    let tls = &config.internal_tls;
    let is_mutual = tls.kind == InternalTlsKind::Mutual;
    let files = [
        ("ca", &tls.ca),
        ("certificate", &tls.certificate),
        ("key", &tls.key),
    ];
    for (name, path) in files {
        if is_mutual && path.as_os_str().is_empty() {
            let message = format!("`internal_tls.{name}` must name a file in PEM form");
            return Err(config.invalid("internal_tls.kind", message));
        }
    }
    for role in Role::ALL {
        for address in config.cluster.services.addresses(role) {
            let key = format!("cluster.services.{role}");
            check_scheme(config, &key, address.protection(), &address.to_string())?;
        }
    }
    // What is no address, the registry itself tells.
    let registry = read_section::<RegistryPeers>(&config.layers.0, "registry");
    for address in registry.iter().flat_map(|registry| &registry.peers) {
        check_scheme(
            config,
            "registry.peers",
            address.protection(),
            address.url(),
        )?;
    }
    Ok(())
}

fn check_scheme(
    config: &Config,
    key: &str,
    protection: Protection,
    address: &str,
) -> Result<(), ConfigError> {
    let message = match (config.internal_tls.kind, protection) {
        (InternalTlsKind::Mutual, Protection::None) => {
            "is http://, but `internal_tls.kind` is \"mutual\": write https://"
        }
        (InternalTlsKind::Off, Protection::Tls) => {
            "is https://, which needs `internal_tls.kind` = \"mutual\" and its files; otherwise write http:// and keep \
             internal calls on a private network"
        }
        _ => return Ok(()),
    };
    Err(config.invalid(key, format!("{address} {message}")))
}
