//! Control codes (\[MS-CMRP\] 3.1.4.3): asking objects for their properties and changing them.

mod code;
mod quorum;
mod schema;

use msrpc_ndr::{Bytes, Win32Error};

pub use code::{Function, Target, needs_all_access};
pub use schema::{CommonProperty, Format, common};

use self::quorum::Voter;
use super::{
    machine::{Cluster, Command, Properties},
    objects::{Kind, Object, layout},
    property_list::{self, Property, PropertyValue, Syntax},
    registry::{KeyId, Name, Value, ValueType},
};

/// What a control code is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The cluster.
    Cluster,
    /// An object.
    Object(Kind, Object),
}

impl Subject {
    /// The target that codes for it name.
    pub fn target(&self) -> Target {
        match self {
            Self::Cluster => Target::Cluster,
            Self::Object(Kind::Resource, _) => Target::Resource,
            Self::Object(Kind::ResourceType, _) => Target::ResourceType,
            Self::Object(Kind::Group, _) => Target::Group,
            Self::Object(Kind::Node, _) => Target::Node,
            Self::Object(Kind::Network, _) => Target::Network,
            Self::Object(Kind::Interface, _) => Target::Interface,
            Self::Object(Kind::GroupSet, _) => Target::GroupSet,
        }
    }

    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Cluster => None,
            Self::Object(kind, _) => Some(*kind),
        }
    }

    fn key(&self) -> KeyId {
        match self {
            Self::Cluster => KeyId::ROOT,
            Self::Object(_, object) => object.key,
        }
    }
}

/// What a control code comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Octets for the output buffer.
    Octets(Bytes),
    /// A change of the cluster, and whether it comes into effect only when the resource is next
    /// brought online.
    Change(Command, bool),
}

/// Characteristics and class of a resource type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeTraits {
    /// `CLUS_CHARACTERISTICS`
    pub characteristics: u32,
    /// The class and subclass of its resources (`CLUS_RESOURCE_CLASS_INFO`).
    pub class: (u32, u32),
}

impl TypeTraits {
    /// Those of a type, as \[MS-CMRP\] 3.1.4.3.1.4 says.
    pub fn of(resource_type: &str) -> Self {
        let class = match resource_type.to_ascii_lowercase().as_str() {
            "physical disk" => (1, 0x8000_0000),
            "ip address" | "ipv6 address" | "ipv6 tunnel address" => (2, 0x8000_0000),
            _ => (0, 0),
        };
        Self { characteristics: 0, class }
    }
}

/// Answers a control code. `domain` is what comes after the cluster's name in its full name.
///
/// # Errors
///
/// `ERROR_INVALID_FUNCTION` for codes that are not answered; the document's code else.
pub fn control(
    cluster: &Cluster,
    subject: &Subject,
    code: u32,
    input: &Bytes,
    domain: &str,
) -> Result<Answer, Win32Error> {
    let function = Function::of(subject.target(), code).ok_or(Win32Error::ERROR_INVALID_FUNCTION)?;
    let registry = cluster.registry();
    let key = subject.key();
    let octets = |octets: Bytes| Ok(Answer::Octets(octets));
    let object = match subject {
        Subject::Cluster => None,
        Subject::Object(_, object) => Some(object),
    };
    match function {
        Function::Unknown => octets(Bytes::new()),
        Function::GetCharacteristics => octets(dword(type_traits(cluster, subject).characteristics)),
        Function::GetFlags => octets(dword(layout::dword(registry, key, layout::FLAGS).unwrap_or(0))),
        Function::GetClassInfo if matches!(subject.kind(), Some(Kind::Resource | Kind::ResourceType)) => {
            let (class, subclass) = type_traits(cluster, subject).class;
            octets([class, subclass].iter().flat_map(|part| part.to_le_bytes()).collect())
        }
        Function::GetRequiredDependencies if matches!(subject.kind(), Some(Kind::Resource | Kind::ResourceType)) => {
            octets(dword(Syntax::CLUSPROP_SYNTAX_ENDMARK.0))
        }
        Function::GetName => {
            octets(object.map(|object| string(&object.name)).ok_or(Win32Error::ERROR_INVALID_FUNCTION)?)
        }
        Function::GetId => octets(object.map(|object| string(&object.id)).ok_or(Win32Error::ERROR_INVALID_FUNCTION)?),
        Function::GetResourceType => octets(text(&layout::string(registry, key, layout::TYPE).unwrap_or_default())),
        Function::GetNode => octets(named(cluster, Kind::Node, key, layout::NODE)),
        Function::GetNetwork => octets(named(cluster, Kind::Network, key, layout::NETWORK)),
        Function::GetFqdn => {
            let name = layout::string(registry, key, layout::CLUSTER_NAME).unwrap_or_default();
            octets(text(&if domain.is_empty() { name } else { format!("{name}.{domain}") }))
        }
        Function::CheckVoterEvict => octets(dword(quorum::without(cluster, input, Voter::Evicted)? as u32)),
        Function::CheckVoterDown => octets(dword(quorum::without(cluster, input, Voter::Down)? as u32)),
        Function::EnumCommonProperties => octets(strings(writable(subject).map(|property| property.name.to_owned()))),
        Function::GetRoCommonProperties => octets(get_common(cluster, subject, false)),
        Function::GetCommonProperties => octets(get_common(cluster, subject, true)),
        Function::GetCommonPropertyFormats => octets(formats(subject)),
        Function::ValidateCommonProperties => common_values(subject, input).map(|_| Answer::Octets(Bytes::new())),
        Function::SetCommonProperties => {
            let values = common_values(subject, input)?;
            Ok(Answer::Change(set(subject, false, values, input), false))
        }
        Function::EnumPrivateProperties => {
            let properties = get_private(cluster, subject);
            octets(strings(properties.iter().map(|property| property.name.to_string_lossy())))
        }
        Function::GetRoPrivateProperties => octets(property_list::encode(&[])),
        Function::GetPrivateProperties => octets(property_list::encode(&get_private(cluster, subject))),
        Function::ValidatePrivateProperties => private_values(input).map(|_| Answer::Octets(Bytes::new())),
        Function::SetPrivateProperties => {
            let values = private_values(input)?;
            let online = object.is_some_and(|object| {
                let resource = cluster.volatile().resources.get(&object.id);
                resource.is_some_and(|resource| !resource.state.is_down())
            });
            let change = set(subject, true, values, input);
            Ok(Answer::Change(change, online && subject.kind() == Some(Kind::Resource)))
        }
        Function::GetClassInfo | Function::GetRequiredDependencies => Err(Win32Error::ERROR_INVALID_FUNCTION),
    }
}

/// The common properties of an object as a property list: those that may be changed, or with
/// [`Function::GetRoCommonProperties`] those that may not.
pub fn common_properties(cluster: &Cluster, subject: &Subject, function: Function) -> Bytes {
    get_common(cluster, subject, function != Function::GetRoCommonProperties)
}

fn dword(value: u32) -> Bytes {
    Bytes::copy_from_slice(&value.to_le_bytes())
}

fn text(text: &str) -> Bytes {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn string(name: &Name) -> Bytes {
    name.units().iter().copied().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn strings(texts: impl Iterator<Item = String>) -> Bytes {
    let texts: Vec<String> = texts.collect();
    Value::strings(texts.iter().map(String::as_str)).data
}

/// The name of the object whose ID a value holds.
fn named(cluster: &Cluster, kind: Kind, key: KeyId, value: &str) -> Bytes {
    let id = layout::string(cluster.registry(), key, value).unwrap_or_default();
    let object = cluster.objects().by_id(kind, &layout::name(&id));
    object.map_or_else(|| text(&id), |object| string(&object.name))
}

fn type_traits(cluster: &Cluster, subject: &Subject) -> TypeTraits {
    match subject {
        Subject::Object(Kind::ResourceType, object) => TypeTraits::of(&object.name.to_string()),
        Subject::Object(Kind::Resource, object) => {
            TypeTraits::of(&layout::string(cluster.registry(), object.key, layout::TYPE).unwrap_or_default())
        }
        _ => TypeTraits::default(),
    }
}

fn writable(subject: &Subject) -> impl Iterator<Item = &'static CommonProperty> {
    common(subject.kind()).iter().filter(|property| property.writable)
}

fn get_common(cluster: &Cluster, subject: &Subject, writable: bool) -> Bytes {
    let key = cluster.registry().key(subject.key());
    let properties = common(subject.kind()).iter().filter(|property| property.writable == writable);
    let properties = properties.map(|property| {
        let stored = key.as_ref().ok().and_then(|key| key.value(&layout::name(property.name)));
        let value =
            stored.map_or_else(|| property.format.default_value(), |value| property.format.from_registry(value));
        Property { name: property.name.into(), values: vec![value] }
    });
    property_list::encode(&properties.collect::<Vec<_>>())
}

fn formats(subject: &Subject) -> Bytes {
    let properties = writable(subject).map(|property| {
        let format = u16::try_from(property.format.syntax().0 & 0xffff).unwrap_or(0);
        let data = Bytes::copy_from_slice(&format.to_le_bytes());
        let value = PropertyValue { syntax: Syntax::CLUSPROP_SYNTAX_LIST_VALUE_WORD, data };
        Property { name: property.name.into(), values: vec![value] }
    });
    property_list::encode(&properties.collect::<Vec<_>>())
}

/// The common properties that a client gives, as they are stored.
fn common_values(subject: &Subject, input: &Bytes) -> Result<Vec<(Name, Value)>, Win32Error> {
    let properties = decode(input)?;
    let values = properties.iter().map(|property| {
        let name = Name::of_value(&property.name).map_err(|_| Win32Error::ERROR_INVALID_PARAMETER)?;
        let known = writable(subject).find(|known| name.matches(known.name));
        let value = known.zip(property.values.first()).and_then(|(known, value)| known.format.to_registry(value));
        Ok((name, value.ok_or(Win32Error::ERROR_INVALID_PARAMETER)?))
    });
    values.collect()
}

fn decode(input: &Bytes) -> Result<Vec<Property>, Win32Error> {
    let properties = property_list::decode(input).map_err(|_| Win32Error::ERROR_INVALID_PARAMETER)?;
    if properties.is_empty() { Err(Win32Error::ERROR_INVALID_PARAMETER) } else { Ok(properties) }
}

/// Private properties as they are stored, of any format that the registry has a type for.
fn private_values(input: &Bytes) -> Result<Vec<(Name, Value)>, Win32Error> {
    let values = decode(input)?.into_iter().map(|property| {
        let name = Name::of_value(&property.name).map_err(|_| Win32Error::ERROR_INVALID_PARAMETER)?;
        let value = property.values.into_iter().next().ok_or(Win32Error::ERROR_INVALID_PARAMETER)?;
        let kind = registry_type(value.syntax).ok_or(Win32Error::ERROR_INVALID_PARAMETER)?;
        Ok((name, Value { kind, data: value.data }))
    });
    values.collect()
}

/// Types of the registry and the syntaxes of property lists that stand for each other.
const TYPES: &[(ValueType, Syntax)] = &[
    (ValueType::REG_DWORD, Syntax::CLUSPROP_SYNTAX_LIST_VALUE_DWORD),
    (ValueType::REG_SZ, Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SZ),
    (ValueType::REG_EXPAND_SZ, Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPAND_SZ),
    (ValueType::REG_MULTI_SZ, Syntax::CLUSPROP_SYNTAX_LIST_VALUE_MULTI_SZ),
    (ValueType::REG_QWORD, Syntax::CLUSPROP_SYNTAX_LIST_VALUE_ULARGE_INTEGER),
    (ValueType::REG_BINARY, Syntax::CLUSPROP_SYNTAX_LIST_VALUE_BINARY),
];

fn registry_type(syntax: Syntax) -> Option<ValueType> {
    match syntax {
        Syntax::CLUSPROP_SYNTAX_LIST_VALUE_LONG => Some(ValueType::REG_DWORD),
        Syntax::CLUSPROP_SYNTAX_LIST_VALUE_LARGE_INTEGER | Syntax::CLUSPROP_SYNTAX_LIST_VALUE_FILETIME => {
            Some(ValueType::REG_QWORD)
        }
        Syntax::CLUSPROP_SYNTAX_LIST_VALUE_SECURITY_DESCRIPTOR => Some(ValueType::REG_BINARY),
        _ => TYPES.iter().find(|(_, other)| *other == syntax).map(|(kind, _)| *kind),
    }
}

fn get_private(cluster: &Cluster, subject: &Subject) -> Vec<Property> {
    let registry = cluster.registry();
    let Ok(key) = registry.find(subject.key(), &layout::path(layout::PARAMETERS)).and_then(|key| registry.key(key))
    else {
        return Vec::new();
    };
    let properties = key.values().iter().map(|(name, value)| {
        let syntax = TYPES.iter().find(|(kind, _)| *kind == value.kind);
        let syntax = syntax.map_or(Syntax::CLUSPROP_SYNTAX_LIST_VALUE_BINARY, |(_, syntax)| *syntax);
        let mut values = vec![PropertyValue { syntax, data: value.data.clone() }];
        if syntax == Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPAND_SZ {
            // No environment is anybody's here: what is expanded is the same.
            let syntax = Syntax::CLUSPROP_SYNTAX_LIST_VALUE_EXPANDED_SZ;
            values.push(PropertyValue { syntax, data: value.data.clone() });
        }
        Property { name: name.to_wstring(), values }
    });
    properties.collect()
}

/// The change that stores values, all or none.
fn set(subject: &Subject, private: bool, values: Vec<(Name, Value)>, list: &Bytes) -> Command {
    let subject = match subject {
        Subject::Cluster => None,
        Subject::Object(kind, object) => Some((*kind, object.id.clone())),
    };
    Command::SetProperties(subject, Properties { private, values, list: list.clone() })
}
