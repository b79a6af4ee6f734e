//! A file server that has one share and one shadow copy of it.

use msrpc_ndr::{Call, HResult, Outcome, Uuid, WString};
use msrpc_protocols::fsrvp::{
    FssagentShareMapping, FssagentShareMapping1,
    file_server_vss_agent::{IsPathSupported, Server},
};

const SHARE: &str = r"\\fs1\data";
pub(crate) const SHADOW_COPY: Uuid = Uuid::from_u128(0x11111111_2222_3333_4444_555555555555);
pub(crate) const SHADOW_COPY_SET: Uuid = Uuid::from_u128(0xaaaaaaaa_bbbb_cccc_dddd_eeeeeeeeeeee);

/// FSRVP_E_OBJECT_NOT_FOUND, [MS-FSRVP] 2.2.4.
const OBJECT_NOT_FOUND: HResult = HResult(0x8004_2308);

pub(crate) struct FileServer;

impl Server for FileServer {
    async fn is_path_supported(&self, _call: &Call, share_name: WString) -> Outcome<IsPathSupported, HResult> {
        require(share_name == SHARE)?;
        Ok(IsPathSupported { supported_by_this_provider: 1, owner_machine_name: Some("fs1".into()) })
    }

    async fn get_share_mapping(
        &self,
        _call: &Call,
        shadow_copy_id: Uuid,
        shadow_copy_set_id: Uuid,
        share_name: WString,
        level: u32,
    ) -> Outcome<FssagentShareMapping, HResult> {
        require((shadow_copy_id, shadow_copy_set_id) == (SHADOW_COPY, SHADOW_COPY_SET) && share_name == SHARE)?;
        if level != 1 {
            return Err(HResult::E_INVALIDARG.into());
        }
        Ok(FssagentShareMapping::ShareMapping1(Some(FssagentShareMapping1 {
            shadow_copy_set_id,
            shadow_copy_id,
            share_name_unc: Some(share_name),
            shadow_copy_share_name: Some(r"\\fs1\data@copy".into()),
            creation_timestamp: 133_500_000_000_000_000,
        })))
    }
}

fn require(found: bool) -> Result<(), HResult> {
    if found { Ok(()) } else { Err(OBJECT_NOT_FOUND) }
}
