//! Who may call, 3.1.4.

use msrpc_cluster::fsrvp::server::AccessPolicy;
use msrpc_ndr::{AuthLevel, Caller, HResult};
use uuid::Uuid;

use crate::client::{Backup, DATA, LONG, Server};

fn operator() -> Caller {
    Caller {
        user: Some("backup".to_owned()),
        domain: Some("LAB".to_owned()),
        sids: vec!["S-1-5-32-551".to_owned()],
        auth_service: 10,
        auth_level: AuthLevel::Integrity,
        transport: "ncacn_ip_tcp".to_owned(),
        ..Caller::default()
    }
}

/// A caller who is authenticated well and is nobody.
fn nobody(server: &Server) -> Backup {
    server.caller(Caller { sids: vec!["S-1-5-32-545".to_owned()], ..operator() })
}

const DENIED: HResult = HResult::E_ACCESSDENIED;
const ID: Uuid = Uuid::from_u128(7);

macro_rules! denied {
    ($($name:ident => $call:expr;)*) => {$(
        #[test]
        fn $name() {
            let server = Server::new();
            let call: fn(&Backup) -> Result<(), HResult> = $call;
            assert_eq!(call(&nobody(&server)), Err(DENIED));
            assert!(server.world().log.is_empty(), "the state machine heard of it");
        }
    )*};
}

denied! {
    get_supported_version_by_a_stranger_is_denied => |c| c.version().map(drop);
    set_context_by_a_stranger_is_denied => |c| c.set_context(0);
    start_shadow_copy_set_by_a_stranger_is_denied => |c| c.start().map(drop);
    add_to_shadow_copy_set_by_a_stranger_is_denied => |c| c.add(ID, DATA).map(drop);
    commit_shadow_copy_set_by_a_stranger_is_denied => |c| c.commit(ID, LONG);
    expose_shadow_copy_set_by_a_stranger_is_denied => |c| c.expose(ID, LONG);
    recovery_complete_by_a_stranger_is_denied => |c| c.complete(ID);
    abort_shadow_copy_set_by_a_stranger_is_denied => |c| c.abort(ID);
    is_path_supported_by_a_stranger_is_denied => |c| c.supported(DATA).map(drop);
    is_path_shadow_copied_by_a_stranger_is_denied => |c| c.copied(DATA).map(drop);
    get_share_mapping_by_a_stranger_is_denied => |c| c.mapping(ID, ID, DATA).map(drop);
    delete_share_mapping_by_a_stranger_is_denied => |c| c.delete(ID, ID, DATA);
    prepare_shadow_copy_set_by_a_stranger_is_denied => |c| c.prepare(ID, LONG);
}

#[test]
fn the_access_check_comes_before_every_other() {
    let server = Server::new();
    let stranger = nobody(&server);
    assert_eq!(stranger.set_context(0xffff_ffff), Err(DENIED));
    assert_eq!(stranger.start_as(Uuid::nil()), Err(DENIED));
    assert_eq!(stranger.supported("nonsense"), Err(DENIED));
    assert_eq!(stranger.mapping_at(ID, ID, DATA, 9), Err(DENIED));
}

#[test]
fn the_three_security_providers_of_the_document_are_accepted_and_no_others() {
    let policy = AccessPolicy::default();
    for (service, allowed) in [(9, true), (10, true), (16, true), (0, false), (14, false), (68, false)] {
        assert_eq!(policy.allows(&Caller { auth_service: service, ..operator() }), allowed, "service {service}");
    }
}

#[test]
fn integrity_and_privacy_are_accepted_and_no_lower_level() {
    let policy = AccessPolicy::default();
    for (level, allowed) in [
        (AuthLevel::None, false),
        (AuthLevel::Connect, false),
        (AuthLevel::Call, false),
        (AuthLevel::Packet, false),
        (AuthLevel::Integrity, true),
        (AuthLevel::Privacy, true),
    ] {
        assert_eq!(policy.allows(&Caller { auth_level: level, ..operator() }), allowed, "{level:?}");
    }
}

#[test]
fn a_pipe_without_rpc_authentication_counts_as_much_as_its_trust_says() {
    let policy = AccessPolicy::default();
    let pipe = |level| Caller { auth_service: 0, auth_level: level, transport: "ncacn_np".to_owned(), ..operator() };
    assert!(policy.allows(&pipe(AuthLevel::Integrity)));
    assert!(!policy.allows(&pipe(AuthLevel::None)));
    let tcp = Caller { transport: "ncacn_ip_tcp".to_owned(), ..pipe(AuthLevel::Privacy) };
    assert!(!policy.allows(&tcp));
}

#[test]
fn administrators_backup_operators_and_configured_users_are_members() {
    let policy = AccessPolicy { users: vec!["Root".to_owned(), r"LAB\svc".to_owned()], ..AccessPolicy::default() };
    let user = |user: &str, domain: &str| Caller {
        user: Some(user.to_owned()),
        domain: Some(domain.to_owned()),
        sids: Vec::new(),
        ..operator()
    };
    let group = |sid: &str| Caller { sids: vec![sid.to_owned()], ..operator() };
    for (caller, allowed) in [
        (group("S-1-5-32-544"), true),
        (group("s-1-5-32-551"), true),
        (group("S-1-22-1-0"), true),
        (group("S-1-5-32-545"), false),
        (user("root", "ANY"), true),
        (user("SVC", "lab"), true),
        (user("svc", "OTHER"), false),
        (user("mallory", "LAB"), false),
    ] {
        assert_eq!(policy.allows(&caller), allowed, "{caller:?}");
    }
}
