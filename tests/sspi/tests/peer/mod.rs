//! One end of a security context that is the crate's.

use msrpc::auth::{AuthError, PduParts, PeerIdentity, SecurityContext, Step};
use msrpc_ndr::{AuthLevel, SessionKey};
use sspi::{
    AuthIdentity, BufferType, ClientRequestFlags, CredentialUse, Credentials, CredentialsBuffers, DataRepresentation,
    EncryptionFlags, Negotiate, NegotiateConfig, Ntlm, Secret, SecurityBuffer, SecurityBufferFlags, SecurityBufferRef,
    SecurityStatus, ServerRequestFlags, Sspi, SspiImpl, Username,
    builders::{AcquireCredentialsHandle, WithoutCredentialUse},
    credssp::SspiContext,
    ntlm::NtlmConfig,
};

/// What authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    /// NTLM by itself.
    Ntlm,
    /// SPNEGO around NTLM.
    Spnego,
}

/// One end that is theirs.
pub(crate) struct Theirs {
    provider: Provider,
    level: AuthLevel,
    initiator: bool,
    context: SspiContext,
    credentials: Option<CredentialsBuffers>,
}

impl Theirs {
    /// A client.
    pub(crate) fn client(provider: Provider, level: AuthLevel, user: &str, password: &str) -> Self {
        let config = NtlmConfig { client_computer_name: Some("CLIENT".to_owned()) };
        let context = match provider {
            Provider::Ntlm => SspiContext::Ntlm(Ntlm::with_config(config)),
            Provider::Spnego => {
                let packages = Some("ntlm,!kerberos".to_owned());
                let config = NegotiateConfig::new(Box::new(config), packages, "CLIENT".to_owned());
                SspiContext::Negotiate(Negotiate::new_client(config).unwrap())
            }
        };
        Self::new(provider, level, context, user, password, CredentialUse::Outbound)
    }

    /// An acceptor of NTLM, which knows one account. It does not check the proof of the password.
    pub(crate) fn acceptor(user: &str, password: &str) -> Self {
        let context = SspiContext::Ntlm(Ntlm::with_config(NtlmConfig { client_computer_name: None }));
        Self::new(Provider::Ntlm, AuthLevel::Privacy, context, user, password, CredentialUse::Inbound)
    }

    fn new(
        provider: Provider,
        level: AuthLevel,
        mut context: SspiContext,
        user: &str,
        password: &str,
        usage: CredentialUse,
    ) -> Self {
        let credentials = Credentials::AuthIdentity(AuthIdentity {
            username: Username::parse(user).unwrap(),
            password: Secret::from(password.to_owned()),
        });
        let builder = AcquireCredentialsHandle::<'_, _, _, WithoutCredentialUse>::new();
        let acquired = builder.with_auth_data(&credentials).with_credential_use(usage).execute(&mut context).unwrap();
        let initiator = usage == CredentialUse::Outbound;
        Self { provider, level, initiator, context, credentials: acquired.credentials_handle }
    }

    fn initiate(&mut self, token: &[u8]) -> sspi::Result<(SecurityStatus, Vec<u8>)> {
        let flags = match self.level {
            // Its SPNEGO cannot do without integrity: it sends and wants codes over the list of mechanisms.
            AuthLevel::None | AuthLevel::Connect if self.provider == Provider::Ntlm => ClientRequestFlags::empty(),
            AuthLevel::Privacy => ClientRequestFlags::INTEGRITY | ClientRequestFlags::CONFIDENTIALITY,
            _ => ClientRequestFlags::INTEGRITY,
        };
        let mut input = [SecurityBuffer::new(token.to_vec(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut builder = self
            .context
            .initialize_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(flags | ClientRequestFlags::USE_SESSION_KEY)
            .with_target_data_representation(DataRepresentation::Native)
            .with_target_name("HOST/server")
            .with_input(&mut input)
            .with_output(&mut output);
        let status = self.context.initialize_security_context_impl(&mut builder)?.resolve_to_result()?.status;
        Ok((status, std::mem::take(&mut output[0].buffer)))
    }

    fn accept(&mut self, token: &[u8]) -> sspi::Result<(SecurityStatus, Vec<u8>)> {
        let mut input = [SecurityBuffer::new(token.to_vec(), BufferType::Token)];
        let mut output = [SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let builder = self
            .context
            .accept_security_context()
            .with_credentials_handle(&mut self.credentials)
            .with_context_requirements(ServerRequestFlags::empty())
            .with_target_data_representation(DataRepresentation::Native)
            .with_input(&mut input)
            .with_output(&mut output);
        let status = self.context.accept_security_context_impl(builder)?.resolve_to_result()?.status;
        Ok((status, std::mem::take(&mut output[0].buffer)))
    }
}

/// The stub is sealed at privacy and covered by the signature otherwise, as header and trailer are.
fn buffers<'a>(
    level: AuthLevel,
    [header, stub, trailer, token]: [&'a mut [u8]; 4],
) -> Result<[SecurityBufferRef<'a>; 4], AuthError> {
    let covered = SecurityBufferFlags::SECBUFFER_READONLY_WITH_CHECKSUM;
    let of_stub = match level {
        AuthLevel::None | AuthLevel::Connect => return Err(AuthError::NotEstablished),
        AuthLevel::Privacy => SecurityBufferFlags::NONE,
        AuthLevel::Call | AuthLevel::Packet | AuthLevel::Integrity => covered,
    };
    Ok([
        SecurityBufferRef::data_buf(header).with_flags(covered),
        SecurityBufferRef::data_buf(stub).with_flags(of_stub),
        SecurityBufferRef::data_buf(trailer).with_flags(covered),
        SecurityBufferRef::token_buf(token),
    ])
}

impl SecurityContext for Theirs {
    fn auth_type(&self) -> u8 {
        match self.provider {
            Provider::Ntlm => 10,
            Provider::Spnego => 9,
        }
    }

    fn step(&mut self, token: &[u8]) -> Result<Step, AuthError> {
        let stepped = if self.initiator { self.initiate(token) } else { self.accept(token) };
        let (status, token) = stepped.map_err(|error| AuthError::Malformed(error.to_string()))?;
        let done = status != SecurityStatus::ContinueNeeded;
        Ok(Step { token: (!token.is_empty()).then_some(token), done })
    }

    fn token_len(&self, level: AuthLevel, _: usize) -> usize {
        if level <= AuthLevel::Connect { 0 } else { 16 }
    }

    fn protect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &mut [u8]) -> Result<(), AuthError> {
        let (mut header, mut trailer) = (pdu.header.to_vec(), pdu.trailer.to_vec());
        let mut buffers = buffers(level, [&mut header, pdu.stub, &mut trailer, token])?;
        let sealed = self.context.encrypt_message(EncryptionFlags::empty(), &mut buffers);
        sealed.map(|_| ()).map_err(|error| AuthError::Malformed(error.to_string()))
    }

    fn unprotect(&mut self, level: AuthLevel, pdu: PduParts<'_>, token: &[u8]) -> Result<(), AuthError> {
        let (mut header, mut trailer, mut token) = (pdu.header.to_vec(), pdu.trailer.to_vec(), token.to_vec());
        let mut buffers = buffers(level, [&mut header, pdu.stub, &mut trailer, &mut token])?;
        self.context.decrypt_message(&mut buffers).map(|_| ()).map_err(|_| AuthError::BadSignature)
    }

    fn peer(&self) -> Option<PeerIdentity> {
        None
    }

    fn session_key(&self) -> Option<SessionKey> {
        let keys = self.context.query_context_session_key().ok()?;
        Some(SessionKey::new(keys.session_key.as_ref().clone()))
    }
}
