//! Transactions that write: one at a time on SQLite, repeated when the engine asks for it elsewhere.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use rand::RngExt;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::Notify;

use super::{Db, is_connection_lost, is_contention, is_cut_off};

const ATTEMPTS_MAX: u32 = 6;
/// A transaction that has taken longer than this, waiting included, is not begun again.
const REPEATED_WITHIN: Duration = Duration::from_secs(5);
const PAUSE_BASE: Duration = Duration::from_millis(5);

/// What the closure given to [`Db::write`] returns.
pub type WriteFuture<'t, T, E> = BoxFuture<'t, Result<T, E>>;

/// An open transaction. Whatever takes a sea-orm connection takes it.
///
/// `'env` is what the work may borrow from around it.
#[derive(Debug)]
pub struct Txn<'env> {
    inner: DatabaseTransaction,
    env: PhantomData<&'env ()>,
}

impl Deref for Txn<'_> {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Txn<'_> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.inner.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.inner.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.inner.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.inner.query_all_raw(statement).await
    }
}

/// Who is to be woken once a transaction is committed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wake {
    Relay = 0b01,
    Jobs = 0b10,
}

#[derive(Debug, Default)]
pub(super) struct Wakes {
    relay: Notify,
    jobs: Notify,
}

/// The transaction that a task is in.
struct Current {
    /// Which database's.
    address: usize,
    wakes_due: Cell<u8>,
}

tokio::task_local! {
    static CURRENT: Current;
}

/// Asks that `wake` be woken when the current [`Db::write`] commits. Outside of one it does nothing: workers poll besides.
pub(crate) fn wake_after_commit(wake: Wake) {
    let _ = CURRENT.try_with(|current| {
        current.wakes_due.set(current.wakes_due.get() | wake as u8);
    });
}

enum Failure<E> {
    /// Nothing was committed.
    Before(E),
    /// The commit itself failed: it is not known whether it took place.
    Commit(DbErr),
}

impl Db {
    /// Runs `work` in one transaction and commits it when it returns `Ok`; an error rolls back.
    ///
    /// On SQLite it is `BEGIN IMMEDIATE` on the one writer connection. A deadlock, a serialization failure, a busy database,
    /// a statement cut off by its time limit or a connection lost before the commit runs `work` again, a bounded number of times: it must have no effect outside
    /// of the transaction. Borrow what it needs before the closure, for example
    /// `let title = &title; db.write(|txn| Box::pin(async move { … })).await`.
    pub async fn write<'env, T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t Txn<'env>) -> WriteFuture<'t, T, E> + Send,
        T: Send,
        E: From<DbErr> + std::error::Error + Send + 'static,
    {
        if self.is_in_transaction() {
            // On SQLite it would wait for itself.
            return Err(E::from(DbErr::Custom(
                "a transaction of this database is open already in this task; use it instead of a second one"
                    .to_owned(),
            )));
        }
        let started = Instant::now();
        let mut attempt = 1;
        loop {
            let failure = match self.write_once(&mut work).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let may_repeat = match &failure {
                Failure::Before(error) => {
                    is_contention(error) || is_cut_off(error) || is_connection_lost(error)
                }
                Failure::Commit(error) => is_contention(error),
            };
            if !may_repeat || attempt == ATTEMPTS_MAX || started.elapsed() > REPEATED_WITHIN {
                return Err(match failure {
                    Failure::Before(error) => error,
                    Failure::Commit(error) => E::from(error),
                });
            }
            tracing::debug!(attempt, role = %self.role(), "transaction is repeated");
            tokio::time::sleep(pause_before(attempt)).await;
            attempt += 1;
        }
    }

    async fn write_once<'env, T, E, F>(&self, work: &mut F) -> Result<T, Failure<E>>
    where
        F: for<'t> FnMut(&'t Txn<'env>) -> WriteFuture<'t, T, E> + Send,
        T: Send,
        E: From<DbErr> + std::error::Error + Send + 'static,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let txn = Txn {
            inner: self
                .inner
                .writer
                .begin_with_options(options)
                .await
                .map_err(|error| Failure::Before(E::from(error)))?,
            env: PhantomData,
        };
        let current = Current {
            address: self.address(),
            wakes_due: Cell::new(0),
        };
        let (outcome, wakes_due) = CURRENT
            .scope(current, async {
                let outcome = work(&txn).await;
                (outcome, CURRENT.with(|current| current.wakes_due.get()))
            })
            .await;
        let value = match outcome {
            Ok(value) => value,
            Err(error) => {
                if let Err(rollback) = txn.inner.rollback().await {
                    tracing::debug!(error = %rollback, "rollback failed; the connection is given up");
                }
                return Err(Failure::Before(error));
            }
        };
        txn.inner.commit().await.map_err(Failure::Commit)?;
        self.wake(wakes_due);
        Ok(value)
    }

    fn is_in_transaction(&self) -> bool {
        CURRENT
            .try_with(|current| current.address == self.address())
            .unwrap_or(false)
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    fn wake(&self, due: u8) {
        if due & Wake::Relay as u8 != 0 {
            self.inner.wakes.relay.notify_one();
        }
        if due & Wake::Jobs as u8 != 0 {
            self.inner.wakes.jobs.notify_waiters();
        }
    }

    pub(crate) fn relay_woken(&self) -> &Notify {
        &self.inner.wakes.relay
    }

    pub(crate) fn jobs_woken(&self) -> &Notify {
        &self.inner.wakes.jobs
    }
}

fn pause_before(attempt: u32) -> Duration {
    let ceiling = PAUSE_BASE * 2_u32.pow(attempt);
    ceiling.mul_f64(rand::rng().random_range(0.5..1.0))
}
