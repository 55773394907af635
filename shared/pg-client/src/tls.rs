use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Error;
use crate::options::{ConnectOptions, RootCertificates, SslMode};

/// Amazon RDS signs its servers' certificates by authorities of its own, one for each Region and algorithm.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html>
const AMAZON_RDS: &[u8] = include_bytes!("../roots/amazon-rds.pem");

/// How far the server's certificate is verified.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verification {
    None,
    Chain,
    ChainAndName,
}

/// The TLS client for these options, with its one cryptography (aws-lc-rs, which the AWS SDK links too).
pub(crate) fn connector(options: &ConnectOptions) -> Result<MakeRustlsConnect, Error> {
    let verification = match (options.sslmode, &options.root_certificates) {
        (SslMode::VerifyFull, _) => Verification::ChainAndName,
        (SslMode::VerifyCa, RootCertificates::Public) => return Err(Error::WeakVerification),
        (SslMode::VerifyCa, _) => Verification::Chain,
        (SslMode::Require, RootCertificates::Path(_) | RootCertificates::Pem(_)) => Verification::Chain,
        _ => Verification::None,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = verifier(verification, &options.root_certificates, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::TlsConfiguration)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn verifier(
    verification: Verification,
    roots: &RootCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if verification == Verification::None {
        return Ok(Arc::new(Unverified(provider.signature_verification_algorithms)));
    }
    let store = match roots {
        RootCertificates::Public => {
            let mut store = parse(AMAZON_RDS)?;
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            store
        }
        RootCertificates::Pem(pem) => parse(pem.as_bytes())?,
        RootCertificates::Path(path) => {
            let pem =
                std::fs::read(path).map_err(|source| Error::ReadRootCertificates { path: path.clone(), source })?;
            parse(&pem)?
        }
    };
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .build()
        .map_err(|error| Error::RootCertificates { what: error.to_string() })?;
    Ok(if verification == Verification::Chain { Arc::new(ChainOnly(webpki)) } else { webpki })
}

fn parse(pem: &[u8]) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| Error::RootCertificates { what: error.to_string() })?;
        store.add(certificate).map_err(|error| Error::RootCertificates { what: error.to_string() })?;
    }
    if store.is_empty() {
        return Err(Error::RootCertificates { what: "no CERTIFICATE section".to_owned() });
    }
    Ok(store)
}

/// `verify-ca`: the chain as webpki checks it, whatever name the certificate is for.
#[derive(Debug)]
struct ChainOnly(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for ChainOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // webpki compares names only after the chain held.
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// `allow`, `prefer` and `require`: whoever answers is the server, as libpq has it.
#[derive(Debug)]
struct Unverified(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn authorities_of_amazon_rds_are_trusted_beside_the_public_ones() {
        let text = std::str::from_utf8(AMAZON_RDS).unwrap();
        let store = parse(AMAZON_RDS).unwrap();
        assert_eq!(store.len(), text.matches("BEGIN CERTIFICATE").count());
        let named =
            |name: &[u8]| store.roots.iter().any(|root| root.subject.windows(name.len()).any(|part| part == name));
        assert!(named(b"Amazon RDS eu-central-1 Root CA RSA2048 G1"));
    }
}
