//! Speed beside it: durable appends by 1, 8 and 64 producers, engines taking turns.

use crate::engine::{Engine, Result};
use crate::random::row;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PRODUCERS: [u64; 3] = [1, 8, 64];
/// Interleaved, so that what else the machine does meets every engine.
const ROUNDS: usize = 5;
/// How long each engine appends in a round.
const ROUND: Duration = Duration::from_secs(1);

/// Rows of the table: the median over rounds, in rows a second, for each number of producers.
pub(crate) fn run(engines: &[Box<dyn Engine>], seed: u64) -> Result<Vec<String>> {
    let mut lines: Vec<String> = engines.iter().map(|e| format!("| {} |", e.name())).collect();
    for producers in PRODUCERS {
        let mut rates = vec![Vec::new(); engines.len()];
        for _ in 0..ROUNDS {
            for (engine, rates) in engines.iter().zip(&mut rates) {
                rates.push(rate(&**engine, producers, seed)?);
            }
        }
        for (line, rates) in lines.iter_mut().zip(&mut rates) {
            rates.sort_unstable();
            let median = rates.get(ROUNDS / 2).copied().unwrap_or_default();
            line.push_str(&format!(" {median} |"));
        }
    }
    Ok(lines)
}

fn rate(engine: &dyn Engine, producers: u64, seed: u64) -> Result<u64> {
    let dir = tempfile::tempdir()?;
    let store = engine.create(dir.path())?;
    let next = AtomicU64::new(0);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let produce = || -> Result<()> {
            while begin.elapsed() < ROUND {
                let key = next.fetch_add(1, Ordering::Relaxed);
                store.append(key, &row(seed, key))?;
            }
            Ok(())
        };
        let producers: Vec<_> = (0..producers).map(|_| scope.spawn(produce)).collect();
        producers.into_iter().try_for_each(|p| p.join().map_err(|_| "a producer panicked")?)
    })?;
    let elapsed = begin.elapsed();
    store.close()?;
    let rows = u128::from(next.into_inner());
    Ok(u64::try_from(rows * 1000 / elapsed.as_millis().max(1))?)
}
