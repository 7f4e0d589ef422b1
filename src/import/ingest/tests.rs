//! Ingesting into logs in memory: order, splitting, stopping, resuming.

use super::*;
use crate::import::RejectKind;
use crate::query::{Order, Query};

#[derive(Default)]
struct Diary {
    kept: Vec<(u64, Vec<u8>)>,
    told: Vec<(u64, Result<u64, RejectKind>)>,
}

impl Listener for Diary {
    fn keep(&mut self, rejected: &[Rejected<'_>]) -> Result<()> {
        self.kept.extend(rejected.iter().map(|r| (r.reject.line, r.bytes.to_vec())));
        Ok(())
    }

    fn accepted(&mut self, line: u64, receipt: &Receipt) -> Result<()> {
        self.told.push((line, Ok(receipt.index().get())));
        Ok(())
    }

    fn rejected(&mut self, reject: &Reject) -> Result<()> {
        self.told.push((reject.line, Err(reject.kind)));
        Ok(())
    }

    fn progress(&mut self, _: &Summary) -> Result<()> {
        Ok(())
    }
}

fn line(number: usize, id: Option<&str>) -> String {
    let id = id.map(|id| format!(",\"entry_id\":\"{id}\"")).unwrap_or_default();
    let fields = "\"event_type\":\"t\",\"agent_did\":\"a\",\"action\":\"allow\"";
    format!("{{{fields},\"n\":{number}{id}}}\n")
}

fn run(log: &AuditLog, input: &str, keeps: bool, resume: bool) -> (Ingested, Diary) {
    let mapping = Mapping::new();
    let ingest = Ingest::new(&mapping).file("f").keep_rejects(keeps).resume(resume).threads(3);
    let (stop, mut diary) = (AtomicBool::new(false), Diary::default());
    let ingested = ingest.run(log, input.as_bytes(), &stop, &mut diary);
    (ingested, diary)
}

fn numbers(log: &AuditLog) -> Vec<String> {
    let page = log.query(&Query::new().order(Order::Oldest).limit(0)).unwrap();
    page.entries.iter().map(|entry| entry.data_text().unwrap().to_owned()).collect()
}

#[test]
fn many_chunks_keep_the_order_of_the_input() {
    let log = AuditLog::in_memory().unwrap();
    let input: String = (0..30_000).map(|n| line(n, None)).collect();
    let (ingested, diary) = run(&log, &input, false, false);
    assert!(matches!(ingested.end, End::Complete));
    assert_eq!(ingested.summary.accepted, 30_000);
    assert_eq!(ingested.summary.bytes, input.len() as u64);
    assert_eq!(ingested.summary.durable_through, Some(29_999.into()));
    let wanted: Vec<_> = (0..30_000).map(|n| (n + 1, Ok(n))).collect();
    assert_eq!(diary.told, wanted);
    let wanted: Vec<_> = (0..30_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!(numbers(&log), wanted);
}

#[test]
fn a_bad_record_stops_after_everything_before_it_is_durable() {
    let log = AuditLog::in_memory().unwrap();
    let input = format!("{}{}\n{}", line(0, None), "{oops", line(1, None));
    let (ingested, diary) = run(&log, &input, false, false);
    let End::Rejected(reject) = ingested.end else { panic!("{:?}", ingested.end) };
    assert_eq!((reject.line, reject.kind), (2, RejectKind::Syntax));
    assert_eq!(diary.told, [(1, Ok(0)), (2, Err(RejectKind::Syntax))]);
    assert_eq!((numbers(&log).len(), diary.kept.len()), (1, 0));
    // Mended and resumed, nothing is twice in the log.
    let mended = format!("{}{}{}", line(0, None), line(7, None), line(1, None));
    let (ingested, _) = run(&log, &mended, false, true);
    assert_eq!(ingested.resumed.unwrap().line, 1);
    assert_eq!(numbers(&log), ["{\"n\":0}", "{\"n\":7}", "{\"n\":1}"]);
}

#[test]
fn kept_rejects_are_told_in_their_place_and_the_position_is_behind_them() {
    let log = AuditLog::in_memory().unwrap();
    let input = format!("{}\u{0}\n{}{{}}\n", line(0, None), line(1, None));
    let (ingested, diary) = run(&log, &input, true, false);
    let told =
        [(1, Ok(0)), (2, Err(RejectKind::Syntax)), (3, Ok(1)), (4, Err(RejectKind::MissingField))];
    assert_eq!(diary.told, told);
    assert_eq!(diary.kept, [(2, b"\0".to_vec()), (4, b"{}".to_vec())]);
    assert_eq!(ingested.summary.rejected, 2);
    let (ingested, diary) = run(&log, &format!("{input}{}", line(2, None)), true, true);
    assert_eq!(ingested.resumed.unwrap().offset, input.len() as u64);
    assert_eq!(diary.told, [(5, Ok(2))]);
}

#[test]
fn the_same_input_again_is_known_although_positions_differ() {
    let log = AuditLog::in_memory().unwrap();
    let some: String = (0..10).map(|n| line(n, Some(&format!("id-{n}")))).collect();
    let more = format!("{some}{}{}", line(10, Some("id-10")), line(11, None));
    run(&log, &some, false, false);
    let (ingested, _) = run(&log, &more, false, false);
    assert!(matches!(ingested.end, End::Complete), "{:?}", ingested.end);
    assert_eq!((ingested.summary.accepted, ingested.summary.duplicates), (2, 10));
    let (ingested, _) = run(&log, &more, false, true);
    assert_eq!(ingested.summary, Summary::default());
}

#[test]
fn an_id_with_other_content_is_that_records_reject_alone() {
    for keeps in [true, false] {
        let log = AuditLog::in_memory().unwrap();
        run(&log, &line(0, Some("x")), false, false);
        let mut input: String = (1..20).map(|n| line(n, None)).collect();
        input += &line(20, Some("x"));
        input.extend((21..30).map(|n| line(n, None)));
        let (ingested, diary) = run(&log, &input, keeps, false);
        assert_eq!(diary.told[19], (20, Err(RejectKind::IdConflict)));
        assert_eq!(ingested.summary.accepted, if keeps { 28 } else { 19 });
        assert_eq!(diary.kept.len(), usize::from(keeps));
        assert_eq!(matches!(ingested.end, End::Rejected(_)), !keeps);
        assert_eq!(numbers(&log).len(), if keeps { 29 } else { 20 });
    }
}

#[test]
fn a_batch_over_a_small_segments_group_is_split() {
    let options = crate::log::Options::memory().segment_bytes(64 << 10);
    let log = options.open().unwrap();
    let input: String = (0..3_000).map(|n| line(n, None)).collect();
    let (ingested, diary) = run(&log, &input, false, false);
    assert_eq!((ingested.summary.accepted, diary.told.len()), (3_000, 3_000));
    let wanted: Vec<_> = (0..3_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!(numbers(&log), wanted);
}

#[test]
fn arrays_resume_between_their_elements() {
    let log = AuditLog::in_memory().unwrap();
    let element = |n| line(n, None).trim().replace(',', ",\n ");
    let cut = format!("[\n{},\n{},\n{{\"event", element(0), element(1));
    let (ingested, _) = run(&log, &cut, false, false);
    let End::Rejected(reject) = ingested.end else { panic!() };
    assert_eq!((reject.line, reject.kind), (10, RejectKind::Truncated));
    let whole = format!("[\n{},\n{},\n{}]\n", element(0), element(1), element(2));
    let (ingested, diary) = run(&log, &whole, false, true);
    assert!(matches!(ingested.end, End::Complete), "{:?}", ingested.end);
    assert_eq!(diary.told, [(10, Ok(2))]);
}

#[test]
fn whoever_fails_to_keep_or_to_hear_ends_the_work() {
    struct Deaf;
    impl Listener for Deaf {
        fn keep(&mut self, _: &[Rejected<'_>]) -> Result<()> {
            Err(Error::new(ErrorKind::NoSpace, "full"))
        }
        fn accepted(&mut self, _: u64, _: &Receipt) -> Result<()> {
            Err(Error::new(ErrorKind::Io, "gone"))
        }
        fn rejected(&mut self, _: &Reject) -> Result<()> {
            Ok(())
        }
        fn progress(&mut self, _: &Summary) -> Result<()> {
            Ok(())
        }
    }
    let (mapping, log) = (Mapping::new(), AuditLog::in_memory().unwrap());
    let ingest = Ingest::new(&mapping).keep_rejects(true);
    for (input, kind, size) in [
        (format!("{}{{}}\n", line(0, None)), ErrorKind::NoSpace, 0),
        (line(0, None), ErrorKind::Io, 1),
    ] {
        let ingested = ingest.run(&log, input.as_bytes(), &AtomicBool::new(false), &mut Deaf);
        let End::Failed(error) = ingested.end else { panic!() };
        assert_eq!((error.kind(), log.head().size.get()), (kind, size));
    }
}
