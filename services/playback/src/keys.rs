//! The keys that sign tokens, in memory: the newest signs, older ones verify until the last token of theirs has expired.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use amphi_chassis::db::{micros, now_us};
use amphi_chassis::{Problem, Secret};
use aws_lc_rs::rand;
use sea_orm::DbErr;
use tokio::sync::Mutex;

use crate::domain::token::{self, Claims, InvalidToken, SigningKey, UnverifiedToken};
use crate::store::{KeyRow, Store};

/// HMAC-SHA256 gains nothing from a longer one (RFC 2104 §3).
const SECRET_BYTES: usize = 32;
/// A forged token names an unknown key as easily as a known one: the database is asked at most this often.
const RELOAD_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Another replica may sign with an older key until it looks again, which it does with each sweep.
const RETIREMENT_SLACK: Duration = Duration::from_secs(24 * 3600);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyRing {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    /// The newest first; never empty.
    keys: RwLock<Arc<Vec<SigningKey>>>,
    last_reload: Mutex<Instant>,
}

impl KeyRing {
    /// Reads the keys, making the first one if there is none.
    ///
    /// # Errors
    /// The database or the random number generator fails.
    pub async fn open(store: Store) -> Result<Self, Problem> {
        let mut rows = store.list_keys().await?;
        if rows.is_empty() {
            store.add_key(1, &new_secret()?).await?;
            rows = store.list_keys().await?;
        }
        let keys = signing_keys(&rows)?;
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                keys: RwLock::new(Arc::new(keys)),
                last_reload: Mutex::new(Instant::now()),
            }),
        })
    }

    /// Signs with the newest key.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        token::sign(claims, &self.keys()[0])
    }

    /// What a token says, if one of the keys signed it.
    ///
    /// # Errors
    /// No key did.
    pub async fn verify(&self, text: &str) -> Result<Claims, InvalidToken> {
        let token = UnverifiedToken::parse(text)?;
        let number = token.key_number();
        if let Some(key) = self.find(number) {
            return token.verify(&key);
        }
        // Another replica may have added the key since.
        self.reload_if_due().await;
        token.verify(&self.find(number).ok_or(InvalidToken)?)
    }

    /// Adds a key when the newest is older than `rotation`, and forgets those whose last token has expired, tokens living
    /// for `token_lifetime`.
    ///
    /// # Errors
    /// The database or the random number generator fails.
    pub async fn rotate(
        &self,
        rotation: Duration,
        token_lifetime: Duration,
    ) -> Result<(), Problem> {
        let store = &self.inner.store;
        let mut rows = store.list_keys().await?;
        if let Some(newest) = rows.first()
            && newest.created_at_us < now_us().saturating_sub(micros(rotation))
        {
            store
                .add_key(number_after(newest.number), &new_secret()?)
                .await?;
            rows = store.list_keys().await?;
        }
        let retired = retired(&rows, now_us(), token_lifetime + RETIREMENT_SLACK);
        store.delete_keys(&retired).await?;
        rows.retain(|row| !retired.contains(&row.number));
        self.replace(signing_keys(&rows)?);
        Ok(())
    }

    fn keys(&self) -> Arc<Vec<SigningKey>> {
        let keys = self
            .inner
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keys)
    }

    fn find(&self, number: u16) -> Option<SigningKey> {
        self.keys().iter().find(|key| key.number == number).cloned()
    }

    async fn reload_if_due(&self) {
        let mut last = self.inner.last_reload.lock().await;
        if last.elapsed() < RELOAD_INTERVAL_MIN {
            return;
        }
        *last = Instant::now();
        match self.inner.store.list_keys().await {
            Ok(rows) => {
                if let Ok(keys) = signing_keys(&rows) {
                    self.replace(keys);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the signing keys of playback cannot be read again")
            }
        }
    }

    fn replace(&self, keys: Vec<SigningKey>) {
        let mut current = self
            .inner
            .keys
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(keys);
    }
}

/// The keys, of which there must be one.
fn signing_keys(rows: &[KeyRow]) -> Result<Vec<SigningKey>, DbErr> {
    if rows.is_empty() {
        return Err(DbErr::RecordNotFound("a signing key of playback".into()));
    }
    Ok(rows
        .iter()
        .map(|row| SigningKey::new(row.number, row.secret.expose()))
        .collect())
}

/// The keys whose successor is older than `kept`. `rows` come newest first.
fn retired(rows: &[KeyRow], now_us: i64, kept: Duration) -> Vec<u16> {
    let before_us = now_us.saturating_sub(micros(kept));
    rows.windows(2)
        .filter(|pair| pair[0].created_at_us < before_us)
        .map(|pair| pair[1].number)
        .collect()
}

/// Numbers come round again after 65,535 rotations; 0 is left out.
const fn number_after(number: u16) -> u16 {
    match number.checked_add(1) {
        Some(next) => next,
        None => 1,
    }
}

fn new_secret() -> Result<Secret<Vec<u8>>, Problem> {
    let mut bytes = vec![0; SECRET_BYTES];
    rand::fill(&mut bytes).map_err(|_| Problem::internal("the system gives no random numbers"))?;
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u16, created_at_us: i64) -> KeyRow {
        KeyRow {
            number,
            secret: Secret::new(Vec::new()),
            created_at_us,
        }
    }

    #[test]
    fn a_key_is_kept_until_its_successor_is_old() {
        let second = 1_000_000;
        let rows = [
            row(3, 90 * second),
            row(2, 50 * second),
            row(1, 10 * second),
        ];
        let kept = Duration::from_secs(30);
        assert_eq!(retired(&rows, 70 * second, kept), Vec::<u16>::new());
        assert_eq!(retired(&rows, 81 * second, kept), [1]);
        assert_eq!(retired(&rows, 121 * second, kept), [2, 1]);
    }

    #[test]
    fn numbers_come_round() {
        assert_eq!(number_after(1), 2);
        assert_eq!(number_after(u16::MAX), 1);
    }
}
