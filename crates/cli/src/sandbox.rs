//! Sandbox: whoever reads what a stranger wrote gives up first what is not needed for it.
//!
//! Landlock, which needs no privileges: from then on this process, with every thread it starts, can
//! read beneath the given directories, write beneath the others, and reach nothing else of the file
//! system, no TCP port, no process and no abstract socket outside. What was open before stays open.
//!
//! Invariant: a command that was asked for a sandbox does not go on without one.

use crate::errors::{Answer, Failure, UNDECIDED};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::path::Path;

/// Rights of the kernel that this was written for; an older one is asked for those it knows.
const KNOWN: ABI = ABI::V6;

/// Enters it.
///
/// # Errors
/// When the kernel has no Landlock, or a directory cannot be opened: nothing is given up then.
pub(crate) fn enter(read: &[&Path], write: &[&Path]) -> Answer<()> {
    let hint = "without --sandbox the log is verified with all rights of this user";
    let failed =
        |why: &str| Failure::new(UNDECIDED, "sandbox", format!("no sandbox: {why}")).hint(hint);
    match restrict(read, write) {
        Ok(RulesetStatus::NotEnforced) => {
            Err(failed("this kernel has no Landlock, or not enabled"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}

fn restrict(read: &[&Path], write: &[&Path]) -> Result<RulesetStatus, String> {
    let words = |error: RulesetError| error.to_string();
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(KNOWN)))
        .and_then(|rules| rules.scope(Scope::from_all(KNOWN)))
        .and_then(Ruleset::create)
        .map_err(words)?;
    let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let writing = reading
        | AccessFs::WriteFile
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::Truncate;
    let both = read.iter().map(|place| (place, reading));
    for (place, access) in both.chain(write.iter().map(|place| (place, writing))) {
        let opened = PathFd::new(place).map_err(|error| error.to_string())?;
        rules = rules.add_rule(PathBeneath::new(opened, access)).map_err(words)?;
    }
    Ok(rules.restrict_self().map_err(words)?.ruleset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What a thread can do after it entered a sandbox; only that thread is bound by it.
    fn inside<T: Send>(read: &Path, write: &Path, act: impl FnOnce() -> T + Send) -> Option<T> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| enter(&[read], &[write]).map(|()| act()));
            match thread.join().unwrap() {
                Ok(done) => Some(done),
                // Not a kernel that can: `tests/system/sandbox.sh` says so where people see it.
                Err(failure) => {
                    assert!(failure.to_string().contains("Landlock"), "{failure}");
                    None
                }
            }
        })
    }

    #[test]
    fn what_was_not_given_cannot_be_read_or_written() {
        let home = tempfile::tempdir().unwrap();
        let (log, out) = (home.path().join("log"), home.path().join("out"));
        for place in [&log, &out] {
            fs::create_dir(place).unwrap();
        }
        fs::write(log.join("given"), "a").unwrap();
        fs::write(home.path().join("beside"), "b").unwrap();
        let tried = inside(&log, &out, || {
            [
                fs::read(log.join("given")).is_ok(),
                fs::read_dir(&log).is_ok(),
                fs::write(out.join("new"), "c").is_ok(),
                fs::rename(out.join("new"), out.join("renamed")).is_ok(),
                fs::read(home.path().join("beside")).is_ok(),
                fs::write(log.join("given"), "d").is_ok(),
                fs::write(log.join("new"), "d").is_ok(),
                fs::remove_file(log.join("given")).is_ok(),
                std::net::TcpListener::bind("127.0.0.1:0").is_ok(),
            ]
        });
        if let Some(tried) = tried {
            assert_eq!(tried, [true, true, true, true, false, false, false, false, false]);
        }
        assert!(fs::read(home.path().join("beside")).is_ok(), "only that thread was bound");
    }

    #[test]
    fn a_place_that_is_not_there_is_an_error_and_not_a_sandbox_without_it() {
        let home = tempfile::tempdir().unwrap();
        let missing = home.path().join("missing");
        std::thread::scope(|scope| {
            let thread =
                scope.spawn(|| (enter(&[&missing], &[]).is_err(), fs::read_dir("/").is_ok()));
            assert_eq!(thread.join().unwrap(), (true, true));
        });
    }
}
