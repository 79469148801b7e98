//! A gateway on a port, and a client of it.

use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use amphi_chassis::service::build_fn;
use amphi_chassis::testing::TestProcess;
use amphi_contracts::AccountId;
use http::{HeaderMap, StatusCode};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use crate::stand_ins::World;

pub struct Site {
    pub process: TestProcess,
    pub world: World,
    client: Client,
}

impl Site {
    pub async fn new() -> Self {
        Self::with_settings(&[]).await
    }

    /// With settings of `[gateway]`, each as TOML.
    pub async fn with_settings(settings: &[(&str, &str)]) -> Self {
        Self::of(World::new(), settings).await
    }

    /// Before a world that others may stand before, too.
    pub async fn of(world: World, settings: &[(&str, &str)]) -> Self {
        let mut builder = TestProcess::builder().role(
            Role::Gateway,
            build_fn(|context| Box::pin(amphi_gateway::build(context))),
        );
        for place in 0..world.services().len() {
            let world = world.clone();
            builder = builder.stand_in(move || world.services().swap_remove(place));
        }
        // Tests change what is behind the gateway without its knowing.
        builder = builder.setting("gateway.cache_ttl_ms", 0);
        for (key, value) in settings {
            builder = builder.setting(key, *value);
        }
        Self {
            process: builder.start().await,
            world,
            client: Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub fn token(&self, role: AccountRole) -> String {
        self.world.keys.token(AccountId::generate(), role)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.process.http());
        self.client.request(method, url)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The code of a problem.
    pub fn code(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        self.json()["code"].as_str().unwrap().to_owned()
    }
}
