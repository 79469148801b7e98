//! The proof of who is calling, kept good for as long as the work takes.

use std::time::{Duration, Instant};

use amphi_chassis::Secret;
use serde::Deserialize;
use tokio::sync::Mutex;

/// A token is replaced so long before its end, or in the last tenth of a short life: a request that is under way then is
/// still believed.
const RENEW_BEFORE_END_MAX: Duration = Duration::from_secs(60);

/// An answer of `/api/v1/auth/login` and `/api/v1/auth/refresh`.
#[derive(Deserialize)]
pub(super) struct SessionBody {
    access_token: Secret<String>,
    refresh_token: Secret<String>,
    expires_in_s: u64,
}

/// The tokens of one sign-in.
#[derive(Debug)]
pub(super) struct Session(Mutex<Tokens>);

#[derive(Debug, Clone)]
pub(super) struct Tokens {
    pub access: Secret<String>,
    /// A token that was given from outside cannot be renewed.
    renewal: Option<Renewal>,
}

#[derive(Debug, Clone)]
struct Renewal {
    token: Secret<String>,
    due: Instant,
}

impl From<SessionBody> for Tokens {
    /// Those of an answer that has just come.
    fn from(body: SessionBody) -> Self {
        let lifetime = Duration::from_secs(body.expires_in_s);
        let margin = (lifetime / 10).min(RENEW_BEFORE_END_MAX);
        Self {
            access: body.access_token,
            renewal: Some(Renewal {
                token: body.refresh_token,
                due: Instant::now() + lifetime.saturating_sub(margin),
            }),
        }
    }
}

impl Session {
    pub fn of_token(access: Secret<String>) -> Self {
        Self(Mutex::new(Tokens {
            access,
            renewal: None,
        }))
    }

    pub fn signed_in(body: SessionBody) -> Self {
        Self(Mutex::new(body.into()))
    }

    /// The access token, renewed by `renew` when its time is nearly over or when it is the `refused` one. `None` when it was
    /// refused and cannot be renewed.
    pub async fn access<E, Renewing>(
        &self,
        refused: Option<&Secret<String>>,
        renew: impl FnOnce(Secret<String>) -> Renewing,
    ) -> Result<Option<Secret<String>>, E>
    where
        Renewing: Future<Output = Result<SessionBody, E>>,
    {
        // Held meanwhile: a refresh token is good for one use.
        let mut tokens = self.0.lock().await;
        let was_refused = refused.is_some_and(|refused| *refused == tokens.access);
        match &tokens.renewal {
            Some(renewal) if was_refused || renewal.due <= Instant::now() => {
                *tokens = renew(renewal.token.clone()).await?.into();
            }
            None if was_refused => return Ok(None),
            _ => {}
        }
        Ok(Some(tokens.access.clone()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::convert::Infallible;

    use super::*;

    fn signed_in(expires_in_s: u64) -> Session {
        Session::signed_in(body("a", expires_in_s))
    }

    fn body(name: &str, expires_in_s: u64) -> SessionBody {
        SessionBody {
            access_token: Secret::new(format!("access {name}")),
            refresh_token: Secret::new(format!("refresh {name}")),
            expires_in_s,
        }
    }

    async fn access(session: &Session, refused: Option<&str>) -> Option<String> {
        let refused = refused.map(|text| Secret::new(text.to_owned()));
        let renewed = session.access(refused.as_ref(), async |token: Secret<String>| {
            assert_eq!(token.expose(), "refresh a");
            Ok::<_, Infallible>(body("b", 900))
        });
        renewed.await.unwrap().map(|token| token.expose().clone())
    }

    #[tokio::test]
    async fn a_token_is_renewed_shortly_before_its_end() {
        for (lifetime_s, margin_s) in [(3_600, 60), (900, 60), (100, 10)] {
            let Some(renewal) = Tokens::from(body("a", lifetime_s)).renewal else {
                panic!("a sign-in can be renewed");
            };
            let left = renewal.due.saturating_duration_since(Instant::now());
            let expected = lifetime_s - margin_s;
            assert!(
                (expected - 1..=expected).contains(&left.as_secs()),
                "{left:?}"
            );
        }
        assert_eq!(access(&signed_in(900), None).await.unwrap(), "access a");
        assert_eq!(access(&signed_in(0), None).await.unwrap(), "access b");
    }

    #[tokio::test]
    async fn a_refused_token_is_renewed_once_for_all_who_hold_it() {
        let session = signed_in(900);
        for _ in 0..2 {
            let token = access(&session, Some("access a")).await;
            assert_eq!(token.unwrap(), "access b");
        }
    }

    #[tokio::test]
    async fn a_token_from_outside_is_all_there_is() {
        let session = Session::of_token(Secret::new("given".to_owned()));
        assert_eq!(access(&session, None).await.unwrap(), "given");
        assert_eq!(access(&session, Some("given")).await, None);
    }
}
