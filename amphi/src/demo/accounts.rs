//! The accounts of the demo.

use amphi_chassis::rpc::Clients;
use amphi_chassis::{Kind, Problem};
use amphi_contracts::proto::identity::v1::{AccountRole, CreateAccountRequest};

/// The password of every demo account. It is printed at start and in the README: the demo is for a machine of one's own.
pub const PASSWORD: &str = "amphi-demo";

/// Email, name and role.
pub const ACCOUNTS: [(&str, &str, AccountRole); 3] = [
    ("admin@amphi.local", "Ada Admin", AccountRole::Admin),
    ("creator@amphi.local", "Hana Kim", AccountRole::Creator),
    ("viewer@amphi.local", "Vic Viewer", AccountRole::Viewer),
];

/// Opens the accounts that are not there yet.
pub async fn open_accounts(clients: &Clients) -> Result<(), Problem> {
    let service = clients.as_service();
    for (email, name, role) in ACCOUNTS {
        let request = CreateAccountRequest {
            email: email.to_owned(),
            name: name.to_owned(),
            password: PASSWORD.to_owned(),
            role: role.into(),
        };
        match service.identity().create_account(request).await {
            Ok(_) => {}
            Err(status) => {
                let problem = Problem::from(status);
                if problem.kind != Kind::Conflict {
                    return Err(problem);
                }
            }
        }
    }
    Ok(())
}
