//! How often somebody may guess before nobody listens to them for a while.
//!
//! A wrong password counts three times, from tight to loose:
//!
//! 1. against the *account from this network* (one IPv4 address, one IPv6 /64): ten are more than anybody mistypes, and
//!    whoever sits elsewhere is not touched by them, the owner least of all;
//! 2. against the *network* over all accounts, so that trying one password on many accounts ends too. Looser, since a school
//!    or an office shares one address;
//! 3. against the *account from everywhere*, so that a guesser with many addresses ends as well. Looser still, and it
//!    never holds for a network from which the account has signed in before: a crowd of strangers can keep the owner from
//!    signing in at a new place for one window, and from nothing else.
//!
//! A right password forgives the first count alone. Were the others forgiven too, a guesser's own account would clear the
//! network's count, and each sign-in of the owner would grant strangers a thousand further guesses.

use amphi_chassis::db::now_us;

use crate::domain::throttle::Bound;
use crate::domain::{ClientOrigin, Email, Error, LoginOutcome};
use crate::settings::ThrottleSettings;
use crate::store::{Credentials, NewLoginRecord, Store, Subject};

/// What one attempt to sign in counts against.
#[derive(Debug)]
pub struct Attempt<'a> {
    origin: &'a ClientOrigin,
    account_from_network: Subject,
    network: Option<Subject>,
    account: Subject,
}

impl<'a> Attempt<'a> {
    #[must_use]
    pub fn new(email: &Email, origin: &'a ClientOrigin) -> Self {
        Self {
            origin,
            account_from_network: Subject::account_from_network(email, origin),
            network: Subject::network(origin),
            account: Subject::account(email),
        }
    }

    /// The count that a right password forgives. Attempts of the same one take turns.
    #[must_use]
    pub const fn account_from_network(&self) -> &Subject {
        &self.account_from_network
    }
}

/// The bounds on wrong passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LoginThrottle {
    store: Store,
    settings: ThrottleSettings,
}

impl LoginThrottle {
    #[must_use]
    pub const fn new(store: Store, settings: ThrottleSettings) -> Self {
        Self { store, settings }
    }

    /// Lets an attempt be looked at.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`]
    pub async fn admit(
        &self,
        attempt: &Attempt<'_>,
        credentials: Option<&Credentials>,
    ) -> Result<(), Error> {
        let per_pair = self.settings.per_account_and_network();
        self.check(
            &attempt.account_from_network,
            per_pair,
            attempt,
            credentials,
        )
        .await?;
        if let Some(network) = &attempt.network {
            let failures = self.store.failures(network).await?;
            let wait = self.settings.per_network().wait(failures, now_us());
            if let Some(retry_after) = wait {
                return Err(Error::TooManyAttempts { retry_after });
            }
        }
        let per_account = self.settings.per_account();
        let failures = self.store.failures(&attempt.account).await?;
        if per_account.wait(failures, now_us()).is_none()
            || self.is_known(attempt.origin, credentials).await?
        {
            return Ok(());
        }
        self.check(&attempt.account, per_account, attempt, credentials)
            .await
    }

    /// Counts a wrong password, and records it where there is an account.
    ///
    /// # Errors
    /// Of the database.
    pub async fn count_failure(
        &self,
        attempt: &Attempt<'_>,
        credentials: Option<&Credentials>,
        now_us: i64,
    ) -> Result<(), Error> {
        let mut subjects = vec![
            (
                &attempt.account_from_network,
                self.settings.per_account_and_network(),
            ),
            (&attempt.account, self.settings.per_account()),
        ];
        subjects.extend(
            attempt
                .network
                .iter()
                .map(|network| (network, self.settings.per_network())),
        );
        let record = record(
            credentials,
            LoginOutcome::WrongPassword,
            attempt.origin,
            now_us,
        );
        self.store
            .count_failure(&subjects, record.as_ref(), now_us)
            .await
    }

    /// Refuses at the bound; the first refusal of a window is recorded, so that the owner can see it.
    async fn check(
        &self,
        subject: &Subject,
        bound: Bound,
        attempt: &Attempt<'_>,
        credentials: Option<&Credentials>,
    ) -> Result<(), Error> {
        let now_us = now_us();
        let failures = self.store.failures(subject).await?;
        let (Some(retry_after), Some(failures)) = (bound.wait(failures, now_us), failures) else {
            return Ok(());
        };
        if bound.is_first_refusal(failures) {
            let record = record(credentials, LoginOutcome::Locked, attempt.origin, now_us);
            self.store
                .count_failure(&[(subject, bound)], record.as_ref(), now_us)
                .await?;
        }
        Err(Error::TooManyAttempts { retry_after })
    }

    /// Whether the account has signed in from this network before.
    async fn is_known(
        &self,
        origin: &ClientOrigin,
        credentials: Option<&Credentials>,
    ) -> Result<bool, Error> {
        let Some(known) = credentials else {
            return Ok(false);
        };
        self.store
            .has_signed_in_from(known.account.id, origin)
            .await
    }
}

fn record(
    credentials: Option<&Credentials>,
    outcome: LoginOutcome,
    origin: &ClientOrigin,
    now_us: i64,
) -> Option<NewLoginRecord> {
    credentials.map(|known| NewLoginRecord::new(known.account.id, outcome, origin, now_us))
}
