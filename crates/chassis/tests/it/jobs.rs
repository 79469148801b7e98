//! Jobs run once their change is committed, as many at once as their kind allows.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use amphi_chassis::jobs::{Enqueued, Job, JobError, NewJob, Registry, cancel, enqueue, unfinished};
use amphi_chassis::testing::{eventually, on_each_engine};
use amphi_chassis::{Problem, db::Db};
use sea_orm::DbErr;
use tokio::sync::Semaphore;

use crate::job_harness::{KIND, Office, quick};
use crate::support::add_note;

/// Writes a note of the job's payload and completes the job, both in one transaction.
fn note_takers(db: &Db, concurrency: usize) -> Registry {
    let db = db.clone();
    Registry::new().with(
        KIND,
        quick().concurrency(concurrency),
        move |job: Job<String>| {
            let db = db.clone();
            async move {
                let (name, lease) = (&job.payload, &job.lease);
                db.write(|txn| {
                    Box::pin(async move {
                        add_note(txn, name, 0).await?;
                        lease.complete(txn).await.map_err(Problem::from)
                    })
                })
                .await?;
                Ok(())
            }
        },
    )
}

#[tokio::test]
async fn a_job_runs_if_its_transaction_was_committed_and_only_then() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        let dropped: Result<Enqueued, DbErr> = office
            .db
            .write(|txn| {
                Box::pin(async move {
                    enqueue(txn, NewJob::new(KIND, "dropped")).await?;
                    Err(DbErr::Custom("no".to_owned()))
                })
            })
            .await;
        dropped.unwrap_err();
        office.enqueue(NewJob::new(KIND, "kept")).await;
        let worker = office.worker(note_takers(&office.db, 1));
        office.until_idle().await;
        assert_eq!(office.notes().await, ["kept"]);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn jobs_of_a_kind_begin_in_the_order_they_are_due() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        for name in ["a", "b", "c", "d"] {
            office.enqueue(NewJob::new(KIND, name)).await;
        }
        let worker = office.worker(note_takers(&office.db, 1));
        office.until_idle().await;
        assert_eq!(office.notes().await, ["a", "b", "c", "d"]);
        worker.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_run_each_job_once() {
    const JOBS: usize = 60;
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        let workers: Vec<_> = (0..3)
            .map(|_| office.worker(note_takers(&office.db, 4)))
            .collect();
        let names: Vec<String> = (0..JOBS).map(|number| format!("{number:02}")).collect();
        for name in &names {
            office.enqueue(NewJob::new(KIND, name.as_str())).await;
        }
        office.until_idle().await;
        let mut notes = office.notes().await;
        notes.sort();
        assert_eq!(notes, names);
        for worker in workers {
            worker.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn no_more_jobs_run_at_once_than_their_kind_allows() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        for _ in 0..10 {
            office.enqueue(NewJob::new(KIND, "x")).await;
        }
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let gate = Arc::new(Semaphore::new(0));
        let handler = {
            let (running, most, gate) = (running.clone(), most.clone(), gate.clone());
            move |_: Job<String>| {
                let (running, most, gate) = (running.clone(), most.clone(), gate.clone());
                async move {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }
            }
        };
        let worker = office.worker(Registry::new().with(KIND, quick().concurrency(3), handler));
        eventually("three jobs to run", || async {
            (running.load(Ordering::SeqCst) == 3).then_some(())
        })
        .await;
        gate.add_permits(10);
        office.until_idle().await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_key_allows_one_live_job_and_is_free_again_afterwards() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        let keyed = || NewJob::new(KIND, "x").dedup("video 1");
        let Enqueued::New(first) = office.enqueue(keyed()).await else {
            panic!("the first job is new");
        };
        assert_eq!(office.enqueue(keyed()).await, Enqueued::Existing(first));
        let other = office
            .enqueue(NewJob::new(KIND, "y").dedup("video 2"))
            .await;
        assert!(matches!(other, Enqueued::New(_)));
        let worker = office.worker(note_takers(&office.db, 1));
        office.until_idle().await;
        assert_eq!(office.notes().await, ["x", "y"]);
        assert!(matches!(office.enqueue(keyed()).await, Enqueued::New(_)));
        worker.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_handed_in_eight_times_at_once_makes_one_job() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        let office = &office;
        let outcomes = futures::future::join_all(
            (0..8).map(|_| office.enqueue(NewJob::new(KIND, "x").dedup("k"))),
        )
        .await;
        let new = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Enqueued::New(_)))
            .count();
        assert_eq!(new, 1);
        assert_eq!(unfinished(&office.db, KIND).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_waits_for_its_time_and_can_be_taken_back() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        let later = NewJob::new(KIND, "later").after(Duration::from_secs(3600));
        office.enqueue(later.dedup("k")).await;
        office.enqueue(NewJob::new(KIND, "now")).await;
        let soon = NewJob::new(KIND, "soon").after(Duration::from_millis(60));
        office.enqueue(soon).await;
        let worker = office.worker(note_takers(&office.db, 1));
        eventually("the two due jobs", || async {
            (office.notes().await == ["now", "soon"]).then_some(())
        })
        .await;
        assert_eq!(unfinished(&office.db, KIND).await.unwrap(), 1);
        let taken_back = office
            .db
            .write(|txn| Box::pin(cancel(txn, KIND, "k")))
            .await
            .unwrap();
        assert!(taken_back);
        office.until_idle().await;
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn recurring_work_comes_round_again_in_one_worker_at_a_time() {
    on_each_engine(async |databases| {
        let office = Office::new(&databases).await;
        let (rounds, underway, most) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
        );
        let registry = {
            let (rounds, underway, most) = (rounds.clone(), underway.clone(), most.clone());
            Registry::new().every(KIND, Duration::from_millis(10), quick(), move |_| {
                let (rounds, underway, most) = (rounds.clone(), underway.clone(), most.clone());
                async move {
                    most.fetch_max(
                        underway.fetch_add(1, Ordering::SeqCst) + 1,
                        Ordering::SeqCst,
                    );
                    tokio::task::yield_now().await;
                    underway.fetch_sub(1, Ordering::SeqCst);
                    match rounds.fetch_add(1, Ordering::SeqCst) {
                        1 => Err(JobError::from(Problem::unavailable("x", "It failed."))),
                        2 => Err(JobError::hopeless(Problem::invalid("x", "It failed."))),
                        3 => panic!("it panicked"),
                        _ => Ok(()),
                    }
                }
            })
        };
        let workers = [office.worker(registry.clone()), office.worker(registry)];
        eventually("some rounds", || async {
            (rounds.load(Ordering::SeqCst) >= 8).then_some(())
        })
        .await;
        assert_eq!(most.load(Ordering::SeqCst), 1);
        assert_eq!(unfinished(&office.db, KIND).await.unwrap(), 1);
        for worker in workers {
            worker.stop().await;
        }
    })
    .await;
}
