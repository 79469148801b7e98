//! The byte planes and the public port.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::blob::Blobs;
use amphi_chassis::http::{Json, Representation, RequestId, Validators, serve_blob};
use amphi_chassis::rpc::CallContext;
use amphi_chassis::service::{BuildFn, Service, build_fn};
use amphi_chassis::testing::{TestKeys, TestProcess};
use amphi_chassis::{Problem, Role};
use amphi_contracts::AccountId;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Path, Request, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::stand_ins::{Observatory, Wiring, get_trace, playback};

const ALPHABET: &str = "video/alphabet";

#[derive(Debug, Serialize, Deserialize)]
struct Echo {
    name: String,
    route: String,
    caller: String,
    connection: Option<String>,
}

/// A plane of media with a route of one parameter, an echo of bodies and a blob.
fn media() -> BuildFn {
    build_fn(|context| {
        let blobs = context.blobs.clone();
        Box::pin(async move {
            let letters = Bytes::from_static(b"abcdefghijklmnopqrstuvwxyz");
            blobs.put_bytes(ALPHABET, letters).await.unwrap();
            let router = Router::new()
                .route("/things/{name}", get(thing))
                .route("/echo", post(echo))
                .route("/alphabet", get(alphabet))
                .with_state(blobs);
            Ok(Service::new(Role::Media).http(router))
        })
    })
}

async fn thing(
    Path(name): Path<String>,
    route: MatchedPath,
    caller: Caller,
    headers: HeaderMap,
) -> axum::Json<Echo> {
    let connection = headers.get(header::CONNECTION);
    axum::Json(Echo {
        name,
        route: route.as_str().to_owned(),
        caller: format!("{caller:?}"),
        connection: connection.map(|value| format!("{value:?}")),
    })
}

async fn alphabet(
    State(blobs): State<Blobs>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let blob = blobs.open(ALPHABET).await?;
    let representation = Representation {
        content_type: "text/plain",
        cache_control: "no-cache",
        validators: Validators {
            etag: Some("\"v1\"".to_owned()),
            modified: None,
        },
    };
    serve_blob(&method, &headers, &blob, &representation)
}

async fn echo(request: Request) -> Response {
    Response::new(request.into_body())
}

/// A gateway that passes everything below `/media/` on, and calls the observatory below `/trace`.
fn gateway() -> BuildFn {
    build_fn(|context| {
        let clients = context.clients.clone();
        Box::pin(async move {
            let planes = clients.clone();
            let router = Router::new()
                .route(
                    "/media/{*path}",
                    any(
                        async move |Path(path): Path<String>, mut request: Request| {
                            *request.uri_mut() = format!("/{path}").parse().unwrap();
                            planes.http(Role::Media).call(request).await
                        },
                    ),
                )
                .route(
                    "/trace",
                    get(async move || {
                        get_trace(&clients, "t").await.map_err(Problem::from)?;
                        get_trace(&clients, "t").await.map_err(Problem::from)?;
                        Ok::<_, Problem>("done")
                    }),
                )
                .route(
                    "/panic",
                    get(async || -> &'static str { panic!("asked to") }),
                )
                .route("/title", post(async |Json(_): Json<Vec<String>>| "taken"))
                .route(
                    "/who",
                    get(
                        async |id: axum::Extension<RequestId>,
                               peer: ConnectInfo<SocketAddr>,
                               caller: Caller| {
                            assert!(CallContext::current().deadline().is_none());
                            format!("{} {} {caller:?}", id.as_str(), peer.ip())
                        },
                    ),
                );
            Ok(Service::new(Role::Gateway).public(router))
        })
    })
}

struct House {
    gateway: TestProcess,
    _media: Option<TestProcess>,
}

impl House {
    async fn start(wiring: Wiring) -> Self {
        let keys = TestKeys::generate();
        let observatory = || Observatory::answering(async |_| Ok(())).service();
        let gateway_process = TestProcess::builder()
            .keys(keys.clone())
            .stand_in(observatory)
            .role(Role::Gateway, gateway());
        if wiring == Wiring::InProcess {
            return Self {
                gateway: gateway_process.role(Role::Media, media()).start().await,
                _media: None,
            };
        }
        let media = TestProcess::builder()
            .keys(keys)
            .role(Role::Media, media())
            .start()
            .await;
        let url = format!("http://{}", media.internal());
        Self {
            gateway: gateway_process
                .setting("cluster.services.media", url)
                .start()
                .await,
            _media: Some(media),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.gateway.http())
    }
}

#[tokio::test]
async fn a_byte_plane_sees_the_request_as_it_was_sent() {
    for wiring in Wiring::BOTH {
        let house = House::start(wiring).await;
        let account = AccountId::generate();
        let token = house.gateway.token(account, AccountRole::Viewer);
        let response = Client::new()
            .get(house.url("/media/things/one"))
            .bearer_auth(token)
            .header(header::CONNECTION, "x-private")
            .header("x-private", "1")
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{wiring:?}");
        let echo: Echo = response.json().await.unwrap();
        assert_eq!(echo.name, "one");
        assert_eq!(echo.route, "/things/{name}", "{wiring:?}");
        assert!(
            echo.caller.contains(&account.to_string()),
            "{}",
            echo.caller
        );
        if wiring == Wiring::Apart {
            assert_eq!(echo.connection, None);
        }
    }
}

#[tokio::test]
async fn bodies_stream_through_in_both_directions() {
    for wiring in Wiring::BOTH {
        let house = House::start(wiring).await;
        let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let body =
            reqwest::Body::wrap_stream(futures::stream::unfold(receiver, async |mut receiver| {
                Some((receiver.recv().await?, receiver))
            }));
        sender.send(Ok(Bytes::from_static(b"one"))).await.unwrap();
        let response = Client::new()
            .post(house.url("/media/echo"))
            .body(body)
            .send()
            .await
            .unwrap();
        let mut answer = response.bytes_stream();
        // The first piece is back before the second is sent.
        assert_eq!(answer.next().await.unwrap().unwrap(), "one", "{wiring:?}");
        sender.send(Ok(Bytes::from_static(b"two"))).await.unwrap();
        assert_eq!(answer.next().await.unwrap().unwrap(), "two");
        drop(sender);
        assert!(answer.next().await.is_none());
    }
}

#[tokio::test]
async fn a_blob_is_served_whole_in_part_or_not_again() {
    let house = House::start(Wiring::Apart).await;
    let ask = async |method: Method, headers: &[(&str, &str)]| {
        let mut request = Client::new().request(method, house.url("/media/alphabet"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let (range, length) = (header("content-range"), header("content-length"));
        (status, range, length, response.text().await.unwrap())
    };
    let get = Method::GET;
    let all = "abcdefghijklmnopqrstuvwxyz";

    let (status, range, length, body) = ask(get.clone(), &[]).await;
    assert_eq!((status, &*range, &*length, &*body), (200, "", "26", all));
    let (status, range, length, body) = ask(get.clone(), &[("range", "bytes=2-4")]).await;
    assert_eq!(
        (status, &*range, &*length, &*body),
        (206, "bytes 2-4/26", "3", "cde")
    );
    let (status, range, _, body) = ask(get.clone(), &[("range", "bytes=-2")]).await;
    assert_eq!((status, &*range, &*body), (206, "bytes 24-25/26", "yz"));
    let (status, range, _, body) = ask(get.clone(), &[("range", "bytes=24-99")]).await;
    assert_eq!((status, &*range, &*body), (206, "bytes 24-25/26", "yz"));
    let (status, range, _, _) = ask(get.clone(), &[("range", "bytes=26-")]).await;
    assert_eq!((status, &*range), (416, "bytes */26"));
    let (status, _, _, body) = ask(get.clone(), &[("range", "bytes=0-1,4-5")]).await;
    assert_eq!((status, &*body), (200, all));
    let stale = [("range", "bytes=0-1"), ("if-range", "\"v0\"")];
    let (status, _, _, body) = ask(get.clone(), &stale).await;
    assert_eq!((status, &*body), (200, all));
    let current = [("range", "bytes=0-1"), ("if-range", "\"v1\"")];
    let (status, _, _, body) = ask(get.clone(), &current).await;
    assert_eq!((status, &*body), (206, "ab"));
    let (status, _, _, body) = ask(get.clone(), &[("if-none-match", "\"v1\"")]).await;
    assert_eq!((status, &*body), (304, ""));
    let (status, range, length, body) = ask(Method::HEAD, &[("range", "bytes=2-4")]).await;
    assert_eq!((status, &*range, &*length, &*body), (200, "", "26", ""));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_on_every_port() {
    for wiring in Wiring::BOTH {
        let house = House::start(wiring).await;
        let response = Client::new()
            .get(house.url("/media/nothing/here"))
            .send()
            .await
            .unwrap();
        check_problem(response, 404, "no_such_route").await;
        let response = Client::new()
            .delete(house.url("/media/things/one"))
            .send()
            .await
            .unwrap();
        let allow = response.headers()[header::ALLOW]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(allow.contains("GET"), "{allow}");
        check_problem(response, 405, "method_not_allowed").await;
        let internal = format!("http://{}/nothing/here", house.gateway.internal());
        let response = Client::new().get(internal).send().await.unwrap();
        check_problem(response, 404, "no_such_route").await;
    }
}

async fn check_problem(response: reqwest::Response, status: u16, code: &str) {
    assert_eq!(response.status().as_u16(), status);
    let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
    assert_eq!(content_type, "application/problem+json");
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["status"], status);
}

#[tokio::test]
async fn a_plane_that_cannot_be_reached_is_a_problem() {
    let gateway = TestProcess::builder()
        .role(Role::Gateway, gateway())
        // Nobody listens on the port of discard.
        .setting("cluster.services.media", "http://127.0.0.1:9")
        .start()
        .await;
    let url = format!("http://{}/media/things/one", gateway.http());
    check_problem(
        Client::new().get(url).send().await.unwrap(),
        503,
        "service_unavailable",
    )
    .await;
}

#[tokio::test]
async fn an_answer_says_its_id_its_trace_and_where_the_time_went() {
    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let house = House::start(Wiring::InProcess).await;
    let response = Client::new()
        .get(house.url("/trace"))
        .header("x-request-id", "my-request-1")
        .header("traceparent", format!("00-{TRACE_ID}-00f067aa0ba902b7-01"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    assert_eq!(headers["x-request-id"], "my-request-1");
    let traceparent = headers["traceparent"].to_str().unwrap();
    assert!(traceparent.contains(TRACE_ID), "{traceparent}");
    assert!(!traceparent.contains("00f067aa0ba902b7"), "{traceparent}");
    let timing = headers["server-timing"].to_str().unwrap();
    let entries: Vec<&str> = timing.split(", ").collect();
    assert_eq!(entries.len(), 2, "{timing}");
    assert!(entries[0].starts_with("gateway;dur="), "{timing}");
    assert!(entries[1].starts_with("observatory;dur="), "{timing}");
}

#[tokio::test]
async fn a_handler_knows_the_request_its_peer_and_its_caller() {
    let house = House::start(Wiring::InProcess).await;
    let response = Client::new()
        .get(house.url("/who"))
        .header("x-request-id", "evil\u{7f}id".replace('\u{7f}', " "))
        .send()
        .await
        .unwrap();
    let id = response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(
        response.text().await.unwrap(),
        format!("{id} 127.0.0.1 Anonymous")
    );
}

#[tokio::test]
async fn bad_requests_to_the_public_port_are_problems() {
    let house = House::start(Wiring::InProcess).await;
    let client = Client::new();
    let response = client
        .get(house.url("/who"))
        .bearer_auth("nonsense")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    check_problem(response, 401, "token_invalid").await;
    let basic = client
        .get(house.url("/who"))
        .basic_auth("a", Some("b"))
        .send()
        .await
        .unwrap();
    check_problem(basic, 401, "token_invalid").await;
    let response = client.get(house.url("/panic")).send().await.unwrap();
    assert!(response.headers().contains_key("traceparent"));
    check_problem(response, 500, "internal").await;
    let response = client
        .post(house.url("/title"))
        .json(&vec![1])
        .send()
        .await
        .unwrap();
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["errors"][0]["pointer"], "/0", "{body}");
}

#[tokio::test]
async fn both_ports_speak_http_1_and_http_2() {
    let house = House::start(Wiring::InProcess).await;
    let internal = format!("http://{}/livez", house.gateway.internal());
    for url in [house.url("/who"), internal] {
        let one = Client::builder().http1_only().build().unwrap();
        let response = one.get(&url).send().await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_11);
        let two = Client::builder().http2_prior_knowledge().build().unwrap();
        let response = two.get(&url).send().await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
    }
}

#[tokio::test]
async fn a_call_to_a_plane_in_the_same_process_needs_no_socket() {
    let process = TestProcess::builder()
        .role(Role::Media, media())
        .role(Role::Playback, playback())
        .start()
        .await;
    let channel = process.anonymous().http(Role::Media);
    let request = Request::get("/things/two").body(Body::empty()).unwrap();
    let response = channel.call(request).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let echo: Echo = serde_json::from_slice(&body).unwrap();
    assert_eq!(echo.name, "two");
}
