//! Surroundings: what a directory goes through without anybody touching the log.

use super::case::{Case, Class};
use super::promises::group_from;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};
use witnessmark::Cause::{TornTail, Truncated};
use witnessmark::format::history::HISTORY_NAME;

fn each_file(dir: &Path, act: impl Fn(&Path)) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            act(&path);
        }
    }
}

/// What a copy holds that was made while the last groups were written: the last segment as far as
/// it had come, and room that was allocated behind it.
fn copy(case: &mut Case<'_>, is_torn: bool) {
    let signed = *case.base.signed.last().unwrap();
    let (last, at, first) = group_from(case, signed);
    let written = if is_torn { at + 8 + case.numbers.below(88) } else { at };
    let bytes = case.bytes(&last);
    bytes.truncate(written);
    bytes.resize(64 << 10, 0);
    if is_torn {
        case.at(&last, first);
    }
}

pub(super) const CLASSES: &[Class] = &[
    Class::benign("untouched", "nothing", |_| {}),
    Class::benign("touched", "other modification times", |case| {
        case.on_disk = Some(|dir| {
            each_file(dir, |path| {
                let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
                File::open(path).and_then(|file| file.set_modified(then)).unwrap();
            });
        });
    }),
    Class::benign("other-modes", "other modes of files and directory", |case| {
        case.on_disk = Some(|dir| {
            each_file(dir, |path| {
                fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap()
            });
            fs::set_permissions(dir, Permissions::from_mode(0o777)).unwrap();
        });
    }),
    Class::benign(
        "another-owner",
        "files of another owner, where the test may change it",
        |case| {
            case.on_disk = Some(|dir| {
                each_file(dir, |path| {
                    // Only root can; to others this class is the one before.
                    let _ = std::os::unix::fs::chown(path, Some(65_534), Some(65_534));
                });
            });
        },
    ),
    Class::benign("strange-files", "files of others, leftovers of crashes, an old lock", |case| {
        let name = case.sealed();
        let bytes = case.files[&name].clone();
        let half = bytes[..bytes.len() / 2].to_vec();
        let first = &name[..20];
        for (name, bytes) in [
            ("notes.txt", b"?".to_vec()),
            ("log.lock", b"4711\n".to_vec()),
            ("spare.tmp", half.clone()),
            (&format!("{first}.seg.tmp"), half.clone()),
            (&format!("{first}.seg~"), bytes),
            (&format!("quarantine-{first}-4096.bin"), half),
            (&format!("quarantine-{HISTORY_NAME}-0.bin"), b"?".to_vec()),
            ("00000000000000000007.index", b"?".to_vec()),
            ("99999999999999999999.seg", b"?".to_vec()),
        ] {
            case.files.insert(name.to_owned(), bytes);
        }
    }),
    Class::benign("copied-between-groups", "a copy made while the log was written", |case| {
        copy(case, false)
    })
    .anchored(Truncated),
    Class::found(
        "copied-within-a-group",
        TornTail,
        "a copy made while a group was written",
        |case| copy(case, true),
    )
    .anchored(Truncated)
    .also(&[TornTail]),
];
