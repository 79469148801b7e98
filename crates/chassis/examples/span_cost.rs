//! What it costs to record a span: `cargo run --release -p amphi-chassis --example span_cost`.
//!
//! Prints nanoseconds per span for a span that nobody records, for the spans of an answered call (server, client and
//! database span with their fields), and for a log line in a span.

use std::hint::black_box;
use std::time::Instant;

use amphi_chassis::telemetry::{RecordedSpans, SpanFeed, SpanLayer, current_traceparent};
use tracing::{field, info_span};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

const ROUNDS: u32 = 200_000;

fn main() {
    println!("nobody listens         {:>6} ns", per_round(inner_span));

    let feed = SpanFeed::new(8192);
    let layer = SpanLayer::new(feed.clone(), 1.0).with_filter(RecordedSpans);
    let subscriber = Registry::default().with(layer);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        return;
    }
    println!("recorded, not read     {:>6} ns", per_round(inner_span));
    let mut subscription = feed.subscribe();
    println!("inner span             {:>6} ns", per_round(inner_span));
    println!("server span            {:>6} ns", per_round(server_span));
    let root = info_span!(target: "amphi", "root", service = "catalog");
    let _entered = root.enter();
    println!("database span          {:>6} ns", per_round(database_span));
    println!(
        "current traceparent    {:>6} ns",
        per_round(|| drop(black_box(current_traceparent())))
    );
    println!(
        "spans dropped {}, waiting {}",
        feed.dropped(),
        subscription.take(usize::MAX).len()
    );
}

fn per_round(work: impl Fn()) -> u128 {
    for _ in 0..ROUNDS / 10 {
        work();
    }
    let started = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    started.elapsed().as_nanos() / u128::from(ROUNDS)
}

fn inner_span() {
    let _entered = info_span!(target: "amphi", "inner").entered();
}

fn server_span() {
    let span = info_span!(
        target: "amphi",
        "rpc.server",
        service = "catalog",
        traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        otel.kind = "server",
        otel.name = "amphi.catalog.v1.CatalogService/GetVideo",
        otel.status_code = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = "amphi.catalog.v1.CatalogService/GetVideo",
        rpc.response.status_code = field::Empty,
    );
    let _entered = span.enter();
    span.record("rpc.response.status_code", "OK");
}

fn database_span() {
    let span = info_span!(
        target: "sea_orm::database",
        "sea_orm.query_one",
        otel.kind = "client",
        db.system = "sqlite",
        db.operation = "SELECT",
        db.statement = field::Empty,
        otel.status_code = field::Empty,
        exception.message = field::Empty,
    );
    span.record(
        "db.statement",
        r#"SELECT "videos"."id", "videos"."title" FROM "videos" WHERE "videos"."id" = ?"#,
    );
    let _entered = span.enter();
    span.record("otel.status_code", "OK");
}
