//! One module per command.

pub(crate) mod backup;
pub(crate) mod cat;
pub(crate) mod decrypt;
pub(crate) mod dump;
pub(crate) mod hold;
pub(crate) mod keygen;
pub(crate) mod list;
pub(crate) mod ls;
pub(crate) mod recovery_drill;
pub(crate) mod restore;
pub(crate) mod roles;
pub(crate) mod status;
