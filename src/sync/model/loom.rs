//! What `loom` brings: every order of a few operations, and what weak memory lets a load return.
//!
//! It takes no store for sequentially consistent that an atomic was made with, and puts stores of
//! two threads into no order unless one has seen the other. So here a value begins with such a store,
//! and a sequentially consistent store is an exchange, as on x86: then such a load sees the last one,
//! which is what the language promises. All weaker orders are the checker's own.

pub(crate) use loom::sync;
use std::sync::atomic::Ordering;

/// Threads of the model. Scopes are not among them; what uses them is in no model.
pub(crate) mod thread {
    pub(crate) use loom::thread::{JoinHandle, yield_now};
    pub(crate) use std::thread::{Scope, available_parallelism, scope};

    /// Words of a thread's stack: the checker's own 32 KiB are too few to write a group with.
    const STACK_WORDS: usize = 64 << 10;

    /// As the standard library's.
    pub(crate) struct Builder(loom::thread::Builder);

    impl Builder {
        pub(crate) fn new() -> Self {
            Self(loom::thread::Builder::new().stack_size(STACK_WORDS))
        }

        pub(crate) fn name(self, name: String) -> Self {
            Self(self.0.name(name))
        }

        pub(crate) fn spawn<T: Send + 'static>(
            self,
            body: impl FnOnce() -> T + Send + 'static,
        ) -> std::io::Result<JoinHandle<T>> {
            self.0.spawn(body)
        }
    }

    /// As the real one, outside of models.
    pub(crate) fn spawn_in<'scope>(
        scope: &'scope Scope<'scope, '_>,
        body: impl FnOnce() + Send + 'scope,
    ) -> std::io::Result<()> {
        std::thread::Builder::new().spawn_scoped(scope, body).map(drop)
    }

    pub(crate) fn spawn<T: Send + 'static>(
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let spawned = Builder::new().spawn(body);
        spawned.unwrap_or_else(|error| unreachable!("a thread of a model: {error}"))
    }
}

/// Whether a wait with a deadline ends by itself: never, the models do without.
pub(super) fn times_out() -> bool {
    false
}

macro_rules! atomic {
    ($name:ident, $value:ty) => {
        /// See the head of this file.
        #[derive(Debug)]
        pub(crate) struct $name(loom::sync::atomic::$name);

        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                let atomic = loom::sync::atomic::$name::new(value);
                atomic.swap(value, Ordering::SeqCst);
                Self(atomic)
            }

            pub(crate) fn store(&self, value: $value, ordering: Ordering) {
                match ordering {
                    Ordering::SeqCst => drop(self.0.swap(value, ordering)),
                    weaker => self.0.store(value, weaker),
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new(<$value>::default())
            }
        }

        impl std::ops::Deref for $name {
            type Target = loom::sync::atomic::$name;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
}

atomic!(AtomicBool, bool);
atomic!(AtomicU32, u32);
atomic!(AtomicU64, u64);
