//! An edge of a CDN that checks what CloudFront checks, with openssl, and then serves from a folder of blobs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::Errand;

pub const KEY_PAIR_ID: &str = "K2JCJMDEHXQW5F";

/// Ends with the test.
pub struct Edge {
    pub url: String,
    keys: Arc<Keys>,
    listener: Option<tokio::net::TcpListener>,
}

struct Keys {
    folder: TempDir,
}

#[derive(Clone)]
struct Serving {
    url: String,
    keys: Arc<Keys>,
    blobs: PathBuf,
}

impl Keys {
    fn generate(algorithm: &[&str]) -> Self {
        let keys = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let private = keys.private();
        let private = private.to_str().unwrap();
        openssl(&[&["genpkey", "-out", private], algorithm].concat());
        let public = keys.public();
        let public = public.to_str().unwrap();
        openssl(&["pkey", "-in", private, "-pubout", "-out", public]);
        keys
    }

    fn private(&self) -> PathBuf {
        self.folder.path().join("private.pem")
    }

    fn public(&self) -> PathBuf {
        self.folder.path().join("public.pem")
    }

    fn have_signed(&self, policy: &str, signature: &[u8]) -> bool {
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("signature");
        std::fs::write(&file, signature).unwrap();
        let signed = files.path().join("policy");
        std::fs::write(&signed, policy).unwrap();
        let mut command = Command::new("openssl");
        command
            .args(["dgst", "-sha256", "-verify"])
            .arg(self.public())
            .arg("-signature")
            .args([&file, &signed]);
        Errand::run(&mut command).status.success()
    }
}

fn openssl(args: &[&str]) {
    let output = Errand::run(Command::new("openssl").args(args));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
}

impl Edge {
    pub async fn with_rsa() -> Self {
        Self::with(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).await
    }

    pub async fn with_ecdsa() -> Self {
        Self::with(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]).await
    }

    async fn with(algorithm: &[&str]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            keys: Arc::new(Keys::generate(algorithm)),
            listener: Some(listener),
        }
    }

    pub fn private_key(&self) -> PathBuf {
        self.keys.private()
    }

    /// The settings that lead players here.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let private = self.private_key().to_str().unwrap().to_owned();
        vec![
            ("DELIVERY__KIND", "cloudfront".to_owned()),
            ("DELIVERY__CLOUDFRONT__URL", self.url.clone()),
            ("DELIVERY__CLOUDFRONT__KEY_PAIR_ID", KEY_PAIR_ID.to_owned()),
            ("DELIVERY__CLOUDFRONT__PRIVATE_KEY_FILE", private),
        ]
    }

    pub fn serve(&mut self, blobs: &Path) {
        let serving = Serving {
            url: self.url.clone(),
            keys: Arc::clone(&self.keys),
            blobs: blobs.to_owned(),
        };
        let router = Router::new().fallback(answer).with_state(serving);
        let listener = self.listener.take().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
}

async fn answer(State(serving): State<Serving>, request: Request) -> Response {
    let allowed = tokio::task::spawn_blocking({
        let (serving, path) = (serving.clone(), request.uri().path().to_owned());
        let query = pairs(request.uri().query().unwrap_or_default(), '&');
        let cookies = request.headers().get_all(header::COOKIE).iter();
        let cookies = cookies.map(|it| it.to_str().unwrap()).collect::<Vec<_>>();
        let cookies = pairs(&cookies.join("; "), ';');
        move || serving.allows(&path, &query, &cookies)
    });
    if let Err(why) = allowed.await.unwrap() {
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    match tokio::fs::read(serving.blobs.join(path)).await {
        Ok(bytes) => Body::from(bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

fn pairs(text: &str, separator: char) -> HashMap<String, String> {
    text.split(separator)
        .filter_map(|pair| pair.trim().split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.replace('-', "+").replace('_', "=").replace('~', "/");
    STANDARD.decode(text).ok()
}

impl Serving {
    fn allows(
        &self,
        path: &str,
        query: &HashMap<String, String>,
        cookies: &HashMap<String, String>,
    ) -> Result<(), &'static str> {
        let asked = format!("{}{path}", self.url);
        let (prefix, given) = if query.contains_key("Signature") {
            ("", query)
        } else {
            ("CloudFront-", cookies)
        };
        let given = |name: &str| given.get(&format!("{prefix}{name}")).map(String::as_str);
        if given("Key-Pair-Id").ok_or("MissingKey")? != KEY_PAIR_ID {
            return Err("InvalidKey");
        }
        if given("Hash-Algorithm") != Some("SHA256") {
            return Err("these tests are signed with SHA-256");
        }
        let policy = match (given("Policy"), given("Expires")) {
            (Some(policy), None) => String::from_utf8(decode(policy).unwrap()).unwrap(),
            (None, Some(expires)) => format!(
                r#"{{"Statement":[{{"Resource":"{asked}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
            ),
            _ => return Err("either a policy or a canned one"),
        };
        let signature = given("Signature").and_then(decode).ok_or("no signature")?;
        if !self.keys.have_signed(&policy, &signature) {
            return Err("the signature is of something else");
        }
        let policy: Value = serde_json::from_str(&policy).unwrap();
        let statement = &policy["Statement"][0];
        let resource = statement["Resource"].as_str().unwrap();
        let is_covered = match resource.strip_suffix('*') {
            Some(beginning) => asked.starts_with(beginning),
            None => asked == resource,
        };
        let until = &statement["Condition"]["DateLessThan"]["AWS:EpochTime"];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        match is_covered && now.as_secs() < until.as_u64().unwrap() {
            true => Ok(()),
            false => Err("the policy does not cover it"),
        }
    }
}
