//! The methods of the protocol one by one, with the types that they mean.

use std::time::Duration;

use msrpc_ndr::{Channel, HResult};
use msrpc_protocols::fsrvp::{FssagentShareMapping, file_server_vss_agent::Client};
use uuid::Uuid;

use super::{CompatibilityFlags, MethodError};
use crate::fsrvp::{Context, FileTime, ShareUnc};

/// The agent on a file server (FileServerVssAgent), over a channel to it.
#[derive(Clone, Debug)]
pub struct Agent<C> {
    client: Client<C>,
}

/// The versions of the protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The lowest.
    pub min: u32,
    /// The highest.
    pub max: u32,
}

impl Versions {
    /// The highest version that the server and a client of `version` both speak
    /// (\[MS-FSRVP\] 3.2.4.2.1).
    pub fn choose(self, version: u32) -> Option<u32> {
        (self.min <= version).then(|| self.max.min(version))
    }
}

/// Whether a share can be shadow copied, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// Whether the server supports it.
    pub supported: bool,
    /// The machine to ask for it (OwnerMachineName).
    pub owner: Option<String>,
}

/// Whether a share has shadow copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentCopies {
    /// Whether there are any.
    pub present: bool,
    /// What they rule out.
    pub compatibility: CompatibilityFlags,
}

/// Through which share a shadow copy is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The server's identifier of the set.
    pub set: Uuid,
    /// The server's identifier of the shadow copy.
    pub copy: Uuid,
    /// The UNC name of the share that was copied, as the server says it.
    pub share: Option<String>,
    /// The share through which the copy is seen; `None` while it is not exposed.
    pub exposed: Option<String>,
    /// When it was made.
    pub created: FileTime,
}

type Answer<T> = Result<T, MethodError>;

impl<C: Channel> Agent<C> {
    /// The agent behind a channel.
    pub fn new(channel: C) -> Self {
        Self { client: Client::new(channel) }
    }

    /// `GetSupportedVersion`.
    ///
    /// # Errors
    ///
    /// Says what the server answers, or what is wrong with the connection; so do all methods.
    pub async fn versions(&self) -> Answer<Versions> {
        let answer = self.client.get_supported_version().await?;
        Ok(Versions { min: answer.min_version, max: answer.max_version })
    }

    /// `SetContext`: claims the server for a set of this kind.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_SHADOW_COPY_SET_IN_PROGRESS` if somebody else is making a set.
    pub async fn set_context(&self, context: Context) -> Answer<()> {
        Ok(self.client.set_context(context.to_wire()).await?)
    }

    /// `StartShadowCopySet`: gives the server's identifier of the new set.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_BAD_STATE` without a context.
    pub async fn start(&self, id: Uuid) -> Answer<Uuid> {
        Ok(self.client.start_shadow_copy_set(id).await?)
    }

    /// `AddToShadowCopySet`: gives the server's identifier of the new shadow copy.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_OBJECT_ALREADY_EXISTS` if a share of the same file store is in the set.
    pub async fn add(&self, id: Uuid, set: Uuid, share: &ShareUnc) -> Answer<Uuid> {
        Ok(self.client.add_to_shadow_copy_set(id, set, share.as_str()).await?)
    }

    /// `PrepareShadowCopySet`; the server waits at most so long.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_WAIT_TIMEOUT` if that is not enough.
    pub async fn prepare(&self, set: Uuid, wait: Duration) -> Answer<()> {
        Ok(self.client.prepare_shadow_copy_set(set, milliseconds(wait)).await?)
    }

    /// `CommitShadowCopySet`; the server waits at most so long.
    ///
    /// # Errors
    ///
    /// `FSSAGENT_E_TIMEOUT` if that is not enough.
    pub async fn commit(&self, set: Uuid, wait: Duration) -> Answer<()> {
        Ok(self.client.commit_shadow_copy_set(set, milliseconds(wait)).await?)
    }

    /// `ExposeShadowCopySet`; the server waits at most so long.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_WAIT_TIMEOUT` if that is not enough.
    pub async fn expose(&self, set: Uuid, wait: Duration) -> Answer<()> {
        Ok(self.client.expose_shadow_copy_set(set, milliseconds(wait)).await?)
    }

    /// `RecoveryCompleteShadowCopySet`.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_BAD_STATE` if the set is not exposed.
    pub async fn recovery_complete(&self, set: Uuid) -> Answer<()> {
        Ok(self.client.recovery_complete_shadow_copy_set(set).await?)
    }

    /// `AbortShadowCopySet`.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_SHADOWCOPYSET_ID_MISMATCH` if there is no such set (any more).
    pub async fn abort(&self, set: Uuid) -> Answer<()> {
        Ok(self.client.abort_shadow_copy_set(set).await?)
    }

    /// `IsPathSupported`.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_OBJECT_NOT_FOUND` if there is no such share, `FSRVP_E_NOT_SUPPORTED` if its file store
    /// cannot be copied.
    pub async fn support(&self, share: &ShareUnc) -> Answer<Support> {
        let answer = self.client.is_path_supported(share.as_str()).await?;
        let owner = answer.owner_machine_name.map(|name| name.to_string_lossy()).filter(|name| !name.is_empty());
        Ok(Support { supported: answer.supported_by_this_provider != 0, owner })
    }

    /// `IsPathShadowCopied`.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_OBJECT_NOT_FOUND` if there is no such share.
    pub async fn present_copies(&self, share: &ShareUnc) -> Answer<PresentCopies> {
        let answer = self.client.is_path_shadow_copied(share.as_str()).await?;
        let bits = answer.shadow_copy_compatibility.cast_unsigned();
        Ok(PresentCopies {
            present: answer.shadow_copy_present != 0,
            compatibility: CompatibilityFlags::from_bits_retain(bits),
        })
    }

    /// `GetShareMapping`, level 1.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_SHADOWCOPYSET_ID_MISMATCH` if there is no such set, `E_INVALIDARG` if it has no such copy.
    pub async fn mapping(&self, copy: Uuid, set: Uuid, share: &ShareUnc) -> Answer<Mapping> {
        match self.client.get_share_mapping(copy, set, share.as_str(), 1).await? {
            FssagentShareMapping::ShareMapping1(Some(mapping)) => Ok(Mapping {
                set: mapping.shadow_copy_set_id,
                copy: mapping.shadow_copy_id,
                share: mapping.share_name_unc.map(|name| name.to_string_lossy()),
                exposed: mapping
                    .shadow_copy_share_name
                    .map(|name| name.to_string_lossy())
                    .filter(|name| !name.is_empty()),
                created: FileTime(mapping.creation_timestamp),
            }),
            _ => Err(MethodError::Malformed("the server says success and gives no mapping".to_owned())),
        }
    }

    /// `DeleteShareMapping`: removes the exposed share, and the shadow copy with its last one.
    ///
    /// # Errors
    ///
    /// `FSRVP_E_OBJECT_NOT_FOUND` if there is no such set, copy or mapping.
    pub async fn delete_mapping(&self, set: Uuid, copy: Uuid, share: &ShareUnc) -> Answer<()> {
        Ok(self.client.delete_share_mapping(set, copy, share.as_str()).await?)
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl<R> From<msrpc_ndr::CallError<R, HResult>> for MethodError {
    fn from(error: msrpc_ndr::CallError<R, HResult>) -> Self {
        use msrpc_ndr::CallError;
        match error {
            CallError::Status { status, .. } => Self::Status(status),
            CallError::Fault(fault) => Self::Fault(fault),
            CallError::LoginRefused(fault) => Self::LoginRefused(fault),
            CallError::Transport(error) => Self::Connection(error),
            CallError::Encode(error) => Self::Unsendable(error.to_string()),
            CallError::Decode(error) => Self::Malformed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_that_both_speak_is_chosen() {
        let choose = |min, max, version| Versions { min, max }.choose(version);
        assert_eq!(choose(1, 1, 1), Some(1));
        assert_eq!(choose(1, 3, 1), Some(1));
        assert_eq!(choose(1, 3, 2), Some(2));
        assert_eq!(choose(1, 2, 5), Some(2));
        assert_eq!(choose(2, 3, 1), None);
    }
}
