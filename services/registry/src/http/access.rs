//! Who is let in. Clients of Eureka's have no token of ours, so the registry has a password of its own:
//!
//! - processes of this installation come with their service token, and may register anything;
//! - others come with the password, by HTTP Basic, or from this machine when there is no password. They may do all but pose as
//!   one of our own roles, since whoever is found under such a name gets our users' requests.

use std::net::SocketAddr;
use std::sync::Arc;

use amphi_chassis::auth::{Caller, TokenVerifier};
use amphi_chassis::{Problem, Secret};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::domain::OWN_APPS_PREFIX;

/// Who calls, once let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guest {
    /// A process of this installation.
    Ours,
    Foreign,
}

impl Guest {
    /// # Errors
    /// The application is one of ours, and who calls is not.
    pub fn may_write(self, app: &str) -> Result<(), Problem> {
        if self == Self::Ours || !app.starts_with(OWN_APPS_PREFIX) {
            return Ok(());
        }
        Err(Problem::forbidden(
            "app_reserved",
            format!(
                "Applications named {OWN_APPS_PREFIX}… are the roles of this installation, which sign with its cluster \
                 secret. Choose another name; in eureka+http:// addresses of our own processes leave out user and password."
            ),
        ))
    }
}

#[derive(Debug, Clone)]
pub struct Wall {
    verifier: TokenVerifier,
    password: Option<Arc<Secret<String>>>,
}

impl Wall {
    #[must_use]
    pub fn new(verifier: TokenVerifier, password: Option<Secret<String>>) -> Self {
        Self {
            verifier,
            password: password.map(Arc::new),
        }
    }

    async fn admit(&self, headers: &HeaderMap, from: Option<SocketAddr>) -> Result<Guest, Problem> {
        let credentials = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let (scheme, rest) = credentials
            .and_then(|text| text.split_once(' '))
            .unwrap_or_default();
        if scheme.eq_ignore_ascii_case("bearer") {
            let caller = self.verifier.verify(rest.trim()).await?;
            return match caller {
                Caller::Service(_) => Ok(Guest::Ours),
                _ => Err(refusal()),
            };
        }
        let Some(password) = &self.password else {
            let is_near = from.is_some_and(|from| from.ip().to_canonical().is_loopback());
            return if is_near {
                Ok(Guest::Foreign)
            } else {
                Err(refusal())
            };
        };
        if scheme.eq_ignore_ascii_case("basic") && is_password(rest.trim(), password) {
            return Ok(Guest::Foreign);
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
pub(super) async fn admit(State(wall): State<Wall>, mut request: Request, next: Next) -> Response {
    let from = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0);
    match wall.admit(request.headers(), from).await {
        Ok(guest) => {
            request.extensions_mut().insert(guest);
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
