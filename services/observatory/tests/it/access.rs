use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use amphi_chassis::rpc::Clients;
use amphi_contracts::AccountId;
use amphi_contracts::proto::observatory::v1::{
    FindTracesRequest, GetServiceMapRequest, GetTraceRequest, ListServicesRequest,
};
use tonic::Code;

use crate::support::{asked_by, observatory};

/// How each method answers: one trace, then the list, the services, the map and the live map.
async fn answers(clients: &Clients) -> [Code; 5] {
    fn code<T>(answer: Result<T, tonic::Status>) -> Code {
        answer.map_or_else(|status| status.code(), |_| Code::Ok)
    }
    let mut client = asked_by(clients);
    let unknown = GetTraceRequest {
        trace_id: "0af7651916cd43dd8448eb211c80319c".to_owned(),
    };
    [
        code(client.get_trace(unknown).await),
        code(client.find_traces(FindTracesRequest::default()).await),
        code(client.list_services(ListServicesRequest {}).await),
        code(
            client
                .get_service_map(GetServiceMapRequest::default())
                .await,
        ),
        code(
            client
                .watch_service_map(GetServiceMapRequest::default())
                .await,
        ),
    ]
}

#[tokio::test]
async fn one_trace_is_for_who_is_signed_in_and_all_of_them_for_operators() {
    const SIGN_IN: Code = Code::Unauthenticated;
    const FORBIDDEN: Code = Code::PermissionDenied;
    let process = observatory().await;
    let account = |role| process.account(AccountId::generate(), role);
    let cases = [
        (process.anonymous(), [SIGN_IN; 5]),
        (
            account(AccountRole::Viewer),
            [Code::NotFound, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
        ),
        (
            account(AccountRole::Creator),
            [Code::NotFound, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN],
        ),
        (
            account(AccountRole::Admin),
            [Code::NotFound, Code::Ok, Code::Ok, Code::Ok, Code::Ok],
        ),
        (
            process.service(Role::Gateway),
            [Code::NotFound, Code::Ok, Code::Ok, Code::Ok, Code::Ok],
        ),
    ];
    for (clients, expected) in cases {
        assert_eq!(answers(&clients).await, expected);
    }
}
