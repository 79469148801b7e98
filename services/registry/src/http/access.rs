//! Who is let in. Clients of Eureka's have no token of ours, so the registry has a password of its own:
//!
//! - processes of this installation come with a token that is good at the registry alone, and may register anything;
//! - others come with the password, by HTTP Basic, or from this machine when there is no password. They may do all but pose as
//!   one of our own roles, by whatever name these are found, since whoever is found under such a name gets our users' requests.

use std::net::SocketAddr;
use std::sync::Arc;

use amphi_chassis::auth::TokenVerifier;
use amphi_chassis::{Problem, Secret};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::domain::{Instance, OWN_NAMES_PREFIX, is_own_name};

/// Who calls, once let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Principal {
    /// A process of this installation.
    ThisInstallation,
    Other,
}

impl Principal {
    /// # Errors
    /// The application is one of ours, and who calls is not.
    pub fn may_write(self, app: &str) -> Result<(), Problem> {
        if self == Self::Other && is_own_name(app) {
            return Err(reserved(app));
        }
        Ok(())
    }

    /// # Errors
    /// The instance would be found by a name of one of ours, and who calls is not.
    pub fn may_register(self, instance: &Instance) -> Result<(), Problem> {
        match instance.own_name() {
            Some(name) if self == Self::Other => Err(reserved(name)),
            _ => Ok(()),
        }
    }
}

fn reserved(name: &str) -> Problem {
    Problem::forbidden(
        "app_reserved",
        format!(
            "{name:.255}: applications and virtual addresses named {OWN_NAMES_PREFIX}… are the roles of this installation, which \
             sign with its cluster secret. Choose another name; in eureka+http:// addresses of our own processes leave out \
             user and password."
        ),
    )
}

#[derive(Debug, Clone)]
pub struct Authenticator {
    verifier: TokenVerifier,
    password: Option<Arc<Secret<String>>>,
}

impl Authenticator {
    #[must_use]
    pub fn new(verifier: TokenVerifier, password: Option<Secret<String>>) -> Self {
        Self {
            verifier,
            password: password.map(Arc::new),
        }
    }

    fn authenticate(
        &self,
        headers: &HeaderMap,
        from: Option<SocketAddr>,
    ) -> Result<Principal, Problem> {
        let credentials = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let (scheme, rest) = credentials
            .and_then(|text| text.split_once(' '))
            .unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") {
            self.verifier.verify_for_registry(rest.trim())?;
            return Ok(Principal::ThisInstallation);
        }
        let Some(password) = &self.password else {
            let is_near = from.is_some_and(|from| from.ip().to_canonical().is_loopback());
            return if is_near {
                Ok(Principal::Other)
            } else {
                Err(refusal())
            };
        };
        if scheme.eq_ignore_ascii_case("basic") && is_password(rest.trim(), password) {
            return Ok(Principal::Other);
        }
        Err(refusal())
    }
}

/// Whether base64 of `user:password` holds the password. Takes as long however much of it is right.
fn is_password(encoded: &str, password: &Secret<String>) -> bool {
    let Ok(pair) = STANDARD.decode(encoded) else {
        return false;
    };
    let Some(colon) = pair.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let given = &pair[colon + 1..];
    aws_lc_rs::constant_time::verify_slices_are_equal(given, password.expose().as_bytes()).is_ok()
}

fn refusal() -> Problem {
    Problem::unauthenticated(
        "registry_password_wrong",
        "The registry lets in who gives its password, as in http://user:password@host:port/eureka, and without a password only \
         clients on its own machine. It is the setting registry.password.",
    )
}

/// Before every route.
pub(super) async fn admit(
    State(authenticator): State<Authenticator>,
    mut request: Request,
    next: Next,
) -> Response {
    let from = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0);
    match authenticator.authenticate(request.headers(), from) {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(problem) => {
            let mut response = problem.into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                let scheme = HeaderValue::from_static("Basic realm=\"registry\"");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, scheme);
            }
            response
        }
    }
}
