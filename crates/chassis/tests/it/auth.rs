//! What the verifier believes, and how often it asks identity.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amphi_chassis::Secret;
use amphi_chassis::auth::{
    AccessTokenClaims, AccountRole, Caller, KeySource, RevokedSessions, ServiceTokens, Settings,
    TokenError, TokenVerifier,
};
use amphi_chassis::shared::Shared;
use amphi_chassis::testing::eventually;
use amphi_contracts::{AccountId, SessionId};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// An identity whose keys, revocations and absence the test decides.
#[derive(Clone, Default)]
struct Identity(Arc<State>);

#[derive(Default)]
struct State {
    keys: Mutex<Vec<(&'static str, Arc<Ed25519KeyPair>)>>,
    revoked: Mutex<Vec<SessionId>>,
    is_away: AtomicBool,
    key_fetches: AtomicUsize,
    list_reads: AtomicUsize,
}

impl Identity {
    fn with_key(kid: &'static str) -> (Self, Arc<Ed25519KeyPair>) {
        let identity = Self::default();
        let pair = identity.add_key(kid);
        (identity, pair)
    }

    fn add_key(&self, kid: &'static str) -> Arc<Ed25519KeyPair> {
        let pair = Arc::new(Ed25519KeyPair::generate().unwrap());
        self.0.keys.lock().unwrap().push((kid, Arc::clone(&pair)));
        pair
    }

    fn key_fetches(&self) -> usize {
        self.0.key_fetches.load(Ordering::SeqCst)
    }

    fn verifier(&self) -> TokenVerifier {
        self.verifier_that_believes_for(Duration::from_secs(60))
    }

    fn verifier_that_believes_for(&self, revocations_max_age: Duration) -> TokenVerifier {
        let secret = Secret::new("a secret that only this test knows".to_owned());
        let settings = Settings {
            revocations_max_age,
        };
        let tokens = ServiceTokens::new(&secret);
        TokenVerifier::new(self.clone(), tokens, Shared::default(), &settings)
    }
}

impl KeySource for Identity {
    fn key_set(&self) -> BoxFuture<'_, Result<String, Status>> {
        self.0.key_fetches.fetch_add(1, Ordering::SeqCst);
        let keys: Vec<_> = self
            .0
            .keys
            .lock()
            .unwrap()
            .iter()
            .map(|(kid, pair)| {
                let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x })
            })
            .collect();
        let answer = if self.0.is_away.load(Ordering::SeqCst) {
            Err(Status::unavailable("identity is away"))
        } else {
            Ok(json!({ "keys": keys }).to_string())
        };
        Box::pin(std::future::ready(answer))
    }

    fn revoked_sessions(&self, since_us: i64) -> BoxFuture<'_, Result<RevokedSessions, Status>> {
        let revoked = self.0.revoked.lock().unwrap().clone();
        let read = usize::try_from(since_us).unwrap();
        // One at a time.
        let answer = RevokedSessions {
            session_ids: revoked.iter().skip(read).take(1).copied().collect(),
            as_of_us: since_us + i64::from(read < revoked.len()),
            has_more: read + 1 < revoked.len(),
        };
        self.0.list_reads.fetch_add(1, Ordering::SeqCst);
        let answer = if self.0.is_away.load(Ordering::SeqCst) {
            Err(Status::unavailable("identity is away"))
        } else {
            Ok(answer)
        };
        Box::pin(std::future::ready(answer))
    }
}

fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn claims() -> AccessTokenClaims {
    AccessTokenClaims::new(
        AccountId::generate(),
        SessionId::generate(),
        AccountRole::Creator,
        now_s(),
        Duration::from_secs(600),
    )
}

fn header(kid: &str) -> Header {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(kid.to_owned());
    header
}

fn signed(pair: &Ed25519KeyPair, kid: &str, claims: &impl serde::Serialize) -> String {
    let pkcs8 = pair.to_pkcs8v1().unwrap();
    let key = EncodingKey::from_ed_der(pkcs8.as_ref());
    jsonwebtoken::encode(&header(kid), claims, &key).unwrap()
}

/// A token of parts: header and payload as JSON, the signature as it is.
fn assembled(
    header: &serde_json::Value,
    payload: &impl serde::Serialize,
    signature: &[u8],
) -> String {
    let payload = serde_json::to_vec(payload).unwrap();
    format!(
        "{}.{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(payload),
        URL_SAFE_NO_PAD.encode(signature),
    )
}

#[tokio::test]
async fn a_good_token_says_who_calls() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier();
    let claims = claims();
    let caller = verifier
        .verify(&signed(&pair, "k1", &claims))
        .await
        .unwrap();
    let Caller::Account(account) = caller else {
        panic!("{caller:?}");
    };
    assert_eq!(account.account_id, claims.sub);
    assert_eq!(account.session_id, claims.sid);
    assert_eq!(account.role, AccountRole::Creator);
    assert_eq!(account.expires_at, claims.exp);
}

#[tokio::test]
async fn bad_tokens_are_refused() {
    let (identity, pair) = Identity::with_key("k1");
    let stranger = Ed25519KeyPair::generate().unwrap();
    let good = signed(&pair, "k1", &claims());
    let changed = |change: fn(&mut AccessTokenClaims)| {
        let mut claims = claims();
        change(&mut claims);
        signed(&pair, "k1", &claims)
    };
    let hs256 = {
        // The old trick: the public key as the secret of a symmetric algorithm.
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("k1".to_owned());
        let secret = EncodingKey::from_secret(pair.public_key().as_ref());
        jsonwebtoken::encode(&header, &claims(), &secret).unwrap()
    };
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let promoted = {
        let json = URL_SAFE_NO_PAD.decode(payload).unwrap();
        let json = String::from_utf8(json).unwrap().replace("creator", "admin");
        format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(json))
    };
    let mut without_expiry = serde_json::to_value(claims()).unwrap();
    without_expiry.as_object_mut().unwrap().remove("exp");

    let table = [
        ("empty", String::new(), TokenError::Malformed),
        ("no token", "nonsense".to_owned(), TokenError::Malformed),
        (
            "two parts",
            format!("{head}.{payload}"),
            TokenError::Malformed,
        ),
        (
            "alg none",
            assembled(&json!({"alg": "none", "kid": "k1"}), &claims(), b""),
            TokenError::Malformed,
        ),
        ("HS256 by the public key", hs256, TokenError::WrongAlgorithm),
        (
            "EdDSA in the header, signature cut off",
            format!("{head}.{payload}."),
            TokenError::BadSignature,
        ),
        ("payload changed", promoted, TokenError::BadSignature),
        (
            "signed by a stranger in our name",
            signed(&stranger, "k1", &claims()),
            TokenError::BadSignature,
        ),
        (
            "unknown key",
            signed(&pair, "k2", &claims()),
            TokenError::UnknownKey,
        ),
        (
            "key by reference",
            assembled(
                &json!({"alg": "EdDSA", "jku": "http://evil.example/keys"}),
                &claims(),
                &[0; 64],
            ),
            TokenError::UnknownKey,
        ),
        (
            "expired",
            changed(|claims| {
                claims.iat -= 700;
                claims.exp = now_s() - 31;
            }),
            TokenError::Expired,
        ),
        (
            "never expires",
            signed(&pair, "k1", &without_expiry),
            TokenError::Malformed,
        ),
        (
            "lives too long",
            changed(|claims| claims.exp = now_s() + 86_400),
            TokenError::Malformed,
        ),
        (
            "from the future",
            changed(|claims| {
                claims.iat += 120;
                claims.exp += 120;
            }),
            TokenError::Malformed,
        ),
        (
            "for another audience",
            changed(|claims| claims.aud = "other".to_owned()),
            TokenError::WrongAudience,
        ),
        (
            "of another issuer",
            changed(|claims| claims.iss = "other".to_owned()),
            TokenError::WrongAudience,
        ),
        (
            "oversized",
            format!("{good}{}", "A".repeat(5000)),
            TokenError::TooLong,
        ),
        (
            "service token of another cluster",
            ServiceTokens::new(&Secret::new("another".repeat(9)))
                .token_for(amphi_chassis::Role::Catalog)
                .to_string(),
            TokenError::WrongClusterSecret,
        ),
    ];
    for (what, token, expected) in table {
        // A new one each time: an unknown key is asked for once a second only.
        let refused = identity.verifier().verify(&token).await.unwrap_err();
        assert_eq!(refused, expected, "{what}");
    }
    identity.verifier().verify(&good).await.unwrap();
}

#[tokio::test]
async fn clocks_may_be_apart_by_half_a_minute() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier();
    let mut ended = claims();
    ended.iat -= 700;
    ended.exp = now_s() - 20;
    verifier.verify(&signed(&pair, "k1", &ended)).await.unwrap();
    let mut early = claims();
    early.iat += 20;
    verifier.verify(&signed(&pair, "k1", &early)).await.unwrap();
}

#[tokio::test]
async fn a_new_key_is_fetched_when_it_is_first_seen() {
    let (identity, first) = Identity::with_key("k1");
    let verifier = identity.verifier();
    verifier
        .verify(&signed(&first, "k1", &claims()))
        .await
        .unwrap();
    let second = identity.add_key("k2");
    let token = signed(&second, "k2", &claims());
    eventually("the new key", async || verifier.verify(&token).await.ok()).await;
    assert_eq!(identity.key_fetches(), 2);
}

#[tokio::test]
async fn a_burst_of_unknown_keys_asks_identity_once() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier();
    let tokens: Vec<_> = (0..50)
        .map(|index| signed(&pair, &format!("unknown-{index}"), &claims()))
        .collect();
    let refused =
        futures::future::join_all(tokens.iter().map(|token| verifier.verify(token))).await;
    assert!(
        refused
            .iter()
            .all(|answer| *answer == Err(TokenError::UnknownKey))
    );
    assert_eq!(identity.key_fetches(), 1);
    // What the one answer brought is used.
    verifier
        .verify(&signed(&pair, "k1", &claims()))
        .await
        .unwrap();
    assert_eq!(identity.key_fetches(), 1);
}

#[tokio::test]
async fn without_identity_known_tokens_hold_and_unknown_keys_are_no_refusal() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier();
    let token = signed(&pair, "k1", &claims());
    verifier.verify(&token).await.unwrap();
    identity.0.is_away.store(true, Ordering::SeqCst);
    verifier.verify(&token).await.unwrap();
    verifier
        .verify(&signed(&pair, "k1", &claims()))
        .await
        .unwrap();

    let fresh = identity.verifier();
    let refused = fresh.verify(&token).await.unwrap_err();
    assert!(
        matches!(refused, TokenError::KeysUnavailable(_)),
        "{refused:?}"
    );
    let problem = amphi_chassis::Problem::from(refused);
    assert_eq!(problem.kind, amphi_chassis::Kind::Unavailable);
}

#[tokio::test]
async fn a_session_revoked_here_is_refused_at_once() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier();
    let claims = claims();
    let token = signed(&pair, "k1", &claims);
    verifier.verify(&token).await.unwrap();
    verifier.revoke_locally(claims.sid);
    assert_eq!(verifier.verify(&token).await, Err(TokenError::Revoked));
}

#[tokio::test]
async fn a_session_revoked_elsewhere_is_refused_soon() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier();
    let claims = claims();
    let token = signed(&pair, "k1", &claims);
    verifier.verify(&token).await.unwrap();
    let shutdown = CancellationToken::new();
    let following = tokio::spawn(verifier.clone().follow_identity(shutdown.clone()));
    identity.0.revoked.lock().unwrap().push(claims.sid);
    eventually("the refusal", async || {
        let answer = verifier.verify(&token).await;
        (answer == Err(TokenError::Revoked)).then_some(())
    })
    .await;
    shutdown.cancel();
    following.await.unwrap();
}

#[tokio::test]
async fn a_process_that_has_just_started_believes_nobody_whose_session_has_ended() {
    let (identity, pair) = Identity::with_key("k1");
    let ended: Vec<_> = (0..3).map(|_| claims()).collect();
    *identity.0.revoked.lock().unwrap() = ended.iter().map(|claims| claims.sid).collect();
    for claims in &ended {
        let verifier = identity.verifier();
        let answer = verifier.verify(&signed(&pair, "k1", claims)).await;
        assert_eq!(answer, Err(TokenError::Revoked));
    }
}

#[tokio::test]
async fn a_token_is_not_believed_when_it_cannot_be_told_whether_its_session_has_ended() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier_that_believes_for(Duration::from_millis(20));
    let token = signed(&pair, "k1", &claims());
    verifier.verify(&token).await.unwrap();
    identity.0.is_away.store(true, Ordering::SeqCst);
    let refused = eventually("the refusal", async || verifier.verify(&token).await.err()).await;
    let expected = TokenError::RevocationsUnavailable("identity is away".to_owned());
    assert_eq!(refused, expected);
    let problem = amphi_chassis::Problem::from(refused);
    assert_eq!(problem.kind, amphi_chassis::Kind::Unavailable);

    identity.0.is_away.store(false, Ordering::SeqCst);
    eventually("belief", async || verifier.verify(&token).await.ok()).await;
}

#[tokio::test]
async fn a_burst_of_requests_asks_once_for_the_sessions_that_have_ended() {
    let (identity, pair) = Identity::with_key("k1");
    let verifier = identity.verifier();
    let tokens: Vec<_> = (0..50).map(|_| signed(&pair, "k1", &claims())).collect();
    let answers = futures::future::join_all(tokens.iter().map(|token| verifier.verify(token)));
    assert!(answers.await.iter().all(Result::is_ok));
    assert_eq!(identity.0.list_reads.load(Ordering::SeqCst), 1);
}
