#![allow(clippy::unwrap_used)]
use std::sync::Arc;
use std::time::Duration;

use tracing::{Subscriber, field, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use super::*;

fn subscriber(feed: &SpanFeed, sample_ratio: f64) -> impl Subscriber + Send + Sync {
    let layer = SpanLayer::new(feed.clone(), sample_ratio);
    Registry::default().with(layer.with_filter(RecordedSpans))
}

/// The spans that end while `work` runs, in the order they end.
fn recorded(work: impl FnOnce()) -> Vec<Arc<FinishedSpan>> {
    let feed = SpanFeed::new(64);
    let mut subscription = feed.subscribe();
    tracing::subscriber::with_default(subscriber(&feed, 1.0), work);
    subscription.take(64)
}

const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a_span_is_recorded_with_its_meaning_and_its_attributes() {
    let spans = recorded(|| {
        let span = info_span!(
            "rpc.server",
            service = "catalog",
            otel.kind = "server",
            otel.name = "GetVideo",
            otel.status_code = field::Empty,
            otel.status_message = field::Empty,
            rpc.method = "GetVideo",
            attempt = 2,
            warm = true,
            later = field::Empty,
        );
        span.record("later", "came");
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_message", "no such video");
    });
    let [span] = &*spans else { panic!("{spans:?}") };
    assert_eq!(
        (&*span.service, span.name.as_ref()),
        ("catalog", "GetVideo")
    );
    assert_eq!(
        (span.kind, span.status),
        (SpanKind::Server, SpanStatus::Error)
    );
    assert_eq!(span.status_message, "no such video");
    for (name, value) in [
        ("rpc.method", "GetVideo"),
        ("attempt", "2"),
        ("warm", "true"),
        ("later", "came"),
    ] {
        assert_eq!(span.attribute(name), Some(value), "{name}");
    }
    assert_eq!(span.attributes.len(), 4);
    assert!(span.start_unix_ns > 1_700_000_000_000_000_000);
}

#[test]
fn spans_within_inherit_trace_and_service() {
    let spans = recorded(|| {
        let outer = info_span!("outer", service = "media");
        let _entered = outer.enter();
        drop(info_span!("inner"));
    });
    let [inner, outer] = &*spans else {
        panic!("{spans:?}")
    };
    assert_eq!(inner.trace_id, outer.trace_id);
    assert_eq!(inner.parent_span_id, Some(outer.span_id));
    assert_eq!((&*inner.service, outer.parent_span_id), ("media", None));
}

#[test]
fn a_given_traceparent_wins_over_the_span_around() {
    let remote: TraceParent = REMOTE.parse().unwrap();
    let spans = recorded(|| {
        let _entered = info_span!("outer", service = "media").entered();
        drop(info_span!("inner", traceparent = REMOTE));
    });
    assert_eq!(spans[0].trace_id, remote.trace_id);
    assert_eq!(spans[0].parent_span_id, Some(remote.span_id));
}

#[test]
fn a_traceparent_that_is_none_starts_a_new_trace() {
    for traceparent in [Some("garbage"), Some(""), None] {
        let spans = recorded(|| drop(info_span!("root", traceparent)));
        assert_eq!(spans[0].parent_span_id, None, "{traceparent:?}");
    }
}

#[test]
fn the_current_trace_is_that_of_the_nearest_recorded_span() {
    let feed = SpanFeed::new(8);
    tracing::subscriber::with_default(subscriber(&feed, 1.0), || {
        assert_eq!(current_traceparent(), None);
        let _outer = info_span!("outer", traceparent = REMOTE).entered();
        let _unrecorded = tracing::debug_span!("detail").entered();
        let current = current_trace().unwrap();
        assert_eq!(
            current.trace_id.to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_ne!(current.span_id.to_string(), "b7ad6b7169203331");
        assert_eq!(current_traceparent(), Some(current.to_string()));
        assert_eq!(current_trace_id(), Some(current.trace_id));
    });
}

#[test]
fn a_callers_decision_not_to_record_is_kept_and_carried_on() {
    let unsampled = REMOTE.replace("-01", "-00");
    let spans = recorded(|| {
        let _entered = info_span!("outer", traceparent = unsampled).entered();
        let _inner = info_span!("inner").entered();
        assert!(current_traceparent().unwrap().ends_with("-00"));
    });
    assert!(spans.is_empty());
}

#[test]
fn nothing_within_an_unrecorded_span_is_recorded() {
    let spans = recorded(|| {
        let _unrecorded = unrecorded().entered();
        drop(info_span!("inner", service = "gateway"));
        assert!(current_traceparent().unwrap().ends_with("-00"));
    });
    assert!(spans.is_empty());
}

#[test]
fn a_share_of_new_traces_is_recorded_whole_or_not_at_all() {
    let feed = SpanFeed::new(4096);
    let mut subscription = feed.subscribe();
    tracing::subscriber::with_default(subscriber(&feed, 0.5), || {
        for _ in 0..400 {
            let _outer = info_span!("outer").entered();
            drop(info_span!("inner"));
        }
    });
    let spans = subscription.take(4096);
    let outer = spans.iter().filter(|span| span.name == "outer").count();
    assert_eq!(spans.len(), outer * 2);
    // Ten standard deviations around the mean.
    assert!((100..=300).contains(&outer), "{outer}");
}

#[test]
fn other_crates_spans_and_details_are_not_recorded() {
    let spans = recorded(|| {
        drop(info_span!(target: "h2::proto", "foreign"));
        drop(tracing::debug_span!("detail"));
    });
    assert!(spans.is_empty());
}

#[test]
fn warnings_become_events_of_their_span() {
    let spans = recorded(|| {
        let _entered = info_span!("work").entered();
        tracing::warn!(tries = 2, "it took two tries");
        tracing::info!("not worth keeping");
    });
    let [event] = &*spans[0].events else {
        panic!("{spans:?}")
    };
    assert_eq!(event.name, "it took two tries");
    assert!(event.attributes.contains(&("tries".into(), "2".to_owned())));
}

#[test]
fn a_span_can_end_before_the_last_handle_to_it_is_gone() {
    let spans = recorded(|| {
        let span = info_span!("request");
        let held_by_a_task = span.clone();
        end(&span);
        drop(span);
        std::thread::sleep(Duration::from_millis(500));
        drop(held_by_a_task);
    });
    assert!(
        spans[0].duration_ns < 500_000_000,
        "{}",
        spans[0].duration_ns
    );
}

#[test]
fn attributes_and_events_are_bounded() {
    let spans = recorded(|| {
        let _entered = info_span!("work", text = "x".repeat(10_000)).entered();
        for _ in 0..100 {
            tracing::warn!("again");
        }
    });
    assert_eq!(
        spans[0].attribute("text").unwrap().len(),
        ATTRIBUTE_BYTES_MAX
    );
    assert_eq!(spans[0].events.len(), EVENTS_PER_SPAN_MAX);
}

#[tokio::test]
async fn statements_of_the_real_database_library_become_database_spans_without_values() {
    use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};

    let feed = SpanFeed::new(64);
    let mut subscription = feed.subscribe();
    let _default = tracing::subscriber::set_default(subscriber(&feed, 1.0));
    let database = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
    database
        .execute_unprepared("CREATE TABLE accounts (email TEXT UNIQUE)")
        .await
        .unwrap();
    assert!(subscription.take(64).is_empty(), "no trace, no spans");

    let request = info_span!("request", service = "identity");
    let work = async {
        let transaction = database.begin().await.unwrap();
        let insert = |email: &str| {
            Statement::from_sql_and_values(
                sea_orm::DbBackend::Sqlite,
                "INSERT INTO \"accounts\" (\"email\") VALUES (?)",
                [email.into()],
            )
        };
        transaction
            .execute_raw(insert("ann@example.org"))
            .await
            .unwrap();
        transaction
            .execute_raw(insert("ann@example.org"))
            .await
            .unwrap_err();
        transaction.commit().await.unwrap();
    };
    let request_id = traceparent_of(&request).unwrap().span_id;
    tracing::Instrument::instrument(work, request).await;

    // The driver's thread lets go of its handles in its own time. It does not know this test's subscriber, so whether the
    // request's own span closes depends on whose handle was the last.
    let mut spans = Vec::new();
    while spans.len() < 4 {
        let batch = subscription.next_batch(64, Duration::ZERO).await;
        spans.extend(batch.into_iter().filter(|span| span.name != "request"));
    }
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_ref()).collect();
    let insert = "INSERT accounts";
    assert_eq!(names, ["BEGIN", insert, insert, "COMMIT"]);
    for span in &spans {
        assert_eq!(
            (&*span.service, span.kind),
            ("identity-db", SpanKind::Client)
        );
        assert_eq!(span.parent_span_id, Some(request_id));
        assert_eq!(span.attribute(DB_SYSTEM), Some("sqlite"));
    }
    assert_eq!(spans[1].attribute("db.operation.name"), Some("INSERT"));
    assert_eq!(spans[1].attribute("db.collection.name"), Some("accounts"));
    assert_eq!(spans[1].attribute("db.query.summary"), Some(insert));
    assert_eq!(spans[2].status, SpanStatus::Error);
    assert!(spans[2].attribute("error.type").is_some());
    assert!(!format!("{spans:?}").contains("ann@example.org"));
}
