//! What processes share by way of a Redis, and how they go on without it.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use amphi_chassis::auth::{AccountRole, TokenError};
use amphi_chassis::service::Service;
use amphi_chassis::shared::{RateLimit, Settings, Shared};
use amphi_chassis::testing::{
    Line, Proxy, TestKeys, TestProcess, TestProcessBuilder, TestRedis, eventually,
};
use amphi_chassis::{Role, Secret};
use amphi_contracts::AccountId;
use tokio::net::TcpListener;

/// No test waits for longer than this for what must not make it wait.
const PATIENCE: Duration = Duration::from_secs(30);

fn member(settings: &Settings) -> TestProcessBuilder {
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap();
    TestProcess::builder()
        .stand_in(|| Service::new(Role::Catalog))
        .setting("shared.url", settings.url.expose().as_str())
        .setting("shared.prefix", settings.prefix.as_str())
        .setting("shared.timeout_ms", milliseconds(settings.timeout))
        .setting("shared.retry_ms", milliseconds(settings.retry))
}

fn limit(process: &TestProcess, per_minute: u32) -> RateLimit {
    process.context().shared.rate_limit("test", per_minute)
}

/// How often it lets something through until it refuses.
async fn let_through(limit: &RateLimit, key: &str) -> u32 {
    let counting = async {
        let mut count = 0;
        while limit.take(key, 1).await.is_ok() {
            count += 1;
        }
        count
    };
    tokio::time::timeout(PATIENCE, counting).await.unwrap()
}

async fn until_shared(process: &TestProcess, is_shared: bool) {
    eventually("the change of state", async || {
        (process.context().shared.is_shared() == is_shared).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_have_one_limit() {
    let redis = TestRedis::create();
    let one = member(&redis.settings()).start().await;
    let two = member(&redis.settings()).start().await;
    let (one, two) = (limit(&one, 6), limit(&two, 6));
    for _ in 0..3 {
        assert_eq!(one.take("ann", 1).await, Ok(()));
        assert_eq!(two.take("ann", 1).await, Ok(()));
    }
    let waits = [one.take("ann", 1).await, two.take("ann", 1).await];
    for wait in waits {
        let seconds = wait.unwrap_err().as_secs();
        assert!((1..=10).contains(&seconds), "{seconds} s");
    }
    assert_eq!(two.take("ben", 1).await, Ok(()), "others are counted apart");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_ask_at_once_get_no_more_than_the_limit_together() {
    let redis = TestRedis::create();
    let one = member(&redis.settings()).start().await;
    let two = member(&redis.settings()).start().await;
    let limits = [limit(&one, 20), limit(&two, 20)];
    let asking = (0..100).map(|n| {
        let limit = limits[n % 2].clone();
        tokio::spawn(async move { limit.take("ann", 1).await.is_ok() })
    });
    let answers = futures::future::join_all(asking).await;
    let granted = answers.into_iter().filter(|it| *it.as_ref().unwrap());
    // A token comes every three seconds.
    assert!((20..=25).contains(&granted.count()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_bucket_fills_again_and_what_took_more_is_waited_for_by_the_next() {
    let redis = TestRedis::create();
    let process = member(&redis.settings()).start().await;
    let limit = limit(&process, 600);
    assert_eq!(limit.take("ann", 620).await, Ok(()));
    let seconds = limit.take("ann", 1).await.unwrap_err().as_secs();
    assert!((1..=3).contains(&seconds), "{seconds} s");
    eventually("a token", async || limit.take("ann", 1).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_do_not_stay_in_redis_once_they_are_full() {
    let redis = TestRedis::create();
    let process = member(&redis.settings()).start().await;
    let limit = limit(&process, 60_000);
    assert_eq!(limit.take("ann", 1).await, Ok(()));
    assert!(redis.keys().iter().any(|key| key.ends_with(":test:ann")));
    eventually("the bucket's end", async || {
        redis.keys().is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_each_process_counts_by_itself_until_it_is_back() {
    let redis = TestRedis::create();
    let line = Proxy::before(redis.address()).await;
    let settings = Settings {
        timeout: Duration::from_secs(2),
        ..redis.settings_by(line.address())
    };
    let one = member(&settings).start().await;
    let two = member(&settings).start().await;
    for outage in [Line::Refused, Line::Silent] {
        line.set(outage);
        for process in [&one, &two] {
            let limit = limit(process, 5);
            futures::future::join_all((0..3).map(|_| limit.take("first", 1))).await;
            until_shared(process, false).await;
        }
        let key = format!("{outage:?}");
        assert_eq!(let_through(&limit(&one, 5), &key).await, 5, "{outage:?}");
        assert_eq!(let_through(&limit(&two, 5), &key).await, 5, "{outage:?}");

        line.set(Line::Open);
        until_shared(&one, true).await;
        until_shared(&two, true).await;
        let key = format!("after {outage:?}");
        let (one, two) = (limit(&one, 5), limit(&two, 5));
        assert_eq!(let_through(&one, &key).await, 5, "{outage:?}");
        assert_eq!(let_through(&two, &key).await, 0, "{outage:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_gives_nobody_a_fresh_start() {
    let redis = TestRedis::create();
    let line = Proxy::before(redis.address()).await;
    let process = member(&redis.settings_by(line.address())).start().await;
    let limit = limit(&process, 3);
    assert_eq!(let_through(&limit, "ann").await, 3);
    line.set(Line::Refused);
    until_shared(&process, false).await;
    assert_eq!(let_through(&limit, "ann").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_makes_a_few_wait_and_then_nobody() {
    let redis = TestRedis::create();
    let line = Proxy::before(redis.address()).await;
    let settings = Settings {
        timeout: Duration::from_millis(100),
        ..redis.settings_by(line.address())
    };
    let process = member(&settings).start().await;
    let limit = limit(&process, 1_000_000);
    // From here on it is a connection like any other, no longer that of the start.
    line.set(Line::Refused);
    until_shared(&process, false).await;
    line.set(Line::Open);
    until_shared(&process, true).await;
    line.set(Line::Silent);
    let many = async {
        for _ in 0..2000 {
            limit.take("ann", 1).await.unwrap();
        }
    };
    // Were each to wait for its timeout, this would take 200 s.
    tokio::time::timeout(PATIENCE, many).await.unwrap();
    assert!(!process.context().shared.is_shared());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_revoked_in_one_process_is_refused_in_another() {
    let (redis, keys) = (TestRedis::create(), TestKeys::generate());
    let one = member(&redis.settings()).keys(keys.clone()).start().await;
    let two = member(&redis.settings()).keys(keys.clone()).start().await;
    let token = one.token(AccountId::generate(), AccountRole::Viewer);
    let here = &one.context().verifier;
    let session_id = here
        .verify(&token)
        .await
        .unwrap()
        .account()
        .unwrap()
        .session_id;
    assert!(two.context().verifier.verify(&token).await.is_ok());

    here.revoke(session_id).await;
    assert_eq!(here.verify(&token).await, Err(TokenError::Revoked));
    // The keys' own list of revoked sessions is empty: no poll could bring it.
    until_refused(&two, &token).await;

    let late = member(&redis.settings()).keys(keys).start().await;
    until_refused(&late, &token).await;
}

async fn until_refused(process: &TestProcess, token: &str) {
    eventually("the refusal", async || {
        let answer = process.context().verifier.verify(token).await;
        (answer == Err(TokenError::Revoked)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_while_redis_was_out_of_reach_is_learnt_on_return() {
    let (redis, keys) = (TestRedis::create(), TestKeys::generate());
    let line = Proxy::before(redis.address()).await;
    let one = member(&redis.settings()).keys(keys.clone()).start().await;
    let cut_off = member(&redis.settings_by(line.address()))
        .keys(keys)
        .start()
        .await;
    let token = one.token(AccountId::generate(), AccountRole::Viewer);
    let here = &one.context().verifier;
    let session_id = here
        .verify(&token)
        .await
        .unwrap()
        .account()
        .unwrap()
        .session_id;

    line.set(Line::Refused);
    until_shared(&cut_off, false).await;
    here.revoke(session_id).await;
    assert!(cut_off.context().verifier.verify(&token).await.is_ok());
    line.set(Line::Open);
    until_refused(&cut_off, &token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_starts_without_redis_and_finds_it_later() {
    let redis = TestRedis::create();
    let line = Proxy::before(redis.address()).await;
    line.set(Line::Refused);
    let process = member(&redis.settings_by(line.address())).start().await;
    assert!(!process.context().shared.is_shared());
    assert_eq!(let_through(&limit(&process, 2), "ann").await, 2);
    line.set(Line::Open);
    until_shared(&process, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_does_not_start_with_a_wrong_password() {
    let redis = TestRedis::create();
    let settings = with_credentials(&redis, "nobody:hunter2", redis.address());
    let error = member(&settings).try_start().await.unwrap_err().to_string();
    assert!(error.contains("Check user, password"), "{error}");
}

fn with_credentials(redis: &TestRedis, credentials: &str, address: SocketAddr) -> Settings {
    Settings {
        url: Secret::new(format!("redis://{credentials}@{address}")),
        ..redis.settings()
    }
}

async fn refused(settings: &Settings) -> String {
    let started = Instant::now();
    let error = Shared::check(settings).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    let shown = format!("{error} {error:?} {settings:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    error.to_string()
}

#[tokio::test]
async fn a_redis_that_cannot_be_used_says_why_within_five_seconds() {
    let redis = TestRedis::create();
    let server = redis.address();
    let error = refused(&with_credentials(&redis, "nobody:hunter2", server)).await;
    assert!(error.contains("Check user, password"), "{error}");
    assert!(error.contains(&server.to_string()), "{error}");

    let no_tls = Settings {
        url: Secret::new(format!("rediss://u:hunter2@{server}")),
        ..redis.settings()
    };
    let error = refused(&no_tls).await;
    assert!(error.contains("no answer from the Redis"), "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let error = refused(&with_credentials(&redis, "u:hunter2", address)).await;
    assert!(error.contains("longer than 3 s"), "{error}");
    drop(silent);
    let error = refused(&with_credentials(&redis, "u:hunter2", address)).await;
    assert!(error.contains("no answer from the Redis"), "{error}");
    assert!(error.contains("`shared.url`"), "{error}");

    let no_database = Settings {
        url: Secret::new(format!("redis://u:hunter2@{address}/one")),
        ..redis.settings()
    };
    let error = refused(&no_database).await;
    assert!(error.contains("redis://user:password@host"), "{error}");
}

#[tokio::test]
async fn a_redis_that_lets_the_user_do_only_half_is_refused() {
    for without in [
        "-publish",
        "-zadd",
        "-hset",
        "-subscribe",
        "-incr",
        "-get",
        "-set",
    ] {
        let redis = TestRedis::create();
        let settings = redis.settings_of_a_user(without);
        let error = Shared::check(&settings)
            .await
            .err()
            .map(|it| it.to_string());
        let is_told = error.as_ref().is_some_and(|it| it.contains("refuses"));
        assert!(is_told, "{without}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_always_too_slow_is_left_alone() {
    let redis = TestRedis::create();
    let line = Proxy::before(redis.address()).await;
    line.set(Line::Delayed(Duration::from_millis(60)));
    let settings = Settings {
        timeout: Duration::from_millis(20),
        ..redis.settings_by(line.address())
    };
    let error = Shared::check(&settings).await.unwrap_err().to_string();
    assert!(error.contains("`shared.timeout_ms`"), "{error}");
    let process = member(&settings).start().await;
    assert!(!process.context().shared.is_shared());
}
