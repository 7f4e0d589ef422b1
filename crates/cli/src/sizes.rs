//! Sizes: numbers of bytes as people write them.

use witnessmark::limits::VERIFY_MEMORY_MIN;

/// Reads a number of bytes: `4000`, `64KiB`, `64MiB`, `1GiB`, `50MB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    let unit = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return Err("a size is wanted, such as 4000, 64MiB or 50MB".to_owned()),
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| "a size above 0 is wanted".to_owned())
}

/// Reads how much memory an audit may take.
pub(crate) fn parse_memory(text: &str) -> Result<usize, String> {
    let bytes = usize::try_from(parse_size(text)?).unwrap_or(usize::MAX);
    if bytes < VERIFY_MEMORY_MIN {
        return Err(format!("an audit needs at least {}MiB", VERIFY_MEMORY_MIN >> 20));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4000"), Ok(4000));
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("50MB"), Ok(50_000_000));
        for bad in ["", "0", "x", "5 parsecs", "99999999999999999999"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_memory("128MiB"), Ok(128 << 20));
        assert_eq!(parse_memory("95MiB"), Err("an audit needs at least 96MiB".to_owned()));
    }
}
