//! Contexts, \[MS-FSRVP\] 2.2.2.1 and 2.2.2.2.

use serde::{Deserialize, Serialize};

bitflags::bitflags! {
    /// SHADOW_COPY_ATTRIBUTES.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Attributes: u32 {
        /// ATTR_PERSISTENT: it survives reboots of the server.
        const PERSISTENT = 0x0000_0001;
        /// ATTR_NO_AUTO_RECOVERY: it is read-only from the beginning.
        const NO_AUTO_RECOVERY = 0x0000_0002;
        /// ATTR_NO_AUTO_RELEASE: it is not deleted when nobody uses it any more.
        const NO_AUTO_RELEASE = 0x0000_0008;
        /// ATTR_NO_WRITERS: applications take no part.
        const NO_WRITERS = 0x0000_0010;
        /// ATTR_AUTO_RECOVERY: it can be written to from ExposeShadowCopySet to
        /// RecoveryCompleteShadowCopySet.
        const AUTO_RECOVERY = 0x0040_0000;
    }
}

/// A valid context: one of CONTEXT_VALUES, with at most one of ATTR_AUTO_RECOVERY and
/// ATTR_NO_AUTO_RECOVERY.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Context(Attributes);

impl Context {
    /// CTX_BACKUP: auto-release, not persistent.
    pub const BACKUP: Self = Self(Attributes::empty());
    /// CTX_FILE_SHARE_BACKUP: auto-release, not persistent, no writers.
    pub const FILE_SHARE_BACKUP: Self = Self(Attributes::NO_WRITERS);
    /// CTX_NAS_ROLLBACK: persistent, no auto-release, no writers.
    pub const NAS_ROLLBACK: Self =
        Self(Attributes::PERSISTENT.union(Attributes::NO_AUTO_RELEASE).union(Attributes::NO_WRITERS));
    /// CTX_APP_ROLLBACK: persistent, no auto-release.
    pub const APP_ROLLBACK: Self = Self(Attributes::PERSISTENT.union(Attributes::NO_AUTO_RELEASE));

    /// A context as it came; `None` if it is none.
    pub fn from_wire(value: u32) -> Option<Self> {
        let attributes = Attributes::from_bits(value)?;
        let recovery = Attributes::AUTO_RECOVERY | Attributes::NO_AUTO_RECOVERY;
        let base = Self(attributes - recovery);
        let known = [Self::BACKUP, Self::FILE_SHARE_BACKUP, Self::NAS_ROLLBACK, Self::APP_ROLLBACK].contains(&base);
        (known && !attributes.contains(recovery)).then_some(Self(attributes))
    }

    /// The value as it travels.
    pub fn to_wire(self) -> u32 {
        self.0.bits()
    }

    /// The attributes.
    pub fn attributes(self) -> Attributes {
        self.0
    }

    /// The same context with ATTR_AUTO_RECOVERY instead of ATTR_NO_AUTO_RECOVERY.
    #[must_use]
    pub fn with_auto_recovery(self) -> Self {
        Self((self.0 - Attributes::NO_AUTO_RECOVERY) | Attributes::AUTO_RECOVERY)
    }

    /// The same context with ATTR_NO_AUTO_RECOVERY instead of ATTR_AUTO_RECOVERY.
    #[must_use]
    pub fn with_no_auto_recovery(self) -> Self {
        Self((self.0 - Attributes::AUTO_RECOVERY) | Attributes::NO_AUTO_RECOVERY)
    }
}

/// A number that is no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:#010x} is no valid context ([MS-FSRVP] 2.2.2.2)")]
pub struct BadContext(u32);

impl TryFrom<u32> for Context {
    type Error = BadContext;

    fn try_from(value: u32) -> Result<Self, BadContext> {
        Self::from_wire(value).ok_or(BadContext(value))
    }
}

impl From<Context> for u32 {
    fn from(context: Context) -> Self {
        context.to_wire()
    }
}
