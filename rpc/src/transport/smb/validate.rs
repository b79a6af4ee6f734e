//! Whether the negotiation was changed on the way ([MS-SMB2] 3.2.5.5): below SMB 3.1.1, whose keys
//! depend on the negotiation's octets, the server is asked under the session's signature what it has
//! received and answered.

use smb2::{
    client::Connection,
    msg::ioctl::{FSCTL_VALIDATE_NEGOTIATE_INFO, IoctlRequest, IoctlResponse, SMB2_0_IOCTL_IS_FSCTL},
    pack::{ReadCursor, Unpack},
    types::{Command, FileId, TreeId, status::NtStatus},
};

use super::SmbError;

/// Where the body starts.
const BODY: usize = 64;

/// The octets of the answer to be expected.
const ANSWER: usize = 24;

/// A file that is none.
const NO_FILE: FileId = FileId { persistent: u64::MAX, volatile: u64::MAX };

/// The negotiation as this side has sent and received it.
#[derive(Clone, Debug, Default)]
pub(super) struct Negotiation {
    pub(super) request: Vec<u8>,
    pub(super) response: Vec<u8>,
}

impl Negotiation {
    /// What the server is asked: capabilities, GUID, security mode, dialects (2.2.31.4).
    fn question(&self) -> Option<Vec<u8>> {
        let body = self.request.get(BODY..)?;
        let count = body.get(2..4)?;
        let dialects = usize::from(u16::from_le_bytes(*count.first_chunk()?));
        Some([body.get(8..12)?, body.get(12..28)?, body.get(4..6)?, count, body.get(36..36 + 2 * dialects)?].concat())
    }

    /// What it has to answer: capabilities, GUID, security mode, dialect (2.2.32.6).
    fn answer(&self) -> Option<Vec<u8>> {
        let body = self.response.get(BODY..)?;
        Some([body.get(24..28)?, body.get(8..24)?, body.get(2..4)?, body.get(4..6)?].concat())
    }
}

/// Asks the server. One that does not know the question says so under its signature.
pub(super) async fn validate(
    connection: &mut Connection,
    tree: TreeId,
    negotiation: &Negotiation,
) -> Result<(), SmbError> {
    let malformed = || SmbError::Malformed("a NEGOTIATE that is too short");
    let (question, expected) = (negotiation.question().ok_or_else(malformed)?, negotiation.answer());
    let expected = expected.ok_or_else(malformed)?;
    let request = IoctlRequest {
        ctl_code: FSCTL_VALIDATE_NEGOTIATE_INFO,
        file_id: NO_FILE,
        max_input_response: 0,
        max_output_response: u32::try_from(ANSWER).unwrap_or(0),
        flags: SMB2_0_IOCTL_IS_FSCTL,
        input_data: question,
    };
    // A server that finds a difference itself closes the connection.
    let frame = connection.execute(Command::Ioctl, &request, Some(tree)).await.map_err(|error| {
        tracing::warn!(%error, "the SMB negotiation cannot be validated");
        SmbError::Downgraded
    })?;
    match frame.header.status {
        NtStatus::SUCCESS => {}
        status => {
            tracing::debug!(%status, "the SMB server does not validate negotiations");
            return Ok(());
        }
    }
    let response = IoctlResponse::unpack(&mut ReadCursor::new(&frame.body))?;
    if response.output_data == expected { Ok(()) } else { Err(SmbError::Downgraded) }
}
