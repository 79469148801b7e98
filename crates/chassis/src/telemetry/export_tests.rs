#![allow(clippy::unwrap_used)]
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};

use super::super::otlp::from_request;
use super::super::testing::span;
use super::*;
use crate::config::Sources;

/// A real OTLP server that answers with these codes first and takes everything after.
#[derive(Clone, Default)]
struct Observatory {
    refusals: Arc<Mutex<VecDeque<Code>>>,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

#[tonic::async_trait]
impl TraceService for Observatory {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let names = from_request(request.into_inner())
            .spans
            .into_iter()
            .map(|span| span.name.into_owned());
        self.requests.lock().unwrap().push(names.collect());
        match self.refusals.lock().unwrap().pop_front() {
            Some(code) => Err(Status::new(code, "not now")),
            None => Ok(Response::new(ExportTraceServiceResponse::default())),
        }
    }
}

impl Observatory {
    async fn start(refusals: &[Code]) -> (Self, String) {
        let observatory = Self::default();
        observatory.refusals.lock().unwrap().extend(refusals);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(observatory.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        (observatory, url)
    }

    fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }

    async fn wait_for_requests(&self, count: usize) -> Vec<Vec<String>> {
        while self.requests().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.requests()
    }
}

/// An exporter with the default settings but for these flags.
fn exporter(url: &str, feed: &SpanFeed, flags: &[(&str, i64)]) -> SpanExporter {
    let sources = Sources::default().with_flag("cluster.services.observatory", url);
    let sources = flags.iter().fold(sources, |sources, (key, value)| {
        sources.with_flag(key, *value)
    });
    let config = Config::load(sources).unwrap();
    SpanExporter::from_config(&config, None, feed, || None)
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn spans_that_end_together_arrive_in_one_batch() {
    let (observatory, url) = Observatory::start(&[]).await;
    let feed = SpanFeed::new(64);
    tokio::spawn(exporter(&url, &feed, &[]).run(CancellationToken::new()));
    tokio::task::yield_now().await;
    feed.push(span("first"));
    feed.push(span("second"));
    let requests = observatory.wait_for_requests(1).await;
    assert_eq!(requests, [["first", "second"]]);
}

#[tokio::test]
async fn a_batch_is_sent_again_while_the_observatory_is_away() {
    let (observatory, url) = Observatory::start(&[Code::Unavailable, Code::DeadlineExceeded]).await;
    let feed = SpanFeed::new(64);
    let exporter = exporter(&url, &feed, &[("telemetry.export_interval_ms", 0)]);
    tokio::spawn(exporter.run(CancellationToken::new()));
    feed.push(span("only"));
    let requests = observatory.wait_for_requests(3).await;
    assert_eq!(requests, [["only"], ["only"], ["only"]]);
}

#[tokio::test]
async fn a_batch_that_is_refused_for_good_is_given_up_and_the_next_one_sent() {
    let (observatory, url) = Observatory::start(&[Code::InvalidArgument]).await;
    let feed = SpanFeed::new(64);
    let exporter = exporter(&url, &feed, &[("telemetry.export_interval_ms", 0)]);
    tokio::spawn(exporter.run(CancellationToken::new()));
    feed.push(span("refused"));
    observatory.wait_for_requests(1).await;
    feed.push(span("next"));
    assert_eq!(
        observatory.wait_for_requests(2).await,
        [["refused"], ["next"]]
    );
}

#[tokio::test]
async fn what_is_left_is_sent_when_the_process_stops() {
    let (observatory, url) = Observatory::start(&[]).await;
    let feed = SpanFeed::new(64);
    let exporter = exporter(&url, &feed, &[("telemetry.export_batch_spans_max", 2)]);
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    for name in ["a", "b", "c"] {
        feed.push(span(name));
    }
    exporter.run(shutdown).await;
    assert_eq!(observatory.requests(), [vec!["a", "b"], vec!["c"]]);
}

#[tokio::test]
async fn an_observatory_that_never_answers_does_not_hold_up_the_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let feed = SpanFeed::new(64);
    let exporter = exporter(&url, &feed, &[("telemetry.export_timeout_ms", 50)]);
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    feed.push(span("lost"));
    let started = Instant::now();
    exporter.run(shutdown).await;
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn there_is_no_exporter_without_an_address() {
    let config = Config::load(Sources::default()).unwrap();
    assert!(
        SpanExporter::from_config(&config, None, &SpanFeed::new(1), || None)
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_batch_too_large_for_one_message_is_sent_in_parts() {
    let large = || {
        let mut large = span("large");
        large.attributes = (0..64)
            .map(|n| (format!("{n}").into(), "x".repeat(256)))
            .collect();
        Arc::new(large)
    };
    let batch: Vec<_> = (0..512).map(|_| large()).collect();
    let parts = requests(&batch);
    assert!(parts.len() > 1);
    assert!(
        parts
            .iter()
            .all(|part| part.encoded_len() <= REQUEST_BYTES_MAX)
    );
    assert_eq!(parts.iter().map(span_count).sum::<usize>(), 512);
}
