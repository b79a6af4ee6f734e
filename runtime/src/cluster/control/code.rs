//! Control codes: which object, which function, and what it needs.

/// What a control code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// ApiResourceControl
    Resource,
    /// ApiResourceTypeControl
    ResourceType,
    /// ApiGroupControl
    Group,
    /// ApiNodeControl
    Node,
    /// ApiNetworkControl
    Network,
    /// ApiNetInterfaceControl
    Interface,
    /// ApiClusterControl
    Cluster,
    /// ApiGroupSetControl
    GroupSet,
}

impl Target {
    /// What codes for it have in their upper octet.
    fn number(self) -> u32 {
        match self {
            Self::Resource => 1,
            Self::ResourceType => 2,
            Self::Group => 3,
            Self::Node => 4,
            Self::Network => 5,
            Self::Interface => 6,
            Self::Cluster => 7,
            Self::GroupSet => 8,
        }
    }
}

/// What a control code asks for, where it is the same for several kinds of object. The numbers are
/// the lower octets of the codes that the tables of \[MS-CMRP\] 3.1.4.2.74 and the others list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Whether control codes are processed.
    Unknown,
    /// The object's characteristics.
    GetCharacteristics,
    /// Its flags.
    GetFlags,
    /// Its class.
    GetClassInfo,
    /// What it has to depend on.
    GetRequiredDependencies,
    /// Its name.
    GetName,
    /// Its type's name.
    GetResourceType,
    /// The name of its node.
    GetNode,
    /// The name of its network.
    GetNetwork,
    /// Its ID.
    GetId,
    /// The cluster's fully qualified name.
    GetFqdn,
    /// Whether quorum is lost without a configured node, or without the quorum resource.
    CheckVoterEvict,
    /// Whether quorum is lost once a node or the quorum resource is down.
    CheckVoterDown,
    /// Names of the common properties that may be changed.
    EnumCommonProperties,
    /// Common properties that may not be changed.
    GetRoCommonProperties,
    /// Common properties that may be changed.
    GetCommonProperties,
    /// Changes common properties.
    SetCommonProperties,
    /// Whether common properties could be changed so.
    ValidateCommonProperties,
    /// Formats of common properties.
    GetCommonPropertyFormats,
    /// Names of private properties.
    EnumPrivateProperties,
    /// Private properties that may not be changed.
    GetRoPrivateProperties,
    /// Private properties.
    GetPrivateProperties,
    /// Changes private properties.
    SetPrivateProperties,
    /// Whether private properties could be changed so.
    ValidatePrivateProperties,
}

/// The bit of codes that change something: they need full access.
const MODIFIES: u32 = 0x0040_0000;

impl Function {
    /// The function of a code for a kind of object, or `None` if there is no such code, or none
    /// that is answered here.
    pub fn of(target: Target, code: u32) -> Option<Self> {
        if code >> 24 != target.number() || code & 0x00bf_0000 != 0 {
            return None;
        }
        let modifies = code & MODIFIES != 0;
        let function = match code & 0xffff {
            0x00 => Self::Unknown,
            0x05 => Self::GetCharacteristics,
            0x09 => Self::GetFlags,
            0x0d => Self::GetClassInfo,
            0x11 => Self::GetRequiredDependencies,
            0x29 => Self::GetName,
            0x2d if target == Target::Resource => Self::GetResourceType,
            0x31 if target == Target::Interface => Self::GetNode,
            0x35 if target == Target::Interface => Self::GetNetwork,
            0x39 => Self::GetId,
            0x3d if target == Target::Cluster => Self::GetFqdn,
            0x45 if target == Target::Cluster => Self::CheckVoterEvict,
            0x49 if target == Target::Cluster => Self::CheckVoterDown,
            0x51 => Self::EnumCommonProperties,
            0x55 => Self::GetRoCommonProperties,
            0x59 => Self::GetCommonProperties,
            0x5e => Self::SetCommonProperties,
            0x61 => Self::ValidateCommonProperties,
            0x65 => Self::GetCommonPropertyFormats,
            0x79 => Self::EnumPrivateProperties,
            0x7d => Self::GetRoPrivateProperties,
            0x81 => Self::GetPrivateProperties,
            0x86 => Self::SetPrivateProperties,
            0x89 => Self::ValidatePrivateProperties,
            _ => return None,
        };
        let sets = matches!(function, Self::SetCommonProperties | Self::SetPrivateProperties);
        (modifies == sets).then_some(function)
    }
}

/// Whether a code needs full access (\[MS-CMRP\] 3.1.4.2.74 and the others).
pub fn needs_all_access(code: u32) -> bool {
    code & MODIFIES != 0
}
