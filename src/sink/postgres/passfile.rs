//! Password files of PostgreSQL: `host:port:database:user:password`, a line each.
//!
//! `*` stands for anything, a backslash keeps a colon or a backslash; the first line that fits
//! counts. The file must be its owner's alone, as the database's own tools want it.

use super::super::key::Secret;
use crate::error::Result;
use postgres::Config;
use postgres::config::Host;
use std::path::Path;

/// The four fields and the password of a line.
fn fields(line: &str) -> Option<[String; 5]> {
    let mut found = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            // Behind the fourth colon the rest is the password.
            ':' if found.len() < 5 => found.push(String::new()),
            '\\' => found.last_mut()?.extend(chars.next()),
            _ => found.last_mut()?.push(c),
        }
    }
    found.try_into().ok()
}

/// The password that the file has for this connection; `None` when it has none.
///
/// # Errors
/// As [`Secret::from_file`].
///
/// # Source
/// PostgreSQL's manual, "The Password File".
pub(super) fn password_for(config: &Config, file: &Path) -> Result<Option<Secret>> {
    let text = Secret::from_file(file)?;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        _ => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    for line in String::from_utf8_lossy(text.bytes()).lines() {
        let Some([a, b, c, d, password]) = fields(line).filter(|_| !line.starts_with('#')) else {
            continue;
        };
        let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        if fits(&a, &host) && fits(&b, &port) && fits(&c, database) && fits(&d, user) {
            return Secret::new(password).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_first_line_that_fits_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pgpass");
        let lines = "# a:b\nother:5432:*:u:no\nlocalhost:5432:d:u:p\\:w\\\\:d\n*:*:*:*:any\n";
        std::fs::write(&path, lines).unwrap();
        let config: Config = "host=/run/postgresql user=u dbname=d".parse().unwrap();
        assert!(password_for(&config, &path).is_err(), "others can read it");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password_for(&config, &path).unwrap().unwrap().bytes(), b"p:w\\:d");
        let config: Config = "host=db.example user=x".parse().unwrap();
        assert_eq!(password_for(&config, &path).unwrap().unwrap().bytes(), b"any");
    }
}
