//! What an interface is: descriptors that generated code fills in.

use std::fmt;

use uuid::Uuid;

/// Target level of the consistency checks on received stubs ([MS-RPCE] 3.1.1.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Target level 5.0: counts, union tags and ranges of integers.
    V5,
    /// Target level 6.0: NULL pointers with a count, and ranges of counts and strings, too.
    V6,
}

/// Authentication level ([MS-RPCE] 2.2.1.1.8), weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthLevel {
    /// No authentication.
    #[default]
    None,
    /// The client is authenticated when it binds; calls are not protected.
    Connect,
    /// As connect, call by call. Upgraded to [`Packet`](Self::Packet) over connections.
    Call,
    /// Every fragment proves where it comes from.
    Packet,
    /// Every fragment is signed.
    Integrity,
    /// Every fragment is signed and its stub sealed.
    Privacy,
}

/// How far context handles may stray ([MS-RPCE] 2.2.4.15, 2.2.4.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandleStrictness {
    /// A handle of another interface is accepted.
    Lax,
    /// `strict_context_handle`: only handles of the same interface.
    Strict,
    /// `type_strict_context_handle`: only handles of the same IDL type.
    TypeStrict,
}

/// An interface: its identity and its operations. Generated code has one as a `static`.
///
/// One that is only called, or that differs from a generated one, is made by hand:
///
/// ```
/// use msrpc_ndr::{AuthLevel, Interface, Uuid};
///
/// static SRVSVC: Interface =
///     Interface::new("srvsvc", Uuid::from_u128(0x4b324fc8_1670_01d3_1278_5a47bf6ee188), (3, 0));
/// static SEALED: Interface = SRVSVC.minimum_auth_level(AuthLevel::Privacy);
/// assert_eq!(SEALED, SRVSVC);
/// ```
#[derive(Clone)]
pub struct Interface {
    /// The name in the IDL.
    pub name: &'static str,
    /// The UUID.
    pub uuid: Uuid,
    /// Major and minor version.
    pub version: (u16, u16),
    /// The operations; the index is the opnum.
    pub operations: &'static [Operation],
    /// The least authentication level at which calls reach an implementation.
    pub minimum_auth_level: AuthLevel,
    /// The level at which received stubs are checked.
    pub level: Level,
    /// Which handles its operations accept.
    pub handles: HandleStrictness,
    /// The status that a handle of another type of this interface is answered with; a fault where
    /// `None`.
    pub wrong_handle: Option<u32>,
    /// The status that a NULL `[in]` handle is answered with; a fault where `None`.
    pub null_handle: Option<u32>,
    /// Well-known endpoints of the `endpoint` attribute: protocol sequence and endpoint.
    pub endpoints: &'static [(&'static str, &'static str)],
}

impl Interface {
    /// An interface without operations that callers of any level may call.
    pub const fn new(name: &'static str, uuid: Uuid, version: (u16, u16)) -> Self {
        Self {
            name,
            uuid,
            version,
            operations: &[],
            minimum_auth_level: AuthLevel::None,
            level: Level::V6,
            handles: HandleStrictness::Strict,
            wrong_handle: None,
            null_handle: None,
            endpoints: &[],
        }
    }

    /// The same interface with these operations.
    pub const fn operations(&self, operations: &'static [Operation]) -> Self {
        Self { operations, ..self.copy() }
    }

    /// The same interface, for callers of at least this level.
    pub const fn minimum_auth_level(&self, level: AuthLevel) -> Self {
        Self { minimum_auth_level: level, ..self.copy() }
    }

    /// A clone in constants.
    const fn copy(&self) -> Self {
        let &Self {
            name,
            uuid,
            version,
            operations,
            minimum_auth_level,
            level,
            handles,
            wrong_handle,
            null_handle,
            endpoints,
        } = self;
        Self {
            name,
            uuid,
            version,
            operations,
            minimum_auth_level,
            level,
            handles,
            wrong_handle,
            null_handle,
            endpoints,
        }
    }

    /// The operation of an opnum; `None` past the last.
    pub fn operation(&self, opnum: u16) -> Option<&'static Operation> {
        self.operations.get(usize::from(opnum))
    }

    /// Whether the operation of an opnum has pipes.
    pub fn has_pipes(&self, opnum: u16) -> bool {
        self.operation(opnum).is_some_and(|operation| operation.pipes)
    }

    /// Whether a client of version `major.minor` can be served: the same major version and no
    /// larger a minor one (C706 6.1.2).
    pub const fn serves(&self, major: u16, minor: u16) -> bool {
        self.version.0 == major && self.version.1 >= minor
    }
}

impl fmt::Debug for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interface")
            .field("name", &self.name)
            .field("uuid", &self.uuid)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Interface {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid && self.version == other.version
    }
}

impl Eq for Interface {}

/// An operation of an interface.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Operation {
    /// The name in the IDL.
    pub name: &'static str,
    /// Whether the slot is empty: reserved opnums answer `nca_s_op_rng_error`.
    pub reserved: bool,
    /// Whether the call may run twice (`idempotent`).
    pub idempotent: bool,
    /// Whether the client expects no answer (`maybe`).
    pub maybe: bool,
    /// Whether it has pipes, so that its stubs are passed on while they arrive.
    pub pipes: bool,
}

impl Operation {
    /// An operation.
    pub const fn new(name: &'static str) -> Self {
        Self { name, reserved: false, idempotent: false, maybe: false, pipes: false }
    }

    /// An empty slot.
    pub const fn reserved(name: &'static str) -> Self {
        Self { reserved: true, ..Self::new(name) }
    }

    /// The call may run twice.
    pub const fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// The client expects no answer.
    pub const fn maybe(self) -> Self {
        Self { maybe: true, ..self }
    }

    /// It has pipes.
    pub const fn piped(self) -> Self {
        Self { pipes: true, ..self }
    }
}
