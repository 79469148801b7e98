use amphi_chassis::Problem;
use amphi_chassis::telemetry::TraceId;
use amphi_chassis::testing::eventually;
use amphi_contracts::proto::observatory::v1::{GetServiceMapRequest, ServiceMap};
use futures::StreamExt;

use crate::support::{admin, asked_by, call, observatory, send};

fn edge_calls(map: &ServiceMap, from: &str, to: &str) -> u64 {
    let edge = map
        .edges
        .iter()
        .find(|edge| edge.from == from && edge.to == to);
    edge.and_then(|edge| edge.latency)
        .map_or(0, |latency| latency.calls)
}

#[tokio::test]
async fn the_map_tells_each_call_once_with_its_latency() {
    let process = observatory().await;
    for _ in 0..3 {
        send(&process, &call("mapped", TraceId::generate())).await;
    }
    let client = asked_by(&admin(&process));
    let map = eventually("the calls to be counted", || {
        let mut client = client.clone();
        async move {
            let request = GetServiceMapRequest { window_s: 60 };
            let map = client.get_service_map(request).await.unwrap().into_inner();
            (edge_calls(&map, "caller-of-mapped", "mapped") == 3).then_some(map)
        }
    })
    .await;
    let node = map.nodes.iter().find(|node| node.name == "mapped").unwrap();
    let latency = node.latency.unwrap();
    assert_eq!(
        (node.kind.as_str(), latency.calls, latency.errors),
        ("service", 3, 0)
    );
    // The callee worked 60 ms, its caller waited 80.
    assert!(latency.p50_us.abs_diff(60_000) <= 3_000, "{latency:?}");
    let edge = map
        .edges
        .iter()
        .find(|edge| edge.to == "mapped")
        .unwrap()
        .latency
        .unwrap();
    assert!(edge.p95_us.abs_diff(80_000) <= 4_000, "{edge:?}");
    assert!(edge.rate_per_s > 0.0);
}

#[tokio::test]
async fn the_live_map_brings_new_calls_by_itself() {
    let process = observatory().await;
    let request = GetServiceMapRequest { window_s: 60 };
    let mut maps = asked_by(&admin(&process))
        .watch_service_map(request)
        .await
        .unwrap()
        .into_inner();
    let first = maps.next().await.unwrap().unwrap();
    assert_eq!(edge_calls(&first, "caller-of-live", "live"), 0);
    send(&process, &call("live", TraceId::generate())).await;
    loop {
        let map = maps.next().await.unwrap().unwrap();
        assert_eq!(map.window_s, 60);
        if edge_calls(&map, "caller-of-live", "live") == 1 {
            break;
        }
    }
}

#[tokio::test]
async fn a_window_that_is_not_kept_is_refused() {
    let process = observatory().await;
    let mut client = asked_by(&admin(&process));
    for window_s in [1, 9, 3601, u32::MAX] {
        let refusal = client
            .get_service_map(GetServiceMapRequest { window_s })
            .await
            .unwrap_err();
        assert_eq!(Problem::from(refusal).code, "invalid_window");
    }
    let default = client
        .get_service_map(GetServiceMapRequest { window_s: 0 })
        .await
        .unwrap();
    assert_eq!(default.into_inner().window_s, 300);
}
