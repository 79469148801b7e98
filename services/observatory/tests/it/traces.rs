use amphi_chassis::Problem;
use amphi_chassis::telemetry::{SpanStatus, TraceId};
use amphi_contracts::proto::observatory::v1::{
    FindTracesRequest, GetTraceRequest, ListServicesRequest, SpanKind,
};

use crate::support::{admin, asked_by, call, observatory, send};

#[tokio::test]
async fn a_trace_is_told_as_a_waterfall() {
    let process = observatory().await;
    let id = TraceId::generate();
    let mut spans = call("told", id);
    spans[2].status = SpanStatus::Error;
    send(&process, &spans).await;

    let request = GetTraceRequest {
        trace_id: id.to_string(),
    };
    let trace = asked_by(&admin(&process))
        .get_trace(request)
        .await
        .unwrap()
        .into_inner();
    let told: Vec<_> = trace
        .spans
        .iter()
        .map(|span| {
            (
                span.service.as_str(),
                span.start_us,
                span.duration_us,
                span.self_us,
            )
        })
        .collect();
    let expected = [
        ("caller-of-told", 0, 100_000, 20_000),
        ("caller-of-told", 10_000, 80_000, 20_000),
        ("told", 20_000, 60_000, 60_000),
    ];
    assert_eq!(told, expected);
    assert!(trace.spans.iter().all(|span| span.on_critical_path));
    assert_eq!(trace.duration_us, 100_000);
    assert_eq!(trace.spans[0].parent_span_id, "");
    assert_eq!(trace.spans[2].parent_span_id, trace.spans[1].span_id);
    assert_eq!(trace.spans[1].kind(), SpanKind::Client);
    assert_eq!(trace.spans[1].attributes["server.service"], "told");
    assert_eq!(trace.services.len(), 2);
}

#[tokio::test]
async fn traces_are_listed_page_by_page_newest_first() {
    let process = observatory().await;
    let ids: Vec<TraceId> = (0..5).map(|_| TraceId::generate()).collect();
    for id in &ids {
        send(&process, &call("paged", *id)).await;
    }
    let mut client = asked_by(&admin(&process));
    let mut request = FindTracesRequest {
        service: "paged".to_owned(),
        limit: 2,
        ..FindTracesRequest::default()
    };
    let mut pages = Vec::new();
    loop {
        let page = client
            .find_traces(request.clone())
            .await
            .unwrap()
            .into_inner();
        pages.push(
            page.traces
                .iter()
                .map(|trace| trace.trace_id.clone())
                .collect::<Vec<_>>(),
        );
        request.cursor = page.next_cursor;
        if request.cursor.is_empty() {
            break;
        }
    }
    let expected: Vec<String> = ids.iter().rev().map(ToString::to_string).collect();
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
    assert_eq!(pages.concat(), expected);
}

#[tokio::test]
async fn a_listed_trace_names_its_root_and_its_services() {
    let process = observatory().await;
    let mut spans = call("listed", TraceId::generate());
    spans[2].status = SpanStatus::Error;
    send(&process, &spans).await;
    let mut client = asked_by(&admin(&process));
    let request = FindTracesRequest {
        service: "listed".to_owned(),
        operation: "listed.work".to_owned(),
        min_duration_us: 90_000,
        only_errors: true,
        ..FindTracesRequest::default()
    };
    let found = client
        .find_traces(request.clone())
        .await
        .unwrap()
        .into_inner();
    let [trace] = &*found.traces else {
        panic!("{found:?}")
    };
    assert_eq!(trace.root_service, "caller-of-listed");
    assert_eq!(trace.root_operation, "caller-of-listed.work");
    assert_eq!(
        (trace.span_count, trace.error_count, trace.duration_us),
        (3, 1, 100_000)
    );
    assert_eq!(trace.services.len(), 2);

    let longer = FindTracesRequest {
        min_duration_us: 200_000,
        ..request
    };
    assert!(
        client
            .find_traces(longer)
            .await
            .unwrap()
            .into_inner()
            .traces
            .is_empty()
    );
}

#[tokio::test]
async fn services_are_listed_with_their_operations() {
    let process = observatory().await;
    send(&process, &call("named", TraceId::generate())).await;
    let answer = asked_by(&admin(&process))
        .list_services(ListServicesRequest {})
        .await
        .unwrap();
    let services = answer.into_inner().services;
    let named = services
        .iter()
        .find(|service| service.name == "named")
        .unwrap();
    assert_eq!(named.operations, ["named.work"]);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_reason() {
    let process = observatory().await;
    let mut client = asked_by(&admin(&process));
    let requests = [
        (
            FindTracesRequest {
                cursor: "nonsense".to_owned(),
                ..Default::default()
            },
            "invalid_cursor",
        ),
        (
            FindTracesRequest {
                limit: 10_000,
                ..Default::default()
            },
            "invalid_limit",
        ),
        (
            FindTracesRequest {
                since_us: 2,
                until_us: 1,
                ..Default::default()
            },
            "invalid_time_range",
        ),
    ];
    for (request, code) in requests {
        let problem = Problem::from(client.find_traces(request).await.unwrap_err());
        assert_eq!(problem.code, code);
    }
    for (trace_id, code) in [
        ("xyz", "invalid_trace_id"),
        ("0af7651916cd43dd8448eb211c80319c", "trace_not_found"),
    ] {
        let request = GetTraceRequest {
            trace_id: trace_id.to_owned(),
        };
        let problem = Problem::from(client.get_trace(request).await.unwrap_err());
        assert_eq!(problem.code, code);
    }
}
