//! Bars: what is asked of the figures, all of it in this one place.
//!
//! Bars are numbered 1 to 18, from a lone producer to memory. A ratio is judged inside one run, against
//! the floor or the parser that took turns with the engine. Where the bar is another engine, which
//! this command does not contain, it is that engine's figure on the reference machine; the ratio in
//! one run is what `crates/compare` is for.

/// One bar.
#[derive(Debug)]
pub(super) struct Bar {
    /// Its number in the table.
    pub(super) number: u8,
    /// Whether more is better.
    pub(super) is_least: bool,
    pub(super) must: f64,
    pub(super) stretch: f64,
    /// Where it comes from, when it is no ratio of this run.
    pub(super) from: &'static str,
}

const fn least(number: u8, must: f64, stretch: f64) -> Bar {
    Bar { number, is_least: true, must, stretch, from: "" }
}

const fn most(number: u8, must: f64, stretch: f64, from: &'static str) -> Bar {
    Bar { number, is_least: false, must, stretch, from }
}

/// Rate of blocking producers over the floor's.
pub(super) fn blocking(threads: u16) -> Option<&'static Bar> {
    const BARS: [(u16, Bar); 4] = [
        (1, least(1, 0.90, 0.98)),
        (8, least(2, 1.0, 1.35)),
        (64, least(3, 0.85, 1.0)),
        (256, least(4, 0.85, 1.3)),
    ];
    BARS.iter().find(|(producers, _)| *producers == threads).map(|(_, bar)| bar)
}

/// p99 of one producer over the floor's.
pub(super) const P99: Bar = most(1, 1.5, 1.5, "");
/// One thread, batches of 256, over the floor's same batches.
pub(super) const BATCHES: Bar = least(5, 0.5, 0.8);
/// 8 producers, 4,096 outstanding, over the floor's 8 times batches of 256.
pub(super) const OUTSTANDING: Bar = least(6, 0.6, 0.85);
/// The same as a rate, on two cores.
pub(super) const OUTSTANDING_RATE: Bar = least(6, 1e6, 1e6);
/// 8 producers, 256 outstanding, as a rate.
pub(super) const FEW_OUTSTANDING_RATE: Bar = least(6, 6e5, 6e5);
/// One sync at the end, over the floor's.
pub(super) const BULK: Bar = least(7, 0.6, 1.0);
/// JSON Lines made durable, over reading them as JSON.
pub(super) const INGEST: Bar = least(8, 0.8, 0.95);
/// Bytes written over bytes of entries, 64 producers.
pub(super) const WRITTEN_PRODUCERS: Bar = most(9, 1.6, 1.4, "");
/// The same, bulk.
pub(super) const WRITTEN_BULK: Bar = most(9, 1.4, 1.2, "");
/// Bytes an entry takes on the disk.
pub(super) const AT_REST: Bar = most(10, 0.6 * 742.0, 326.0, "0.6 x SQLite's 742; RocksDB's 326");
/// Microseconds to an entry by id.
pub(super) const BY_ID: Bar = most(11, 0.6 * 8.0, 0.3 * 8.0, "0.6 and 0.3 x LMDB's 8");
/// Microseconds to the last hundred of an agent.
pub(super) const LAST: Bar = most(12, 0.8 * 92.0, 0.4 * 92.0, "0.8 and 0.4 x LMDB's 92");
/// Microseconds to a type and an outcome within an hour.
pub(super) const HOUR: Bar = most(12, 0.8 * 454.0, 0.4 * 454.0, "0.8 and 0.4 x LMDB's 454");
/// Microseconds to a trace.
pub(super) const TRACE: Bar = most(12, 0.8 * 19.0, 0.4 * 19.0, "0.8 and 0.4 x LMDB's 19");
/// Microseconds to a count of every agent.
pub(super) const COUNT: Bar = most(13, 1500.0, 300.0, "");
/// Microseconds to a proof of either kind.
pub(super) const PROOF: Bar = most(14, 1.5 * 2.3, 2.3, "1.5 and 1 x tlog_tiles' 2.3");
/// Microseconds to check one.
pub(super) const CHECK: Bar = most(15, 1.1 * 2.3, 1.5, "1.1 x tlog_tiles' 2.3");
/// Entries a second of the offline audit, two threads.
pub(super) const AUDIT: Bar = least(16, 3e6, 5e6);
/// Milliseconds from opening to the first durable append, after a kill.
pub(super) const OPEN: Bar = most(17, 100.0, 50.0, "");
/// Anonymous memory while a million entries come in, in MB.
pub(super) const MEMORY: Bar = most(18, 128.0, 32.0, "");
