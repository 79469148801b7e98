#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::testing::{LIMITS, instance as known};
use crate::domain::{DataCenter, Leases, Moment};
use crate::http::replica::{self, encoded_bytes};

fn read(value: &Value) -> Result<Instance, String> {
    instance(value, 42).map_err(|problem| problem.detail)
}

#[test]
fn what_pythons_client_sends_is_understood() {
    let sent = json!({
        "instanceId": "10.0.0.7:shop:9000", "hostName": "10.0.0.7", "app": "shop", "ipAddr": "10.0.0.7",
        "status": "UP", "overriddenstatus": "UNKNOWN",
        "port": { "$": 9000, "@enabled": "true" }, "securePort": { "$": 9443, "@enabled": "false" },
        "countryId": 1,
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "MyOwn"
        },
        "leaseInfo": { "renewalIntervalInSecs": 5, "durationInSecs": 15, "evictionTimestamp": 0 },
        "metadata": { "management.port": "9000" }, "homePageUrl": "", "vipAddress": "shop",
        "lastDirtyTimestamp": "1700000000000", "isCoordinatingDiscoveryServer": "false",
    });
    let read = read(&sent).unwrap();
    assert_eq!(
        (read.app.as_str(), read.id.as_str()),
        ("SHOP", "10.0.0.7:shop:9000")
    );
    assert_eq!(
        read.port,
        Port {
            number: 9000,
            is_enabled: true
        }
    );
    assert_eq!(
        read.secure_port,
        Port {
            number: 9443,
            is_enabled: false
        }
    );
    assert_eq!(read.terms.duration, Duration::from_secs(15));
    assert_eq!(read.metadata["management.port"], "9000");
    assert_eq!(read.last_dirty_ms, 1_700_000_000_000);
    assert!(!read.optional_fields.contains_key("homePageUrl"));
}

#[test]
fn what_is_left_out_has_eurekas_defaults() {
    let sent = json!({
        "hostName": "h", "app": "a", "ipAddr": "10.0.0.7", "port": 80,
        "leaseInfo": { "durationInSecs": -1 },
        "metadata": { "@class": "java.util.Collections$EmptyMap" },
    });
    let read = read(&sent).unwrap();
    assert_eq!((read.id.as_str(), read.status), ("h", Status::Up));
    assert_eq!((read.port.number, read.secure_port.number), (80, 7002));
    assert_eq!(read.terms, LeaseTerms::DEFAULT);
    assert_eq!(read.metadata.len(), 0);
    assert_eq!(read.data_center, DataCenter::MyOwn);
    assert_eq!(read.last_dirty_ms, 42);
}

#[test]
fn bad_instances_are_refused_by_the_name_of_what_is_wrong() {
    let good = json!({ "hostName": "h", "app": "a", "ipAddr": "10.0.0.7" });
    assert!(read(&good).is_ok());
    for (key, value) in [
        ("hostName", json!("")),
        ("app", Value::Null),
        ("ipAddr", json!({})),
        ("status", json!("FINE")),
        ("port", json!(70_000)),
        ("port", json!({ "@enabled": "true" })),
        ("app", json!("a\nb")),
        ("instanceId", json!("x".repeat(256))),
        ("instanceId", json!("..")),
        ("app", json!(".")),
        ("metadata", json!({ "": "x" })),
        ("metadata", json!({ "a": { "@b": "x" } })),
        ("dataCenterInfo", json!({ "name": "Elsewhere" })),
        (
            "dataCenterInfo",
            json!({ "name": "amazon", "metadata": {} }),
        ),
        ("dataCenterInfo", json!({ "name": "Amazon" })),
        (
            "dataCenterInfo",
            json!({ "name": "MyOwn", "metadata": { "a": {} } }),
        ),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        let refusal = read(&bad).unwrap_err();
        assert!(refusal.contains(&format!("`{key}`")), "{refusal}");
    }
}

#[test]
fn the_id_of_a_clouds_machine_is_checked_as_one_that_is_given() {
    let of_machine = |id: &str| {
        json!({
            "hostName": "h", "app": "a", "ipAddr": "10.0.0.7",
            "dataCenterInfo": { "name": "Amazon", "metadata": { "instance-id": id } },
        })
    };
    assert_eq!(read(&of_machine("i-1")).unwrap().id, "i-1");
    for id in ["..", "a\nb", &"x".repeat(256)] {
        let refusal = read(&of_machine(id)).unwrap_err();
        assert!(refusal.contains("`instance-id`"), "{refusal}");
    }
}

#[test]
fn what_java_is_told_of_a_data_center_is_never_what_an_instance_says() {
    let sent = json!({
        "hostName": "h", "app": "a", "ipAddr": "10.0.0.7",
        "dataCenterInfo": {
            "@class": "javax.script.ScriptEngineManager", "@b": "x", "name": "Amazon",
            "metadata": { "@class": "com.netflix.appinfo.X", "instance-id": "i-1" },
        },
    });
    let told = data_center::write(&read(&sent).unwrap().data_center);
    let class = "com.netflix.appinfo.AmazonInfo";
    let expected =
        json!({ "@class": class, "name": "Amazon", "metadata": { "instance-id": "i-1" } });
    assert_eq!(told, expected);
}

#[test]
fn another_registry_is_told_all_that_is_known_of_a_lease() {
    let now = Moment::now();
    let mut leases = Leases::new(LIMITS);
    let mut sent = known("SHOP", "shop-1");
    sent.status = Status::Starting;
    sent.optional_fields.insert("countryId", "1".to_owned());
    leases.register(sent, now).unwrap();
    leases.change("SHOP", "shop-1", now, |it| it.overridden = Status::Down);
    let lease = leases.find("SHOP", "shop-1").unwrap();
    let later = now.after(30);
    let told = replica::write(lease, later);
    let (instance, terms) = replica::read(&told, later).unwrap();
    assert_eq!(instance, *lease.instance);
    assert_eq!(terms.renewed_ms, now.unix_ms);
    assert_eq!(terms.remaining, Duration::from_secs(60));
    assert!(encoded_bytes(&instance) >= json!({ "instance": told }).to_string().len());
}

#[test]
fn an_instance_is_read_again_from_both_formats() {
    let mut sent = known("SHOP", "shop-1");
    sent.metadata = BTreeMap::from([("my_zone$".to_owned(), "a & b".to_owned())]);
    sent.optional_fields =
        BTreeMap::from([("countryId", "1".to_owned()), ("sid", "na".to_owned())]);
    sent.data_center = DataCenter::Amazon(BTreeMap::from([("@a".to_owned(), "b".to_owned())]));
    sent.overridden = Status::OutOfService;
    let mut leases = Leases::new(LIMITS);
    leases.register(sent.clone(), Moment::now()).unwrap();
    let lease = leases.find("SHOP", "shop-1").unwrap();
    let json = of_lease(lease, Format::Json);
    assert_eq!(json["port"], json!({ "$": 8080, "@enabled": "true" }));
    assert_eq!(json["overriddenStatus"], "OUT_OF_SERVICE");
    // Others are told the effective status.
    sent.status = Status::OutOfService;
    assert_eq!(instance(&json, 0).unwrap(), sent);
    let xml = super::super::xml::write("instance", &of_lease(lease, Format::Xml));
    let (root, value) = super::super::xml::read(&xml).unwrap();
    assert_eq!(root, "instance");
    assert_eq!(instance(&value, 0).unwrap(), sent);
}
