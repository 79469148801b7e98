//! A registry, and clients that speak to it as Eureka's do.

use amphi_chassis::Role;
use amphi_chassis::service::build_fn;
use amphi_chassis::testing::{TestProcess, TestProcessBuilder, TestTlsFiles};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub fn builder() -> TestProcessBuilder {
    let build = build_fn(|context| Box::pin(amphi_registry::build(context)));
    TestProcess::builder()
        .role(Role::Registry, build)
        .setting("registry.empty_start_wait_ms", 0)
}

/// Short of everything that a test would wait for.
pub fn hasty() -> TestProcessBuilder {
    builder().setting("registry.eviction_interval_ms", 50)
}

/// Calls and is called over mutual TLS.
pub fn with_tls(builder: TestProcessBuilder, files: &TestTlsFiles) -> TestProcessBuilder {
    let settings = files.settings().into_iter();
    settings.fold(builder, |builder, (key, value)| builder.setting(key, value))
}

pub fn url_of(process: &TestProcess) -> String {
    format!("{}/eureka", process.internal_url())
}

/// A client of a registry.
pub struct RegistryUser {
    http: Client,
    url: String,
    token: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    /// Whether a list is complete.
    pub list_state: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl RegistryUser {
    pub fn of(process: &TestProcess) -> Self {
        Self::at(&url_of(process))
    }

    pub fn at(url: &str) -> Self {
        Self {
            http: Client::builder()
                .timeout(std::time::Duration::from_secs(20))
                .no_proxy()
                // Of no concern to those who look at what a registry says.
                .tls_danger_accept_invalid_certs(true)
                .build()
                .unwrap(),
            url: url.to_owned(),
            token: None,
        }
    }

    pub fn with_token(self, token: String) -> Self {
        Self {
            token: Some(token),
            ..self
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map_or("", |it| it.to_str().unwrap()).to_owned()
        };
        Answer {
            status: response.status(),
            content_type: header("content-type"),
            list_state: header("x-amphi-registry-list"),
            body: response.text().await.unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request.header("accept", "application/json"))
            .await
    }

    pub async fn call(&self, method: Method, path: &str) -> StatusCode {
        self.send(self.request(method, path)).await.status
    }

    pub async fn renew(&self, path: &str) -> StatusCode {
        self.call(Method::PUT, path).await
    }

    pub async fn register(&self, instance: &Value) -> Answer {
        let app = instance["app"].as_str().unwrap();
        let request = self.request(Method::POST, &format!("/apps/{app}"));
        self.send(request.json(&json!({ "instance": instance })))
            .await
    }

    /// Ids of the instances of the application, as far as they are up.
    pub async fn up(&self, app: &str) -> Vec<String> {
        let answer = self.get(&format!("/apps/{app}")).await;
        if answer.status != StatusCode::OK {
            return Vec::new();
        }
        let application = answer.json();
        let instances = application["application"]["instance"].as_array().unwrap();
        instances
            .iter()
            .filter(|instance| instance["status"] == "UP")
            .map(|instance| instance["instanceId"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// As clients describe themselves.
pub fn instance(app: &str, id: &str) -> Value {
    lasting(app, id, 90)
}

/// With a lease of so many seconds.
pub fn lasting(app: &str, id: &str, seconds: u32) -> Value {
    json!({
        "instanceId": id, "hostName": "shop.example.org", "app": app, "ipAddr": "10.0.0.5",
        "vipAddress": "shop, store", "secureVipAddress": "shop-tls", "status": "UP",
        "port": { "$": 8080, "@enabled": "true" },
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"
        },
        "leaseInfo": { "renewalIntervalInSecs": 30, "durationInSecs": seconds },
    })
}
