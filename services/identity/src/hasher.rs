use std::sync::Arc;

use amphi_chassis::Secret;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use crate::domain::Error;
use crate::settings::Argon2Settings;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Hashes passwords with Argon2id, off the async runtime, a bounded number at a time. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hasher {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    argon2: Argon2<'static>,
    /// Compared with where there is no account, so that the answer takes as long as if there were one.
    nobodys_hash: Secret<String>,
    /// One permit per hash at work: each holds its memory and a core.
    working: Arc<Semaphore>,
    /// One permit per hash at work or waiting.
    admitted: Semaphore,
}

/// What a password turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    Wrong,
    Right,
    /// Right, and hashed with other parameters than the present ones.
    RightButOutdated,
}

impl Hasher {
    /// # Errors
    /// When the parameters are outside of what Argon2 allows, or the system has no randomness.
    pub fn new(settings: &Argon2Settings) -> Result<Self, Error> {
        let params = Params::new(
            settings.memory_kib,
            settings.iterations,
            settings.lanes,
            Some(HASH_BYTES),
        )
        .map_err(|error| Error::Crypto(format!("identity.argon2 is not usable: {error}")))?;
        let concurrency = match settings.concurrency {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        }
        .min(Semaphore::MAX_PERMITS / 2);
        let waiting_max = settings.waiting_max.min(Semaphore::MAX_PERMITS / 2);
        Ok(Self {
            inner: Arc::new(Inner {
                nobodys_hash: nobodys_hash(&params)?,
                argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
                working: Arc::new(Semaphore::new(concurrency)),
                admitted: Semaphore::new(concurrency + waiting_max),
            }),
        })
    }

    /// A PHC string with a new random salt.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, Error> {
        self.run(move |inner| {
            let hash = inner
                .argon2
                .hash_password(password.expose().as_bytes())
                .map_err(|error| Error::Crypto(error.to_string()))?;
            Ok(Secret::new(hash.to_string()))
        })
        .await
    }

    /// Compares a password with a stored hash. Without one it takes as long, and is wrong.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already; [`Error::Corrupt`] when the stored hash cannot be read.
    pub async fn verify(
        &self,
        password: Secret<String>,
        stored: Option<Secret<String>>,
    ) -> Result<Verification, Error> {
        self.run(move |inner| {
            let stored = stored.as_ref().unwrap_or(&inner.nobodys_hash);
            inner.verify(&password, stored)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let _admission = self.inner.admitted.try_acquire().map_err(|_| Error::Busy)?;
        let closed = |_| Error::Crypto("the password hasher is closed".to_owned());
        let turn = Arc::clone(&self.inner.working)
            .acquire_owned()
            .await
            .map_err(closed)?;
        let inner = Arc::clone(&self.inner);
        // The turn goes into the thread: it must outlast a request that is given up meanwhile.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&inner)
        })
        .await
        .map_err(|error| Error::Crypto(error.to_string()))?
    }
}

impl Inner {
    fn verify(
        &self,
        password: &Secret<String>,
        stored: &Secret<String>,
    ) -> Result<Verification, Error> {
        let unreadable = |error: password_hash::phc::Error| {
            Error::Corrupt(format!("a stored password hash cannot be read: {error}"))
        };
        let hash = PasswordHash::new(stored.expose()).map_err(unreadable)?;
        match self
            .argon2
            .verify_password(password.expose().as_bytes(), &hash)
        {
            Ok(()) if self.made(&hash) => Ok(Verification::Right),
            Ok(()) => Ok(Verification::RightButOutdated),
            Err(password_hash::Error::PasswordInvalid) => Ok(Verification::Wrong),
            Err(error) => Err(Error::Crypto(error.to_string())),
        }
    }

    /// Whether a hash was made with the present algorithm and parameters.
    fn made(&self, hash: &PasswordHash) -> bool {
        let present = self.argon2.params();
        hash.algorithm == Algorithm::Argon2id.ident()
            && hash.version == Some(Version::V0x13.into())
            && Params::try_from(hash).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost())
                    == (present.m_cost(), present.t_cost(), present.p_cost())
            })
    }
}

/// A hash of these parameters that no password has: its salt and its output are random.
fn nobodys_hash(params: &Params) -> Result<Secret<String>, Error> {
    let mut random = [0; SALT_BYTES + HASH_BYTES];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| Error::Crypto("no randomness from the system".to_owned()))?;
    let (salt, output) = random.split_at(SALT_BYTES);
    Ok(Secret::new(format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        params.m_cost(),
        params.t_cost(),
        params.p_cost(),
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(output)
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const CHEAP: Argon2Settings = Argon2Settings {
        memory_kib: 64,
        iterations: 1,
        lanes: 1,
        concurrency: 2,
        waiting_max: 100,
    };

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_is_right_for_its_password_alone() {
        let hasher = Hasher::new(&CHEAP).unwrap();
        let hash = hasher.hash(secret("kettle-9 whistle")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let right = hasher
            .verify(secret("kettle-9 whistle"), Some(hash.clone()))
            .await;
        assert_eq!(right.unwrap(), Verification::Right);
        let wrong = hasher.verify(secret("kettle-9 Whistle"), Some(hash)).await;
        assert_eq!(wrong.unwrap(), Verification::Wrong);
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_right_but_outdated() {
        let old = Hasher::new(&CHEAP)
            .unwrap()
            .hash(secret("kettle-9"))
            .await
            .unwrap();
        let stronger = Argon2Settings {
            memory_kib: 128,
            ..CHEAP
        };
        let hasher = Hasher::new(&stronger).unwrap();
        let verification = hasher.verify(secret("kettle-9"), Some(old)).await.unwrap();
        assert_eq!(verification, Verification::RightButOutdated);
    }

    #[tokio::test]
    async fn without_an_account_a_hash_is_computed_all_the_same_and_wrong() {
        let hasher = Hasher::new(&CHEAP).unwrap();
        let nobody = hasher.inner.nobodys_hash.clone();
        let parsed = PasswordHash::new(nobody.expose()).unwrap();
        assert!(hasher.inner.made(&parsed), "it has the present parameters");
        let verification = hasher.verify(secret("anything"), None).await.unwrap();
        assert_eq!(verification, Verification::Wrong);
    }

    #[tokio::test]
    async fn beyond_the_bound_nobody_is_admitted() {
        let hasher = Hasher::new(&Argon2Settings {
            concurrency: 1,
            waiting_max: 0,
            ..CHEAP
        })
        .unwrap();
        let _one_at_work = hasher.inner.admitted.try_acquire().unwrap();
        let refused = hasher.hash(secret("kettle-9")).await.unwrap_err();
        assert!(matches!(refused, Error::Busy));
    }

    #[test]
    fn parameters_that_argon2_does_not_allow_are_refused_by_name() {
        let error = Hasher::new(&Argon2Settings {
            memory_kib: 1,
            ..CHEAP
        })
        .unwrap_err();
        assert!(error.to_string().contains("identity.argon2"), "{error}");
    }
}
