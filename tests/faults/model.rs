//! Any sequence of appends, reopenings and power cuts, compared with a list.
//!
//! The list is what must be there: everything that was acknowledged, in order. After each reopening
//! the log may hold more (an append that was not answered may have happened), never less, and every
//! query answers as a plain filter over all its entries does.

use crate::sim::{Dice, Sim};
use crate::story::options;
use proptest::prelude::*;
use witnessmark::{AuditLog, Entry, Field, Hash, Order, Query, StoredEntry};

#[derive(Clone, Debug)]
enum Step {
    Append(Spec),
    Batch(Vec<Spec>),
    Submit(Vec<Spec>),
    Buffered(Spec),
    Sync,
    Reopen,
    /// The power goes while nothing is on its way.
    Cut(u64),
    Ask(Ask),
}

#[derive(Clone, Debug)]
struct Spec {
    agent: u8,
    event_type: u8,
    resource: u8,
    second: i64,
    fill: u16,
}

#[derive(Clone, Debug)]
struct Ask {
    agent: Option<u8>,
    event_type: Option<u8>,
    prefix: Option<u8>,
    since: Option<i64>,
    until: Option<i64>,
    from: u64,
    limit: usize,
    order: u8,
    system: bool,
}

const PATHS: [&str; 4] = ["/crm", "/crm/deals", "/crm/contacts", "/hr"];

impl Spec {
    fn entry(&self) -> Entry<'static> {
        let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(usize::from(self.fill)));
        Entry::new(format!("type{}", self.event_type), format!("did:{}", self.agent), "allow")
            .resource(PATHS[usize::from(self.resource)])
            .timestamp(witnessmark::EventTime::utc(self.second, 0))
            .data_text(data)
    }
}

fn spec() -> impl Strategy<Value = Spec> {
    (0u8..4, 0u8..3, 0u8..4, -20i64..20, prop_oneof![4 => 0u16..300, 1 => 4000u16..9000]).prop_map(
        |(agent, event_type, resource, second, fill)| Spec {
            agent,
            event_type,
            resource,
            second,
            fill,
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let terms = (
        proptest::option::of(0u8..5),
        proptest::option::weighted(0.4, 0u8..4),
        proptest::option::weighted(0.4, 0u8..4),
    );
    let rest = (
        proptest::option::weighted(0.3, -25i64..25),
        proptest::option::weighted(0.3, -25i64..25),
        prop_oneof![3 => Just(0u64), 1 => 0u64..60],
        0usize..15,
        0u8..3,
        any::<bool>(),
    );
    (terms, rest).prop_map(
        |((agent, event_type, prefix), (since, until, from, limit, order, system))| Ask {
            agent,
            event_type,
            prefix,
            since,
            until,
            from,
            limit,
            order,
            system,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => spec().prop_map(Step::Append),
        2 => proptest::collection::vec(spec(), 1..5).prop_map(Step::Batch),
        2 => proptest::collection::vec(spec(), 1..8).prop_map(Step::Submit),
        1 => spec().prop_map(Step::Buffered),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        2 => any::<u64>().prop_map(Step::Cut),
        3 => ask().prop_map(Step::Ask),
    ]
}

/// A log on a disk, and what it must hold.
struct Both {
    sim: Sim,
    align: u16,
    log: Option<AuditLog>,
    acknowledged: Vec<(u64, Hash)>,
}

impl Both {
    fn log(&self) -> &AuditLog {
        self.log.as_ref().unwrap()
    }

    fn take(&mut self, receipt: &witnessmark::Receipt) {
        self.acknowledged.push((receipt.index().get(), receipt.entry_hash()));
    }

    fn reopen(&mut self) -> Result<(), TestCaseError> {
        self.log = Some(options(&self.sim, self.align).open().unwrap());
        let view = self.log().view();
        for (index, hash) in &self.acknowledged {
            prop_assert_eq!(view.entry((*index).into()).unwrap().entry_hash(), *hash);
        }
        self.check_sequences(&self.all())
    }

    /// Every entry, read one by one.
    fn all(&self) -> Vec<StoredEntry> {
        let view = self.log().view();
        (0..view.size().get()).map(|index| view.entry(index.into()).unwrap()).collect()
    }

    /// The sequence numbers of agents and types have no gaps, across segments and crashes.
    fn check_sequences(&self, all: &[StoredEntry]) -> Result<(), TestCaseError> {
        let mut agents = std::collections::HashMap::<String, u64>::new();
        let mut types = std::collections::HashMap::<String, u64>::new();
        for entry in all {
            let agent = agents.entry(entry.agent_did().to_owned()).or_default();
            let event_type = types.entry(entry.event_type().to_owned()).or_default();
            prop_assert_eq!((entry.agent_seq(), entry.type_seq()), (*agent, *event_type));
            *agent += 1;
            *event_type += 1;
        }
        Ok(())
    }

    fn take_step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Append(spec) => {
                let receipt = self.log().append(spec.entry()).unwrap();
                self.take(&receipt);
            }
            Step::Batch(specs) => {
                let receipts = self.log().append_batch(specs.iter().map(Spec::entry)).unwrap();
                prop_assert_eq!(receipts.len(), specs.len());
                receipts.iter().for_each(|receipt| self.take(receipt));
            }
            Step::Submit(specs) => {
                let submit = |spec: &Spec| self.log().submit(spec.entry()).unwrap();
                let tickets: Vec<_> = specs.iter().map(submit).collect();
                for ticket in tickets {
                    self.take(&ticket.wait().unwrap());
                }
            }
            Step::Buffered(spec) => {
                // Acknowledged as buffered only: a power cut may take it.
                let _ = self.log().append_buffered(spec.entry()).unwrap();
            }
            Step::Sync => {
                self.log().sync().unwrap();
            }
            Step::Reopen => {
                let before = self.log().sync().unwrap();
                let after = self.log.take().unwrap().close().unwrap();
                prop_assert_eq!(before, after);
                self.reopen()?;
                prop_assert_eq!(self.log().head(), after);
                prop_assert!(self.log().recovery().is_none());
            }
            Step::Cut(seed) => {
                self.sim.stop();
                self.log = None;
                self.sim.cut_power(&mut Dice::new(*seed));
                self.reopen()?;
            }
            Step::Ask(ask) => self.ask(ask)?,
        }
        Ok(())
    }

    fn ask(&self, ask: &Ask) -> Result<(), TestCaseError> {
        let all = self.all();
        let wanted: Vec<u64> = all
            .iter()
            .filter(|entry| ask.matches(entry))
            .map(|entry| entry.index().get())
            .collect();
        let query = ask.query();
        let page = self.log().query(&query).unwrap();
        let found: Vec<u64> = page.entries.iter().map(|entry| entry.index().get()).collect();
        prop_assert_eq!(self.log().view().count(&query).unwrap().0, wanted.len() as u64);
        prop_assert_eq!(found, ask.page(wanted));
        Ok(())
    }
}

impl Ask {
    fn query(&self) -> Query {
        let order = [Order::Recent, Order::Newest, Order::Oldest][usize::from(self.order)];
        let mut query = Query::new().limit(self.limit).system(self.system).from(self.from);
        query = query.order(order);
        if let Some(agent) = self.agent {
            query = query.agent(format!("did:{agent}"));
        }
        if let Some(event_type) = self.event_type {
            query = query.event_type(format!("type{event_type}"));
        }
        if let Some(prefix) = self.prefix {
            query = query.resource_prefix(PATHS[usize::from(prefix)]);
        }
        if let Some(since) = self.since {
            query = query.since(witnessmark::EventTime::utc(since, 0));
        }
        if let Some(until) = self.until {
            query = query.until(witnessmark::EventTime::utc(until, 0));
        }
        query
    }

    fn matches(&self, entry: &StoredEntry) -> bool {
        let time = entry.timestamp().instant();
        let prefix = self.prefix.map(|prefix| PATHS[usize::from(prefix)]);
        (self.system || !entry.is_system())
            && entry.index().get() >= self.from
            && self.agent.is_none_or(|agent| entry.agent_did() == format!("did:{agent}"))
            && self.event_type.is_none_or(|t| entry.event_type() == format!("type{t}"))
            && prefix.is_none_or(|prefix| {
                entry.text(Field::Resource).is_some_and(|path| path.starts_with(prefix))
            })
            && self.since.is_none_or(|since| time >= (since, 0))
            && self.until.is_none_or(|until| time <= (until, 0))
    }

    fn page(&self, mut all: Vec<u64>) -> Vec<u64> {
        let limit = if self.limit == 0 { all.len() } else { self.limit.min(all.len()) };
        match self.order {
            0 => all.split_off(all.len() - limit),
            1 => all.into_iter().rev().take(limit).collect(),
            _ => {
                all.truncate(limit);
                all
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn a_log_is_a_list_that_survives(
        steps in proptest::collection::vec(step(), 1..60),
        align in prop::sample::select(vec![1u16, 512, 4096]),
    ) {
        let mut both = Both { sim: Sim::new(), align, log: None, acknowledged: Vec::new() };
        both.reopen()?;
        for step in &steps {
            both.take_step(step)?;
        }
        both.take_step(&Step::Cut(1))?;
        both.take_step(&Step::Reopen)?;
    }
}
