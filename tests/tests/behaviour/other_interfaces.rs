//! Unions of the file server protocol; full pointers of the endpoint mapper.

use std::sync::Arc;

use crate::server::run;
use msrpc_ndr::{
    Call, CallError, Encoding, Failure, Fault, HResult, Handle, HandleChange, MemoryChannel, Outcome, Uuid, WString,
    Win32Error,
};
use msrpc_protocols::{
    epm::{
        RpcIfId,
        ept::{self, EptLookup},
    },
    fsrvp::{
        FssagentShareMapping, FssagentShareMapping1,
        file_server_vss_agent::{Client, Server, Service},
    },
};

struct Agent;

impl Server for Agent {
    /// The name of the share says what happens.
    async fn get_share_mapping(
        &self,
        _: &Call,
        shadow_copy_id: Uuid,
        shadow_copy_set_id: Uuid,
        share_name: WString,
        level: u32,
    ) -> Outcome<FssagentShareMapping, HResult> {
        match share_name.to_string().as_str() {
            "missing" => Err(HResult(0x8004_2308).into()),
            "another arm" => Ok(FssagentShareMapping::Default(level + 1)),
            "wrong arm" => Ok(FssagentShareMapping::Default(1)),
            "empty" => Ok(FssagentShareMapping::ShareMapping1(None)),
            _ if level != 1 => Err(Failure::with(HResult::E_INVALIDARG, FssagentShareMapping::Default(level))),
            _ => Ok(FssagentShareMapping::ShareMapping1(Some(FssagentShareMapping1 {
                shadow_copy_set_id,
                shadow_copy_id,
                share_name_unc: Some(share_name),
                shadow_copy_share_name: None,
                creation_timestamp: -1,
            }))),
        }
    }

    async fn prepare_shadow_copy_set(&self, _: &Call, _: Uuid, timeout: u32) -> Outcome<(), HResult> {
        Err(HResult(timeout).into())
    }
}

async fn mapping(
    encoding: Encoding,
    share: &str,
    level: u32,
) -> Result<FssagentShareMapping, CallError<FssagentShareMapping, HResult>> {
    let client = Client::new(MemoryChannel::new(Service::new(Agent), encoding));
    client.get_share_mapping(Uuid::from_u128(1), Uuid::from_u128(2), share, level).await
}

#[test]
fn unions_have_the_arm_that_the_request_selects() {
    for encoding in Encoding::ALL {
        run(async {
            let Ok(FssagentShareMapping::ShareMapping1(Some(found))) = mapping(encoding, "share", 1).await else {
                panic!()
            };
            assert_eq!((found.share_name_unc.unwrap(), found.creation_timestamp), ("share".into(), -1));
            assert_eq!((found.shadow_copy_id, found.shadow_copy_set_id), (Uuid::from_u128(1), Uuid::from_u128(2)));
            let empty = mapping(encoding, "empty", 1).await.unwrap();
            assert_eq!(empty, FssagentShareMapping::ShareMapping1(None));
            // A status without results: the arm of the discriminant, zero.
            for (level, zero) in [(1, FssagentShareMapping::ShareMapping1(None)), (7, FssagentShareMapping::Default(7))]
            {
                let Err(CallError::Status { status, out }) = mapping(encoding, "missing", level).await else {
                    panic!()
                };
                assert_eq!((status, *out), (HResult(0x8004_2308), zero));
            }
            let Err(CallError::Status { status, out }) = mapping(encoding, "share", 9).await else { panic!() };
            assert_eq!((status, *out), (HResult::E_INVALIDARG, FssagentShareMapping::Default(9)));
            // Another arm than the one asked for, and an arm that its discriminant does not select.
            for share in ["another arm", "wrong arm"] {
                let error = mapping(encoding, share, 1).await.unwrap_err();
                assert!(matches!(error, CallError::Fault(Fault::UNSPECIFIED)), "{share}: {error:?}");
            }
        });
    }
}

#[test]
fn some_statuses_are_failures_whatever_their_kind_says() {
    let client = Client::new(MemoryChannel::new(Service::new(Agent), Encoding::NDR));
    for (status, success) in [(0, true), (1, true), (0x102, false), (0x8000_4005, false)] {
        let outcome = run(client.prepare_shadow_copy_set(Uuid::nil(), status));
        assert_eq!(outcome.is_ok(), success, "{status:#x}");
    }
}

struct Mapper;

impl ept::Server for Mapper {
    type EptLookupHandleT = u32;

    /// Says by the status whether the pointers point to something.
    async fn ept_lookup(
        &self,
        _: &Call,
        _inquiry_type: u32,
        object: Option<Uuid>,
        ifid: Option<Arc<RpcIfId>>,
        _vers_option: u32,
        entry_handle: Option<&Handle<u32>>,
        max_ents: u32,
    ) -> Outcome<EptLookup<HandleChange<u32>>, Win32Error> {
        if object.is_some() || ifid.is_some() {
            return Err(Win32Error(object.map_or(0, |id| id.as_u128() as u32) + 1).into());
        }
        let entry_handle = match entry_handle.map(|handle| **handle) {
            None => HandleChange::Replace(max_ents),
            Some(left) if left > 1 => HandleChange::Replace(left - 1),
            Some(_) => HandleChange::Close,
        };
        Ok(EptLookup { entry_handle, entries: Vec::new(), status: Win32Error(0) })
    }
}

#[test]
fn full_pointers_and_in_out_handles() {
    for encoding in Encoding::ALL {
        let client = ept::Client::new(MemoryChannel::new(ept::Service::new(Mapper), encoding));
        run(async {
            let error = client.ept_lookup(0, Some(Uuid::from_u128(41)), None, 0, None, 0).await.unwrap_err();
            assert_eq!(error.status(), Some(&Win32Error(42)));
            let id = RpcIfId { uuid: Uuid::from_u128(3), vers_major: 1, vers_minor: 2 };
            let error = client.ept_lookup(0, None, Some(Arc::new(id)), 0, None, 0).await.unwrap_err();
            assert_eq!(error.status(), Some(&Win32Error(1)));
            let mut handle = None;
            for last in [false, false, true] {
                let found = client.ept_lookup(0, None, None, 0, handle, 2).await.unwrap();
                handle = found.entry_handle;
                assert_eq!(handle.is_none(), last);
            }
        });
    }
}
