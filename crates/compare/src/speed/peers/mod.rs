//! The engines, one file each.

pub(crate) mod audit_trail;
pub(crate) mod fjall;
pub(crate) mod floor;
pub(crate) mod lmdb;
pub(crate) mod okaywal;
pub(crate) mod ours;
pub(crate) mod quipu;
pub(crate) mod redb;
#[cfg(feature = "rocksdb")]
pub(crate) mod rocks;
pub(crate) mod sqlite;
