//! Anchors: a root and a size that somebody kept, written `ROOT@SIZE`.
//!
//! A proof or a log is only ever judged against an anchor that did not come with it. `wmark root`
//! prints one; `verify --against`, `verify-proof --root` and `init --continues` take one.

use crate::errors::{Answer, Failure};
use crate::files;
use std::path::Path;
use witnessmark::{Hash, SignedCheckpoint, VerifierKey};

/// A root and the size of its tree.
pub(crate) type Anchor = (Hash, u64);

#[derive(serde::Deserialize)]
struct AnchorFile {
    root: String,
    size: u64,
}

/// Reads `HEX@N`.
pub(crate) fn parse_head(text: &str) -> Result<(Hash, u64), String> {
    let wanted = || "64 hex digits, @ and a number are wanted".to_owned();
    let (root, size) = text.split_once('@').ok_or_else(wanted)?;
    let root = Hash::from_hex(root).ok_or_else(wanted)?;
    Ok((root, size.parse().map_err(|_| wanted())?))
}

/// Reads `HEX@N`, or `HEX` when the size is said elsewhere.
pub(crate) fn parse_root(text: &str) -> Result<(Hash, Option<u64>), String> {
    if text.contains('@') {
        return parse_head(text).map(|(root, size)| (root, Some(size)));
    }
    let root = Hash::from_hex(text).ok_or_else(|| "64 hex digits are wanted".to_owned())?;
    Ok((root, None))
}

/// Reads `HEX@N`, or a file with that, with JSON of `wmark root`, or with a signed checkpoint, which
/// one of the keys must vouch for.
pub(crate) fn of_text_or_file(text: &str, keys: &[VerifierKey]) -> Answer<Anchor> {
    let spoken = match parse_head(text) {
        Ok(anchor) => return Ok(anchor),
        Err(wanted) => wanted,
    };
    if !Path::new(text).exists() {
        return Err(Failure::usage(format!("--against {text:?}: {spoken}, or a file")));
    }
    let content = files::text(Path::new(text))?;
    if let Ok(signed) = SignedCheckpoint::parse(content.as_bytes()) {
        if keys.is_empty() {
            return Err(Failure::usage(format!("{text} is a signed checkpoint: pass --key too"))
                .hint("without the log's verifier key nobody vouches for it"));
        }
        signed.verify(keys)?;
        return Ok((signed.checkpoint().root(), signed.checkpoint().size().get()));
    }
    let json = serde_json::from_str(&content)
        .ok()
        .and_then(|AnchorFile { root, size }| Hash::from_hex(&root).map(|root| (root, size)));
    json.or_else(|| parse_head(content.trim()).ok()).ok_or_else(|| {
        Failure::usage(format!("{text} holds no anchor")).hint(
            "wanted ROOT@SIZE, JSON with root and size as `wmark root --json` prints it, or a note \
             of `wmark checkpoint`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_read_or_refused() {
        let hex = "ab".repeat(32);
        let root = Hash([0xab; 32]);
        assert_eq!(parse_head(&format!("{hex}@7")), Ok((root, 7)));
        assert_eq!(parse_root(&format!("{hex}@7")), Ok((root, Some(7))));
        assert_eq!(parse_root(&hex), Ok((root, None)));
        assert!(parse_head(&hex).is_err() && parse_head("ab@7").is_err());
        assert!(parse_root(&format!("{hex}@")).is_err() && parse_root(&hex[1..]).is_err());
    }
}
