//! Anchors: a root and a size that somebody kept, written `ROOT@SIZE`.
//!
//! A proof or a log is only ever judged against an anchor that did not come with it. `wmark root`
//! prints one; `verify --against`, `verify-proof --root` and `init --continues` take one.

use witnessmark::Hash;

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
