//! The HTTP sink over TLS: rustls on our side, OpenSSL on the other, an authority made for the test.

use super::{LONG, fill, quick};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use witnessmark::sink::{AuditSink, HttpSink, SinkRunner};
use witnessmark::{AuditLog, ErrorKind};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Writes down who came, by which version of TLS, and what they brought.
const COLLECTOR: &str = r#"
import http.server, ssl, sys
class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open("bodies", "ab") as file:
            file.write(self.connection.version().encode() + b" " + body + b"\n")
        self.send_response(204)
        self.end_headers()
    def log_message(self, *said):
        pass
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1] + ".pem", sys.argv[1] + ".key")
server = http.server.HTTPServer(("127.0.0.1", 0), Collector)
server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// What `openssl ca` has to know to sign with `ca.key`.
const CONFIGURATION: &str = "\
[ca]
default_ca = default
[default]
certificate = ca.pem
private_key = ca.key
new_certs_dir = .
database = index
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
";

/// A directory with authorities and certificates.
struct Authority(tempfile::TempDir);

impl Authority {
    /// `None`, said aloud, where there is no OpenSSL or no Python.
    fn new() -> Option<Self> {
        let is_there = |program: &str, flag: &str| {
            Command::new(program).arg(flag).output().is_ok_and(|output| output.status.success())
        };
        if !is_there("openssl", "version") || !is_there("python3", "--version") {
            println!("SKIPPED: openssl and python3 are needed for a collector that speaks TLS");
            return None;
        }
        let made = Self(tempfile::tempdir().unwrap());
        for name in ["ca", "other"] {
            let extension = "basicConstraints=critical,CA:TRUE";
            let args = format!("req -x509 -keyout {name}.key -out {name}.pem -days 30");
            made.openssl(&args, &["-subj", &format!("/CN={name}"), "-addext", extension]);
        }
        std::fs::write(made.path("ca.cnf"), CONFIGURATION).unwrap();
        Some(made)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn pem(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn openssl(&self, args: &str, more: &[&str]) {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let key = if args.starts_with("req") { &key[..] } else { &[] };
        let mut command = Command::new("openssl");
        command.args(args.split(' ')).args(key).args(more).current_dir(self.0.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A certificate by `ca` for this name, valid from 2020 until the end of `year`.
    fn certify(&self, name: &str, alternative: &str, year: u32) {
        self.openssl(&format!("req -keyout {name}.key -out {name}.csr -subj /CN={name}"), &[]);
        let extensions = format!("subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n");
        std::fs::write(self.path("extensions"), extensions).unwrap();
        std::fs::write(self.path("index"), "").unwrap();
        let args = format!(
            "ca -batch -notext -config ca.cnf -in {name}.csr -out {name}.pem -extfile extensions \
             -startdate 20200101000000Z -enddate {year}1231235959Z"
        );
        self.openssl(&args, &[]);
    }
}

/// A collector that ends with the test.
struct Collector(Child, String);

impl Collector {
    fn start(dir: &Path, certificate: &str) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", COLLECTOR, certificate]).current_dir(dir).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self(child, format!("https://127.0.0.1:{}/events", port.trim()))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn entries_go_over_tls_to_a_collector_whose_authority_is_trusted() {
    let Some(authority) = Authority::new() else { return };
    authority.certify("good", "IP:127.0.0.1", 9999);
    let collector = Collector::start(authority.0.path(), "good");
    let log = AuditLog::in_memory().unwrap();
    fill(&log, 25);
    let sink = HttpSink::new(&collector.1, None, TIMEOUT).unwrap();
    let sink = sink.trusting(&authority.pem("ca.pem")).unwrap();
    let runner = SinkRunner::start(&log, "tls", sink, quick().batch_entries(10)).unwrap();
    assert_eq!(runner.close(LONG).undelivered, 0);
    let bodies = String::from_utf8(authority.pem("bodies")).unwrap();
    let events = bodies.lines().map(|line| {
        let batch = line.strip_prefix("TLSv1.3 ").expect("the newest TLS");
        serde_json::from_str::<Vec<serde_json::Value>>(batch).unwrap().len()
    });
    assert_eq!(events.collect::<Vec<_>>(), [10, 10, 5]);
}

#[test]
fn a_collector_that_cannot_show_who_it_is_gets_nothing() {
    let Some(authority) = Authority::new() else { return };
    authority.certify("good", "IP:127.0.0.1", 9999);
    authority.certify("elsewhere", "DNS:collector.example,IP:127.0.0.2", 9999);
    authority.certify("over", "IP:127.0.0.1", 2021);
    let log = AuditLog::in_memory().unwrap();
    fill(&log, 1);
    let entry = log.entry(0.into()).unwrap();
    for (certificate, trusted, words) in [
        ("good", None, "UnknownIssuer"),
        ("good", Some("other.pem"), "UnknownIssuer"),
        ("elsewhere", Some("ca.pem"), "not valid for name"),
        ("over", Some("ca.pem"), "expired"),
    ] {
        let collector = Collector::start(authority.0.path(), certificate);
        let mut sink = HttpSink::new(&collector.1, None, TIMEOUT).unwrap();
        if let Some(trusted) = trusted {
            sink = sink.trusting(&authority.pem(trusted)).unwrap();
        }
        let error = sink.write(&entry).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{certificate}: {error}");
        assert!(error.to_string().contains(words), "{certificate}: {error}");
        assert!(!authority.path("bodies").exists(), "{certificate}");
    }
    // Nor is a file without certificates taken for one that trusts nobody, or everybody.
    for pem in [&b""[..], b"-----BEGIN CERTIFICATE-----\nAAAA", &authority.pem("ca.key")] {
        let sink = HttpSink::new("https://h/", None, TIMEOUT).unwrap();
        assert_eq!(sink.trusting(pem).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
