//! Overlays: what generation needs and MIDL has no words for.
//!
//! `foo.overlay.toml` stands beside `foo.idl`. The IDL stays as its document prints it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The overlay of one IDL file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// The document that the file comes from (`MS-CMRP`).
    pub document: Option<String>,
    /// Interfaces by IDL name.
    #[serde(default)]
    pub interface: BTreeMap<String, InterfaceOverlay>,
    /// Structures and unions by IDL name or tag.
    #[serde(default, rename = "type")]
    pub types: BTreeMap<String, TypeOverlay>,
}

/// What an overlay says about an interface.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceOverlay {
    /// Return types that are statuses, by IDL name, and their kinds. Replaces the built-in table
    /// (`error_status_t`, `HRESULT`, `NTSTATUS`, `NET_API_STATUS`) name by name.
    #[serde(default)]
    pub status: BTreeMap<String, StatusKind>,
    /// Target level of the consistency checks: `"5.0"` or `"6.0"`.
    pub level: Option<LevelName>,
    /// Least authentication level.
    pub minimum_auth_level: Option<AuthLevelName>,
    /// Which context handles operations accept.
    pub context_handles: Option<HandleStrictnessName>,
    /// Status for a handle of another type of the same interface; a fault where missing.
    pub wrong_handle_type: Option<u32>,
    /// Status for a NULL `[in]` handle; a fault where missing.
    pub null_handle: Option<u32>,
    /// `[out]` parameters that are comm or fault statuses: they travel, 0 from the server, and are
    /// no argument.
    #[serde(default)]
    pub comm_status: Vec<String>,
    /// `[out]` parameters that are the status of operations that return something else.
    #[serde(default)]
    pub operation_status: Vec<String>,
    /// The kind of `operation_status` parameters; `win32` where missing.
    pub operation_status_kind: Option<StatusKind>,
    /// Groups of handle types that one parameter type takes.
    #[serde(default)]
    pub handle_groups: BTreeMap<String, Vec<String>>,
    /// Operations by IDL name.
    #[serde(default)]
    pub method: BTreeMap<String, MethodOverlay>,
}

/// What an overlay says about an operation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodOverlay {
    /// The Rust name.
    pub rename: Option<String>,
    /// Statuses that are successes although they are not 0.
    #[serde(default)]
    pub success: Vec<u32>,
    /// Statuses that are failures although their kind calls them successes.
    #[serde(default)]
    pub failure: Vec<u32>,
    /// Parameters by IDL name.
    #[serde(default)]
    pub param: BTreeMap<String, AttributePatch>,
}

/// What an overlay says about a structure or union.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeOverlay {
    /// The Rust name.
    pub rename: Option<String>,
    /// Members by IDL name.
    #[serde(default)]
    pub field: BTreeMap<String, AttributePatch>,
}

/// A correction of a parameter's or member's attributes: a document error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributePatch {
    /// Attributes to add, as they would stand between brackets; one of the same name is replaced.
    #[serde(default)]
    pub attributes: String,
    /// Attributes to drop.
    #[serde(default)]
    pub remove: Vec<String>,
    /// The Rust name.
    pub rename: Option<String>,
}

/// The kind of a status.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum StatusKind {
    /// A Win32 error code: 0 is success.
    Win32,
    /// An HRESULT: negative ones are failures.
    Hresult,
    /// An NTSTATUS: negative ones are failures.
    Ntstatus,
}

/// `"5.0"` or `"6.0"`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum LevelName {
    /// Target level 5.0.
    #[serde(rename = "5.0")]
    V5,
    /// Target level 6.0.
    #[serde(rename = "6.0")]
    V6,
}

/// An authentication level.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum AuthLevelName {
    /// None.
    #[default]
    None,
    /// Connect.
    Connect,
    /// Call.
    Call,
    /// Packet.
    Packet,
    /// Packet integrity.
    Integrity,
    /// Packet privacy.
    Privacy,
}

/// How far context handles may stray.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum HandleStrictnessName {
    /// Handles of other interfaces are accepted.
    Lax,
    /// `strict_context_handle`.
    #[default]
    Strict,
    /// `type_strict_context_handle`.
    TypeStrict,
}

impl Overlay {
    /// Reads an overlay.
    ///
    /// # Errors
    ///
    /// Says what is wrong and where, in words of the `toml` crate.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
