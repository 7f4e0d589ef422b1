//! Functions: the machine code that a symbol of an ELF file spans, and its digest.
//!
//! A name is the symbol as it stands in the file, or its Rust name with or without the hash at its
//! end. It must lead to one function. Read is what the linker wrote; nothing is loaded or run.

use crate::error::{Error, ErrorKind, Result};
use crate::hash::FileHasher;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// The digests of a function's machine code.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FunctionDigest {
    /// The binary: name of its root, and path from it.
    pub module: String,
    /// The function's name.
    pub function: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// BLAKE3, hex.
    pub blake3: String,
    /// Bytes of machine code.
    pub bytes: u64,
    /// The machine it is for.
    pub machine: String,
}

/// Compares what is written to it, and stops at the first difference: a demangled name may be huge.
struct Same<'a> {
    rest: &'a str,
}

impl Write for Same<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.rest = self.rest.strip_prefix(text).ok_or(fmt::Error)?;
        Ok(())
    }
}

fn is_same(wanted: &str, name: fmt::Arguments<'_>) -> bool {
    let mut same = Same { rest: wanted };
    same.write_fmt(name).is_ok() && same.rest.is_empty()
}

fn is_named(symbol: &str, wanted: &str) -> bool {
    if symbol == wanted {
        return true;
    }
    let Ok(demangled) = rustc_demangle::try_demangle(symbol) else { return false };
    is_same(wanted, format_args!("{demangled}")) || is_same(wanted, format_args!("{demangled:#}"))
}

/// The symbols of a file: of the full table, or of the dynamic one where that is all there is.
fn symbols<'d, 'f>(file: &'f object::File<'d>) -> Vec<object::Symbol<'d, 'f>> {
    let full: Vec<_> = file.symbols().collect();
    if full.is_empty() { file.dynamic_symbols().collect() } else { full }
}

fn missing(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotFound, message)
}

/// The digest of a function in these bytes of an ELF file.
pub(super) fn digest(elf: &[u8], module: &str, function: &str) -> Result<FunctionDigest> {
    let of_module = |error: Error| error.at_file(module);
    let damaged = |_| of_module(Error::new(ErrorKind::UnknownVersion, "not a readable ELF file"));
    let file = object::File::parse(elf).map_err(damaged)?;
    let symbols = symbols(&file);
    if !symbols.iter().any(|symbol| symbol.kind() == SymbolKind::Text) {
        let error = missing("the file has no symbols, so no function can be found in it");
        return Err(of_module(error.hint("list a binary that was not stripped")));
    }
    let is_wanted = |symbol: &object::Symbol<'_, '_>| {
        symbol.kind() == SymbolKind::Text
            && !symbol.is_undefined()
            && symbol.name().is_ok_and(|name| is_named(name, function))
    };
    let found: Vec<_> = symbols.into_iter().filter(is_wanted).collect();
    let places: BTreeSet<_> =
        found.iter().map(|s| (s.section_index().map(|i| i.0), s.address())).collect();
    if places.len() > 1 {
        let message = format!("{} functions are called {function}", places.len());
        let error = Error::new(ErrorKind::Invalid, message).at_file(module);
        return Err(error.hint("give the mangled name of one of them"));
    }
    let Some(symbol) = found.first() else {
        return Err(of_module(missing(format!("there is no function {function}"))));
    };
    if symbol.size() == 0 {
        return Err(of_module(missing(format!("the symbol of {function} says no size"))));
    }
    let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
    let code = section
        .and_then(|section| section.data_range(symbol.address(), symbol.size()).ok().flatten());
    let beyond = || missing(format!("the symbol of {function} leads out of its section"));
    let code = code.ok_or_else(|| of_module(beyond()))?;
    let mut hasher = FileHasher::new();
    hasher.update(code);
    let (sha256, blake3, bytes) = hasher.finish();
    Ok(FunctionDigest {
        module: module.to_owned(),
        function: function.to_owned(),
        sha256: sha256.to_hex(),
        blake3: blake3.to_hex(),
        bytes,
        machine: format!("{:?}", file.architecture()).to_lowercase(),
    })
}

#[cfg(test)]
pub(super) fn place_of(elf: &[u8], function: &str) -> Option<(u64, u64)> {
    let file = object::File::parse(elf).ok()?;
    let symbols = symbols(&file);
    let is_wanted = |s: &&object::Symbol<'_, '_>| s.name().is_ok_and(|n| is_named(n, function));
    let symbol = symbols.iter().find(is_wanted)?;
    let section = file.section_by_index(symbol.section_index()?).ok()?;
    let (offset, _) = section.file_range()?;
    Some((offset + (symbol.address() - section.address()), symbol.size()))
}

/// The mangled name of a function, and its demangled one with the hash.
#[cfg(test)]
pub(super) fn names_of(elf: &[u8], function: &str) -> Vec<String> {
    let Ok(file) = object::File::parse(elf) else { return Vec::new() };
    let symbols = symbols(&file);
    let names = symbols.iter().filter_map(|symbol| symbol.name().ok());
    let mangled = names.filter(|name| is_named(name, function));
    mangled.flat_map(|name| [name.to_owned(), rustc_demangle::demangle(name).to_string()]).collect()
}
