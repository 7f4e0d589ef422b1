//! A real fork: what a child of the writer's process may do with the log it finds in its memory.
//!
//! ```text
//! parent | appending thread  |..................................|   lock held, every entry there
//!        | main: fork, wait  |  fork  |  fork  |  fork  |
//! child                      every call refused, reading works, _exit
//! ```
//!
//! Threads and their progress do not come along through a fork, locks that they held do. The child
//! does what a program must not rely on, calling Rust code that takes locks, because that is what is
//! tested: it must be refused and must not wait for anybody. An alarm ends a child that does.
//!
//! No test harness: forking wants to be alone with the threads it knows.

#![expect(unsafe_code, reason = "fork is unsafe; see the SAFETY comments")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use witnessmark::{
    AuditLog, Entry, Error, ErrorKind, Query, Ticket, Verdict, VerifyOptions, verify,
};

/// Children, one after the other, each at another moment of the appending thread.
const CHILDREN: u32 = 40;
/// Seconds after which a child that waits for somebody is ended.
const PATIENCE: u32 = 60;

fn entry() -> Entry<'static> {
    Entry::new("tool_invocation", "did:a", "allow").data_text("{\"a\":1}")
}

fn is_refused<T>(result: Result<T, Error>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::Forked)
}

/// In the child: 0 when everything was as it must be, else the number of what was not.
fn child(log: &AuditLog, path: &Path, before: Ticket) -> i32 {
    let hour = Duration::from_secs(3600);
    let answered = |ticket: Ticket| ticket.wait_timeout(hour).unwrap_or_else(|_| unreachable!());
    let facts = [
        is_refused(log.append(entry())),
        is_refused(log.append_batch([entry()])),
        is_refused(log.append_buffered(entry())),
        is_refused(log.append_batch_buffered([entry()])),
        is_refused(log.submit(entry()).and_then(Ticket::wait)),
        is_refused(log.submit(entry()).and_then(answered)),
        is_refused(log.sync()),
        is_refused(log.get_entry("x")),
        is_refused(log.query(&Query::new())),
        is_refused(log.clone().close()),
        // Answered before the fork, or never here.
        match before.wait() {
            Ok(receipt) => receipt.is_durable(),
            Err(error) => error.kind() == ErrorKind::Forked,
        },
        AuditLog::open_read_only(path)
            .and_then(|reader| reader.view())
            .is_ok_and(|view| view.entry(0.into()).is_ok()),
    ];
    let wrong = facts.iter().position(|is_right| !is_right);
    wrong.map_or(0, |at| i32::try_from(at).map_or(99, |at| at + 1))
}

/// Forks, and gives what the child exited with.
fn in_child(body: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child of a process with threads may rely on async-signal-safe functions only. The
    // C library keeps its allocator usable across fork, and what the log does is what is tested: at
    // worst the child waits for a lock for ever, and the alarm ends it. It leaves by `_exit`, so it
    // runs no destructor of the parent's values.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: no obligation; the alarm's default action ends the child.
        unsafe { libc::alarm(PATIENCE) };
        let code = body();
        // SAFETY: no obligation; it does not return.
        unsafe { libc::_exit(code) }
    }
    assert!(pid > 0, "fork");
    let mut status = 0;
    // SAFETY: `status` is a valid place for as long as the call takes.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 100 + libc::WTERMSIG(status) }
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = AuditLog::open(&path).unwrap();
    assert_eq!(log.append(entry()).unwrap().index().get(), 0);
    // The group of entry 1 vouches for entry 0, which a child's reader is asked for.
    assert_eq!(log.append(entry()).unwrap().index().get(), 1);
    let (stop, appended) = (AtomicBool::new(false), AtomicU64::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert!(log.append(entry()).unwrap().is_durable());
                appended.fetch_add(1, Ordering::Relaxed);
            }
        });
        for number in 0..CHILDREN {
            let ticket = log.submit(entry()).unwrap();
            appended.fetch_add(1, Ordering::Relaxed);
            let code = in_child(|| child(&log, &path, ticket));
            if code != 0 {
                stop.store(true, Ordering::Relaxed);
            }
            assert_eq!(code, 0, "call {code} of child {number} was not answered as it must be");
        }
        stop.store(true, Ordering::Relaxed);
    });
    // The children left with their copies of the lock; the parent still has it.
    let second = AuditLog::open(&path).err().map(|error| error.kind());
    assert_eq!(second, Some(ErrorKind::Locked));
    let head = log.close().unwrap();
    assert_eq!(head.size.get(), appended.into_inner());
    let report = verify(&path, &VerifyOptions::new().against(head.size, head.root)).unwrap();
    assert_eq!((report.verdict, report.entries), (Verdict::Intact, head.size.get()));
}
