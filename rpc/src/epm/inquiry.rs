//! What an endpoint map can be asked.

use msrpc_protocols::epm as wire;
use uuid::Uuid;

use crate::pdu::SyntaxId;

/// Which entries of a map are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inquiry {
    /// Only those of an interface.
    pub interface: Option<(SyntaxId, VersionOption)>,
    /// Only those of an object.
    pub object: Option<Uuid>,
}

/// How near to the version that is named an entry's must be ([MS-RPCE] 2.2.1.2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VersionOption {
    /// Any version.
    All,
    /// The same major version, the same minor one or a later.
    #[default]
    Compatible,
    /// The same version.
    Exact,
    /// The same major version.
    MajorOnly,
    /// The same version or an earlier one.
    UpTo,
}

impl VersionOption {
    /// The value in `vers_option`.
    pub fn to_wire(self) -> u32 {
        match self {
            Self::All => wire::RPC_C_VERS_ALL,
            Self::Compatible => wire::RPC_C_VERS_COMPATIBLE,
            Self::Exact => wire::RPC_C_VERS_EXACT,
            Self::MajorOnly => wire::RPC_C_VERS_MAJOR_ONLY,
            Self::UpTo => wire::RPC_C_VERS_UPTO,
        }
    }

    /// The option of a value; `None` for an unknown one.
    pub fn from_wire(value: u32) -> Option<Self> {
        let all = [Self::All, Self::Compatible, Self::Exact, Self::MajorOnly, Self::UpTo];
        all.into_iter().find(|option| option.to_wire() == value)
    }

    /// Whether an entry of version `found` answers an inquiry for `wanted`.
    pub fn accepts(self, wanted: (u16, u16), found: (u16, u16)) -> bool {
        match self {
            Self::All => true,
            Self::Compatible => found.0 == wanted.0 && found.1 >= wanted.1,
            Self::Exact => found == wanted,
            Self::MajorOnly => found.0 == wanted.0,
            Self::UpTo => found <= wanted,
        }
    }
}

impl Inquiry {
    /// The value in `inquiry_type`.
    pub fn to_wire(&self) -> u32 {
        match (&self.interface, &self.object) {
            (None, None) => wire::RPC_C_EP_ALL_ELTS,
            (Some(_), None) => wire::RPC_C_EP_MATCH_BY_IF,
            (None, Some(_)) => wire::RPC_C_EP_MATCH_BY_OBJ,
            (Some(_), Some(_)) => wire::RPC_C_EP_MATCH_BY_BOTH,
        }
    }

    /// The inquiry that a client makes. Types that nobody knows mean all entries, as on Windows.
    /// `None` if it lacks what its type needs, or has an unknown version option.
    pub(super) fn from_wire(
        inquiry_type: u32,
        object: Option<Uuid>,
        interface: Option<SyntaxId>,
        vers_option: u32,
    ) -> Option<Self> {
        let (by_interface, by_object) = match inquiry_type {
            wire::RPC_C_EP_MATCH_BY_IF => (true, false),
            wire::RPC_C_EP_MATCH_BY_OBJ => (false, true),
            wire::RPC_C_EP_MATCH_BY_BOTH => (true, true),
            _ => (false, false),
        };
        let interface = match by_interface {
            true => Some((interface?, VersionOption::from_wire(vers_option)?)),
            false => None,
        };
        Some(Self { interface, object: if by_object { Some(object?) } else { None } })
    }

    /// Whether an entry is wanted.
    pub fn matches(&self, endpoint: &super::Endpoint) -> bool {
        let found = endpoint.tower.interface;
        self.object.is_none_or(|object| object == endpoint.object)
            && self.interface.is_none_or(|(wanted, option)| {
                wanted.uuid == found.uuid && option.accepts(wanted.version, found.version)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        use VersionOption::*;
        let found = [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0)];
        let accepted = |option: VersionOption| -> Vec<_> {
            found.into_iter().filter(|&found| option.accepts((2, 1), found)).collect()
        };
        assert_eq!(accepted(All), found);
        assert_eq!(accepted(Compatible), [(2, 1)]);
        assert_eq!(accepted(Exact), [(2, 1)]);
        assert_eq!(accepted(MajorOnly), [(2, 0), (2, 1)]);
        assert_eq!(accepted(UpTo), [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]);
        assert!(Compatible.accepts((2, 0), (2, 1)));
        assert_eq!(VersionOption::from_wire(6), None);
        assert_eq!(VersionOption::from_wire(2), Some(Compatible));
    }

    #[test]
    fn inquiries_that_lack_something() {
        let interface = Some(SyntaxId { uuid: Uuid::from_u128(1), version: (1, 0) });
        let object = Some(Uuid::from_u128(2));
        assert_eq!(Inquiry::from_wire(0, None, None, 0), Some(Inquiry::default()));
        assert_eq!(Inquiry::from_wire(77, object, interface, 9), Some(Inquiry::default()));
        assert_eq!(Inquiry::from_wire(1, object, None, 1), None);
        assert_eq!(Inquiry::from_wire(1, None, interface, 9), None);
        assert_eq!(Inquiry::from_wire(2, None, interface, 1), None);
        let both = Inquiry::from_wire(3, object, interface, 3).unwrap();
        assert_eq!((both.to_wire(), both.object), (3, object));
    }
}
