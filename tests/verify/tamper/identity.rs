//! Whose log it is: the identity file.

use super::case::{Class, Odd};
use witnessmark::Cause::{BadIdentity, BadSegment, Edited, UnknownVersion, Unreadable};
use witnessmark::format::IDENTITY_NAME;
use witnessmark::format::identity::Identity;

/// CRC-32 behind the bytes it covers.
fn resign(bytes: &mut [u8]) {
    let end = bytes.len() - 4;
    let crc = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&crc.to_le_bytes());
}

pub(super) const CLASSES: &[Class] = &[
    Class::found("identity-bit", BadIdentity, "a bit of the identity file", |case| {
        let len = case.files[IDENTITY_NAME].len();
        case.flip_in(IDENTITY_NAME, 0..len);
        case.at(IDENTITY_NAME, None);
    }),
    Class::found("identity-cut", BadIdentity, "the identity file cut short", |case| {
        let len = case.files[IDENTITY_NAME].len() as u64;
        let len = case.below(len);
        case.bytes(IDENTITY_NAME).truncate(usize::try_from(len).unwrap());
        case.at(IDENTITY_NAME, None);
    }),
    Class::found(
        "identity-forged",
        BadIdentity,
        "another origin, date or predecessor, CRC right",
        |case| {
            let mut identity = Identity::decode(&case.files[IDENTITY_NAME]).unwrap();
            match case.below(3) {
                0 => identity.origin.push('x'),
                1 => identity.created_at -= 1,
                _ => {
                    let root = case.base.head.root;
                    let log_id = [0; 32];
                    let before =
                        witnessmark::format::identity::Predecessor { log_id, size: 9, root };
                    identity.predecessor = Some(before);
                }
            }
            case.files.insert(IDENTITY_NAME.to_owned(), identity.encode());
            case.at(IDENTITY_NAME, 0);
        },
    )
    .also(&[Edited]),
    Class::found(
        "identity-of-another-log",
        BadIdentity,
        "the identity file of another log of that name",
        |case| {
            case.files.insert(IDENTITY_NAME.to_owned(), case.other.files[IDENTITY_NAME].clone());
            case.at(IDENTITY_NAME, 0);
        },
    )
    .also(&[BadSegment]),
    Class::found("identity-missing", Unreadable, "no identity file", |case| {
        case.files.remove(IDENTITY_NAME);
        case.at(IDENTITY_NAME, None);
    }),
    Class::found("identity-version", UnknownVersion, "a version to come, CRC right", |case| {
        let bytes = case.bytes(IDENTITY_NAME);
        bytes[8] = 2;
        resign(bytes);
        case.at(IDENTITY_NAME, None);
    }),
    Class::found("identity-link", Unreadable, "a link to the identity file instead", |case| {
        case.odd.insert(IDENTITY_NAME.to_owned(), Odd::Link);
        case.at(IDENTITY_NAME, None);
    }),
];
