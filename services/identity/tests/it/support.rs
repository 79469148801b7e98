use amphi_chassis::auth::{AccountClaims, Caller};
use amphi_chassis::rpc::Channel;
use amphi_chassis::service::build_fn;
use amphi_chassis::testing::{TestDatabases, TestProcess, TestProcessBuilder};
use amphi_chassis::{Problem, Role};
use amphi_contracts::proto::identity::v1::identity_service_client::IdentityServiceClient;
use amphi_contracts::proto::identity::v1::{
    Account, AccountRole, ClientInfo, CreateAccountRequest, ListLoginRecordsRequest,
    ListRevokedSessionsRequest, LoginRecord, LoginRequest, LogoutRequest, RefreshRequest,
    RegisterRequest, SessionTokens,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};

pub const PASSWORD: &str = "kettle-9 whistle";

/// A setting by its dotted key.
pub type Setting<'a> = (&'a str, &'a str);

/// Runs a test once per engine, each time with a service of its own.
pub async fn on_each_engine(settings: &[Setting<'_>], test: impl AsyncFn(&mut House)) {
    amphi_chassis::testing::on_each_engine(async |databases| {
        let mut house = House::start(databases, settings).await;
        test(&mut house).await;
        house.stop().await;
    })
    .await;
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    Anonymous,
    Bearer(&'a str),
    Service,
}

/// A running identity service.
pub struct House {
    /// Taken only while it restarts, and at the end.
    process: Option<TestProcess>,
    databases: TestDatabases,
}

impl House {
    async fn start(databases: TestDatabases, settings: &[Setting<'_>]) -> Self {
        let mut house = Self {
            process: None,
            databases,
        };
        house.run(TestProcess::builder(), settings).await;
        house
    }

    async fn run(&mut self, builder: TestProcessBuilder, settings: &[Setting<'_>]) {
        // Real parameters would cost the suite a minute; what they are is the operator's business.
        let cheap = [
            ("identity.argon2.memory_kib", "64"),
            ("identity.argon2.iterations", "1"),
        ];
        let builder = cheap
            .iter()
            .chain(settings)
            .fold(builder, |builder, (key, value)| {
                builder.setting(key, *value)
            });
        let process = builder
            .setting("log.filter", "error")
            .setting("database.url", self.databases.url())
            .role(
                Role::Identity,
                build_fn(|context| Box::pin(amphi_identity::build(context))),
            )
            .start()
            .await;
        self.process = Some(process);
    }

    async fn stop(&mut self) -> TestProcessBuilder {
        self.process.take().unwrap().stop().await
    }

    /// Stops the service and starts it again over the same data, with other settings.
    pub async fn restart(&mut self, settings: &[Setting<'_>]) {
        let builder = self.stop().await;
        self.run(builder, settings).await;
    }

    fn process(&self) -> &TestProcess {
        self.process.as_ref().unwrap()
    }

    pub fn client(&self, who: Who<'_>) -> IdentityServiceClient<Channel> {
        match who {
            Who::Anonymous => self.process().anonymous(),
            Who::Bearer(token) => self.process().with_token(token),
            Who::Service => self.process().service(Role::Gateway),
        }
        .identity()
    }

    pub async fn register(&self, request: RegisterRequest) -> Result<SessionTokens, Problem> {
        let answer = self.client(Who::Anonymous).register(request).await;
        Ok(answer?.into_inner())
    }

    /// A registered account, called by the part of its address before the `@`, and its first session.
    pub async fn session(&self, email: &str) -> SessionTokens {
        let mut name = email.split('@').next().unwrap().to_owned();
        name[..1].make_ascii_uppercase();
        let request = RegisterRequest {
            email: email.to_owned(),
            name,
            password: PASSWORD.to_owned(),
            client: None,
        };
        self.register(request).await.unwrap()
    }

    pub async fn account(&self, email: &str) -> Account {
        self.session(email).await.account.unwrap()
    }

    pub async fn admin(&self) -> SessionTokens {
        let request = CreateAccountRequest {
            email: "admin@example.org".to_owned(),
            name: "Admin".to_owned(),
            password: PASSWORD.to_owned(),
            role: AccountRole::Admin.into(),
        };
        self.client(Who::Service)
            .create_account(request)
            .await
            .unwrap();
        self.login("admin@example.org", PASSWORD, "").await.unwrap()
    }

    pub async fn login(
        &self,
        email: &str,
        password: &str,
        ip: &str,
    ) -> Result<SessionTokens, Problem> {
        let request = LoginRequest {
            email: email.to_owned(),
            password: password.to_owned(),
            client: Some(ClientInfo {
                ip: ip.to_owned(),
                user_agent: "test".to_owned(),
            }),
        };
        Ok(self
            .client(Who::Anonymous)
            .login(request)
            .await?
            .into_inner())
    }

    pub async fn refresh(&self, refresh_token: &str) -> Result<SessionTokens, Problem> {
        let request = RefreshRequest {
            refresh_token: refresh_token.to_owned(),
            client: None,
        };
        Ok(self
            .client(Who::Anonymous)
            .refresh(request)
            .await?
            .into_inner())
    }

    pub async fn logout(&self, bearer: Option<&str>, refresh_token: &str) -> Result<(), Problem> {
        let request = LogoutRequest {
            refresh_token: refresh_token.to_owned(),
        };
        let who = bearer.map_or(Who::Anonymous, Who::Bearer);
        self.client(who).logout(request).await?;
        Ok(())
    }

    /// What any service makes of an access token.
    pub async fn verify(&self, access_token: &str) -> Result<AccountClaims, Problem> {
        match self
            .process()
            .context()
            .verifier
            .verify(access_token)
            .await?
        {
            Caller::Account(claims) => Ok(claims),
            other => panic!("{other:?}"),
        }
    }

    pub async fn records(&self, account: &Account) -> Vec<LoginRecord> {
        let request = ListLoginRecordsRequest {
            account_id: account.id.clone(),
            limit: 200,
            cursor: String::new(),
        };
        let answer = self.client(Who::Service).list_login_records(request).await;
        answer.unwrap().into_inner().records
    }

    pub async fn revoked(&self) -> Vec<String> {
        let request = ListRevokedSessionsRequest { since_us: 0 };
        let answer = self
            .client(Who::Service)
            .list_revoked_sessions(request)
            .await;
        answer.unwrap().into_inner().session_ids
    }

    /// The session that an access token is of.
    pub fn session_id(&self, session: &SessionTokens) -> String {
        let payload = session.access_token.split('.').nth(1).unwrap();
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        claims["sid"].as_str().unwrap().to_owned()
    }

    /// The subjects of the events of a type that were published, in order. Nobody takes them here, so they wait.
    pub async fn events_of(&self, event_type: &str) -> Vec<String> {
        let mut events = Query::select();
        events
            .column("subject")
            .from("outbox")
            .and_where(Expr::col("event_type").eq(event_type))
            .order_by("position", Order::Asc);
        self.texts(&events).await
    }

    pub async fn stored_hash(&self, email: &str) -> String {
        let mut accounts = Query::select();
        accounts
            .column("password_hash")
            .from("accounts")
            .and_where(Expr::col("email_key").eq(email));
        self.texts(&accounts).await.pop().unwrap()
    }

    /// Each text that is kept of the refresh tokens.
    pub async fn stored_of_refresh_tokens(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for column in ["digest", "successor_nonce"] {
            let mut tokens = Query::select();
            tokens
                .column(column)
                .from("refresh_tokens")
                .and_where(Expr::col(column).is_not_null());
            texts.extend(self.texts(&tokens).await);
        }
        texts
    }

    async fn texts(&self, select: &SelectStatement) -> Vec<String> {
        let db = self.process().database(Role::Identity);
        let rows = db.read().query_all(select).await.unwrap();
        rows.iter()
            .map(|row| row.try_get_by_index(0).unwrap())
            .collect()
    }
}
