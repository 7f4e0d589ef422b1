//! What an engine has to do to be compared: take rows durably, and give them back after something
//! happened to its files.

use std::path::Path;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Key and text of each row, in any order.
pub(crate) type Rows = Vec<(u64, String)>;

/// How an engine is opened to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// As its documentation opens it.
    Default,
    /// With every check it has for the purpose, before the first row is read.
    Checked,
}

/// One engine, in the configuration its documentation begins with, but durable at each commit.
pub(crate) trait Engine {
    /// The name for the command line and the table.
    fn name(&self) -> &'static str;

    /// The version of what does the storing.
    fn version(&self) -> String;

    /// What [`Mode::Checked`] does beyond [`Mode::Default`]; `None` when the engine has nothing.
    fn check(&self) -> Option<&'static str>;

    /// A new, empty store in an empty directory.
    fn create(&self, dir: &Path) -> Result<Box<dyn Store>>;

    /// Opens the store that is there and reads every row.
    ///
    /// # Errors
    /// Whatever the engine reports: this is what the comparison counts.
    fn read(&self, dir: &Path, mode: Mode) -> Result<Rows>;
}

/// A store that is open for writing, by any number of threads.
pub(crate) trait Store: Send + Sync {
    /// Adds a row; on return it has been synced, in a commit of its own where nobody shared it.
    fn append(&self, key: u64, row: &str) -> Result<()>;

    /// Closes the store as its documentation says.
    fn close(self: Box<Self>) -> Result<()>;
}

/// Every engine this program was built with, ours last.
pub(crate) fn engines() -> Vec<Box<dyn Engine>> {
    vec![
        Box::new(crate::sqlite::Sqlite),
        #[cfg(feature = "rocksdb")]
        Box::new(crate::rocks::RocksDb),
        Box::new(crate::lmdb::Lmdb),
        Box::new(crate::redb_store::Redb),
        Box::new(crate::fjall_store::Fjall),
        Box::new(crate::quipu::Quipu),
        Box::new(crate::ours::Witnessmark),
    ]
}

/// The version of a package in the lock file this program was built from.
pub(crate) fn locked(package: &str) -> String {
    let name = format!("name = \"{package}\"");
    let mut lines = include_str!("../Cargo.lock").lines().skip_while(|line| **line != name);
    let version = lines.nth(1).and_then(|line| line.split('"').nth(1));
    version.unwrap_or("?").to_owned()
}
