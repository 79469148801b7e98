//! Where an instance runs, in Eureka's JSON.

use amphi_chassis::Problem;
use serde_json::{Value, json};

use super::wire::{flat_texts, invalid, text};
use crate::domain::DataCenter;

/// What Java makes of a data center. Never what an instance says: clients would look for a class of that name.
const DEFAULT_DATA_CENTER: &str = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo";
const AMAZON_DATA_CENTER: &str = "com.netflix.appinfo.AmazonInfo";

pub(super) fn read(value: &Value) -> Result<DataCenter, Problem> {
    const KEY: &str = "dataCenterInfo";
    let said = match value.get(KEY) {
        None | Some(Value::Null) => return Ok(DataCenter::default()),
        Some(said) => said,
    };
    let metadata = flat_texts(said.get("metadata"), KEY)?;
    match text(said, "name").as_deref() {
        None | Some("MyOwn") => Ok(DataCenter::MyOwn),
        Some("Netflix") => Ok(DataCenter::Netflix),
        Some("Amazon") if matches!(said.get("metadata"), None | Some(Value::Null)) => Err(invalid(
            KEY,
            "names Amazon without any metadata of the machine",
        )),
        Some("Amazon") => Ok(DataCenter::Amazon(metadata)),
        Some(_) => Err(invalid(KEY, "must be named MyOwn, Netflix or Amazon")),
    }
}

pub(super) fn write(data_center: &DataCenter) -> Value {
    match data_center {
        DataCenter::MyOwn => json!({ "@class": DEFAULT_DATA_CENTER, "name": "MyOwn" }),
        DataCenter::Netflix => json!({ "@class": DEFAULT_DATA_CENTER, "name": "Netflix" }),
        DataCenter::Amazon(metadata) => {
            json!({ "@class": AMAZON_DATA_CENTER, "name": "Amazon", "metadata": metadata })
        }
    }
}
