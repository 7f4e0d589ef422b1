//! Syslog: one message per entry, RFC 5424, over UDP, TCP or a Unix socket.
//!
//! ```text
//! <110>1 2026-11-25T12:00:00.000001Z host wmark - tool_invocation [witnessmark@32473 index="7"
//!  entry_id="..." agent_did="did:web:a" action="allow" entry_hash="9a3c..."] {"index":7,...}
//! ```
//!
//! Over TCP each message has its length in front (octet counting, RFC 6587, section 3.4.1), so a
//! line break inside one cannot make two. The message is the entry as JSON, all ASCII; when it is
//! longer than may be sent, it is cut and `truncated="true"` says so: index and entry hash still
//! lead to the whole. Nothing acknowledges syslog, so what was on its way when a connection broke
//! may be lost; the log has it, and `wmark sink replay` sends it again.

use super::{Attachment, AuditSink, SinkReport};
use crate::entry::Field;
use crate::error::{Error, ErrorKind, Result};
use crate::export::entry_json;
use crate::format::stored::StoredEntry;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

/// Facility "log audit" (RFC 5424, table 1).
const FACILITY: u8 = 13;
/// Enterprise number for documentation (RFC 5612): this project has none of its own.
const SD_ID: &str = "witnessmark@32473";
/// Longest MSGID and APP-NAME (RFC 5424, section 6).
const MSGID_LEN_MAX: usize = 32;
const APP_NAME_LEN_MAX: usize = 48;
const HOSTNAME_LEN_MAX: usize = 255;
/// Longest message sent in a datagram, and in a stream.
const DATAGRAM_BYTES_MAX: usize = 8 << 10;
const STREAM_BYTES_MAX: usize = 64 << 10;
/// Shortest a value in the structured data is cut to when the whole must shrink.
const VALUE_BYTES_MAX: usize = 512;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where syslog messages go.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SyslogTarget {
    /// `HOST:PORT`, a datagram per message.
    Udp(String),
    /// `HOST:PORT`, octet counting.
    Tcp(String),
    /// A datagram socket such as `/dev/log`.
    Unix(PathBuf),
}

impl SyslogTarget {
    /// Reads `udp://HOST:PORT`, `tcp://HOST:PORT` or `unix:PATH`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`].
    pub fn parse(text: &str) -> Result<Self> {
        let has_port =
            |rest: &str| rest.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok());
        if let Some(rest) = text.strip_prefix("udp://").filter(|rest| has_port(rest)) {
            return Ok(Self::Udp(rest.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("tcp://").filter(|rest| has_port(rest)) {
            return Ok(Self::Tcp(rest.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("unix:").filter(|rest| !rest.is_empty()) {
            return Ok(Self::Unix(rest.strip_prefix("//").unwrap_or(rest).into()));
        }
        Err(Error::new(ErrorKind::Invalid, "no address of a syslog receiver")
            .expected("udp://HOST:PORT, tcp://HOST:PORT or unix:PATH", format_args!("{text:?}")))
    }
}

#[derive(Debug)]
enum Connection {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Unix(UnixDatagram),
}

/// Sends each entry as a syslog message. Connects at the first entry, and anew after an error.
#[derive(Debug)]
pub struct SyslogSink {
    target: SyslogTarget,
    hostname: String,
    app_name: String,
    connection: Option<Connection>,
}

/// A header field: printable ASCII without blanks, or the nil value.
fn header_field(text: &str, len_max: usize) -> String {
    let kept: String = text.chars().filter(char::is_ascii_graphic).take(len_max).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

/// A value of the structured data: `"`, `\` and `]` escaped (RFC 5424, section 6.3.3), and control
/// characters as `\u000a`, so that no receiver takes them for the end of a line.
fn put_param(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\"");
    let mut len = 0;
    for c in value.chars() {
        len += c.len_utf8();
        if len > VALUE_BYTES_MAX {
            break;
        }
        match c {
            '"' | '\\' | ']' => out.extend(['\\', c]),
            _ if c.is_control() => {
                let _ = write!(out, "\\\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Severity by outcome and action (RFC 5424, table 2).
fn severity(entry: &StoredEntry) -> u8 {
    let is_refused = matches!(entry.action(), "deny" | "quarantine");
    match entry.outcome() {
        Some("error" | "failure") => 3,
        Some("denied") => 4,
        _ if is_refused => 4,
        _ => 6,
    }
}

/// JSON in ASCII: beyond it there are only characters of strings, which may be escaped.
pub(super) fn ascii_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

impl SyslogSink {
    /// A sink that sends to this receiver, under this application name.
    #[must_use]
    pub fn new(target: SyslogTarget, app_name: &str, hostname: &str) -> Self {
        Self {
            target,
            hostname: header_field(hostname, HOSTNAME_LEN_MAX),
            app_name: header_field(app_name, APP_NAME_LEN_MAX),
            connection: None,
        }
    }

    /// The message of an entry, without the length that a stream puts in front.
    #[must_use]
    pub fn message(&self, entry: &StoredEntry) -> String {
        let bytes_max = match self.target {
            SyslogTarget::Tcp(_) => STREAM_BYTES_MAX,
            SyslogTarget::Udp(_) | SyslogTarget::Unix(_) => DATAGRAM_BYTES_MAX,
        };
        let priority = FACILITY * 8 + severity(entry);
        let mut time = entry.timestamp();
        // At most six digits (RFC 5424, section 6.2.3).
        time.nanos = time.nanos / 1000 * 1000;
        let time = Some(time.to_string()).filter(|text| !text.starts_with('@'));
        let msgid = header_field(entry.event_type(), MSGID_LEN_MAX);
        let mut out = format!("<{priority}>1 {} ", time.as_deref().unwrap_or("-"));
        let _ = write!(out, "{} {} - {msgid} [{SD_ID}", self.hostname, self.app_name);
        put_param(&mut out, "index", &entry.index().to_string());
        put_param(&mut out, "entry_id", &entry.entry_id());
        for field in [
            Field::AgentDid,
            Field::Action,
            Field::Outcome,
            Field::Resource,
            Field::PolicyDecision,
            Field::TraceId,
            Field::SessionId,
        ] {
            if let Some(value) = entry.text(field) {
                put_param(&mut out, field.name(), value);
            }
        }
        put_param(&mut out, "entry_hash", &entry.entry_hash().to_hex());
        let json = ascii_json(&entry_json(entry));
        let room = bytes_max.saturating_sub(out.len() + 2);
        if json.len() > room {
            put_param(&mut out, "truncated", "true");
        }
        out.push_str("] ");
        let room = bytes_max.saturating_sub(out.len());
        out.push_str(json.get(..room).unwrap_or(&json));
        out
    }

    fn connect(&mut self) -> std::io::Result<&mut Connection> {
        let fresh = match &self.target {
            _ if self.connection.is_some() => None,
            SyslogTarget::Udp(address) => {
                let address = first_address(address)?;
                let local = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(local)?;
                socket.connect(address)?;
                socket.set_write_timeout(Some(TIMEOUT))?;
                Some(Connection::Udp(socket))
            }
            SyslogTarget::Tcp(address) => {
                let stream = TcpStream::connect_timeout(&first_address(address)?, TIMEOUT)?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                stream.set_nodelay(true)?;
                Some(Connection::Tcp(stream))
            }
            SyslogTarget::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(TIMEOUT))?;
                Some(Connection::Unix(socket))
            }
        };
        match fresh {
            Some(fresh) => Ok(self.connection.insert(fresh)),
            None => self.connection.as_mut().ok_or_else(|| std::io::ErrorKind::NotConnected.into()),
        }
    }

    fn send(&mut self, messages: &[String]) -> std::io::Result<()> {
        match self.connect()? {
            Connection::Tcp(stream) => {
                let mut bytes = Vec::new();
                for message in messages {
                    bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
                    bytes.extend_from_slice(message.as_bytes());
                }
                stream.write_all(&bytes)
            }
            Connection::Udp(socket) => {
                messages.iter().try_for_each(|message| socket.send(message.as_bytes()).map(|_| ()))
            }
            Connection::Unix(socket) => {
                messages.iter().try_for_each(|message| socket.send(message.as_bytes()).map(|_| ()))
            }
        }
    }
}

fn first_address(address: &str) -> std::io::Result<std::net::SocketAddr> {
    address.to_socket_addrs()?.next().ok_or_else(|| std::io::ErrorKind::AddrNotAvailable.into())
}

impl AuditSink for SyslogSink {
    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        self.write_batch(std::slice::from_ref(entry))
    }

    fn write_batch(&mut self, entries: &[StoredEntry]) -> Result<()> {
        let messages: Vec<String> = entries.iter().map(|entry| self.message(entry)).collect();
        self.send(&messages).map_err(|error| {
            self.connection = None;
            let place = match &self.target {
                SyslogTarget::Udp(address) => format!("udp://{address}"),
                SyslogTarget::Tcp(address) => format!("tcp://{address}"),
                SyslogTarget::Unix(path) => path.display().to_string(),
            };
            // A socket that is not there is the receiver's state, not a missing log.
            Error::new(ErrorKind::Io, format!("send to syslog at {place}: {error}"))
        })
    }

    fn verify_integrity(&mut self, _log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        Ok(SinkReport::not_supported("syslog keeps nothing here: verify where it is collected"))
    }

    fn close(&mut self) -> Result<()> {
        self.connection = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, AuditLog, Entry, EventTime};
    use std::io::Read as _;
    use std::net::TcpListener;

    fn stored(entry: Entry<'_>) -> StoredEntry {
        let log = AuditLog::in_memory().unwrap();
        let receipt = log.append(entry).unwrap();
        log.entry(receipt.index()).unwrap()
    }

    fn nasty() -> StoredEntry {
        stored(
            Entry::new("tool blocked\n<1>", "did:\"a\\]b\n<110>1 - forged", Action::Deny)
                .timestamp(EventTime { seconds: 60, nanos: 123_456_789, offset_minutes: Some(60) })
                .data_text("{\"größe\":\"例え 🙂\\u007f\"}")
                .outcome(crate::Outcome::Denied),
        )
    }

    #[test]
    fn a_message_has_the_form_of_rfc_5424_and_no_text_escapes_its_place() {
        let target = SyslogTarget::parse("udp://127.0.0.1:514").unwrap();
        let sink = SyslogSink::new(target, "wmark", "host a.example");
        let entry = nasty();
        let text = sink.message(&entry);
        let head = "<108>1 1970-01-01T00:01:00.123456Z hosta.example wmark - toolblocked<1> \
                    [witnessmark@32473 index=\"0\" entry_id=\"";
        assert!(text.starts_with(head), "{text}");
        let escaped = r#" agent_did="did:\"a\\\]b\\u000a<110>1 - forged" action="deny""#;
        assert!(text.contains(escaped), "{text}");
        assert!(text.is_ascii() && !text.contains(|c: char| c.is_control()), "{text}");
        let (_, json) = text.split_once("\"] ").unwrap();
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(value["data"]["größe"], "例え 🙂\u{7f}");
        assert_eq!(value["entry_hash"], entry.entry_hash().to_hex());
    }

    #[test]
    fn a_message_that_is_too_long_is_cut_and_says_so() {
        let target = SyslogTarget::parse("unix:/dev/log").unwrap();
        let sink = SyslogSink::new(target, "wmark", "");
        let long = "x".repeat(15_000);
        let entry = stored(Entry::new("t", "a".repeat(2000), Action::Allow).resource(long));
        let text = sink.message(&entry);
        assert_eq!(text.len(), DATAGRAM_BYTES_MAX);
        assert!(text.contains(" truncated=\"true\"] {"), "{text}");
        assert!(text.contains(&format!("entry_hash=\"{}\"", entry.entry_hash())));
    }

    #[test]
    fn over_tcp_lengths_stand_in_front_and_a_broken_connection_is_made_anew() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = SyslogTarget::parse(&format!("tcp://{address}")).unwrap();
        let mut sink = SyslogSink::new(target, "wmark", "h");
        let entries = [nasty(), nasty()];
        sink.write_batch(&entries).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        sink.close().unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let mut rest = std::str::from_utf8(&bytes).unwrap();
        for entry in &entries {
            let (len, after) = rest.split_once(' ').unwrap();
            let (message, after) = after.split_at(len.parse().unwrap());
            assert_eq!(message, sink.message(entry));
            rest = after;
        }
        assert_eq!(rest, "");
        // Nobody listens: an error that blames the sink, and no dead letters.
        drop((listener, stream));
        let error = sink.write(&entries[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        let listener = TcpListener::bind(address).unwrap();
        sink.write(&entries[0]).unwrap();
        assert!(listener.accept().is_ok());
    }

    #[test]
    fn datagrams_arrive_over_udp_and_unix_sockets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.sock");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let target = SyslogTarget::parse(&format!("unix:{}", path.display())).unwrap();
        let mut sink = SyslogSink::new(target, "wmark", "h");
        let entry = nasty();
        sink.write(&entry).unwrap();
        let mut buffer = vec![0; 1 << 16];
        let len = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], sink.message(&entry).as_bytes());
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = receiver.local_addr().unwrap();
        let target = SyslogTarget::parse(&format!("udp://{address}")).unwrap();
        let mut sink = SyslogSink::new(target, "wmark", "h");
        sink.write(&entry).unwrap();
        let len = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..len], sink.message(&entry).as_bytes());
    }

    #[test]
    fn addresses_are_read_or_refused() {
        for bad in ["", "host:514", "udp://host", "tcp://:x", "unix:", "http://a:1"] {
            assert_eq!(SyslogTarget::parse(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
        }
        let unix = SyslogTarget::parse("unix:/dev/log").unwrap();
        assert_eq!(SyslogTarget::parse("unix:///dev/log").unwrap(), unix);
    }
}
