//! `cargo run --release -p compare`: builds the comparison with other engines, and runs it.
//!
//! The comparison is a workspace of its own, one directory up, so that none of what the other
//! engines bring is in the lock file, the licences or the lints of this one. All this program adds
//! is that RocksDB takes part where the library of the distribution and what binds to it are
//! installed; to compile RocksDB itself takes most of an hour, and nobody asked for that.

#![expect(clippy::print_stderr, reason = "a command says what it leaves out")]

use std::path::Path;
use std::process::{Command, ExitCode};

/// Where Debian puts the library, by processor.
const LIBRARIES: [&str; 3] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"];
const INCLUDE: &str = "/usr/include";
const LIBRARY_VARIABLE: &str = "ROCKSDB_LIB_DIR";

fn main() -> ExitCode {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--manifest-path"]).arg(manifest);
    if std::env::var_os(LIBRARY_VARIABLE).is_some() {
        command.args(["--features", "rocksdb"]);
    } else if let Some(library) = rocksdb() {
        command.args(["--features", "rocksdb"]);
        command.env(LIBRARY_VARIABLE, library).env("ROCKSDB_INCLUDE_DIR", INCLUDE);
    } else {
        eprintln!("compare: without RocksDB (Debian: librocksdb-dev, libclang-dev)");
    }
    match command.arg("--").args(std::env::args_os().skip(1)).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("compare: cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The directory of an installed RocksDB that can be bound to.
fn rocksdb() -> Option<&'static str> {
    let has_header = Path::new(INCLUDE).join("rocksdb/c.h").exists();
    let is_library = |dir: &&str| Path::new(dir).join("librocksdb.so").exists();
    let library = LIBRARIES.into_iter().find(is_library)?;
    let files = std::fs::read_dir(library).ok()?;
    let is_clang = |name: &str| name.starts_with("libclang-") || name.starts_with("libclang.so");
    let has_clang = files.flatten().any(|file| file.file_name().to_str().is_some_and(is_clang));
    (has_header && has_clang).then_some(library)
}
