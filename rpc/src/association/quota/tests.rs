use super::*;
use crate::auth::PeerIdentity;

fn quotas(total: usize, per_client: usize) -> Arc<Quotas> {
    Quotas::new(SharedLimits { calls: Allowance::new(total, per_client), ..SharedLimits::default() })
}

fn at(text: &str) -> ClientKey {
    ClientKey::address(text.parse().unwrap())
}

#[test]
fn one_client_does_not_get_all_there_is() {
    let quotas = quotas(5, 3);
    let (greedy, modest) = (quotas.client(&at("192.0.2.1")), quotas.client(&at("192.0.2.2")));
    let held: Vec<_> = (0..3).map(|_| greedy.take(Resource::Calls, 1).unwrap()).collect();
    assert_eq!(greedy.take(Resource::Calls, 1).unwrap_err(), Refused::TooMany(Resource::Calls, Scope::Client));
    let mut lease = modest.take(Resource::Calls, 1).unwrap();
    lease.grow(1).unwrap();
    assert_eq!(lease.grow(1).unwrap_err(), Refused::TooMany(Resource::Calls, Scope::Server));
    assert_eq!((lease.amount(), quotas.used(Resource::Calls), modest.used(Resource::Calls)), (2, 5, 2));
    drop(held);
    lease.grow(1).unwrap();
    drop((lease, greedy, modest));
    assert_eq!((quotas.used(Resource::Calls), quotas.clients(), quotas.lock().len()), (0, 0, 0));
}

#[test]
fn a_client_that_comes_back_still_has_what_it_left_running() {
    let quotas = quotas(10, 2);
    let key = at("192.0.2.1");
    let running = quotas.client(&key).take_call(10).unwrap();
    let again = quotas.client(&key);
    let other = again.take_call(0).unwrap();
    assert!(again.take_call(0).is_err());
    drop((running, other));
    assert_eq!((again.used(Resource::Calls), again.used(Resource::RequestOctets)), (0, 0));
}

#[test]
fn what_does_not_fit_is_given_back_whole() {
    let limits = SharedLimits { request_octets: Allowance::new(100, 100), ..SharedLimits::default() };
    let quotas = Quotas::new(limits);
    let client = quotas.client(&at("192.0.2.1"));
    assert!(client.take_call(101).is_err());
    assert!(client.take(Resource::RequestOctets, usize::MAX).is_err());
    assert_eq!((client.used(Resource::Calls), client.used(Resource::RequestOctets)), (0, 0));
    assert_eq!((quotas.used(Resource::Calls), quotas.used(Resource::RequestOctets)), (0, 0));
}

#[test]
fn addresses_of_one_host_are_one_client() {
    assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
    assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
    assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    assert_ne!(at("::1"), at("::2"));
}

#[test]
fn local_clients_are_users_and_pipes_accounts() {
    let identity = |user: &str| PeerIdentity { user: Some(user.to_owned()), ..PeerIdentity::default() };
    let local = |uid| TransportInfo { uid: Some(uid), identity: Some(identity("ann")), ..TransportInfo::default() };
    assert_eq!(ClientKey::of(&local(7)), ClientKey::User(7));
    let pipe = |user| TransportInfo { identity: Some(identity(user)), ..TransportInfo::default() };
    assert_eq!(ClientKey::of(&pipe("ann")), ClientKey::of(&pipe("ANN")));
    assert_ne!(ClientKey::of(&pipe("ann")), ClientKey::of(&pipe("bob")));
    let address = Some(([192, 0, 2, 1], 445).into());
    assert_eq!(ClientKey::of(&TransportInfo { address, ..pipe("ann") }), at("192.0.2.1"));
}

#[test]
fn clients_whom_nobody_knows_share_only_the_total() {
    let quotas = quotas(3, 1);
    let client = quotas.client(&ClientKey::of(&TransportInfo::default()));
    let _held: Vec<_> = (0..3).map(|_| client.take(Resource::Calls, 1).unwrap()).collect();
    assert_eq!(client.take(Resource::Calls, 1).unwrap_err(), Refused::TooMany(Resource::Calls, Scope::Server));
}
