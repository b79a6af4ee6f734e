//! Clients that do what no decent client does: PDU by PDU, with next to no memory each.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use bytes::BytesMut;
use msrpc::{
    auth::{
        SecurityContext as _,
        ntlm::{self, NtlmClient, NtlmCredentials},
    },
    pdu::{
        Bind, BindNak, ContextElement, FaultHead, HEADER_LEN, Head, Header, NakReason, PduType, PfcFlags, SecTrailer,
        SyntaxId, split_verifier, write_pdu,
    },
};
use msrpc_ndr::{AuthLevel, ByteOrder, Syntax};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::rpc::{
    interfaces::trial::trial,
    node::{PASSWORD, USER},
};

/// Operations of the trial interface.
pub mod opnum {
    /// `TrialEcho`.
    pub const ECHO: u16 = 0;
    /// `TrialMake`.
    pub const MAKE: u16 = 1;
    /// `TrialWait`.
    pub const WAIT: u16 = 3;
    /// `TrialFail`.
    pub const FAIL: u16 = 5;
    /// `TrialOpen`.
    pub const OPEN: u16 = 8;
}

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// bind_ack or alter_context_resp.
    Ack,
    /// bind_nak.
    Nak(NakReason),
    /// A response.
    Response,
    /// A fault, and whether the call was certainly not executed.
    Fault(u32, bool),
    /// shutdown.
    Shutdown,
    /// The connection has ended.
    Closed,
}

/// Address `index` of this host, each of them another client to a server.
#[must_use]
pub fn source(index: usize) -> Ipv4Addr {
    let [.., high, low] = index.to_be_bytes();
    Ipv4Addr::new(127, 1, high, low.max(1))
}

/// A connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// Connects from an address.
    ///
    /// # Errors
    /// As the system does.
    pub async fn connect(to: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        // What it does not read waits at the server, not here.
        socket.set_recv_buffer_size(8 << 10)?;
        socket.bind((IpAddr::V4(from), 0).into())?;
        let stream = socket.connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Connects and binds.
    ///
    /// # Errors
    /// As the system does; if the server refuses, with what it says.
    pub async fn bound(to: SocketAddr, from: Ipv4Addr) -> io::Result<Self> {
        let mut raw = Self::connect(to, from).await?;
        raw.send(&bind(PduType::Bind, 0)).await?;
        match raw.answer().await {
            Answer::Ack => Ok(raw),
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    }

    /// The stream.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Sends octets.
    ///
    /// # Errors
    /// As the system does.
    pub async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.write_all(octets).await
    }

    /// The next PDU.
    pub async fn answer(&mut self) -> Answer {
        self.read().await.unwrap_or(Answer::Closed)
    }

    async fn read(&mut self) -> io::Result<Answer> {
        let mut octets = vec![0; HEADER_LEN];
        self.stream.read_exact(&mut octets).await?;
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
        let header = Header::parse(&octets).map_err(invalid)?;
        octets.resize(usize::from(header.frag_length), 0);
        self.stream.read_exact(octets.get_mut(HEADER_LEN..).unwrap_or_default()).await?;
        let (body, _) = split_verifier(&header, &octets).map_err(invalid)?;
        Ok(match header.ptype {
            PduType::BindAck | PduType::AlterContextResp => Answer::Ack,
            PduType::BindNak => Answer::Nak(BindNak::parse(body, header.order()).map_err(invalid)?.reason),
            PduType::Fault => {
                let status = FaultHead::parse(body, header.order()).map_err(invalid)?.status;
                Answer::Fault(status, header.flags.contains(PfcFlags::DID_NOT_EXECUTE))
            }
            PduType::Shutdown => Answer::Shutdown,
            PduType::Response => Answer::Response,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

/// A PDU.
#[must_use]
pub fn pdu(ptype: PduType, flags: PfcFlags, call_id: u32, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let head = Head { ptype, flags, order: ByteOrder::Little, call_id };
    let _ = write_pdu(&mut out, head, None, |w| {
        w.bytes(body);
        Ok(())
    });
    out.to_vec()
}

fn bind_of(context: u16) -> Bind {
    Bind {
        max_xmit_frag: 5840,
        max_recv_frag: 5840,
        assoc_group: 0,
        contexts: vec![ContextElement {
            id: context,
            interface: SyntaxId::from(&trial::INTERFACE),
            syntaxes: vec![Syntax::Ndr.into()],
        }],
    }
}

/// A bind or an alter_context that proposes the trial interface.
#[must_use]
pub fn bind(ptype: PduType, context: u16) -> Vec<u8> {
    let mut out = BytesMut::new();
    let flags = PfcFlags::WHOLE | PfcFlags::CONC_MPX;
    let head = Head { ptype, flags, order: ByteOrder::Little, call_id: 1 };
    let _ = write_pdu(&mut out, head, None, |w| bind_of(context).write(w));
    out.to_vec()
}

/// The same with the first leg of NTLM, for the security context `id`.
#[must_use]
pub fn bind_ntlm(ptype: PduType, id: u32) -> Vec<u8> {
    let credentials = NtlmCredentials::of_account(USER, PASSWORD);
    let token = NtlmClient::new(credentials, AuthLevel::Privacy).step(&[]).ok().and_then(|step| step.token);
    let token = token.unwrap_or_default();
    let trailer =
        SecTrailer { auth_type: ntlm::AUTH_TYPE, auth_level: AuthLevel::Privacy.into(), pad_length: 0, context_id: id };
    let mut out = BytesMut::new();
    let flags = PfcFlags::WHOLE | PfcFlags::CONC_MPX;
    let head = Head { ptype, flags, order: ByteOrder::Little, call_id: 1 };
    let _ = write_pdu(&mut out, head, Some((trailer, &token)), |w| bind_of(0).write(w));
    out.to_vec()
}

/// A fragment of a request.
#[must_use]
pub fn fragment(flags: PfcFlags, call_id: u32, opnum: u16, stub: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 0, 0, 0, 0, 0];
    body.extend(opnum.to_le_bytes());
    body.extend(stub);
    pdu(PduType::Request, flags, call_id, &body)
}

/// A request whose parameters are numbers.
#[must_use]
pub fn request(call_id: u32, opnum: u16, numbers: &[u32]) -> Vec<u8> {
    let stub: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    fragment(PfcFlags::WHOLE, call_id, opnum, &stub)
}
