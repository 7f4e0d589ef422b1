//! One contract, two storages; and what only real files can get wrong.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};

fn with_both(check: impl Fn(&dyn Storage)) {
    let dir = tempfile::tempdir().unwrap();
    check(&FsStorage::create_dir(&dir.path().join("log")).unwrap());
    check(&MemoryStorage::new());
}

#[test]
fn files_keep_what_was_written_at_an_offset() {
    with_both(|storage| {
        let file = storage.create("a").unwrap();
        file.write_all_at(b"hello", 3).unwrap();
        file.zero_fill(8, 4).unwrap();
        file.allocate(0, 12).unwrap();
        file.sync_data().unwrap();
        file.sync_all().unwrap();
        let mut all = [9; 16];
        assert_eq!(file.read_at(&mut all, 0).unwrap(), 12);
        assert_eq!(&all[..12], b"\0\0\0hello\0\0\0\0");
        let mut more = [0; 5];
        let error = file.read_exact_at(&mut more, 10).unwrap_err();
        assert_eq!((error.kind(), error.found()), (ErrorKind::Corrupt, Some("2 bytes")));
        file.set_len(4).unwrap();
        assert_eq!(&*storage.map("a").unwrap(), b"\0\0\0h");
        assert_eq!(storage.open("a", Access::Read).unwrap().len().unwrap(), 4);
    });
}

#[test]
fn bytes_outlive_the_page_cache_that_is_given_back() {
    with_both(|storage| {
        let file = storage.create("a").unwrap();
        file.write_all_at(&[7; 100_000], 0).unwrap();
        file.sync_all().unwrap();
        file.write_all_at(b"not synced", 5000).unwrap();
        file.release_cache();
        let mut all = vec![9; 100_000];
        file.read_exact_at(&mut all, 0).unwrap();
        assert_eq!(&all[5000..5010], b"not synced");
        assert_eq!(all.iter().filter(|byte| **byte == 7).count(), 99_990);
    });
}

#[test]
fn a_long_read_is_whole_and_ends_where_the_file_does() {
    with_both(|storage| {
        let long: Vec<u8> = (0..u8::MAX).cycle().take((9 << 20) + 7).collect();
        let file = storage.create("a").unwrap();
        file.write_all_at(&long, 0).unwrap();
        for (at, len) in [(0, 8 << 20), (0, 9 << 20), (101, 10 << 20), (6 << 20, 9 << 20)] {
            let mut read = vec![0; len];
            let found = file.read_at(&mut read, at as u64).unwrap();
            assert_eq!(found, len.min(long.len() - at));
            assert!(read[..found] == long[at..at + found], "{len} bytes at {at}");
        }
    });
}

#[test]
fn names_are_created_renamed_and_removed_once() {
    with_both(|storage| {
        let kind = |result: Result<()>| result.err().map(|error| error.kind());
        storage.create("a").unwrap();
        assert_eq!(kind(storage.create("a").map(|_| ())), Some(ErrorKind::AlreadyExists));
        storage.create("b").unwrap();
        assert_eq!(kind(storage.rename("a", "b", false)), Some(ErrorKind::AlreadyExists));
        assert_eq!(kind(storage.rename("a", "b", true)), None);
        assert_eq!(kind(storage.remove("a")), Some(ErrorKind::NotFound));
        assert_eq!(kind(storage.open("a", Access::Write).map(|_| ())), Some(ErrorKind::NotFound));
        storage.sync_dir().unwrap();
        let names: Vec<String> =
            storage.list().unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["b"]);
    });
}

#[test]
fn the_second_writer_is_told_who_the_first_is() {
    with_both(|storage| {
        assert!(!storage.writer_present());
        let lock = storage.lock_writer().unwrap();
        assert!(storage.writer_present());
        let error = storage.lock_writer().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.message().contains(&std::process::id().to_string()), "{error}");
        drop(lock);
        assert!(!storage.writer_present());
        drop(storage.lock_writer().unwrap());
    });
}

fn mode(path: &std::path::Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn directories_and_files_are_private_and_sealed_files_read_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x/log");
    let storage = FsStorage::create_dir(&path).unwrap();
    let file = storage.create("a").unwrap();
    assert_eq!((mode(&path), mode(&path.join("a"))), (0o700, 0o600));
    file.set_read_only().unwrap();
    assert_eq!(mode(&path.join("a")), 0o400);
    file.write_all_at(b"still open for writing", 0).unwrap();
}

#[test]
fn links_and_pipes_are_refused_and_nothing_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let storage = FsStorage::create_dir(&dir.path().join("log")).unwrap();
    let inside = |name: &str| dir.path().join("log").join(name);
    std::fs::write(dir.path().join("outside"), b"x").unwrap();
    symlink(dir.path().join("outside"), inside("link")).unwrap();
    let status = std::process::Command::new("mkfifo").arg(inside("pipe")).status().unwrap();
    assert!(status.success());
    for name in ["link", "pipe", "../outside", "a/b", "", ".."] {
        assert!(storage.open(name, Access::Read).is_err(), "{name}");
        assert!(storage.map(name).is_err(), "{name}");
    }
    let kinds: Vec<FileKind> = storage.list().unwrap().into_iter().map(|file| file.kind).collect();
    assert_eq!(kinds, [FileKind::Symlink, FileKind::Other]);
}

#[test]
fn a_directory_others_can_write_is_refused_for_writing_and_noted_for_reading() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    FsStorage::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o770)).unwrap();
    assert_eq!(FsStorage::open_writer(&path).unwrap_err().kind(), ErrorKind::Untrusted);
    assert_eq!(FsStorage::open_reader(&path).unwrap().trust_notes().len(), 1);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(FsStorage::open_writer(&link).unwrap_err().kind(), ErrorKind::Untrusted);
    assert!(FsStorage::open_reader(&link).unwrap().trust_notes()[0].contains("symbolic link"));
}
