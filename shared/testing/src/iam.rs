//! Users of the local AWS who may do what a policy of a test's own says. Its S3 server enforces that, as AWS does; it locks nothing.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stack::stack;
use crate::unique;

/// The endpoint of the S3 server that asks IAM.
pub fn endpoint() -> &'static str {
    stack().aws_endpoint.as_deref().expect("the stack has a local AWS")
}

/// Its client with every right.
pub fn client() -> aws_sdk_s3::Client {
    crate::s3::client_at(endpoint())
}

/// A new bucket there.
pub async fn bucket() -> String {
    let name = unique("judged-");
    client().create_bucket().bucket(&name).send().await.expect("create the bucket");
    name
}

/// Who has no rights but those of one policy.
pub struct User {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl User {
    /// `statements` as a policy has them.
    pub async fn with(statements: Value) -> Self {
        let name = unique("user-");
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        call(&[("Action", "CreateUser"), ("UserName", &name)]).await;
        let put =
            [("Action", "PutUserPolicy"), ("UserName", &name), ("PolicyName", "only"), ("PolicyDocument", &policy)];
        call(&put).await;
        let key = call(&[("Action", "CreateAccessKey"), ("UserName", &name)]).await;
        let within = |tag: &str| {
            let (_, rest) = key.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("no {tag}: {key}"));
            rest.split('<').next().expect("a text").to_owned()
        };
        Self { access_key_id: within("AccessKeyId"), secret_access_key: within("SecretAccessKey") }
    }
}

/// A call of IAM, which has no client here: the local one reads of a signature only whose it is.
async fn call(parameters: &[(&str, &str)]) -> String {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
    let body = pairs.collect::<Vec<_>>().join("&") + "&Version=2010-05-08";
    let host = endpoint().trim_start_matches("http://");
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nAuthorization: AWS4-HMAC-SHA256 Credential={}/20260101/{}/iam/aws4_request, SignedHeaders=host, \
         Signature=0\r\n\r\n{body}",
        body.len(),
        stack().access_key_id,
        stack().region
    );
    let mut stream = TcpStream::connect(host).await.expect("connect to the local AWS");
    stream.write_all(request.as_bytes()).await.expect("ask IAM");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("IAM's answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}
