//! Secrets of sinks: HMAC keys, authorization headers, passwords.
//!
//! They come from a file that only its owner can read, or from an environment variable; never from
//! the command line, and never from the log's directory. Their bytes are wiped when dropped.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::SINK_SECRET_BYTES_MAX;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// A secret: 1 to 4,096 bytes that no `Debug` shows.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Takes the bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when there are none, or more than 4,096.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = Zeroizing::new(bytes.into());
        let wanted = format!("1 to {SINK_SECRET_BYTES_MAX} bytes");
        match bytes.len() {
            0 => Err(Error::new(ErrorKind::Key, "the key is empty").expected(wanted, "none")),
            len if len > SINK_SECRET_BYTES_MAX => {
                Err(Error::new(ErrorKind::Key, "the key is too long").expected(wanted, "more"))
            }
            _ => Ok(Self(bytes)),
        }
    }

    /// Reads a file's bytes, one line feed at its end left out.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when there is no such file, it cannot be read, is no regular file, is
    /// empty or longer than 4,096 bytes, belongs to somebody else, or others can read it.
    pub fn from_file(path: &Path) -> Result<Self> {
        let shown = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            Error::new(ErrorKind::Key, format!("the key cannot be read: {error}"))
                .at_file(shown.clone())
        };
        // A FIFO in its place must not make us wait.
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(Error::new(ErrorKind::Key, "a key must be a regular file").at_file(shown));
        }
        if metadata.mode() & 0o077 != 0 {
            let mode = format!("mode {:04o}", metadata.mode() & 0o7777);
            return Err(Error::new(ErrorKind::Key, "others can read or change the key")
                .expected("mode 0600", mode)
                .hint(format!("chmod 600 {shown}"))
                .at_file(shown));
        }
        let euid = rustix::process::geteuid().as_raw();
        if metadata.uid() != euid && metadata.uid() != 0 {
            return Err(Error::new(ErrorKind::Key, "the key belongs to another user")
                .expected(format_args!("user {euid}"), metadata.uid())
                .at_file(shown));
        }
        // Room for all of it, so that no copy is left behind by growing.
        let mut bytes = Zeroizing::new(Vec::with_capacity(SINK_SECRET_BYTES_MAX + 2));
        let limit = SINK_SECRET_BYTES_MAX as u64 + 2;
        file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Self::new(std::mem::take(&mut *bytes)).map_err(|error| error.at_file(shown))
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, for headers and passwords.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when they are no UTF-8, or hold a control character.
    pub fn text(&self) -> Result<&str> {
        let text = std::str::from_utf8(&self.0).ok();
        text.filter(|text| !text.chars().any(char::is_control))
            .ok_or_else(|| Error::new(ErrorKind::Key, "the secret is not one line of text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_read_from_a_file_that_nobody_else_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let write = |bytes: &[u8], mode| {
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            Secret::from_file(&path)
        };
        assert_eq!(write(b"secret\n", 0o600).unwrap().bytes(), b"secret");
        assert_eq!(write(b"secret\n\n", 0o400).unwrap().bytes(), b"secret\n");
        for (bytes, mode) in [
            (&b"secret"[..], 0o644),
            (b"secret", 0o640),
            (b"", 0o600),
            (b"\n", 0o600),
            (&[b'x'; SINK_SECRET_BYTES_MAX + 1], 0o600),
        ] {
            assert_eq!(write(bytes, mode).unwrap_err().kind(), ErrorKind::Key, "{mode:o}");
        }
        let longest = [b'x'; SINK_SECRET_BYTES_MAX];
        assert_eq!(write(&longest, 0o600).unwrap().bytes(), longest);
        for path in [dir.path().join("none"), dir.path().to_owned()] {
            assert_eq!(Secret::from_file(&path).unwrap_err().kind(), ErrorKind::Key);
        }
        let secret = write(b"hush", 0o600).unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert!(Secret::new(*b"a\nb").unwrap().text().is_err());
    }
}
