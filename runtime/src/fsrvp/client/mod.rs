//! The client of \[MS-FSRVP\] 3.2: shadow copies of shares on somebody else's file server.
//!
//! [`SnapshotClient`] does what applications ask for: whether a share can be copied, make a shadow
//! copy set from beginning to end, complete, abort or delete one. It calls through what a
//! [`Connector`] opens, so there are no sockets here and no clock. [`Agent`] has the methods of the
//! protocol one by one, typed, for those who want the order of calls in their own hands.
//!
//! [`ShadowCopySetTable`] is what a client has to remember (3.2.1): the server does not tell again
//! which sets there are.

mod agent;
mod cancel;
mod error;
mod operation;
mod progress;
mod snapshots;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use agent::{Agent, Mapping, PresentCopies, Support, Versions};
pub use error::{Cause, Fate, Leftover, MethodError, SnapshotError};
pub use operation::ExposedSets;
pub use progress::{Progress, Step};
pub use snapshots::{Connector, CreateRequest, SnapshotClient, Target, TimeOuts};
pub use table::{SetStatus, ShadowCopy, ShadowCopySet, ShadowCopySetTable};
pub use values::{CompatibilityFlags, VERSION_1, describe};
