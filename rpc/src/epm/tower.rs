//! Protocol towers: an interface, a transfer syntax, protocols and addresses as a stack of floors
//! (C706 appendices I and L, [MS-RPCE] 2.1 and 3.1.3.5.3).

use std::{fmt, net::Ipv4Addr};

use bytes::{BufMut, Bytes, BytesMut};
use msrpc_ndr::Syntax;
use uuid::Uuid;

use crate::{
    binding::{Protocol, StringBinding},
    pdu::SyntaxId,
};

/// Octets of a tower ([MS-RPCE] 2.2.1.2.2).
pub const MAX_TOWER: usize = 2000;

/// Floors of a tower; more are refused ([MS-RPCE] 3.1.3.5.3).
const MAX_FLOORS: usize = 6;

/// Protocol identifiers (C706 appendix I, changed by [MS-RPCE] 2.1).
pub mod protocol_id {
    /// A DOD TCP port.
    pub const TCP: u8 = 0x07;
    /// A DOD UDP port.
    pub const UDP: u8 = 0x08;
    /// An IPv4 address.
    pub const IP: u8 = 0x09;
    /// Connectionless RPC.
    pub const NCADG: u8 = 0x0a;
    /// Connection-oriented RPC.
    pub const NCACN: u8 = 0x0b;
    /// Local RPC.
    pub const NCALRPC: u8 = 0x0c;
    /// An interface or transfer syntax.
    pub const UUID: u8 = 0x0d;
    /// A named pipe over SMB.
    pub const SMB: u8 = 0x0f;
    /// A local endpoint; also what old systems have for [`SMB`].
    pub const NAMED_PIPE: u8 = 0x10;
    /// A NetBIOS name.
    pub const NETBIOS: u8 = 0x11;
    /// A port of RPC over HTTP.
    pub const HTTP: u8 = 0x1f;
}

use protocol_id as id;

/// A tower: how an interface can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tower {
    /// The interface.
    pub interface: SyntaxId,
    /// How its stubs are marshalled.
    pub transfer: SyntaxId,
    /// Where.
    pub address: Address,
}

/// The floors of a tower above interface and transfer syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// `ncacn_ip_tcp`.
    Tcp {
        /// The port; 0 where one is looked for.
        port: u16,
        /// The server; clients do not rely on it.
        host: Ipv4Addr,
    },
    /// `ncadg_ip_udp`.
    Udp {
        /// The port; 0 where one is looked for.
        port: u16,
        /// The server; clients do not rely on it.
        host: Ipv4Addr,
    },
    /// `ncacn_http`.
    Http {
        /// The port; 0 where one is looked for.
        port: u16,
        /// The server; clients do not rely on it.
        host: Ipv4Addr,
    },
    /// `ncacn_np`.
    NamedPipe {
        /// The pipe, with `\pipe\` in front; empty where one is looked for.
        pipe: String,
        /// The server's name, with or without `\\` in front.
        host: String,
    },
    /// `ncalrpc`.
    Local {
        /// The endpoint; empty where one is looked for.
        endpoint: String,
    },
    /// Something else, as it came.
    Other(Vec<Floor>),
}

/// A floor that has no meaning here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The protocol identifier.
    pub protocol: u8,
    /// What follows it on the left-hand side.
    pub data: Bytes,
    /// The right-hand side: the address.
    pub address: Bytes,
}

/// Octets that are no tower, or an address that does not fit into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TowerError {
    /// A length points behind the end.
    #[error("the tower breaks off")]
    Short,
    /// Something follows the last floor, or the end of a floor.
    #[error("the tower has {0} octets too many")]
    Surplus(usize),
    /// Too few floors to be of use, or more than six.
    #[error("the tower has {0} floors")]
    Floors(usize),
    /// The first two floors are no interface and transfer syntax.
    #[error("floor {0} of the tower is no interface or transfer syntax")]
    Syntax(usize),
    /// The tower exceeds 2000 octets.
    #[error("a tower of {0} octets")]
    TooLong(usize),
    /// A name in an address is not printable ASCII.
    #[error("{0:?} cannot stand in a tower")]
    Name(String),
    /// A port is no number.
    #[error("{0:?} is no port")]
    Port(String),
    /// The protocol has no towers here.
    #[error("{0} has no towers")]
    Protocol(Protocol),
}

impl Tower {
    /// What asks for an endpoint of an interface.
    pub fn wanted(interface: impl Into<SyntaxId>, protocol: &Protocol) -> Result<Self, TowerError> {
        Ok(Self { interface: interface.into(), transfer: Syntax::Ndr.into(), address: Address::any(protocol)? })
    }

    /// Reads a tower.
    ///
    /// # Errors
    ///
    /// Fails if a floor is incomplete, if there are fewer than three or more than six, or if the
    /// first two are no interface and transfer syntax. Unknown protocols are no error.
    pub fn parse(octets: &[u8]) -> Result<Self, TowerError> {
        if octets.len() > MAX_TOWER {
            return Err(TowerError::TooLong(octets.len()));
        }
        let mut rest = octets;
        let count = usize::from(take_u16(&mut rest)?);
        if !(3..=MAX_FLOORS).contains(&count) {
            return Err(TowerError::Floors(count));
        }
        let mut floors = Vec::with_capacity(count);
        for _ in 0..count {
            let mut left = take_counted(&mut rest)?;
            let right = take_counted(&mut rest)?;
            let (&protocol, data) = left.split_first().ok_or(TowerError::Short)?;
            left = data;
            floors.push((protocol, left, right));
        }
        if !rest.is_empty() {
            return Err(TowerError::Surplus(rest.len()));
        }
        match floors.as_slice() {
            [interface, transfer, address @ ..] => Ok(Self {
                interface: parse_syntax(*interface).ok_or(TowerError::Syntax(1))?,
                transfer: parse_syntax(*transfer).ok_or(TowerError::Syntax(2))?,
                address: Address::parse(address),
            }),
            _ => Err(TowerError::Floors(count)),
        }
    }

    /// The octets.
    ///
    /// # Errors
    ///
    /// Fails if a name cannot stand in a tower, or the tower becomes too long.
    pub fn to_bytes(&self) -> Result<Bytes, TowerError> {
        let mut out = BytesMut::with_capacity(80);
        let floors = self.address.floors()?;
        let count = floors.len() + 2;
        if !(3..=MAX_FLOORS).contains(&count) {
            return Err(TowerError::Floors(count));
        }
        out.put_u16_le(u16::try_from(count).map_err(|_| TowerError::Floors(count))?);
        for syntax in [self.interface, self.transfer] {
            let mut left = BytesMut::with_capacity(19);
            left.put_slice(&syntax.uuid.to_bytes_le());
            left.put_u16_le(syntax.version.0);
            put_floor(&mut out, id::UUID, &left, &syntax.version.1.to_le_bytes())?;
        }
        for Floor { protocol, data, address } in floors {
            put_floor(&mut out, protocol, &data, &address)?;
        }
        if out.len() > MAX_TOWER {
            return Err(TowerError::TooLong(out.len()));
        }
        Ok(out.freeze())
    }
}

impl fmt::Display for Tower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.interface.version;
        write!(f, "{} {major}.{minor} at {}", self.interface.uuid, self.address)
    }
}

impl Address {
    /// What stands for any address of a protocol.
    ///
    /// # Errors
    ///
    /// Fails for protocols that have no towers here.
    pub fn any(protocol: &Protocol) -> Result<Self, TowerError> {
        let (port, host) = (0, Ipv4Addr::UNSPECIFIED);
        Ok(match protocol {
            Protocol::Tcp => Self::Tcp { port, host },
            Protocol::Udp => Self::Udp { port, host },
            Protocol::NamedPipe => Self::NamedPipe { pipe: String::new(), host: String::new() },
            Protocol::Local => Self::Local { endpoint: String::new() },
            Protocol::Other(name) if name == "ncacn_http" => Self::Http { port, host },
            other => return Err(TowerError::Protocol(other.clone())),
        })
    }

    /// The address that a string binding names. A host that is no IPv4 address is left out: towers
    /// have no room for it.
    ///
    /// # Errors
    ///
    /// Fails for protocols that have no towers here, and if a port is no number.
    pub fn from_binding(binding: &StringBinding) -> Result<Self, TowerError> {
        let endpoint = binding.endpoint.as_deref().unwrap_or_default();
        let mut address = Self::any(&binding.protocol)?;
        match &mut address {
            Self::Tcp { port, host } | Self::Udp { port, host } | Self::Http { port, host } => {
                if !endpoint.is_empty() {
                    *port = endpoint.parse().map_err(|_| TowerError::Port(endpoint.to_owned()))?;
                }
                *host = binding.host.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
            }
            Self::NamedPipe { pipe, host } => {
                *pipe = text(endpoint)?.to_owned();
                *host = text(&binding.host)?.to_owned();
            }
            Self::Local { endpoint: local } => *local = text(endpoint)?.to_owned(),
            Self::Other(_) => {}
        }
        Ok(address)
    }

    /// A string binding for the address; `None` for unknown protocols. The server is `host`, unless
    /// that is empty: then it is what the tower says.
    pub fn to_binding(&self, host: &str) -> Option<StringBinding> {
        let own = match self {
            Self::Tcp { host, .. } | Self::Udp { host, .. } | Self::Http { host, .. } => host.to_string(),
            Self::NamedPipe { host, .. } => host.clone(),
            Self::Local { .. } => String::new(),
            Self::Other(_) => return None,
        };
        let local = matches!(self, Self::Local { .. });
        Some(StringBinding {
            object: None,
            protocol: self.protocol()?,
            host: if host.is_empty() || local { own } else { host.to_owned() },
            endpoint: self.endpoint(),
            options: Vec::new(),
        })
    }

    /// The protocol sequence; `None` for an unknown one.
    pub fn protocol(&self) -> Option<Protocol> {
        Some(match self {
            Self::Tcp { .. } => Protocol::Tcp,
            Self::Udp { .. } => Protocol::Udp,
            Self::Http { .. } => Protocol::Other("ncacn_http".to_owned()),
            Self::NamedPipe { .. } => Protocol::NamedPipe,
            Self::Local { .. } => Protocol::Local,
            Self::Other(_) => return None,
        })
    }

    /// The endpoint as string bindings have it; `None` where there is none.
    pub fn endpoint(&self) -> Option<String> {
        match self {
            Self::Tcp { port, .. } | Self::Udp { port, .. } | Self::Http { port, .. } => {
                (*port != 0).then(|| port.to_string())
            }
            Self::NamedPipe { pipe: name, .. } | Self::Local { endpoint: name } => {
                (!name.is_empty()).then(|| name.clone())
            }
            Self::Other(_) => None,
        }
    }

    /// Whether both are of one protocol sequence.
    pub fn same_protocol(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Other(ours), Self::Other(theirs)) => {
                ours.iter().map(|floor| floor.protocol).eq(theirs.iter().map(|floor| floor.protocol))
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    fn parse(floors: &[(u8, &[u8], &[u8])]) -> Self {
        Self::known(floors).unwrap_or_else(|| {
            let floor = |&(protocol, data, address): &(u8, &[u8], &[u8])| Floor {
                protocol,
                data: Bytes::copy_from_slice(data),
                address: Bytes::copy_from_slice(address),
            };
            Self::Other(floors.iter().map(floor).collect())
        })
    }

    fn known(floors: &[(u8, &[u8], &[u8])]) -> Option<Self> {
        let port = |octets: &[u8]| Some(u16::from_be_bytes(octets.try_into().ok()?));
        let ip = |octets: &[u8]| Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?));
        Some(match *floors {
            [(id::NCACN, [], _), (id::TCP, [], at), (id::IP, [], of)] => Self::Tcp { port: port(at)?, host: ip(of)? },
            [(id::NCADG, [], _), (id::UDP, [], at), (id::IP, [], of)] => Self::Udp { port: port(at)?, host: ip(of)? },
            [(id::NCACN, [], _), (id::HTTP, [], at), (id::IP, [], of)] => Self::Http { port: port(at)?, host: ip(of)? },
            [(id::NCACN, [], _), (id::SMB | id::NAMED_PIPE, [], at), (id::NETBIOS, [], of)] => {
                Self::NamedPipe { pipe: terminated(at)?, host: terminated(of)? }
            }
            [(id::NCALRPC, [], _), (id::NAMED_PIPE, [], at)] => Self::Local { endpoint: terminated(at)? },
            _ => return None,
        })
    }

    fn floors(&self) -> Result<Vec<Floor>, TowerError> {
        let floor =
            |protocol, address: &[u8]| Floor { protocol, data: Bytes::new(), address: Bytes::copy_from_slice(address) };
        let name = |protocol, name: &str| Ok(floor(protocol, &[text(name)?.as_bytes(), &[0]].concat()));
        // The minor version of the RPC protocol.
        let minor = &[0, 0];
        let port = |port: &u16| port.to_be_bytes();
        Ok(match self {
            Self::Tcp { port: at, host } => {
                vec![floor(id::NCACN, minor), floor(id::TCP, &port(at)), floor(id::IP, &host.octets())]
            }
            Self::Udp { port: at, host } => {
                vec![floor(id::NCADG, minor), floor(id::UDP, &port(at)), floor(id::IP, &host.octets())]
            }
            Self::Http { port: at, host } => {
                vec![floor(id::NCACN, minor), floor(id::HTTP, &port(at)), floor(id::IP, &host.octets())]
            }
            Self::NamedPipe { pipe, host } => {
                vec![floor(id::NCACN, minor), name(id::SMB, pipe)?, name(id::NETBIOS, host)?]
            }
            Self::Local { endpoint } => vec![floor(id::NCALRPC, minor), name(id::NAMED_PIPE, endpoint)?],
            Self::Other(floors) => floors.clone(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_binding("") {
            Some(binding) => binding.fmt(f),
            None => f.write_str("an unknown protocol"),
        }
    }
}

fn parse_syntax((protocol, data, address): (u8, &[u8], &[u8])) -> Option<SyntaxId> {
    let (uuid, major) = data.split_first_chunk::<16>()?;
    let version = (u16::from_le_bytes(major.try_into().ok()?), u16::from_le_bytes(address.try_into().ok()?));
    (protocol == id::UUID).then(|| SyntaxId { uuid: Uuid::from_bytes_le(*uuid), version })
}

fn take_u16(rest: &mut &[u8]) -> Result<u16, TowerError> {
    let (octets, behind) = rest.split_first_chunk().ok_or(TowerError::Short)?;
    *rest = behind;
    Ok(u16::from_le_bytes(*octets))
}

fn take_counted<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], TowerError> {
    let len = usize::from(take_u16(rest)?);
    let (part, behind) = rest.split_at_checked(len).ok_or(TowerError::Short)?;
    *rest = behind;
    Ok(part)
}

fn put_floor(out: &mut BytesMut, protocol: u8, data: &[u8], address: &[u8]) -> Result<(), TowerError> {
    let len = |len: usize| u16::try_from(len).map_err(|_| TowerError::TooLong(len));
    out.put_u16_le(len(data.len() + 1)?);
    out.put_u8(protocol);
    out.put_slice(data);
    out.put_u16_le(len(address.len())?);
    out.put_slice(address);
    Ok(())
}

/// A name that ends with its terminator, or, as some systems send an empty one, with nothing.
fn terminated(octets: &[u8]) -> Option<String> {
    let name = octets.strip_suffix(&[0]).unwrap_or(octets);
    let name = std::str::from_utf8(name).ok()?;
    text(name).ok().map(str::to_owned)
}

fn text(name: &str) -> Result<&str, TowerError> {
    let printable = name.bytes().all(|octet| (b' '..=b'~').contains(&octet));
    if printable { Ok(name) } else { Err(TowerError::Name(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use uuid::uuid;

    use super::*;

    const SRVSVC: SyntaxId = SyntaxId { uuid: uuid!("4b324fc8-1670-01d3-1278-5a47bf6ee188"), version: (3, 0) };

    fn tower(address: Address) -> Tower {
        Tower { interface: SRVSVC, transfer: Syntax::Ndr.into(), address }
    }

    #[test]
    fn the_tower_that_c706_prints() {
        // C706 appendix L's shape, with [MS-RPCE]'s TCP: 75 octets.
        let tower = tower(Address::Tcp { port: 135, host: Ipv4Addr::new(10, 0, 0, 1) });
        let mut expected = vec![5, 0, 19, 0, 0x0d];
        expected.extend(SRVSVC.uuid.to_bytes_le());
        expected.extend([3, 0, 2, 0, 0, 0, 19, 0, 0x0d]);
        expected.extend(Syntax::Ndr.uuid().to_bytes_le());
        expected.extend([2, 0, 2, 0, 0, 0, 1, 0, 0x0b, 2, 0, 0, 0, 1, 0, 7, 2, 0, 0, 135, 1, 0, 9, 4, 0, 10, 0, 0, 1]);
        let octets = tower.to_bytes().unwrap();
        assert_eq!(octets, expected);
        assert_eq!(octets.len(), 75);
        assert_eq!(Tower::parse(&octets).unwrap(), tower);
        assert_eq!(tower.to_string(), "4b324fc8-1670-01d3-1278-5a47bf6ee188 3.0 at ncacn_ip_tcp:10.0.0.1[135]");
    }

    #[test]
    fn bindings_and_towers() {
        for (text, back) in [
            ("ncacn_ip_tcp:10.1.2.3[49152]", "ncacn_ip_tcp:10.1.2.3[49152]"),
            ("ncacn_ip_tcp:server[1]", "ncacn_ip_tcp:0.0.0.0[1]"),
            ("ncacn_ip_tcp:2001:db8::1", "ncacn_ip_tcp:0.0.0.0"),
            ("ncadg_ip_udp:10.1.2.3[135]", "ncadg_ip_udp:10.1.2.3[135]"),
            ("ncacn_http:10.1.2.3[593]", "ncacn_http:10.1.2.3[593]"),
            ("ncacn_np:\\\\NODE[\\pipe\\srvsvc]", "ncacn_np:\\\\NODE[\\pipe\\srvsvc]"),
            ("ncalrpc:[LRPC-1]", "ncalrpc:[LRPC-1]"),
        ] {
            let address = Address::from_binding(&text.parse().unwrap()).unwrap();
            let octets = tower(address.clone()).to_bytes().unwrap();
            let parsed = Tower::parse(&octets).unwrap();
            assert_eq!(parsed.address, address);
            assert_eq!(parsed.address.to_string(), back);
            assert!(parsed.address.same_protocol(&Address::any(&address.protocol().unwrap()).unwrap()));
        }
        let binding = Address::Tcp { port: 7, host: Ipv4Addr::LOCALHOST }.to_binding("node1").unwrap();
        assert_eq!(binding.to_string(), "ncacn_ip_tcp:node1[7]");
    }

    #[test]
    fn what_no_tower_can_hold() {
        let from = |text: &str| Address::from_binding(&text.parse().unwrap());
        assert_eq!(from("ncacn_ip_tcp:h[x]"), Err(TowerError::Port("x".into())));
        assert_eq!(from("ncalrpc:[a\u{e9}]"), Err(TowerError::Name("a\u{e9}".into())));
        assert!(matches!(from("ncacn_vns_spp:h"), Err(TowerError::Protocol(_))));
        let long = tower(Address::Local { endpoint: "x".repeat(MAX_TOWER) });
        assert!(matches!(long.to_bytes(), Err(TowerError::TooLong(_))));
        let floors = vec![Floor { protocol: 1, data: Bytes::new(), address: Bytes::new() }; 5];
        assert_eq!(tower(Address::Other(floors)).to_bytes(), Err(TowerError::Floors(7)));
    }

    #[test]
    fn unknown_protocols_survive() {
        let floors = vec![
            Floor { protocol: 0x0a, data: Bytes::from_static(&[1]), address: Bytes::from_static(&[0, 0]) },
            Floor { protocol: 0x99, data: Bytes::new(), address: Bytes::from_static(b"odd") },
        ];
        let tower = tower(Address::Other(floors));
        assert_eq!(Tower::parse(&tower.to_bytes().unwrap()).unwrap(), tower);
        assert_eq!(tower.address.to_string(), "an unknown protocol");
    }

    #[test]
    fn what_is_no_tower() {
        let good = tower(Address::NamedPipe { pipe: "\\pipe\\x".into(), host: "\\\\N".into() }).to_bytes().unwrap();
        for len in 0..good.len() {
            assert!(Tower::parse(&good[..len]).is_err(), "{len}");
        }
        assert_eq!(Tower::parse(&[&good[..], &[0, 0]].concat()), Err(TowerError::Surplus(2)));
        assert_eq!(Tower::parse(&[0; MAX_TOWER + 1]), Err(TowerError::TooLong(MAX_TOWER + 1)));
        for count in [0_u16, 1, 2, 7, 0xffff] {
            let with = [&count.to_le_bytes()[..], &good[2..]].concat();
            assert_eq!(Tower::parse(&with), Err(TowerError::Floors(count.into())));
        }
        let mut wrong = good.to_vec();
        wrong[4] = 0x0e;
        assert_eq!(Tower::parse(&wrong), Err(TowerError::Syntax(1)));
        // A name with a null within is kept as it came.
        let mut odd = good.to_vec();
        let at = odd.windows(5).position(|window| window == b"\\pipe").unwrap();
        odd[at + 1] = 0;
        assert!(matches!(Tower::parse(&odd).unwrap().address, Address::Other(_)));
    }

    proptest::proptest! {
        #[test]
        fn parsing_never_panics_and_loses_nothing(octets: Vec<u8>, count in 3_u8..7, at in 0_usize..80, value: u8) {
            let _ = Tower::parse(&[&[count, 0][..], &octets].concat());
            let mut octets = tower(Address::Tcp { port: 1, host: Ipv4Addr::LOCALHOST }).to_bytes().unwrap().to_vec();
            if let Some(octet) = octets.get_mut(at) {
                *octet = value;
            }
            if let Ok(tower) = Tower::parse(&octets) {
                proptest::prop_assert_eq!(Tower::parse(&tower.to_bytes().unwrap()).unwrap(), tower);
            }
        }
    }
}
