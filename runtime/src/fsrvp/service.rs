//! The generated server trait over the state machine: checks the caller, parses arguments, and
//! writes replies.

use std::future::Future;

use msrpc_ndr::{Call, Failure, HResult, Outcome, Uuid, WString};
use msrpc_protocols::fsrvp::{
    FssagentShareMapping, FssagentShareMapping1,
    file_server_vss_agent::{GetSupportedVersion, IsPathShadowCopied, IsPathSupported, Server},
};

use super::{
    Context, ShareUnc, code,
    server::{AccessPolicy, ClientAddress, Reply, Request},
};

/// What answers requests: the driver of a [state machine](super::server).
pub trait Submit: Send + Sync + 'static {
    /// Answers a request.
    fn submit(&self, from: ClientAddress, request: Request) -> impl Future<Output = Result<Reply, HResult>> + Send;
}

/// The FSRVP server as a transport serves it: `file_server_vss_agent::Service::new(FsrvpService::new(…))`.
#[derive(Clone, Debug)]
pub struct FsrvpService<S> {
    agent: S,
    access: AccessPolicy,
}

impl<S: Submit> FsrvpService<S> {
    /// A server for callers that the policy allows.
    pub fn new(agent: S, access: AccessPolicy) -> Self {
        Self { agent, access }
    }

    /// Checks the caller before anything else (3.1.4).
    fn check(&self, call: &Call) -> Result<(), HResult> {
        if self.access.allows(call.caller()) {
            return Ok(());
        }
        let caller = call.caller();
        tracing::warn!(
            method = call.operation_name(),
            user = caller.user.as_deref().unwrap_or("(anonymous)"),
            domain = caller.domain.as_deref().unwrap_or_default(),
            address = ?caller.address,
            level = ?caller.auth_level,
            service = caller.auth_service,
            "access denied: the caller is no configured administrator or backup operator, or the call is not \
             signed"
        );
        Err(HResult::E_ACCESSDENIED)
    }

    async fn submit(&self, call: &Call, request: Request) -> Result<Reply, HResult> {
        let address = call.caller().address;
        let from = address.map_or(ClientAddress::Local, |address| ClientAddress::Ip(address.ip().to_canonical()));
        self.agent.submit(from, request).await
    }

    async fn done(&self, call: &Call, request: Request) -> Outcome<(), HResult> {
        match self.submit(call, request).await? {
            Reply::Done => Ok(()),
            other => mismatch(call, &other),
        }
    }
}

/// A reply of another method's kind: a mistake of ours.
fn mismatch<R>(call: &Call, reply: &Reply) -> Outcome<R, HResult> {
    tracing::error!(method = call.operation_name(), ?reply, "the reply is of another method");
    Err(HResult::E_FAIL.into())
}

/// A GUID by value is NULL if it is all zeros (3.1.4).
fn not_null(id: Uuid) -> Result<Uuid, HResult> {
    if id.is_nil() { Err(HResult::E_INVALIDARG) } else { Ok(id) }
}

fn share(name: &WString) -> Result<ShareUnc, HResult> {
    let text = name.to_str().ok_or(HResult::E_INVALIDARG)?;
    ShareUnc::parse(&text).map_err(|error| {
        let shown: String = text.chars().take(100).collect();
        tracing::info!(name = ?shown, %error, "this is no UNC name of a share");
        HResult::E_INVALIDARG
    })
}

fn wide(text: &str) -> WString {
    WString::from_units(text.encode_utf16())
}

impl<S: Submit> Server for FsrvpService<S> {
    async fn get_supported_version(&self, call: &Call) -> Outcome<GetSupportedVersion, HResult> {
        self.check(call)?;
        match self.submit(call, Request::GetSupportedVersion).await? {
            Reply::Version { min, max } => Ok(GetSupportedVersion { min_version: min, max_version: max }),
            other => mismatch(call, &other),
        }
    }

    async fn set_context(&self, call: &Call, context: u32) -> Outcome<(), HResult> {
        self.check(call)?;
        let context = Context::from_wire(context).ok_or(code::FSRVP_E_UNSUPPORTED_CONTEXT)?;
        self.done(call, Request::SetContext { context }).await
    }

    async fn start_shadow_copy_set(&self, call: &Call, client_shadow_copy_set_id: Uuid) -> Outcome<Uuid, HResult> {
        self.check(call)?;
        not_null(client_shadow_copy_set_id)?;
        match self.submit(call, Request::StartShadowCopySet).await? {
            Reply::Set(id) => Ok(id),
            other => mismatch(call, &other),
        }
    }

    async fn add_to_shadow_copy_set(
        &self,
        call: &Call,
        client_shadow_copy_id: Uuid,
        shadow_copy_set_id: Uuid,
        share_name: WString,
    ) -> Outcome<Uuid, HResult> {
        self.check(call)?;
        not_null(client_shadow_copy_id)?;
        let set = not_null(shadow_copy_set_id)?;
        let share = share(&share_name)?;
        match self.submit(call, Request::AddToShadowCopySet { set, share }).await? {
            Reply::Copy(id) => Ok(id),
            other => mismatch(call, &other),
        }
    }

    async fn commit_shadow_copy_set(
        &self,
        call: &Call,
        shadow_copy_set_id: Uuid,
        time_out_in_milliseconds: u32,
    ) -> Outcome<(), HResult> {
        self.check(call)?;
        let set = not_null(shadow_copy_set_id)?;
        self.done(call, Request::CommitShadowCopySet { set, timeout: time_out_in_milliseconds }).await
    }

    async fn expose_shadow_copy_set(
        &self,
        call: &Call,
        shadow_copy_set_id: Uuid,
        time_out_in_milliseconds: u32,
    ) -> Outcome<(), HResult> {
        self.check(call)?;
        let set = not_null(shadow_copy_set_id)?;
        self.done(call, Request::ExposeShadowCopySet { set, timeout: time_out_in_milliseconds }).await
    }

    async fn recovery_complete_shadow_copy_set(&self, call: &Call, shadow_copy_set_id: Uuid) -> Outcome<(), HResult> {
        self.check(call)?;
        let set = not_null(shadow_copy_set_id)?;
        self.done(call, Request::RecoveryCompleteShadowCopySet { set }).await
    }

    async fn abort_shadow_copy_set(&self, call: &Call, shadow_copy_set_id: Uuid) -> Outcome<(), HResult> {
        self.check(call)?;
        let set = not_null(shadow_copy_set_id)?;
        self.done(call, Request::AbortShadowCopySet { set }).await
    }

    async fn is_path_supported(&self, call: &Call, share_name: WString) -> Outcome<IsPathSupported, HResult> {
        self.check(call)?;
        let share = share(&share_name)?;
        match self.submit(call, Request::IsPathSupported { share }).await? {
            Reply::Owner(owner) => {
                Ok(IsPathSupported { supported_by_this_provider: 1, owner_machine_name: Some(wide(&owner)) })
            }
            other => mismatch(call, &other),
        }
    }

    async fn is_path_shadow_copied(&self, call: &Call, share_name: WString) -> Outcome<IsPathShadowCopied, HResult> {
        self.check(call)?;
        let share = share(&share_name)?;
        match self.submit(call, Request::IsPathShadowCopied { share }).await? {
            Reply::ShadowCopied(compatibility) => Ok(IsPathShadowCopied {
                shadow_copy_present: compatibility.is_some().into(),
                shadow_copy_compatibility: compatibility.unwrap_or(0),
            }),
            other => mismatch(call, &other),
        }
    }

    async fn get_share_mapping(
        &self,
        call: &Call,
        shadow_copy_id: Uuid,
        shadow_copy_set_id: Uuid,
        share_name: WString,
        level: u32,
    ) -> Outcome<FssagentShareMapping, HResult> {
        self.check(call)?;
        if level != 1 {
            return Err(Failure::with(HResult::E_INVALIDARG, FssagentShareMapping::Default(level)));
        }
        let (copy, set) = (not_null(shadow_copy_id)?, not_null(shadow_copy_set_id)?);
        let share = share(&share_name)?;
        match self.submit(call, Request::GetShareMapping { copy, set, share }).await? {
            Reply::Mapping { set, copy, share, exposed_as, created } => {
                Ok(FssagentShareMapping::ShareMapping1(Some(FssagentShareMapping1 {
                    shadow_copy_set_id: set,
                    shadow_copy_id: copy,
                    share_name_unc: Some(wide(&share)),
                    shadow_copy_share_name: exposed_as.as_deref().map(wide),
                    creation_timestamp: created.0,
                })))
            }
            other => mismatch(call, &other),
        }
    }

    async fn delete_share_mapping(
        &self,
        call: &Call,
        shadow_copy_set_id: Uuid,
        shadow_copy_id: Uuid,
        share_name: WString,
    ) -> Outcome<(), HResult> {
        self.check(call)?;
        let (set, copy) = (not_null(shadow_copy_set_id)?, not_null(shadow_copy_id)?);
        let share = share(&share_name)?;
        self.done(call, Request::DeleteShareMapping { set, copy, share }).await
    }

    async fn prepare_shadow_copy_set(
        &self,
        call: &Call,
        shadow_copy_set_id: Uuid,
        time_out_in_milliseconds: u32,
    ) -> Outcome<(), HResult> {
        self.check(call)?;
        let set = not_null(shadow_copy_set_id)?;
        self.done(call, Request::PrepareShadowCopySet { set, timeout: time_out_in_milliseconds }).await
    }
}
