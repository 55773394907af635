//! Who restores, and where: a superuser, or a role as a managed server such as Amazon RDS gives it to its customers, of any major.

pub(crate) use testing::managed::Master;
use testing::stack::Server;

/// Who restores, and the major version of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By {
    pub(crate) login: Login,
    pub(crate) major: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Superuser,
    /// A role that may create databases and roles, and no more.
    Master,
}

impl By {
    pub(crate) const fn superuser(major: &'static str) -> Self {
        Self { login: Login::Superuser, major }
    }

    pub(crate) const fn master(major: &'static str) -> Self {
        Self { login: Login::Master, major }
    }

    /// A role of its own, if no superuser restores.
    pub(crate) async fn role(self, server: &Server) -> Option<Master> {
        match self.login {
            Login::Superuser => None,
            Login::Master => Some(Master::new(server.clone()).await),
        }
    }
}

/// Tests that a superuser runs on the usual major, and a master on every one.
macro_rules! by_anyone {
    ($($tests:tt)*) => {
        $crate::login::tests! { {
            by_superuser: superuser "17";
            by_master_on_13: master "13"; by_master_on_14: master "14"; by_master_on_15: master "15";
            by_master_on_16: master "16"; by_master_on_17: master "17"; by_master_on_18: master "18";
        } $($tests)* }
    };
}

/// Tests that both run on every major.
macro_rules! by_anyone_anywhere {
    ($($tests:tt)*) => {
        $crate::login::tests! { {
            by_superuser_on_13: superuser "13"; by_superuser_on_14: superuser "14"; by_superuser_on_15: superuser "15";
            by_superuser_on_16: superuser "16"; by_superuser_on_17: superuser "17"; by_superuser_on_18: superuser "18";
            by_master_on_13: master "13"; by_master_on_14: master "14"; by_master_on_15: master "15";
            by_master_on_16: master "16"; by_master_on_17: master "17"; by_master_on_18: master "18";
        } $($tests)* }
    };
}

/// Tests of many rows, that both run on the usual major only.
macro_rules! by_anyone_once {
    ($($tests:tt)*) => {
        $crate::login::tests! { { by_superuser: superuser "17"; by_master: master "17"; } $($tests)* }
    };
}

macro_rules! tests {
    ($cases:tt $($(#[$doc:meta])* async fn $name:ident($by:ident: By) $body:block)*) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use $crate::login::By;

            $(#[$doc])*
            async fn test($by: By) $body

            $crate::login::cases! $cases
        }
    )*};
}

macro_rules! cases {
    ($($case:ident: $who:ident $major:literal;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $case() {
            test(By::$who($major)).await;
        }
    )*};
}

pub(crate) use {by_anyone, by_anyone_anywhere, by_anyone_once, cases, tests};
