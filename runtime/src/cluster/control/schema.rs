//! Which common properties objects have (\[MS-CMRP\] 3.1.1.9: their schema is the server's).

use msrpc_ndr::Bytes;

use crate::cluster::{
    objects::{Kind, layout},
    property_list::{PropertyValue, Syntax},
    registry::{Value, ValueType},
};

/// How a property's value is represented (`CLUSTER_PROPERTY_FORMAT`, \[MS-CMRP\] 2.2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A number of 32 bits, and what it is while none is stored.
    Dword(u32),
    /// A string.
    Sz,
    /// Strings.
    MultiSz,
    /// Octets.
    Binary,
    /// A self-relative security descriptor.
    SecurityDescriptor,
}

impl Format {
    /// The syntax of a value in a property list.
    pub fn syntax(self) -> Syntax {
        match self {
            Self::Dword(_) => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_DWORD,
            Self::Sz => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SZ,
            Self::MultiSz => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_MULTI_SZ,
            Self::Binary => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_BINARY,
            Self::SecurityDescriptor => Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SECURITY_DESCRIPTOR,
        }
    }

    /// The type of a value in the registry.
    fn value_type(self) -> ValueType {
        match self {
            Self::Dword(_) => ValueType::REG_DWORD,
            Self::Sz => ValueType::REG_SZ,
            Self::MultiSz => ValueType::REG_MULTI_SZ,
            Self::Binary | Self::SecurityDescriptor => ValueType::REG_BINARY,
        }
    }

    /// What the property is while nothing is stored.
    pub fn default_value(self) -> PropertyValue {
        let data = match self {
            Self::Dword(value) => Bytes::copy_from_slice(&value.to_le_bytes()),
            Self::Sz => Bytes::from_static(&[0; 2]),
            Self::MultiSz => Bytes::from_static(&[0; 2]),
            Self::Binary | Self::SecurityDescriptor => Bytes::new(),
        };
        PropertyValue { syntax: self.syntax(), data }
    }

    /// The property as it is stored.
    pub fn from_registry(self, value: &Value) -> PropertyValue {
        PropertyValue { syntax: self.syntax(), data: value.data.clone() }
    }

    /// What is stored of a property, or `None` if it is not of this format.
    pub fn to_registry(self, value: &PropertyValue) -> Option<Value> {
        let fits = value.syntax == self.syntax()
            && match self {
                Self::Dword(_) => value.data.len() == 4,
                Self::Sz => value.data.len().is_multiple_of(2) && value.data.ends_with(&[0, 0]),
                Self::MultiSz => value.data.len().is_multiple_of(2),
                Self::Binary => true,
                Self::SecurityDescriptor => crate::security::SecurityDescriptor::from_octets(&value.data).is_ok(),
            };
        fits.then(|| Value { kind: self.value_type(), data: value.data.clone() })
    }
}

/// A common property. It is stored under its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommonProperty {
    /// Its name.
    pub name: &'static str,
    /// Its format.
    pub format: Format,
    /// Whether clients may change it.
    pub writable: bool,
}

const fn rw(name: &'static str, format: Format) -> CommonProperty {
    CommonProperty { name, format, writable: true }
}

const fn ro(name: &'static str, format: Format) -> CommonProperty {
    CommonProperty { name, format, writable: false }
}

/// The common properties of a kind of object; of the cluster itself for `None`.
pub fn common(kind: Option<Kind>) -> &'static [CommonProperty] {
    use Format::{Dword, MultiSz, SecurityDescriptor, Sz};
    match kind {
        None => {
            const {
                &[
                    ro(layout::CLUSTER_INSTANCE_ID, Sz),
                    rw(layout::DESCRIPTION, Sz),
                    rw(layout::SECURITY_DESCRIPTOR, SecurityDescriptor),
                    rw("DefaultNetworkRole", Dword(2)),
                    rw("HangRecoveryAction", Dword(3)),
                    rw("SameSubnetDelay", Dword(1000)),
                    rw("SameSubnetThreshold", Dword(10)),
                ]
            }
        }
        Some(Kind::Node) => {
            const { &[ro(layout::NODE_NAME, Sz), rw(layout::DESCRIPTION, Sz), rw("NodeWeight", Dword(1))] }
        }
        Some(Kind::Group) => {
            const {
                &[
                    ro(layout::NAME, Sz),
                    rw(layout::DESCRIPTION, Sz),
                    ro(layout::PERSISTENT_STATE, Dword(0)),
                    rw("FailoverThreshold", Dword(u32::MAX)),
                    rw("FailoverPeriod", Dword(6)),
                    rw("AutoFailbackType", Dword(0)),
                    rw("FailbackWindowStart", Dword(u32::MAX)),
                    rw("FailbackWindowEnd", Dword(u32::MAX)),
                    rw(layout::ANTI_AFFINITY, MultiSz),
                    rw("Priority", Dword(2000)),
                    ro(layout::GROUP_TYPE, Dword(9999)),
                ]
            }
        }
        Some(Kind::Resource) => {
            const {
                &[
                    ro(layout::NAME, Sz),
                    ro(layout::TYPE, Sz),
                    rw(layout::DESCRIPTION, Sz),
                    rw("DebugPrefix", Sz),
                    rw(layout::SEPARATE_MONITOR, Dword(0)),
                    ro(layout::PERSISTENT_STATE, Dword(0)),
                    rw(layout::LOOKS_ALIVE, Dword(u32::MAX)),
                    rw(layout::IS_ALIVE, Dword(u32::MAX)),
                    rw(layout::RESTART_ACTION, Dword(2)),
                    rw(layout::RESTART_THRESHOLD, Dword(1)),
                    rw(layout::RESTART_DELAY, Dword(500)),
                    rw(layout::RESTART_PERIOD, Dword(900_000)),
                    rw(layout::RETRY_PERIOD_ON_FAILURE, Dword(3_600_000)),
                    rw(layout::PENDING_TIMEOUT, Dword(180_000)),
                ]
            }
        }
        Some(Kind::ResourceType) => {
            const {
                &[
                    rw(layout::NAME, Sz),
                    rw(layout::DESCRIPTION, Sz),
                    ro(layout::DLL_NAME, Sz),
                    rw(layout::LOOKS_ALIVE, Dword(5_000)),
                    rw(layout::IS_ALIVE, Dword(60_000)),
                ]
            }
        }
        Some(Kind::Network) => {
            const {
                &[
                    ro(layout::NAME, Sz),
                    rw(layout::DESCRIPTION, Sz),
                    ro(layout::ADDRESS, Sz),
                    rw(layout::ROLE, Dword(3)),
                ]
            }
        }
        Some(Kind::Interface) => {
            const {
                &[
                    ro(layout::NAME, Sz),
                    ro(layout::NODE, Sz),
                    ro(layout::NETWORK, Sz),
                    ro(layout::ADDRESS, Sz),
                    rw(layout::DESCRIPTION, Sz),
                ]
            }
        }
        Some(Kind::GroupSet) => {
            const {
                &[
                    ro(layout::NAME, Sz),
                    rw("StartupSetting", Dword(1)),
                    rw("StartupCount", Dword(u32::MAX)),
                    rw("StartupDelay", Dword(20)),
                    rw(layout::IS_GLOBAL, Dword(0)),
                ]
            }
        }
    }
}
