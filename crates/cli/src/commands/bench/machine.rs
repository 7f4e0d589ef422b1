//! The machine: what it is, and what else it does.
//!
//! Everything comes from `/proc`. Busy time is counted in the kernel's ticks, of which only ratios
//! are used. What the kernel does for this process on threads of its own, such as writing pages
//! back, counts as somebody else's.

use serde::Serialize;
use std::time::Duration;

/// What a number was measured on.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) cpu: String,
    pub(super) cores: usize,
    pub(super) memory_bytes: u64,
    pub(super) kernel: String,
    /// Over one, five and fifteen minutes, before anything is measured.
    pub(super) load_average: Vec<f64>,
    /// Cores that others kept busy just before.
    pub(super) others_before: f64,
    /// Cores that others kept busy while it was measured.
    pub(super) others_during: f64,
}

/// How long others are watched before anything is measured.
const WATCH: Duration = Duration::from_millis(250);

impl Machine {
    /// Looks at the machine, for a quarter of a second.
    pub(super) fn look() -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{name}"));
        let of = |name: &str, key: &str| field(&read(name).unwrap_or_default(), key);
        let kib = of("meminfo", "MemTotal").and_then(|text| leading(&text));
        let load = read("loadavg").unwrap_or_default();
        let before = Ticks::now();
        std::thread::sleep(WATCH);
        Self {
            cpu: of("cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: cores(),
            memory_bytes: kib.unwrap_or(0) << 10,
            kernel: read("sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            load_average: load.split(' ').take(3).filter_map(|one| one.parse().ok()).collect(),
            others_before: before.others(),
            others_during: 0.0,
        }
    }
}

/// Cores that may be used.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The kernel's count of ticks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticks {
    all: u64,
    busy: u64,
    /// Of this process and its children that ended.
    own: u64,
    cores: u64,
}

impl Ticks {
    /// Now.
    pub(super) fn now() -> Self {
        let read = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
        Self::parse(&read("/proc/stat"), &read("/proc/self/stat"))
    }

    fn parse(stat: &str, own: &str) -> Self {
        let numbers = |text: &str| -> Vec<u64> {
            text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
        };
        // user nice system idle iowait irq softirq steal, then guests, which user has already.
        let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu "));
        let all: Vec<u64> = numbers(line.unwrap_or_default()).into_iter().take(8).collect();
        let idle: u64 = all.iter().skip(3).take(2).sum();
        // Behind the name, which may hold anything: a letter, then utime to cstime as 11th to 14th.
        let (_, fields) = own.rsplit_once(')').unwrap_or_default();
        let fields = fields.trim_start().split_once(' ').map_or("", |(_, rest)| rest);
        let own = fields.split(' ').skip(10).take(4).filter_map(|word| word.parse::<u64>().ok());
        let digit = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
        let total: u64 = all.iter().sum();
        Self {
            all: total,
            busy: total - idle,
            own: own.sum(),
            cores: stat.lines().filter(digit).count() as u64,
        }
    }

    /// Cores that others have kept busy since.
    pub(super) fn others(self) -> f64 {
        self.others_until(Self::now())
    }

    fn others_until(self, end: Self) -> f64 {
        let all = end.all.saturating_sub(self.all).max(1);
        let busy = end.busy.saturating_sub(self.busy);
        let others = busy.saturating_sub(end.own.saturating_sub(self.own));
        others as f64 / all as f64 * self.cores as f64
    }
}

/// The value of `key: value` or `key<tab>: value`.
pub(super) fn field(text: &str, key: &str) -> Option<String> {
    let of_line = |line: &str| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    };
    text.lines().find_map(of_line)
}

/// The number a value begins with.
pub(super) fn leading(value: &str) -> Option<u64> {
    value.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_process_did_is_not_what_others_did() {
        let stat = |user: u64, idle: u64, wait: u64| {
            format!("cpu  {user} 0 10 {idle} {wait} 0 0 0 7 0\ncpu0 1 2\ncpu1 1 2\nintr 5\n")
        };
        let own = |user: u64, child: u64| {
            format!("7 (a) b) R 1 7 7 0 -1 4 9 9 9 9 {user} 5 {child} 1 20 0 1 0 99")
        };
        let begin = Ticks::parse(&stat(100, 1000, 50), &own(10, 0));
        assert_eq!((begin.all, begin.busy, begin.own, begin.cores), (1160, 110, 16, 2));
        let end = Ticks::parse(&stat(200, 1080, 70), &own(30, 30));
        // 200 ticks, 100 of them busy, 50 of these this process's: a quarter of two cores.
        assert!((begin.others_until(end) - 0.5).abs() < 1e-9);
        assert_eq!(begin.others_until(begin).to_bits(), 0f64.to_bits());
    }

    #[test]
    fn this_machine_has_cores_memory_and_a_kernel() {
        let machine = Machine::look();
        assert!(machine.cores > 0 && machine.memory_bytes > 1 << 20, "{machine:?}");
        assert!(!machine.kernel.is_empty() && machine.load_average.len() == 3, "{machine:?}");
    }
}
