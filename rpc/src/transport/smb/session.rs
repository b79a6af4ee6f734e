//! SMB sessions by our own security providers ([MS-SMB2] 3.2.4.2.3, 3.2.5.3).

use smb2::{
    Frame,
    client::{Cipher, Connection},
    crypto::{
        kdf::derive_session_keys,
        signing::{algorithm_for_dialect, verify_signature},
    },
    msg::session_setup::{SessionSetupRequest, SessionSetupRequestFlags, SessionSetupResponse},
    pack::{ReadCursor, Unpack},
    types::{
        Command, Dialect, TreeId,
        flags::{Capabilities, SecurityMode},
        status::NtStatus,
    },
};
use tokio::net::TcpStream;

use super::{
    SmbError,
    validate::{Negotiation, validate},
    wire,
};
use crate::auth::{
    AuthError, SecurityContext, Step,
    ntlm::{NtlmClient, NtlmCredentials},
};

/// Octets of a session key that SMB uses.
const KEY: usize = 16;

/// Legs of a handshake before it is given up.
const LEGS: usize = 8;

/// An authenticated session.
pub(super) struct Session {
    pub(super) connection: Connection,
    encryption: Option<Encryption>,
    /// What is still to be validated, where the session's keys do not depend on it.
    negotiation: Option<Negotiation>,
}

/// What encryption takes, where the server can.
struct Encryption {
    to_server: Vec<u8>,
    to_client: Vec<u8>,
    cipher: Cipher,
}

impl Session {
    /// Encrypts everything from now on.
    pub(super) fn encrypt(&mut self) -> Result<(), SmbError> {
        if self.connection.should_encrypt() {
            return Ok(());
        }
        let Encryption { to_server, to_client, cipher } = self.encryption.take().ok_or(SmbError::NoEncryption)?;
        self.connection.activate_encryption(to_server, to_client, cipher);
        Ok(())
    }

    /// Makes sure that nobody changed the negotiation. Anonymous sessions cannot.
    pub(super) async fn validate(&mut self, tree: TreeId) -> Result<(), SmbError> {
        match self.negotiation.take() {
            Some(negotiation) => validate(&mut self.connection, tree, &negotiation).await,
            None => Ok(()),
        }
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }
}

/// Negotiates and authenticates, as nobody without a context.
pub(super) async fn establish(
    stream: TcpStream,
    host: &str,
    encrypt: bool,
    context: Option<Box<dyn SecurityContext>>,
) -> Result<Session, SmbError> {
    let (sender, receiver, transcript) = wire::split(stream);
    let mut connection = Connection::from_transport(sender, receiver, host);
    // Reads of a pipe wait as long as calls take. Whether the server still lives is asked by ECHO.
    connection.set_response_timeout(None);
    connection.set_stale_request_warning(None);
    connection.negotiate().await?;
    let anonymous = context.is_none();
    let context = context
        .unwrap_or_else(|| Box::new(NtlmClient::new(NtlmCredentials::anonymous(), msrpc_ndr::AuthLevel::Integrity)));
    let (context, last) = authenticate(&mut connection, context).await?;
    let response = SessionSetupResponse::unpack(&mut ReadCursor::new(&last.body))?;
    let params = connection.params().ok_or(SmbError::Malformed("no NEGOTIATE"))?;
    let (hash, negotiation) = transcript.finish();
    if anonymous || response.session_flags.is_guest() || response.session_flags.is_null() {
        // There is no key that only the two of us know.
        return match (anonymous, encrypt) {
            (false, _) => Err(SmbError::Guest),
            (true, true) => Err(SmbError::NoEncryption),
            (true, false) => Ok(Session { connection, encryption: None, negotiation: None }),
        };
    }
    let session_key = context.session_key().ok_or(AuthError::NotEstablished)?;
    let mut key = session_key.as_bytes().to_vec();
    key.resize(KEY, 0);
    let (dialect, algorithm) = (params.dialect, algorithm_for_dialect(params.dialect, params.gmac_negotiated));
    let is_3 = matches!(dialect, Dialect::Smb3_0 | Dialect::Smb3_0_2 | Dialect::Smb3_1_1);
    let (signing_key, encryption) = if is_3 {
        let wide = matches!(params.cipher, Some(Cipher::Aes256Ccm | Cipher::Aes256Gcm));
        let keys = derive_session_keys(&key, dialect, hash.as_ref(), if wide { 256 } else { 128 });
        // Before 3.1.1 there is one cipher, and a capability that says so.
        let cipher = match dialect {
            Dialect::Smb3_1_1 => params.cipher,
            _ => params.capabilities.contains(Capabilities::ENCRYPTION).then_some(Cipher::Aes128Ccm),
        };
        let encryption = cipher.map(|cipher| Encryption {
            to_server: keys.encryption_key.clone(),
            to_client: keys.decryption_key.clone(),
            cipher,
        });
        (keys.signing_key.clone(), encryption)
    } else {
        (key, None)
    };
    // What the last response says counts only if the server signed it: it knows the key.
    if is_3 || last.header.flags.is_signed() {
        verify_signature(&last.raw, &signing_key, algorithm, last.header.message_id.0, false)?;
    }
    connection.activate_signing(signing_key, algorithm);
    let negotiation = (dialect != Dialect::Smb3_1_1).then_some(negotiation);
    let mut session = Session { connection, encryption, negotiation };
    if encrypt || response.session_flags.encrypt_data() {
        session.encrypt()?;
    }
    let encrypted = session.connection.should_encrypt();
    tracing::debug!(host, ?dialect, encrypted, "SMB session");
    Ok(session)
}

/// Exchanges tokens until both sides are content; gives the server's last response.
async fn authenticate(
    connection: &mut Connection,
    context: Box<dyn SecurityContext>,
) -> Result<(Box<dyn SecurityContext>, Frame), SmbError> {
    let (mut context, mut step) = advance(context, Vec::new()).await?;
    for _ in 0..LEGS {
        let request = SessionSetupRequest {
            flags: SessionSetupRequestFlags(0),
            security_mode: SecurityMode::new(SecurityMode::SIGNING_ENABLED),
            capabilities: Capabilities::default(),
            channel: 0,
            previous_session_id: 0,
            security_buffer: step.token.take().unwrap_or_default(),
        };
        let frame = connection.execute(Command::SessionSetup, &request, None).await?;
        connection.set_session_id(frame.header.session_id);
        let status = frame.header.status;
        if status != NtStatus::SUCCESS && !status.is_more_processing_required() {
            return Err(SmbError::Credentials { status: status.0 });
        }
        let token = SessionSetupResponse::unpack(&mut ReadCursor::new(&frame.body))?.security_buffer;
        if !(step.done && token.is_empty()) {
            (context, step) = advance(context, token).await?;
        }
        if status == NtStatus::SUCCESS {
            return if step.done { Ok((context, frame)) } else { Err(AuthError::NotEstablished.into()) };
        }
    }
    Err(SmbError::Malformed("a handshake without end"))
}

/// A step of the context, which may have to wait for somebody else.
async fn advance(
    mut context: Box<dyn SecurityContext>,
    token: Vec<u8>,
) -> Result<(Box<dyn SecurityContext>, Step), SmbError> {
    let (context, step) = tokio::task::spawn_blocking(move || {
        let step = context.step(&token);
        (context, step)
    })
    .await
    .map_err(|error| SmbError::Smb(Box::new(error)))?;
    Ok((context, step?))
}
