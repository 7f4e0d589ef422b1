//! What `shuttle` brings: schedules from a seed, every operation in one order for all threads.

pub(crate) use shuttle::sync;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};

/// Threads of the model.
pub(crate) mod thread {
    pub(crate) use shuttle::thread::{Builder, JoinHandle, Scope, scope, yield_now};
    pub(crate) use std::thread::available_parallelism;

    /// Starts a thread in a scope; a model refuses none.
    pub(crate) fn spawn_in<'scope>(
        scope: &'scope Scope<'scope, '_>,
        body: impl FnOnce() + Send + 'scope,
    ) -> std::io::Result<()> {
        drop(scope.spawn(body));
        Ok(())
    }
}

/// Whether a wait with a deadline ends by itself: as the dice fall.
pub(super) fn times_out() -> bool {
    shuttle::rand::Rng::gen_bool(&mut shuttle::rand::thread_rng(), 0.2)
}
