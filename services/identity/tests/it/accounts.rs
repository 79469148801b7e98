use amphi_chassis::Kind;
use amphi_contracts::AccountId;
use amphi_contracts::proto::identity::v1::{
    AccountRole, BatchGetAccountsRequest, CreateAccountRequest, GetAccountRequest,
    ListLoginRecordsRequest,
};

use crate::support::{House, PASSWORD, Who, on_each_engine};

fn creation(email: &str, role: AccountRole) -> CreateAccountRequest {
    CreateAccountRequest {
        email: email.to_owned(),
        name: "Made for you".to_owned(),
        password: PASSWORD.to_owned(),
        role: role.into(),
    }
}

#[tokio::test]
async fn an_account_sees_its_email_and_others_do_not() {
    on_each_engine(&[], async |house: &mut House| {
        let ada = house.session("ada@example.org").await;
        let bob = house.session("bob@example.org").await;
        let admin = house.admin().await;
        let ada_id = ada.account.clone().unwrap().id;
        for (who, email) in [
            (Who::Bearer(&ada.access_token), "ada@example.org"),
            (Who::Bearer(&admin.access_token), "ada@example.org"),
            (Who::Service, "ada@example.org"),
            (Who::Bearer(&bob.access_token), ""),
            (Who::Anonymous, ""),
        ] {
            let request = GetAccountRequest {
                account_id: ada_id.clone(),
            };
            let seen = house
                .client(who)
                .get_account(request)
                .await
                .unwrap()
                .into_inner();
            assert_eq!(
                (seen.email.as_str(), seen.name.as_str()),
                (email, "Ada"),
                "{who:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_accounts_are_not_found_alone_and_left_out_among_others() {
    on_each_engine(&[], async |house: &mut House| {
        let ada = house.account("ada@example.org").await;
        let unknown = AccountId::generate().to_string();
        let request = GetAccountRequest {
            account_id: unknown.clone(),
        };
        let alone = house
            .client(Who::Service)
            .get_account(request)
            .await
            .unwrap_err();
        assert_eq!(
            amphi_chassis::Problem::from(alone).code,
            "account_not_found"
        );
        let request = BatchGetAccountsRequest {
            account_ids: vec![unknown, ada.id.clone(), ada.id.clone()],
        };
        let batch = house
            .client(Who::Service)
            .batch_get_accounts(request)
            .await
            .unwrap();
        let ids: Vec<_> = batch
            .into_inner()
            .accounts
            .into_iter()
            .map(|account| account.id)
            .collect();
        assert_eq!(ids, [ada.id]);
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_bounded() {
    on_each_engine(&[], async |house: &mut House| {
        let request = BatchGetAccountsRequest {
            account_ids: vec![AccountId::generate().to_string(); 201],
        };
        let refusal = house
            .client(Who::Service)
            .batch_get_accounts(request)
            .await
            .unwrap_err();
        assert_eq!(amphi_chassis::Problem::from(refusal).kind, Kind::Invalid);
    })
    .await;
}

#[tokio::test]
async fn administrators_and_services_open_accounts_of_any_role() {
    on_each_engine(
        &[("identity.registration_open", "false")],
        async |house: &mut House| {
            let admin = house.admin().await;
            let request = creation("viewer@example.org", AccountRole::Viewer);
            let made = house
                .client(Who::Bearer(&admin.access_token))
                .create_account(request)
                .await;
            assert_eq!(made.unwrap().into_inner().role(), AccountRole::Viewer);
            house
                .login("viewer@example.org", PASSWORD, "")
                .await
                .unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn nobody_else_opens_accounts_for_others() {
    on_each_engine(&[], async |house: &mut House| {
        let ada = house.session("ada@example.org").await;
        for (who, code) in [
            (Who::Anonymous, "sign_in_required"),
            (Who::Bearer(&ada.access_token), "administrators_only"),
        ] {
            let request = creation("mallory@example.org", AccountRole::Admin);
            let refusal = house.client(who).create_account(request).await.unwrap_err();
            let refusal = amphi_chassis::Problem::from(refusal);
            assert_eq!(refusal.code, code, "{who:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn records_are_paged_from_the_newest_and_for_the_account_alone() {
    on_each_engine(&[], async |house: &mut House| {
        let ada = house.session("ada@example.org").await;
        let bob = house.session("bob@example.org").await;
        let account_id = ada.account.clone().unwrap().id;
        for n in 0..4 {
            let ip = format!("192.0.2.{n}");
            house.login("ada@example.org", PASSWORD, &ip).await.unwrap();
        }
        let mut ips = Vec::new();
        let mut cursor = String::new();
        loop {
            let request = ListLoginRecordsRequest {
                account_id: account_id.clone(),
                limit: 2,
                cursor,
            };
            let page = house
                .client(Who::Bearer(&ada.access_token))
                .list_login_records(request)
                .await
                .unwrap()
                .into_inner();
            assert!(page.records.len() <= 2);
            ips.extend(page.records.into_iter().map(|record| record.ip));
            cursor = page.next_cursor;
            if cursor.is_empty() {
                break;
            }
        }
        assert_eq!(
            ips,
            ["192.0.2.3", "192.0.2.2", "192.0.2.1", "192.0.2.0", ""]
        );
        for (who, kind) in [
            (Who::Bearer(&bob.access_token), Kind::Forbidden),
            (Who::Anonymous, Kind::Unauthenticated),
        ] {
            let request = ListLoginRecordsRequest {
                account_id: account_id.clone(),
                limit: 0,
                cursor: String::new(),
            };
            let refusal = house
                .client(who)
                .list_login_records(request)
                .await
                .unwrap_err();
            assert_eq!(amphi_chassis::Problem::from(refusal).kind, kind, "{who:?}");
        }
    })
    .await;
}
