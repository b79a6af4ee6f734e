//! What each method answers where nothing stands in its way.

use msrpc_ndr::Encoding;

use crate::{
    methods::{Fixture, METHODS, Needs},
    world::{Verdict, World},
};

/// Methods that need more than the fixture has, or that servers refuse; other tests prove them.
const OTHERS: &[&str] = &[
    "ApiSetClusterName",
    "ApiGetClusterVersion",
    "ApiSetQuorumResource",
    "ApiFailResource",
    "ApiRemoveResourceDependency",
    "ApiAddResourceNode",
    "ApiChangeResourceGroup",
    "ApiDeleteResourceType",
    "ApiDeleteValue",
    "ApiQueryValue",
    "ApiEnumValue",
    "ApiDeleteGroup",
    "ApiGetNotify",
    "ApiResumeNode",
    "ApiSetNetworkPriorityOrder",
    "ApiBackupClusterDatabase",
    "ApiSetServiceAccountPassword",
    "ApiGetResourceNetworkName",
    "ApiGetBatchNotification",
    "ApiChangeCsvState",
    "ApiResumeNodeEx",
    "ApiCancelClusterGroupOperation",
    "ApiGetNotifyV2",
    "ApiGetNotifyAsync",
    "ApiAddGroupToGroupSet",
    "ApiMoveGroupToGroupSet",
    "ApiAddGroupToGroupSetDependency",
    "ApiRemoveClusterGroupDependency",
    "ApiRemoveGroupSetDependency",
    "ApiRemoveClusterGroupToGroupSetDependency",
    "ApiChangeCsvStateEx",
    "ApiAddGroupToGroupSetEx",
    "ApiChangeResourceGroupEx",
];

#[test]
fn every_method_succeeds_where_nothing_stands_in_its_way() {
    for encoding in [Encoding::NDR, Encoding::NDR64] {
        let fixture = || Fixture::in_world(&World::of(encoding));
        let mut it = fixture();
        for method in METHODS {
            let verdict = (method.call)(&it.c, &it.h);
            let succeeds = matches!(verdict, Verdict::Status(status) if matches!(status.0, 0 | 997));
            assert_eq!(succeeds, !OTHERS.contains(&method.name), "{}: {verdict:?}", method.name);
            if method.needs != Needs::Read {
                it = fixture();
            }
        }
    }
}
