//! The document of the API is a contract.

#[test]
fn the_document_is_as_agreed() {
    insta::assert_json_snapshot!("openapi", amphi_gateway::openapi());
}
