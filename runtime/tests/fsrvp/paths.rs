//! IsPathSupported, 3.1.4.9, and IsPathShadowCopied, 3.1.4.10.

use msrpc_cluster::fsrvp::{
    code::*,
    ports::Compatibility,
    server::{Config, Status},
};
use msrpc_ndr::HResult;

use crate::client::*;

#[test]
fn is_path_supported_names_the_owner_by_the_name_that_the_client_uses() {
    let answer = Server::new().client(1).supported(r"\\filer.lab\data").unwrap();
    assert_eq!(answer.supported_by_this_provider, 1);
    assert_eq!(answer.owner_machine_name.unwrap().to_string_lossy(), "filer.lab");
}

#[test]
fn is_path_supported_names_the_configured_owner() {
    let server = Server::with(Config { machine_name: Some("NODE1".to_owned()), ..Config::default() });
    let answer = server.client(1).supported(DATA).unwrap();
    assert_eq!(answer.owner_machine_name.unwrap().to_string_lossy(), "NODE1");
}

#[test]
fn is_path_supported_of_a_missing_share_is_object_not_found() {
    assert_eq!(Server::new().client(1).supported(r"\\server\nothing"), Err(FSRVP_E_OBJECT_NOT_FOUND));
}

#[test]
fn is_path_supported_on_a_store_without_provider_is_not_supported() {
    assert_eq!(Server::new().client(1).supported(r"\\server\tmp"), Err(FSRVP_E_NOT_SUPPORTED));
}

#[test]
fn is_path_supported_with_mount_points_below_is_not_supported() {
    assert_eq!(Server::new().client(1).supported(r"\\server\mounted"), Err(FSRVP_E_NOT_SUPPORTED));
}

#[test]
fn is_path_supported_of_a_name_that_is_no_unc_name_is_an_invalid_argument() {
    assert_eq!(Server::new().client(1).supported(r"server\data"), Err(HResult::E_INVALIDARG));
}

#[test]
fn is_path_shadow_copied_of_a_missing_share_is_object_not_found() {
    assert_eq!(Server::new().client(1).copied(r"\\server\nothing"), Err(FSRVP_E_OBJECT_NOT_FOUND));
}

#[test]
fn is_path_shadow_copied_of_a_name_that_is_no_unc_name_is_an_invalid_argument() {
    assert_eq!(Server::new().client(1).copied(r"\\server"), Err(HResult::E_INVALIDARG));
}

#[test]
fn is_path_shadow_copied_is_true_from_the_commit_on() {
    for (status, present) in
        [(Status::Started, 0), (Status::Added, 0), (Status::Committed, 1), (Status::Exposed, 1), (Status::Recovered, 1)]
    {
        let server = Server::new();
        server.client(1).until(status, BACKUP);
        let answer = server.client(2).copied(DATA).unwrap();
        assert_eq!((answer.shadow_copy_present, answer.shadow_copy_compatibility), (present, 0), "{status:?}");
    }
}

#[test]
fn is_path_shadow_copied_goes_by_the_file_store() {
    let server = Server::new();
    server.client(1).until(Status::Recovered, BACKUP);
    assert_eq!(server.client(1).copied(r"\\server\more").unwrap().shadow_copy_present, 1, "the same store");
    assert_eq!(server.client(1).copied(OTHER).unwrap().shadow_copy_present, 0, "another store");
    assert_eq!(server.client(1).copied(r"\\server\tmp").unwrap().shadow_copy_present, 0, "no provider's store");
}

#[test]
fn is_path_shadow_copied_says_what_the_provider_does_not_support() {
    for (disable_defrag, disable_content_index, bits) in [(true, false, 1), (false, true, 2), (true, true, 3)] {
        let server = Server::new();
        server.client(1).until(Status::Committed, BACKUP);
        server.world().compatibility = Compatibility { disable_defrag, disable_content_index };
        assert_eq!(server.client(1).copied(DATA).unwrap().shadow_copy_compatibility, bits);
        assert_eq!(server.client(1).copied(OTHER).unwrap().shadow_copy_compatibility, 0, "no shadow copy, no bits");
    }
}
