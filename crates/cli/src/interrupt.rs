//! Interrupts: SIGINT and SIGTERM while entries are being written.
//!
//! The first one raises a flag; the writer finishes what is on its way, says through which index
//! entries are durable, and ends with 130. The second one ends the process at once, which loses
//! nothing that was acknowledged. Reading commands do not install this: for them the signal's
//! default, ending at once, is right. SIGXFSZ is caught in all of them.

use crate::errors::{Answer, Failure};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Has a write beyond the limit on the size of files (RLIMIT_FSIZE) fail with an error that names the
/// file, instead of ending the process without a word.
pub(crate) fn outlive_size_limit() {
    // Nobody asks whether it came. Where it cannot be caught, the signal's default remains.
    let _ = flag::register(SIGXFSZ, Arc::default());
}

/// Whether somebody asked us to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on signals are only noted.
    pub(crate) fn install() -> Answer<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag raised by the first.
            let code = i32::from(crate::errors::INTERRUPTED);
            flag::register_conditional_shutdown(signal, code, Arc::clone(&raised))
                .and_then(|_| flag::register(signal, Arc::clone(&raised)))
                .map_err(|error| Failure::io(&error, "watch for signals"))?;
        }
        Ok(Self(raised))
    }

    /// Whether somebody asked us to stop.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// The failure to end with when somebody asked us to stop: `size` entries are durable.
    pub(crate) fn failure(&self, size: u64) -> Failure {
        Failure::interrupted(match size.checked_sub(1) {
            Some(last) => format!("interrupted; entries through index {last} are durable"),
            None => "interrupted; the log is empty".to_owned(),
        })
    }
}
