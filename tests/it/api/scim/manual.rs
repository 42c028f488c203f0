//! The manual shows what is so.

use serde_json::Value;

use super::super::Stand;
use super::{STRICT, Scim, WSO2, WSO2_URN};

const MANUAL: &str = include_str!("../../../../src/manual/scim.md");

#[tokio::test]
async fn the_manual_names_every_attribute_of_the_state() {
    let stand = Stand::new().await;
    for mount in [STRICT, WSO2] {
        let schema = Scim::at(&stand, mount)
            .get(&format!("/Schemas/{WSO2_URN}"))
            .await
            .body;
        for attribute in schema["attributes"].as_array().expect("attributes") {
            let name = attribute["name"].as_str().expect("a name");
            assert!(MANUAL.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[tokio::test]
async fn the_manual_tells_the_limits_that_are_so() {
    let stand = Stand::new().await;
    let config = Scim::at(&stand, STRICT)
        .get("/ServiceProviderConfig")
        .await
        .body;
    let number = |path: &str| {
        let number = config
            .pointer(path)
            .and_then(Value::as_u64)
            .expect("a number");
        let digits = number.to_string();
        let cut = digits.len().saturating_sub(3);
        if cut == 0 { digits } else { format!("{},{}", &digits[..cut], &digits[cut..]) }
    };
    for path in ["/bulk/maxOperations", "/filter/maxResults"] {
        assert!(MANUAL.contains(&number(path)), "{path}");
    }
    assert!(MANUAL.contains("1 MiB") && number("/bulk/maxPayloadSize") == "1048,576");
}
