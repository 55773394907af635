//! RDS IAM authentication: a presigned request stands for the password, for 15 minutes.
//!
//! <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html>

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pg_client::Password;
use zeroize::Zeroizing;

const LIFETIME: Duration = Duration::from_secs(900);
/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The password of `user` at `server` (`host:port`) for a role that may connect as it, anew for each connection.
///
/// # Errors
/// If there are no credentials, or no Region.
pub(crate) fn password(config: &aws_config::SdkConfig, server: &str, user: &str) -> Result<Password> {
    let region = config.region().context("no Region is set")?.to_string();
    let provider = config.credentials_provider().context("no credentials are set")?;
    let (server, user) = (server.to_owned(), user.to_owned());
    Ok(Password::made(move || {
        let (region, provider, server, user) = (region.clone(), provider.clone(), server.clone(), user.clone());
        async move {
            let credentials = provider.provide_credentials().await.context("get the role's credentials")?;
            Ok(token(credentials, &region, &server, &user, SystemTime::now()).context("sign in to RDS as the role")?)
        }
    }))
}

fn token(
    credentials: Credentials,
    region: &str,
    server: &str,
    user: &str,
    now: SystemTime,
) -> Result<Zeroizing<String>> {
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    settings.expires_in = Some(LIFETIME);
    settings.signature_location = SignatureLocation::QueryParams;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()?
        .into();
    let mut text = Zeroizing::new(format!("{server}/?Action=connect&DBUser={}", utf8_percent_encode(user, RESERVED)));
    let url = format!("https://{}", *text);
    let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(&[]))?;
    let (signed, _) = sign(request, &parameters)?.into_parts();
    let (_, added) = signed.into_parts();
    for (name, value) in added {
        text.push_str(&format!("&{name}={}", utf8_percent_encode(&value, RESERVED)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn token_is_signed_as_the_official_sdk_signs_it() {
        // By botocore 1.43.127: generate_db_auth_token at 2026-11-23T20:48:03Z.
        let expected = "2e2dafbfc7bef1bef9b9f9a9bef38956c5e063f161e9ea2804ab85360e17ba77";
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Some("session/token+with=signs".to_owned()),
            None,
            "test",
        );
        let now = UNIX_EPOCH + Duration::from_secs(1_795_466_883);
        let server = "shop.abc.eu-central-1.rds.amazonaws.com:5432";
        let token = token(credentials, "eu-central-1", server, "offsite backup", now).unwrap();
        let token = token.as_str();
        assert!(token.starts_with(&format!("{server}/?Action=connect&DBUser=offsite%20backup&")), "{token}");
        assert!(token.contains("&X-Amz-Date=20261123T204803Z&"), "{token}");
        assert!(token.contains("&X-Amz-Security-Token=session%2Ftoken%2Bwith%3Dsigns"), "{token}");
        assert!(token.contains("&X-Amz-Expires=900&"), "{token}");
        assert!(token.contains(&format!("X-Amz-Signature={expected}")), "{token}");
    }
}
