//! What happens to jobs that fail, and to jobs whose worker dies, freezes or stops.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::jobs::{
    Job, JobError, KindOptions, NewJob, NotComplete, Registry, dead, unfinished,
};
use amphi_chassis::testing::{eventually, on_each_engine};
use sea_orm::{ConnectionTrait, Statement};
use tokio::sync::{Notify, mpsc};

use crate::job_harness::{KIND, Office, quick};
use crate::support::add_note;

fn failure() -> Problem {
    Problem::unavailable("x", "It failed.")
}

/// Tells of each attempt, and never ends.
fn hanging(options: KindOptions) -> (Registry, mpsc::UnboundedReceiver<u32>) {
    let (attempts, seen) = mpsc::unbounded_channel();
    let registry = Registry::new().with(KIND, options, move |job: Job<String>| {
        let attempts = attempts.clone();
        async move {
            attempts.send(job.attempt).unwrap();
            std::future::pending::<()>().await;
            Ok(())
        }
    });
    (registry, seen)
}

/// Notes the attempt as `attempt <n>`.
fn noting(office: &Office, options: KindOptions) -> Registry {
    let db = office.db.clone();
    Registry::new().with(KIND, options, move |job: Job<String>| {
        let db = db.clone();
        async move {
            let name = format!("attempt {}", job.attempt);
            let name = &name;
            db.write(|txn| Box::pin(add_note(txn, name, 0))).await?;
            Ok(())
        }
    })
}

#[tokio::test]
async fn a_job_that_fails_runs_again_until_it_succeeds() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x")).await;
        let attempts = Arc::new(AtomicUsize::new(0));
        let seen = attempts.clone();
        let registry = Registry::new().with(KIND, quick(), move |job: Job<String>| {
            let seen = seen.clone();
            async move {
                assert_eq!(
                    seen.fetch_add(1, Ordering::SeqCst) + 1,
                    job.attempt as usize
                );
                match job.attempt {
                    1 => Err(JobError::from(failure())),
                    2 => Err(JobError::retry_after(failure(), Duration::from_millis(1))),
                    3 => panic!("a handler panics"),
                    _ => Ok(()),
                }
            }
        });
        let worker = office.worker(registry);
        office.until_idle().await;
        assert_eq!(attempts.load(Ordering::SeqCst), 4);
        assert_eq!(dead(&office.db, KIND).await.unwrap(), 0);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_keeps_failing_is_given_up_and_frees_its_key() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        let job = || NewJob::new(KIND, "x").dedup("k").max_attempts(3);
        office.enqueue(job()).await;
        let attempts = Arc::new(AtomicUsize::new(0));
        let seen = attempts.clone();
        let registry = Registry::new().with(KIND, quick(), move |_: Job<String>| {
            seen.fetch_add(1, Ordering::SeqCst);
            async { Err(JobError::from(failure())) }
        });
        let worker = office.worker(registry);
        office.until_idle().await;
        worker.stop().await;
        assert_eq!(attempts.load(Ordering::SeqCst), 3);
        assert_eq!(dead(&office.db, KIND).await.unwrap(), 1);
        office.enqueue(job()).await;
        assert_eq!(unfinished(&office.db, KIND).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_without_hope_is_given_up_at_once() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x")).await;
        // A payload that is no number is as hopeless as a handler that says so.
        office.enqueue(NewJob::new("number", "no number")).await;
        let registry = Registry::new()
            .with(KIND, quick(), |_: Job<String>| async {
                Err(JobError::hopeless(failure()))
            })
            .with("number", quick(), |_: Job<u64>| async { Ok(()) });
        let worker = office.worker(registry);
        office.until_idle().await;
        assert_eq!(dead(&office.db, KIND).await.unwrap(), 1);
        eventually("the unreadable job to be given up", || async {
            (dead(&office.db, "number").await.unwrap() == 1).then_some(())
        })
        .await;
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_worker_died_runs_again() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x")).await;
        let soon_over = KindOptions {
            lease: Duration::from_millis(600),
            ..quick()
        };
        let (registry, mut attempts) = hanging(soon_over);
        let dying = office.worker(registry);
        assert_eq!(attempts.recv().await, Some(1));
        let heir = office.worker(noting(&office, quick()));
        dying.kill().await;
        office.until_idle().await;
        assert_eq!(office.notes().await, ["attempt 2"]);
        heir.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_kills_its_worker_each_time_is_given_up() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x").max_attempts(2)).await;
        let short = KindOptions {
            lease: Duration::from_millis(50),
            ..quick()
        };
        for attempt in 1..=2 {
            let (registry, mut attempts) = hanging(short.clone());
            let worker = office.worker(registry);
            assert_eq!(attempts.recv().await, Some(attempt));
            worker.kill().await;
        }
        let (registry, mut attempts) = hanging(short);
        let worker = office.worker(registry);
        office.until_idle().await;
        assert_eq!(dead(&office.db, KIND).await.unwrap(), 1);
        worker.stop().await;
        assert_eq!(attempts.recv().await, None, "it was not tried a third time");
    })
    .await;
}

#[tokio::test]
async fn a_long_job_keeps_its_lease_while_its_worker_lives() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x")).await;
        let options = KindOptions {
            lease: Duration::from_secs(3),
            ..quick()
        };
        let (registry, mut attempts) = hanging(options);
        let worker = office.worker(registry);
        assert_eq!(attempts.recv().await, Some(1));
        let first = office.lease_end_us().await;
        let second = eventually("a sign of life", || async {
            let end = office.lease_end_us().await;
            (end > first).then_some(end)
        })
        .await;
        eventually("another one", || async {
            (office.lease_end_us().await > second).then_some(())
        })
        .await;
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_fenced_worker_cannot_complete() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x")).await;
        // No sign of life is due while the test runs: the first worker is frozen, as far as the second can tell.
        let patient = KindOptions {
            lease: Duration::from_secs(3600),
            ..quick()
        };
        let (is_frozen, may_go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (outcomes, mut outcome) = mpsc::unbounded_channel();
        let db = office.db.clone();
        let registry = {
            let (is_frozen, may_go_on) = (is_frozen.clone(), may_go_on.clone());
            Registry::new().with(KIND, patient.clone(), move |job: Job<String>| {
                let (db, outcomes) = (db.clone(), outcomes.clone());
                let (is_frozen, may_go_on) = (is_frozen.clone(), may_go_on.clone());
                async move {
                    is_frozen.notify_one();
                    may_go_on.notified().await;
                    let lease = &job.lease;
                    let completed = db
                        .write(|txn| {
                            Box::pin(async move {
                                add_note(txn, "of the fenced one", 0).await?;
                                lease.complete(txn).await
                            })
                        })
                        .await;
                    outcomes.send(completed).unwrap();
                    Ok(())
                }
            })
        };
        let frozen = office.worker(registry);
        is_frozen.notified().await;
        office.let_leases_lapse().await;
        let heir = office.worker(noting(&office, patient));
        office.until_idle().await;
        may_go_on.notify_one();
        let completed = outcome.recv().await.unwrap();
        assert!(
            matches!(completed, Err(NotComplete::Fenced)),
            "{completed:?}"
        );
        frozen.stop().await;
        heir.stop().await;
        assert_eq!(office.notes().await, ["attempt 2"]);
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_is_stopped_in_its_tracks() {
    struct TellsOfItsEnd(mpsc::UnboundedSender<()>);
    impl Drop for TellsOfItsEnd {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x")).await;
        let (ends, mut end) = mpsc::unbounded_channel();
        let began = Arc::new(Notify::new());
        // A third of it is the time to the next sign of life.
        let short_lived = KindOptions {
            lease: Duration::from_secs(3),
            ..quick()
        };
        let registry = {
            let began = began.clone();
            Registry::new().with(KIND, short_lived, move |_: Job<String>| {
                let (guard, began) = (TellsOfItsEnd(ends.clone()), began.clone());
                async move {
                    let _guard = guard;
                    began.notify_one();
                    std::future::pending::<()>().await;
                    Ok(())
                }
            })
        };
        let worker = office.worker(registry);
        began.notified().await;
        // As if another worker had taken it: the next sign of life finds that out.
        office
            .db
            .write(|txn| {
                Box::pin(async move {
                    let take =
                        "UPDATE jobs SET attempts = attempts + 1, due_at_us = 9000000000000000";
                    txn.execute_raw(Statement::from_string(txn.get_database_backend(), take))
                        .await
                })
            })
            .await
            .unwrap();
        assert_eq!(end.recv().await, Some(()));
        assert_eq!(unfinished(&office.db, KIND).await.unwrap(), 1);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_stopping_worker_waits_for_handlers_that_end_soon() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x")).await;
        let began = Arc::new(Notify::new());
        let db = office.db.clone();
        let registry = {
            let began = began.clone();
            Registry::new().with(KIND, quick(), move |job: Job<String>| {
                let (db, began) = (db.clone(), began.clone());
                async move {
                    began.notify_one();
                    job.stopping.cancelled().await;
                    db.write(|txn| Box::pin(add_note(txn, "tidied up", 0)))
                        .await?;
                    Ok(())
                }
            })
        };
        let worker = amphi_chassis::jobs::Worker::new(office.db.clone(), registry);
        let shutdown = tokio_util::sync::CancellationToken::new();
        let running = tokio::spawn(worker.run(shutdown.clone()));
        began.notified().await;
        shutdown.cancel();
        running.await.unwrap();
        assert_eq!(office.notes().await, ["tidied up"]);
        assert_eq!(unfinished(&office.db, KIND).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_stopping_worker_gives_back_what_does_not_end_and_counts_no_attempt() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        office.enqueue(NewJob::new(KIND, "x").max_attempts(1)).await;
        // A lease of an hour: only because it is given back can the heir have it.
        let long = KindOptions {
            lease: Duration::from_secs(3600),
            ..quick()
        };
        let (registry, mut attempts) = hanging(long.clone());
        let stopping = office.worker(registry);
        assert_eq!(attempts.recv().await, Some(1));
        stopping.stop().await;
        let heir = office.worker(noting(&office, long));
        office.until_idle().await;
        assert_eq!(office.notes().await, ["attempt 1"]);
        heir.stop().await;
    })
    .await;
}
