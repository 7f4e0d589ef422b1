//! Output: data goes to stdout, talk to stderr.
//!
//! ```text
//! line, json        --> stdout   what a script reads; a reader that goes away ends us with 0
//! say, warn, error  --> stderr   what a person reads; --quiet leaves the first two out
//! ```
//!
//! Colours are written always and taken out again where they are not wanted (`anstream`): flag, then
//! NO_COLOR and CLICOLOR_FORCE, then whether it is a terminal. JSON and raw bytes pass untouched. Stdout is buffered; whoever
//! waits between lines calls [`Output::flush`].

use crate::args::{Global, When};
use crate::errors::Answer;
use crate::escape::Clean;
use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::fmt;
use std::io::{BufWriter, IsTerminal, Stdout, Write};

/// What is good.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What is bad.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What deserves a look.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// What may be skipped.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What stands over something.
pub(crate) const HEAD: Style = Style::new().bold();

/// A text in a style; anstream takes the style out where it is not wanted.
pub(crate) fn paint(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// The two streams.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    is_coloured: bool,
    stderr: AutoStream<std::io::Stderr>,
    is_json: bool,
    is_quiet: bool,
    is_terminal: bool,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("is_json", &self.is_json).finish_non_exhaustive()
    }
}

fn choice(when: When, stream: &impl anstream::stream::RawStream) -> ColorChoice {
    match when {
        When::Always => ColorChoice::Always,
        When::Never => ColorChoice::Never,
        When::Auto => AutoStream::choice(stream),
    }
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let is_terminal = stdout.is_terminal();
        let is_coloured = choice(global.color, &stdout) != ColorChoice::Never;
        let err_choice = choice(global.color, &stderr);
        Self {
            stdout: BufWriter::with_capacity(64 << 10, stdout),
            is_coloured,
            stderr: AutoStream::new(stderr, err_choice),
            is_json: global.json,
            is_quiet: global.quiet,
            is_terminal,
        }
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether `--quiet` was given.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Columns of the terminal on stdout; `None` when it is none.
    pub(crate) fn width(&self) -> Option<usize> {
        if !self.is_terminal {
            return None;
        }
        let (width, _) = terminal_size::terminal_size_of(std::io::stdout())?;
        Some(usize::from(width.0).max(40))
    }

    /// A line of data. Texts of agents go through [`Clean`] first.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Answer<()> {
        if self.is_coloured {
            return Ok(writeln!(self.stdout, "{line}")?);
        }
        Ok(writeln!(self.stdout, "{}", strip_str(&line.to_string()))?)
    }

    /// A JSON value on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Answer<()> {
        let text = serde_json::to_string(value).map_err(std::io::Error::from)?;
        self.json_text(&text)
    }

    /// Serialised JSON on a line of its own; escaped further on a terminal.
    pub(crate) fn json_text(&mut self, text: &str) -> Answer<()> {
        match self.is_terminal {
            true => writeln!(self.stdout, "{}", Clean::json(text))?,
            false => writeln!(self.stdout, "{text}")?,
        }
        Ok(())
    }

    /// Bytes of data as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Answer<()> {
        Ok(self.stdout.write_all(bytes)?)
    }

    /// Hands on what is buffered.
    pub(crate) fn flush(&mut self) -> Answer<()> {
        Ok(self.stdout.flush()?)
    }

    /// The last flush.
    pub(crate) fn finish(&mut self) -> Answer<()> {
        self.flush()
    }

    /// A line of talk.
    pub(crate) fn say(&mut self, line: impl fmt::Display) {
        if !self.is_quiet {
            self.talk(format_args!("{line}"));
        }
    }

    /// A line of talk that deserves a look. The text is escaped here.
    pub(crate) fn warn(&mut self, line: impl fmt::Display) {
        if !self.is_quiet {
            let text = line.to_string();
            self.talk(format_args!("{} {}", paint(WARN, "warning:"), Clean::text(&text)));
        }
    }

    /// What `--explain` asked for; shown even with `--quiet`.
    pub(crate) fn explain(&mut self, line: impl fmt::Display) {
        self.talk(format_args!("{line}"));
    }

    /// Why the command ends early, and what to do next. Both are escaped here.
    pub(crate) fn error(&mut self, message: &str, hint: Option<&str>) {
        self.talk(format_args!("{} {}", paint(BAD, "error:"), Clean::text(message)));
        if let Some(hint) = hint {
            self.talk(format_args!("{} {}", paint(HEAD, "hint:"), Clean::text(hint)));
        }
    }

    fn talk(&mut self, line: fmt::Arguments<'_>) {
        // On a terminal both streams meet: what was said first is shown first. A stdout that is gone
        // is noticed by the last flush; that stderr is gone there is nobody to tell.
        let _ = self.stdout.flush();
        let _ = writeln!(self.stderr, "{line}");
    }
}
