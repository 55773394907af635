use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Why a password could not be made.
pub(crate) type NotMade = Box<dyn std::error::Error + Send + Sync>;
type Making = Pin<Box<dyn Future<Output = Result<Zeroizing<String>, NotMade>> + Send>>;

/// A password: never printed, overwritten when dropped.
#[derive(Clone)]
pub struct Password(Kind);

#[derive(Clone)]
enum Kind {
    Known(Zeroizing<String>),
    /// Good for a while, and only then.
    Made(Arc<dyn Fn() -> Making + Send + Sync>),
}

impl Password {
    /// Takes the password over.
    pub fn new(password: String) -> Self {
        Self(Kind::Known(Zeroizing::new(password)))
    }

    /// A password that is made anew for each connection, because it is soon no longer good.
    pub fn made<F>(make: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Zeroizing<String>, Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        Self(Kind::Made(Arc::new(move || Box::pin(make()))))
    }

    /// Whether it is made anew for each connection.
    pub(crate) fn is_made(&self) -> bool {
        matches!(self.0, Kind::Made(_))
    }

    /// The content, for the one who sends it to the server.
    pub(crate) async fn reveal(&self) -> Result<Zeroizing<String>, NotMade> {
        match &self.0 {
            Kind::Known(password) => Ok(password.clone()),
            Kind::Made(make) => make().await,
        }
    }

    /// The content, if it is known before a connection is made.
    #[cfg(test)]
    pub(crate) fn known(&self) -> Option<&str> {
        match &self.0 {
            Kind::Known(password) => Some(password),
            Kind::Made(_) => None,
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
