//! Queries answer like a naive filter over all entries, however the log is cut into parts.

use super::parts::{PartView, Parts};
use super::*;
use crate::entry::{Entry, Field};
use crate::format::Flaw;
use crate::format::frame::{FLAG_SYSTEM, Header, Unplaced, place};
use crate::format::meta::{Defaults, encode};
use crate::format::side::Subject;
use crate::index::{MemIndex, PartIndex, Postings, SealedIndex};
use crate::sync::Mutex;
use crate::types::Hash;
use crate::view::list::Kept;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

/// What a random entry is made of.
#[derive(Clone, Debug)]
struct Spec {
    agent: u8,
    event_type: u8,
    outcome: Option<u8>,
    trace: Option<u8>,
    resource: Option<u8>,
    second: i64,
    is_system: bool,
    is_erased: bool,
}

const RESOURCES: [&str; 5] = ["/crm", "/crm/contacts", "/crm/deals", "/hr", ""];

fn spec() -> impl Strategy<Value = Spec> {
    (
        (0u8..4, 0u8..3, proptest::option::of(0u8..3), proptest::option::of(0u8..9)),
        (proptest::option::of(0u8..5), -50i64..50, 0u8..20, 0u8..20),
    )
        .prop_map(
            |((agent, event_type, outcome, trace), (resource, second, system, erased))| Spec {
                agent,
                event_type,
                outcome,
                trace,
                resource,
                second,
                is_system: system == 0,
                is_erased: erased == 0,
            },
        )
}

/// A log of parts: all but the last sealed.
struct Log {
    parts: Vec<Part>,
    entries: Vec<StoredEntry>,
    kept: Mutex<[Kept; Key::COUNT]>,
}

struct Part {
    first: usize,
    index: Box<dyn PartIndex>,
}

fn frame_of(spec: &Spec, index: usize, seqs: (u64, u64)) -> Vec<u8> {
    let event_type = match spec.is_system {
        true => format!("witnessmark.t{}", spec.event_type),
        false => format!("t{}", spec.event_type),
    };
    let mut entry = match spec.is_system {
        true => Entry::system("").set(Field::EventType, event_type),
        false => Entry::new(event_type, format!("agent-{}", spec.agent), "allow"),
    }
    .timestamp(EventTime::utc(spec.second, 7));
    // Some agents of the outside call themselves as the engine does.
    if spec.agent == 3 {
        entry = entry.set(Field::AgentDid, "witnessmark");
    }
    let texts = [
        (Field::Outcome, spec.outcome.map(|o| format!("o{o}"))),
        (Field::TraceId, spec.trace.map(|t| format!("trace-{t}"))),
        (Field::Resource, spec.resource.map(|r| RESOURCES[usize::from(r)].to_owned())),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            entry = entry.set(field, text);
        }
    }
    let mut meta = Vec::new();
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&(index as u64).to_le_bytes());
    let defaults = Defaults { uuid: &uuid, now: EventTime::utc(0, 0), redactions: None };
    encode(&entry, &defaults, &mut meta);
    let flags = if spec.is_system { FLAG_SYSTEM } else { 0 };
    let unplaced =
        Unplaced { flags, body_salt: &[1; 16], data_salt: &[2; 16], meta: &meta, payload: b"" };
    let header = Header {
        flags,
        index: index as u64,
        recorded_at: index as u64,
        agent_seq: seqs.0,
        type_seq: seqs.1,
        meta_len: u32::try_from(meta.len()).unwrap(),
        data_len: 0,
        body_hash: unplaced.body_hash(),
        previous_hash: Hash::ZERO,
    };
    let mut bytes = Vec::new();
    unplaced.append_to(&mut bytes);
    place(&mut bytes, &header, &crate::hash::entry(&header.encode()));
    if spec.is_erased {
        bytes[0] = 3;
        bytes[4..8].copy_from_slice(&104u32.to_le_bytes());
        bytes.truncate(72);
        bytes.extend_from_slice(&header.body_hash.0);
    }
    bytes
}

fn log(specs: &[Spec], cuts: &[usize]) -> Log {
    let mut seqs: HashMap<String, u64> = HashMap::new();
    let mut entries: Vec<StoredEntry> = Vec::new();
    for (i, spec) in specs.iter().enumerate() {
        let whole = Spec { is_erased: false, ..spec.clone() };
        let probe = frame_of(&whole, i, (0, 0));
        let probe = StoredEntry::read(&probe, 0.into(), Hash::ZERO).unwrap();
        let mut next = |name: String| {
            let seq = seqs.entry(name).or_default();
            *seq += 1;
            *seq - 1
        };
        let pair =
            (next(format!("a{}", probe.agent_did())), next(format!("t{}", probe.event_type())));
        let bytes = frame_of(spec, i, pair);
        entries.push(StoredEntry::read(&bytes, (i as u64).into(), Hash::ZERO).unwrap());
    }
    let mut bounds: Vec<usize> = cuts.iter().map(|cut| cut % (specs.len() + 1)).collect();
    bounds.extend([0, specs.len()]);
    bounds.sort_unstable();
    bounds.dedup();
    let mut parts = Vec::new();
    for pair in bounds.windows(2) {
        let (first, end) = (pair[0], pair[1]);
        let mut index = MemIndex::new();
        for entry in &entries[first..end] {
            index.push_all(&[(entry.frame(), 0)]);
        }
        let subject = Subject {
            log_id: [0; 32],
            generation: 0,
            first_index: first as u64,
            count: u32::try_from(end - first).unwrap(),
            root: Hash::ZERO,
        };
        let index: Box<dyn PartIndex> = match end == specs.len() {
            true => Box::new(index),
            false => Box::new(SealedIndex::open(index.encode(&subject), &subject).unwrap()),
        };
        parts.push(Part { first, index });
    }
    Log { parts, entries, kept: Mutex::default() }
}

/// A view of the first `size` entries.
struct At<'a>(&'a Log, usize);

impl Parts for At<'_> {
    fn count(&self) -> usize {
        self.0.parts.len()
    }

    fn range(&self, part: usize) -> Range<u64> {
        let part = &self.0.parts[part];
        let end = (part.first + part.index.len() as usize).min(self.1);
        part.first as u64..end.max(part.first) as u64
    }

    fn with_part(&self, part: usize, f: &mut dyn FnMut(PartView<'_>) -> Result<()>) -> Result<()> {
        let range = self.range(part);
        let part = &self.0.parts[part];
        let entry = |local: u32| &self.0.entries[part.first + local as usize];
        f(PartView {
            first_index: range.start,
            visible: u32::try_from(range.end - range.start).unwrap(),
            index: &*part.index,
            read: &|locals| locals.iter().map(|local| Ok(entry(*local).clone())).collect(),
            read_time: &|local| Ok(entry(local).time(Field::Timestamp)),
        })
    }

    fn sealed(&self) -> usize {
        let is_whole = |(part, wanted): &(usize, &Part)| {
            let range = self.range(*part);
            let is_sealed = wanted.first + (wanted.index.len() as usize) < self.0.entries.len();
            is_sealed && range.end - range.start == u64::from(wanted.index.len())
        };
        (0..).zip(&self.0.parts).take_while(is_whole).count()
    }

    fn kept(&self, key: Key) -> Kept {
        self.0.kept.lock()[key.slot()].clone()
    }

    fn keep(&self, key: Key, kept: Kept) {
        self.0.kept.lock()[key.slot()] = kept;
    }
}

fn query() -> impl Strategy<Value = Query> {
    let terms = (
        proptest::option::of(0u8..5),
        proptest::option::weighted(0.3, 0u8..4),
        proptest::option::weighted(0.3, 0u8..3),
        proptest::option::weighted(0.2, 0u8..9),
        proptest::option::weighted(0.2, 0u8..5),
        proptest::option::weighted(0.3, prop::sample::select(vec!["", "/", "/crm", "/crm/", "/x"])),
    );
    let ranges = (
        proptest::option::weighted(0.4, -55i64..55),
        proptest::option::weighted(0.4, -55i64..55),
        proptest::option::weighted(0.2, 0u64..90),
        proptest::option::weighted(0.2, 0u64..90),
    );
    let rest = (0u8..3, 0usize..12, any::<bool>());
    (terms, ranges, rest).prop_map(|(terms, (since, until, from, to), (order, limit, system))| {
        let mut query = Query::new().limit(limit).system(system);
        let (agent, event_type, outcome, trace, resource, prefix) = terms;
        if let Some(agent) = agent {
            query = query.agent(if agent > 2 {
                "witnessmark".into()
            } else {
                format!("agent-{agent}")
            });
        }
        if let Some(t) = event_type {
            query = query.event_type(if t > 2 { "witnessmark.t0".into() } else { format!("t{t}") });
        }
        if let Some(o) = outcome {
            query = query.outcome(format!("o{o}"));
        }
        if let Some(t) = trace {
            query = query.trace(format!("trace-{t}"));
        }
        if let Some(r) = resource {
            query = query.resource(RESOURCES[usize::from(r)]);
        }
        if let Some(prefix) = prefix {
            query = query.resource_prefix(prefix);
        }
        if let Some(since) = since {
            query = query.since(EventTime::utc(since, 7));
        }
        if let Some(until) = until {
            query = query.until(EventTime::utc(until, 7));
        }
        if let Some(from) = from {
            query = query.from(from);
        }
        if let Some(to) = to {
            query = query.to(to);
        }
        query.order([Order::Recent, Order::Newest, Order::Oldest][usize::from(order)])
    })
}

/// The reference: looks at every entry.
fn naive(query: &Query, entries: &[StoredEntry]) -> Vec<u64> {
    let matches = |entry: &&StoredEntry| {
        let is_wanted = |key: Key, field: Field| {
            query.wanted(key).is_none_or(|value| entry.text(field) == Some(value))
        };
        let index = entry.index().get();
        let own_type = query.wanted(Key::Type).is_some_and(|t| t.starts_with("witnessmark."));
        let time = entry.time(Field::Timestamp);
        (query.from..query.to).contains(&index)
            && (!entry.is_system() || query.system || own_type)
            && is_wanted(Key::Agent, Field::AgentDid)
            && is_wanted(Key::Type, Field::EventType)
            && is_wanted(Key::Outcome, Field::Outcome)
            && is_wanted(Key::Trace, Field::TraceId)
            && is_wanted(Key::Resource, Field::Resource)
            && query
                .resource_prefix
                .as_ref()
                .is_none_or(|p| entry.resource().is_some_and(|r| r.starts_with(p.as_str())))
            && query.since.is_none_or(|since| time.is_some_and(|time| time >= since))
            && query.until.is_none_or(|until| time.is_some_and(|time| time <= until))
    };
    entries.iter().filter(matches).map(|entry| entry.index().get()).collect()
}

fn page_of(query: &Query, all: &[u64]) -> Vec<u64> {
    let len = if query.limit == 0 { all.len() } else { query.limit.min(all.len()) };
    match query.order {
        Order::Recent => all[all.len() - len..].to_vec(),
        Order::Newest => all.iter().rev().take(len).copied().collect(),
        Order::Oldest => all[..len].to_vec(),
    }
}

fn indices(page: &Page) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.index().get()).collect()
}

fn check(log: &Log, size: usize, query: &Query) -> Result<(), TestCaseError> {
    let view = At(log, size);
    let entries = &log.entries[..size];
    let all = naive(query, entries);
    let page = run(&view, query).unwrap();
    prop_assert_eq!(indices(&page), page_of(query, &all));
    prop_assert_eq!(count(&view, query).unwrap().0, all.len() as u64);
    for key in [Key::Agent, Key::Outcome, Key::Resource] {
        let mut wanted: BTreeMap<String, u64> = BTreeMap::new();
        for index in &all {
            if let Some(value) = entries[usize::try_from(*index).unwrap()].text(key.field()) {
                *wanted.entry(value.to_owned()).or_default() += 1;
            }
        }
        let mut wanted: Vec<(String, u64)> = wanted.into_iter().collect();
        wanted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        prop_assert_eq!(count_by(&view, query, key).unwrap().0, wanted);
    }
    // Pages laid end to end are everything, once.
    let mut paged = indices(&page);
    let mut next = page.next;
    while let Some(cursor) = next {
        let cursor = cursor.to_string().parse().unwrap();
        let page = run(&view, &query.clone().cursor(cursor)).unwrap();
        match query.order {
            Order::Recent => paged.splice(0..0, indices(&page)).for_each(drop),
            _ => paged.extend(indices(&page)),
        }
        next = page.next;
    }
    let mut wanted = all;
    if query.order == Order::Newest {
        wanted.reverse();
    }
    prop_assert_eq!(paged, wanted);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn queries_answer_like_a_naive_filter(
        specs in proptest::collection::vec(spec(), 0..90),
        cuts in proptest::collection::vec(0usize..90, 0..4),
        hidden in 0usize..10,
        queries in proptest::collection::vec(query(), 1..12),
    ) {
        let log = log(&specs, &cuts);
        // The growing part may know more entries than the view may show.
        let last = log.parts.last().map_or(0, |part| part.first);
        let size = specs.len().saturating_sub(hidden).max(last);
        for query in &queries {
            check(&log, size, query)?;
        }
    }
}

/// Enough entries for several zones and posting blocks.
#[test]
fn large_parts_answer_like_a_naive_filter() {
    let specs: Vec<Spec> = (0..7000u32)
        .map(|i| Spec {
            agent: u8::try_from(i * i % 3).unwrap(),
            event_type: u8::try_from(i / 7 % 3).unwrap(),
            outcome: Some(u8::try_from(i % 5 % 3).unwrap()),
            trace: (i % 11 == 0).then_some(4),
            resource: Some(u8::try_from(i % 5).unwrap()),
            second: i64::from(i) + i64::from(i * 7919 % 300),
            is_system: i % 501 == 0,
            is_erased: i % 333 == 0,
        })
        .collect();
    let log = log(&specs, &[2500, 5000]);
    let at = |second| EventTime::utc(second, 7);
    let queries = [
        Query::new(),
        Query::new().agent("agent-1").limit(700),
        Query::new().agent("agent-1").event_type("t1").order(Order::Newest).limit(450),
        Query::new().since(at(900)).until(at(5100)).limit(2000),
        Query::new().trace("trace-4").outcome("o1").order(Order::Oldest).limit(77),
        Query::new().resource_prefix("/crm").since(at(3000)).order(Order::Oldest).limit(900),
        Query::new().agent("agent-0").until(at(2100)).limit(800),
        Query::new().event_type("witnessmark.t0").limit(0),
    ];
    for query in queries {
        check(&log, 6900, &query).unwrap();
    }
}

#[test]
fn counts_and_old_times_need_no_reads() {
    let specs: Vec<Spec> = (0..4096)
        .map(|i| Spec {
            agent: 1,
            event_type: 1,
            outcome: None,
            trace: None,
            resource: None,
            second: i,
            is_system: false,
            is_erased: false,
        })
        .collect();
    let log = log(&specs, &[2048]);
    let view = At(&log, 4096);
    let at = |second| EventTime::utc(second, 7);
    let (found, plan) = count(&view, &Query::new().since(at(1024)).agent("agent-1")).unwrap();
    assert_eq!((found, plan.entry_reads, plan.time_reads), (3072, 0, 0));
    let text = plan.to_string();
    assert!(
        text.starts_with("plan: agent postings (2 parts, 4096) ∩ time -> 0 entry reads"),
        "{text}"
    );
    let (_, plan) = count(&view, &Query::new().since(at(4000))).unwrap();
    assert_eq!((plan.time_reads, plan.empty_parts), (128, 1));
    let (found, plan) = count(&view, &Query::new().since(at(4096)).agent("agent-1")).unwrap();
    assert_eq!((found, plan.time_reads, plan.empty_parts), (0, 0, 2));
    let page = run(&view, &Query::new().limit(10)).unwrap();
    assert_eq!((page.plan.entry_reads, page.entries.len()), (10, 10));
}

#[test]
fn an_id_leads_to_its_entry() {
    let one = Spec {
        agent: 1,
        event_type: 1,
        outcome: None,
        trace: None,
        resource: None,
        second: 0,
        is_system: false,
        is_erased: false,
    };
    let log = log(&vec![one; 50], &[20]);
    for index in [3, 19, 20, 49] {
        let id = log.entries[index].entry_id();
        let found = find_id(&At(&log, 50), &id).unwrap().unwrap();
        assert_eq!(found.index().get(), index as u64);
    }
    let id = log.entries[49].entry_id();
    assert!(find_id(&At(&log, 49), &id).unwrap().is_none());
    assert!(find_id(&At(&log, 50), "nobody").unwrap().is_none());
}

#[test]
fn a_cursor_of_the_opposite_order_is_refused() {
    let log = log(&[], &[]);
    let query = Query::new().order(Order::Oldest).cursor(Cursor::Before(3));
    assert_eq!(run(&At(&log, 0), &query).unwrap_err().kind(), ErrorKind::Invalid);
}

/// An index whose postings leave one entry out, or name one too many.
struct Liar {
    index: Box<dyn PartIndex>,
    agents: Vec<u32>,
}

impl PartIndex for Liar {
    fn len(&self) -> u32 {
        self.index.len()
    }

    fn offset(&self, local: u32) -> Option<u32> {
        self.index.offset(local)
    }

    fn postings(&self, key: Key, term: &[u8]) -> Result<Postings<'_>, Flaw> {
        match key {
            Key::Agent | Key::Type => Ok(Postings::Slice(&self.agents)),
            _ => self.index.postings(key, term),
        }
    }

    fn for_each_term<'a>(
        &'a self,
        key: Key,
        prefix: &[u8],
        f: &mut dyn FnMut(&[u8], Postings<'a>),
    ) -> Result<(), Flaw> {
        self.index.for_each_term(key, prefix, f)
    }

    fn zone(&self, zone: u32) -> Option<crate::format::index_file::Zone> {
        self.index.zone(zone)
    }

    fn times(&self) -> crate::format::index_file::Zone {
        self.index.times()
    }

    fn system(&self) -> Result<Postings<'_>, Flaw> {
        self.index.system()
    }

    fn erased(&self) -> Result<Postings<'_>, Flaw> {
        self.index.erased()
    }

    fn id_candidates(&self, id_key: u64) -> Vec<u32> {
        self.index.id_candidates(id_key)
    }
}

#[test]
fn an_index_that_lies_is_caught_in_use() {
    let one = |erased: bool| Spec {
        agent: 1,
        event_type: 1,
        outcome: None,
        trace: None,
        resource: None,
        second: 0,
        is_system: false,
        is_erased: erased,
    };
    let specs: Vec<Spec> =
        (0..10).map(|i| one(i == 5)).chain([Spec { agent: 2, ..one(false) }]).collect();
    let honest = [0, 1, 2, 3, 4, 6, 7, 8, 9];
    let with_agents = |agents: Vec<u32>| {
        let mut log = log(&specs, &[]);
        let index = log.parts.pop().unwrap().index;
        log.parts.push(Part { first: 0, index: Box::new(Liar { index, agents }) });
        log
    };
    for order in [Order::Recent, Order::Newest, Order::Oldest] {
        let query = Query::new().agent("agent-1").order(order);
        // Entry 5 was erased: the gap it leaves is accounted for.
        assert_eq!(run(&At(&with_agents(honest.to_vec()), 11), &query).unwrap().entries.len(), 9);
        let mut hiding = honest.to_vec();
        hiding.remove(2);
        let error = run(&At(&with_agents(hiding), 11), &query).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.message(), "the index hides an entry");
        assert_eq!(error.location().file.as_deref(), Some("00000000000000000000.index"));
        let mut naming = honest.to_vec();
        naming.push(10);
        let error = run(&At(&with_agents(naming), 11), &query).unwrap_err();
        assert_eq!(error.message(), "the index names an entry that is another");
        // Whoever believes no index is told the truth by either of them.
        for lie in [vec![0, 1], (0..11).collect()] {
            let (lying, query) = (with_agents(lie), query.clone().verified(true));
            let page = run(&At(&lying, 11), &query).unwrap();
            let found: Vec<u64> = page.entries.iter().map(|entry| entry.index().get()).collect();
            let is_truth = |index| found.contains(&u64::from(index));
            assert!(found.len() == honest.len() && honest.into_iter().all(is_truth), "{found:?}");
            assert_eq!(count(&At(&lying, 11), &query).unwrap().0, 9);
            let by_agent = count_by(&At(&lying, 11), &query, Key::Agent).unwrap().0;
            assert_eq!(by_agent, [("agent-1".to_owned(), 9)]);
        }
    }
    let beginning = with_agents(honest[1..].to_vec());
    for order in [Order::Recent, Order::Newest, Order::Oldest] {
        let query = Query::new().agent("agent-1").order(order);
        let error = run(&At(&beginning, 11), &query).unwrap_err();
        assert_eq!(error.message(), "the index hides an entry");
    }
}

/// A view in which the time of one entry cannot be read.
struct Unreadable<'a>(At<'a>, u64);

impl Parts for Unreadable<'_> {
    fn count(&self) -> usize {
        self.0.count()
    }

    fn range(&self, part: usize) -> Range<u64> {
        self.0.range(part)
    }

    fn with_part(&self, part: usize, f: &mut dyn FnMut(PartView<'_>) -> Result<()>) -> Result<()> {
        self.0.with_part(part, &mut |view| {
            let (first_index, read_time) = (view.first_index, view.read_time);
            let read_time = |local: u32| match first_index + u64::from(local) == self.1 {
                true => Err(Error::new(ErrorKind::Corrupt, "a damaged frame")),
                false => read_time(local),
            };
            f(PartView { read_time: &read_time, ..view })
        })
    }

    fn sealed(&self) -> usize {
        self.0.sealed()
    }

    fn kept(&self, key: Key) -> Kept {
        self.0.kept(key)
    }

    fn keep(&self, key: Key, kept: Kept) {
        self.0.keep(key, kept);
    }
}

/// However many are read at once: what matches in front of damage is handed out, and who stops in
/// front of it never hears of it.
#[test]
fn matches_in_front_of_damage_are_handed_out() {
    let spec = |second| Spec {
        agent: 0,
        event_type: 0,
        outcome: None,
        trace: None,
        resource: None,
        second,
        is_system: false,
        is_erased: false,
    };
    let specs: Vec<Spec> = (0..200).map(spec).collect();
    let log = log(&specs, &[]);
    let query = Query::new().since(EventTime::utc(10, 0)).order(Order::Oldest).limit(0);
    // All in the first zone: of the second all happened in time, and no time is read.
    for damaged in [11, 13, 40, 75, 127] {
        let view = Unreadable(At(&log, 200), damaged);
        let mut seen = Vec::new();
        let walked = for_each(&view, &query, &mut |entry| {
            seen.push(entry.index().get());
            Ok(ControlFlow::Continue(()))
        });
        assert_eq!(walked.unwrap_err().kind(), ErrorKind::Corrupt);
        assert!(seen.into_iter().eq(10..damaged), "{damaged}");
        let stopped = for_each(&view, &query, &mut |_| Ok(ControlFlow::Break(())));
        assert!(stopped.is_ok(), "{damaged}");
    }
}
