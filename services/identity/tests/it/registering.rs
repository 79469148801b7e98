use amphi_chassis::Kind;
use amphi_contracts::proto::identity::v1::{AccountRole, RegisterRequest};

use crate::support::{House, PASSWORD, on_each_engine};

fn request(email: &str, name: &str, password: &str) -> RegisterRequest {
    RegisterRequest {
        email: email.to_owned(),
        name: name.to_owned(),
        password: password.to_owned(),
        client: None,
    }
}

#[tokio::test]
async fn whoever_registers_is_signed_in_with_the_default_role() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house
            .register(request(" Ada@Example.ORG ", "  Ada Lovelace ", PASSWORD))
            .await
            .unwrap();
        let account = session.account.clone().unwrap();
        assert_eq!(account.email, "Ada@example.org");
        assert_eq!(account.name, "Ada Lovelace");
        assert_eq!(account.role(), AccountRole::Creator);
        assert_eq!(session.expires_in_s, 900);
        assert_eq!(session.refresh_expires_in_s / 10, 2_592_000 / 10 - 1);
        let claims = house.verify(&session.access_token).await.unwrap();
        assert_eq!(claims.account_id.to_string(), account.id);
    })
    .await;
}

#[tokio::test]
async fn an_address_has_one_account_however_it_is_spelled() {
    on_each_engine(&[], async |house: &mut House| {
        house
            .register(request("ada@example.org", "Ada", PASSWORD))
            .await
            .unwrap();
        let refusal = house
            .register(request("ADA@Example.org", "Another", PASSWORD))
            .await
            .unwrap_err();
        assert_eq!(
            (refusal.kind, refusal.code.as_ref()),
            (Kind::Conflict, "email_taken")
        );
        assert_eq!(refusal.fields[0].pointer, "/email");
    })
    .await;
}

#[tokio::test]
async fn of_many_who_register_one_address_at_once_one_succeeds() {
    on_each_engine(&[], async |house: &mut House| {
        let attempts = (0..8)
            .map(|n| house.register(request("ada@example.org", &format!("Ada {n}"), PASSWORD)));
        let outcomes = futures::future::join_all(attempts).await;
        let (succeeded, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        assert_eq!(succeeded.len(), 1);
        for refusal in refused {
            assert_eq!(refusal.unwrap_err().code, "email_taken");
        }
    })
    .await;
}

#[tokio::test]
async fn a_form_is_told_all_that_is_wrong_with_it() {
    on_each_engine(&[], async |house: &mut House| {
        let refusal = house
            .register(request("ada@", "", "short"))
            .await
            .unwrap_err();
        assert_eq!(
            (refusal.kind, refusal.code.as_ref()),
            (Kind::Unprocessable, "validation_failed")
        );
        let mut pointers: Vec<_> = refusal
            .fields
            .iter()
            .map(|field| field.pointer.as_str())
            .collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/email", "/name", "/password"]);
    })
    .await;
}

#[tokio::test]
async fn where_registration_is_closed_nobody_registers() {
    on_each_engine(
        &[("identity.registration_open", "false")],
        async |house: &mut House| {
            let refusal = house
                .register(request("ada@example.org", "Ada", PASSWORD))
                .await
                .unwrap_err();
            assert_eq!(
                (refusal.kind, refusal.code.as_ref()),
                (Kind::Forbidden, "registration_closed")
            );
        },
    )
    .await;
}
