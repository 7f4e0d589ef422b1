//! A PostgreSQL server of the test's own: a fresh cluster in a temporary directory, reached over a
//! Unix socket, run as an unprivileged user, because it refuses to run as root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server that goes away with the test.
pub(crate) struct Database {
    dir: tempfile::TempDir,
    bin: PathBuf,
}

fn newest_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| {
            let path = version.ok()?.path();
            let number = path.file_name()?.to_str()?.parse().ok()?;
            let bin = path.join("bin");
            bin.join("initdb").exists().then_some((number, bin))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().contains("Uid:\t0\t0")
}

#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out
}

impl Database {
    /// A cluster that is not started yet; `None`, said aloud, where there is no PostgreSQL.
    pub(crate) fn new() -> Option<Self> {
        let Some(bin) = newest_binaries() else {
            println!("SKIPPED: no PostgreSQL below /usr/lib/postgresql");
            return None;
        };
        let dir = tempfile::Builder::new().prefix("wmark-pg-").tempdir_in("/tmp").unwrap();
        let database = Self { dir, bin };
        if is_root() {
            succeeds(Command::new("chown").arg("postgres").arg(database.dir.path()));
        }
        let data = database.data();
        succeeds(
            database
                .command("initdb")
                .args(["-E", "UTF8", "--locale=C", "-A", "trust", "-U", "audit", "-N", "-D"])
                .arg(data),
        );
        Some(database)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn socket(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.dir.path()).env("LC_ALL", "C");
        command
    }

    pub(crate) fn start(&self) {
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off",
            self.socket().display()
        );
        let log = self.dir.path().join("server.log");
        succeeds(
            self.command("pg_ctl")
                .args(["start", "-w", "-t", "60", "-o", &options, "-l"])
                .arg(log)
                .arg("-D")
                .arg(self.data())
                .stdout(Stdio::null()),
        );
    }

    /// Stops at once, without a word to the clients: what a crash does.
    pub(crate) fn kill(&self) {
        succeeds(
            self.command("pg_ctl").args(["stop", "-w", "-m", "immediate", "-D"]).arg(self.data()),
        );
    }

    pub(crate) fn dsn(&self) -> String {
        format!("host={} user=audit dbname=postgres", self.socket().display())
    }

    /// Runs SQL and gives its unadorned output.
    pub(crate) fn sql(&self, text: &str) -> String {
        let mut psql = self.command("psql");
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "audit",
            "-d",
            "postgres",
        ]);
        psql.arg("-h").arg(self.socket()).arg("-c").arg(text);
        succeeds(&mut psql).trim().to_owned()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        let _ = stop.args(["stop", "-m", "immediate", "-D"]).arg(self.data()).output();
    }
}
