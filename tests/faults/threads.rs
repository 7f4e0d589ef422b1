//! Threads of the tests: the system's, or those of a model that plays every interleaving from a seed.
//!
//! With `--cfg model` the engine's locks are the model's, and so must be
//! the threads that use it: everything happens within [`run`].

#[cfg(model)]
mod here {
    use shuttle::scheduler::RandomScheduler;
    use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
    use std::cell::Cell;
    use std::sync::{Arc, Mutex};

    /// Runs it with the schedule that follows from the seed.
    pub(crate) fn run<T: Send + 'static>(
        seed: u64,
        body: impl Fn() -> T + Send + Sync + 'static,
    ) -> T {
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        config.max_steps = MaxSteps::None;
        config.failure_persistence = FailurePersistence::None;
        let result = Arc::new(Mutex::new(None));
        let told = Arc::clone(&result);
        let scheduler = RandomScheduler::new_from_seed(seed, 1);
        IS_RUNNING.set(true);
        Runner::new(scheduler, config).run(move || {
            let value = body();
            *told.lock().unwrap() = Some(value);
        });
        IS_RUNNING.set(false);
        let value = result.lock().unwrap().take();
        value.expect("the one schedule ran to its end")
    }

    thread_local! {
        static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
    }

    /// Lets another thread of the model go first, as the dice fall.
    pub(crate) fn breathe() {
        if IS_RUNNING.get() {
            shuttle::thread::yield_now();
        }
    }

    pub(crate) use shuttle::thread::spawn;
}

#[cfg(not(model))]
mod here {
    /// Runs it; the system decides which thread goes first.
    pub(crate) fn run<T>(_seed: u64, body: impl Fn() -> T) -> T {
        body()
    }

    /// Every call is a place where another thread may go first; the system knows by itself.
    pub(crate) fn breathe() {}

    pub(crate) use std::thread::spawn;
}

pub(crate) use here::{breathe, run, spawn};
