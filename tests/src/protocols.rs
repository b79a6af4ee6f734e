//! The generated interfaces and what the witnesses call them.

use msrpc_ndr::{
    DecodeError, Decoder, EncodeError, Encoder, Level,
    reflect::{AnyMessage, Messages, Reflection},
};

use crate::ndrdump::{Direction, Encoding};

/// A generated interface under test.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Samba's name of the interface, where Samba knows it.
    pub samba: Option<&'static str>,
    /// The name of its fixtures.
    pub fixtures: &'static str,
    /// Type-erased views of its messages.
    pub reflection: &'static Reflection,
}

/// The interfaces that something can bear witness of: all have references, and Samba knows some.
pub static PROTOCOLS: [Protocol; 6] = [
    Protocol {
        samba: Some("clusapi"),
        fixtures: "clusapi",
        reflection: &msrpc_protocols::clusapi3::clusapi::REFLECTION,
    },
    Protocol {
        samba: Some("FileServerVssAgent"),
        fixtures: "fsrvp",
        reflection: &msrpc_protocols::fsrvp::file_server_vss_agent::REFLECTION,
    },
    Protocol { samba: None, fixtures: "clusapi2", reflection: &msrpc_protocols::clusapi2::clusapi::REFLECTION },
    Protocol {
        samba: None,
        fixtures: "iobjectexporter",
        reflection: &msrpc_protocols::ms_dcom::i_object_exporter::REFLECTION,
    },
    Protocol { samba: None, fixtures: "iactivation", reflection: &msrpc_protocols::ms_dcom::i_activation::REFLECTION },
    Protocol {
        samba: None,
        fixtures: "iremotescmactivator",
        reflection: &msrpc_protocols::ms_dcom::i_remote_scm_activator::REFLECTION,
    },
];

/// The interfaces that Samba knows, under its names for them.
pub fn witnessed() -> impl Iterator<Item = (&'static str, &'static Protocol)> {
    PROTOCOLS.iter().filter_map(|protocol| Some((protocol.samba?, protocol)))
}

impl Protocol {
    /// The operations that have messages, with their opnums.
    pub fn operations(&self) -> impl Iterator<Item = (u16, &'static str, &'static Messages)> {
        let operations = self.reflection.interface.operations;
        self.reflection.messages.iter().enumerate().filter_map(|(opnum, messages)| {
            Some((u16::try_from(opnum).ok()?, operations.get(opnum)?.name, messages.as_ref()?))
        })
    }

    /// The messages of an operation.
    #[must_use]
    pub fn messages(&self, opnum: u16) -> Option<&'static Messages> {
        self.reflection.messages.get(usize::from(opnum))?.as_ref()
    }
}

/// The encoding as the runtime knows it.
#[must_use]
pub fn encoding(encoding: Encoding) -> msrpc_ndr::Encoding {
    match encoding {
        Encoding::Ndr => msrpc_ndr::Encoding::NDR,
        Encoding::NdrBigEndian => msrpc_ndr::Encoding::NDR_BIG,
        Encoding::Ndr64 => msrpc_ndr::Encoding::NDR64,
    }
}

/// Marshals a message.
///
/// # Errors
/// If it has no representation.
pub fn encode(message: &dyn AnyMessage, to: Encoding) -> Result<Vec<u8>, EncodeError> {
    let mut e = Encoder::new(encoding(to));
    message.encode(&mut e)?;
    Ok(e.into_bytes().to_vec())
}

/// Unmarshals a message, and says how many octets of the stub it did not take.
///
/// # Errors
/// If the stub is malformed.
pub fn decode(
    messages: &Messages,
    direction: Direction,
    from: Encoding,
    stub: &[u8],
) -> Result<(Box<dyn AnyMessage>, usize), DecodeError> {
    let mut d = Decoder::new(stub.to_vec().into(), encoding(from)).level(Level::V6);
    let decode = match direction {
        Direction::Request => messages.decode_request,
        Direction::Response => messages.decode_response,
    };
    let message = decode(&mut d)?;
    Ok((message, d.remaining()))
}
