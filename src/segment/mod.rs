//! Segments: one file of groups, and the ordered set of them.
//!
//! ```text
//! spare.tmp --rename--> active (groups, zeros ahead) --seal--> sealed (groups, footer, read-only)
//! ```
//!
//! [`scan`] reads forward and never writes; [`recovery`] turns what it saw into one decision;
//! [`set`] knows which segments a directory holds. Nothing here knows about indexes or views.

pub mod recovery;
pub mod scan;
pub mod set;
