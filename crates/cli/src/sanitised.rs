//! Sanitised failures: what a machine is told when a compliance command fails.
//!
//! ```json
//! {"status":"error","message":"Audit log processing failed","type":"InternalError"}
//! ```
//!
//! The output of these commands ends up in the logs of build systems. So under `--json` a failure
//! is one of the lines below and nothing else: no path, no file name, no key, no text of a file. The
//! exit code stays what it is. `WMARK_DEBUG=1` adds the failure itself on stderr.

use crate::context::Context;
use crate::errors::{Answer, Exit, Failure, NO_LOG};
use serde::Serialize;

#[derive(Serialize)]
struct Line {
    status: &'static str,
    message: &'static str,
    r#type: &'static str,
}

const KNOWN: &str = "ValidationError";

/// The fixed words for a failure. What is not known here is internal.
fn line(failure: &Failure) -> Line {
    let (message, r#type) = match (failure.code(), failure.kind()) {
        (NO_LOG, _) => ("There is no audit log at the given place", KNOWN),
        (_, "not_found") => ("A file, symbol or entry that was asked for does not exist", KNOWN),
        (_, "already_exists") => ("The output file exists already", KNOWN),
        (_, "usage") => ("The arguments are not valid", KNOWN),
        (_, "invalid") => ("A value or a configuration file is not valid", KNOWN),
        (_, "too_large") => ("A value or a file is too large", KNOWN),
        (_, "unknown_version") => ("A file has a format that is not known", KNOWN),
        (_, "untrusted") => ("A path is not acceptable", KNOWN),
        (_, "proof_invalid") => ("A signature or a hash does not hold", KNOWN),
        (_, "key") => ("A key is missing or wrong", KNOWN),
        (_, "locked") => ("The audit log is in use", KNOWN),
        _ => ("Audit log processing failed", "InternalError"),
    };
    Line { status: "error", message, r#type }
}

/// Passes an answer on; a failure under `--json` becomes one fixed line on stdout.
pub(crate) fn sanitise(answer: Answer, context: &mut Context) -> Answer {
    let failure = match answer {
        Err(failure) if context.out.is_json() && !failure.is_silent() => failure,
        other => return other,
    };
    if std::env::var_os("WMARK_DEBUG").is_some_and(|value| value == "1") {
        context.out.error(&failure.to_string(), None);
    }
    context.out.json(&line(&failure))?;
    Ok(Exit(failure.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_failure_is_told_as_the_tutorial_has_it() {
        let failure = Failure::new(3, "io", "read /srv/keys/id_rsa: permission denied");
        let text = serde_json::to_string(&line(&failure)).unwrap();
        let wanted = "{\"status\":\"error\",\"message\":\"Audit log processing failed\",\
                      \"type\":\"InternalError\"}";
        assert_eq!(text, wanted);
    }

    #[test]
    fn no_failure_carries_its_own_words() {
        for kind in ["io", "not_found", "invalid", "key", "usage", "untrusted", "corrupt", "x"] {
            let failure = Failure::new(3, kind, "/srv/secret.toml");
            assert!(!serde_json::to_string(&line(&failure)).unwrap().contains("secret"));
        }
    }
}
