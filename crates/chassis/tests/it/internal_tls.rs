//! Internal calls over mutual TLS: between processes that show certificates, and with those that do not.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use amphi_chassis::Role;
use amphi_chassis::service::Service;
use amphi_chassis::testing::{
    TestAuthority, TestCertificate, TestProcess, TestProcessBuilder, TestTlsFiles, eventually,
};
use axum::body::Body;
use axum::routing::{get, post};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use reqwest::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::stand_ins::{Observatory, create_session, get_trace, playback};

const DAY: Duration = Duration::from_secs(86_400);

fn with_tls(builder: TestProcessBuilder, files: &TestTlsFiles) -> TestProcessBuilder {
    files
        .settings()
        .into_iter()
        .fold(builder, |builder, (key, value)| builder.setting(key, value))
        .setting("internal_tls.reload_interval_ms", 100)
}

/// An observatory with a byte plane that gives back what it is sent, and a route for clients of others.
fn observatory() -> Service {
    Observatory::answering(async |_| Ok(()))
        .service()
        .http(axum::Router::new().route("/echo", post(async |body: Body| body)))
        .foreign(axum::Router::new().route("/foreign", get(async || "for others")))
}

/// Who is called.
async fn far(files: &TestTlsFiles) -> TestProcess {
    with_tls(TestProcess::builder().stand_in(observatory), files)
        .start()
        .await
}

/// Who calls it.
async fn near(files: &TestTlsFiles, far: &TestProcess) -> TestProcess {
    with_tls(TestProcess::builder(), files)
        .role(Role::Playback, playback())
        .setting("cluster.services.observatory", far.internal_url())
        .setting("rpc.retries_max", 0)
        .start()
        .await
}

/// A client that believes whatever it meets, as probes do, and shows a certificate if it has one.
fn client(certificate: Option<&TestCertificate>) -> Client {
    let builder = Client::builder()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true);
    match certificate {
        Some(it) => {
            let pem = format!("{}{}", it.chain, it.key);
            builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap())
        }
        None => builder,
    }
    .build()
    .unwrap()
}

/// The status of what is at a path, or nothing when the connection is refused.
async fn status(client: &Client, process: &TestProcess, path: &str) -> Option<StatusCode> {
    let url = format!("{}{path}", process.internal_url());
    Some(client.get(url).send().await.ok()?.status())
}

async fn why_refused(near: &TestProcess) -> String {
    let refusal = get_trace(&near.anonymous(), "t").await.unwrap_err();
    assert_eq!(refusal.code(), tonic::Code::Unavailable, "{refusal}");
    refusal.message().to_owned()
}

#[tokio::test]
async fn calls_and_bytes_pass_between_processes_that_show_certificates() {
    let files = TestTlsFiles::any();
    let far = far(&files).await;
    let near = near(&files, &far).await;
    let clients = near.anonymous();
    assert_eq!(get_trace(&clients, "t").await.unwrap().trace_id, "t");
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|it| it.to_le_bytes()[0]).collect();
    let request = Request::post("/echo")
        .body(Body::from(bytes.clone()))
        .unwrap();
    let answer = clients.http(Role::Observatory).call(request).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.into_body().collect().await.unwrap().to_bytes() == bytes);
}

#[tokio::test]
async fn without_a_certificate_only_probes_and_clients_of_others_are_answered() {
    let authority = TestAuthority::new("ours");
    let files = TestTlsFiles::new(&[&authority], &authority.certificate());
    let far = far(&files).await;
    let probe = client(None);
    for (path, expected) in [
        ("/livez", StatusCode::OK),
        ("/readyz", StatusCode::OK),
        ("/metrics", StatusCode::OK),
        ("/foreign", StatusCode::OK),
        ("/debug/peers", StatusCode::UNAUTHORIZED),
        ("/echo", StatusCode::UNAUTHORIZED),
        ("/nowhere", StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(status(&probe, &far, path).await, Some(expected), "{path}");
    }
    let method = "/amphi.observatory.v1.ObservatoryService/GetTrace";
    let call = probe.post(format!("{}{method}", far.internal_url()));
    let answer = call.header("content-type", "application/grpc").send();
    let answer = answer.await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "16", "{answer:?}");
    let ours = client(Some(&authority.certificate()));
    assert_eq!(
        status(&ours, &far, "/debug/peers").await,
        Some(StatusCode::OK)
    );
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_believed_is_refused() {
    let (ours, theirs) = (TestAuthority::new("ours"), TestAuthority::new("theirs"));
    let files = TestTlsFiles::new(&[&ours], &ours.certificate());
    let far = far(&files).await;
    let past = SystemTime::now() - Duration::from_secs(60);
    for (what, certificate) in [
        ("foreign", theirs.certificate()),
        ("expired", ours.certificate_for("amphi.internal", past)),
        (
            "named otherwise",
            ours.certificate_for("shop.example.org", SystemTime::now() + DAY),
        ),
    ] {
        // Not even what is open to those who show none.
        let refused = status(&client(Some(&certificate)), &far, "/livez").await;
        assert_eq!(refused, None, "{what}");
    }
}

#[tokio::test]
async fn the_caller_is_told_which_side_refuses_whom() {
    let (ours, theirs) = (TestAuthority::new("ours"), TestAuthority::new("theirs"));
    let of_ours = TestTlsFiles::new(&[&ours], &ours.certificate());
    let of_theirs = TestTlsFiles::new(&[&ours, &theirs], &theirs.certificate());
    let (far_ours, far_theirs) = (far(&of_ours).await, far(&of_theirs).await);
    let said = why_refused(&near(&of_theirs, &far_ours).await).await;
    assert!(
        said.contains("other side refuses the certificate of this process"),
        "{said}"
    );
    assert!(
        said.contains("not signed by an authority in the other side's"),
        "{said}"
    );
    let said = why_refused(&near(&of_ours, &far_theirs).await).await;
    assert!(
        said.contains("the certificate of the other side is refused"),
        "{said}"
    );
    assert!(
        said.contains("not signed by an authority in internal_tls.ca"),
        "{said}"
    );
}

#[tokio::test]
async fn a_certificate_that_runs_out_while_its_process_runs_is_refused_from_then_on() {
    let authority = TestAuthority::new("ours");
    let files = TestTlsFiles::new(&[&authority], &authority.certificate());
    let until = SystemTime::now() + Duration::from_secs(10);
    let short = authority.certificate_for("amphi.internal", until);
    let short_lived = TestTlsFiles::new(&[&authority], &short);
    let far = far(&files).await;
    let near = near(&short_lived, &far).await;
    eventually("the end of the certificate", async || {
        (SystemTime::now() > until + Duration::from_secs(1)).then_some(())
    })
    .await;
    let said = why_refused(&near).await;
    assert!(
        said.contains("it has expired, by the other side's clock"),
        "{said}"
    );
    // A new one is enough.
    short_lived.show(&authority.certificate());
    eventually("an answer", async || {
        get_trace(&near.anonymous(), "t").await.ok()
    })
    .await;
}

#[tokio::test]
async fn who_does_not_speak_tls_is_told() {
    let far = far(&TestTlsFiles::any()).await;
    let mut stream = tokio::net::TcpStream::connect(far.internal())
        .await
        .unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.contains("400") && answer.contains("speaks TLS"),
        "{answer}"
    );
}

/// Calls again and again, and counts what became of it.
struct Caller {
    answered: Arc<AtomicUsize>,
    is_done: Arc<AtomicBool>,
    calling: tokio::task::JoinHandle<()>,
}

impl Caller {
    fn start(near: &TestProcess) -> Self {
        let (answered, is_done) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (count, done, clients) = (answered.clone(), is_done.clone(), near.anonymous());
        let calling = tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                // It changes something, so that nobody makes it a second time in secret.
                create_session(&clients, "t").await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self {
            answered,
            is_done,
            calling,
        }
    }

    async fn makes_progress(&self) {
        let before = self.answered.load(Ordering::SeqCst);
        eventually("further calls", async || {
            assert!(!self.calling.is_finished(), "a call has failed");
            (self.answered.load(Ordering::SeqCst) > before + 20).then_some(())
        })
        .await;
    }

    async fn stop(self) {
        self.is_done.store(true, Ordering::SeqCst);
        self.calling.await.unwrap();
    }
}

/// Playback, which calls the observatory, and somebody who calls it: a hop in either direction.
async fn chain(files: &TestTlsFiles) -> (TestProcess, TestProcess, TestProcess) {
    let far = far(files).await;
    let near = near(files, &far).await;
    let caller = with_tls(TestProcess::builder(), files)
        .setting("cluster.services.playback", near.internal_url())
        .start()
        .await;
    (far, near, caller)
}

#[tokio::test]
async fn authority_certificate_and_key_are_exchanged_while_calls_go_on() {
    let (old, new) = (TestAuthority::new("old"), TestAuthority::new("new"));
    let of_old = old.certificate();
    let files = TestTlsFiles::new(&[&old], &of_old);
    let (far, near, caller) = chain(&files).await;
    let processes = [&far, &near, &caller];
    let calls = Caller::start(&caller);
    calls.makes_progress().await;

    // What cannot be used changes nothing.
    files.put("key.pem", &new.certificate().key);
    calls.makes_progress().await;
    files.put("key.pem", &of_old.key);

    files.believe(&[&old, &new]);
    let of_new = client(Some(&new.certificate()));
    for process in processes {
        eventually("both authorities", async || {
            status(&of_new, process, "/livez").await
        })
        .await;
    }
    calls.makes_progress().await;

    let until = SystemTime::now() + 3 * DAY / 2;
    files.show(&new.certificate_for("amphi.internal", until));
    for process in processes {
        eventually("the new certificate", async || {
            let expires_at = process.context().tls.as_ref()?.expires_at()?;
            (expires_at + Duration::from_secs(5) > until).then_some(())
        })
        .await;
    }
    calls.makes_progress().await;

    files.believe(&[&new]);
    for process in processes {
        eventually("an end of the old authority", async || {
            let refused = status(&client(Some(&of_old)), process, "/livez").await;
            refused.is_none().then_some(())
        })
        .await;
    }
    calls.makes_progress().await;
    calls.stop().await;
}
