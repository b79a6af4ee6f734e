//! What Active Directory's tickets say about a user ([MS-PAC]).

use bytes::Bytes;
use msrpc_ndr::{Unique, serialize};
use msrpc_protocols::{
    ms_dtyp::RpcSid,
    ms_pac::{GroupMembership, KerbValidationInfo},
};

use crate::auth::AuthError;

/// The attribute of a name that has the PAC's buffer of type 1 ([MS-PAC] 2.5).
pub(super) const LOGON_INFO: &str = "urn:mspac:logon-info";

/// Bits of a group's attributes: it counts, and it counts for denying only.
const ENABLED: u32 = 0x4;
const DENY_ONLY: u32 = 0x10;

/// The SIDs of the user, which comes first, and of the user's groups.
pub(super) fn sids(logon_info: &[u8]) -> Result<Vec<String>, AuthError> {
    let malformed = |what: String| AuthError::Malformed(format!("the ticket's PAC: {what}"));
    let info = serialize::from_bytes::<Unique<KerbValidationInfo>>(Bytes::copy_from_slice(logon_info))
        .map_err(|error| malformed(error.to_string()))?
        .ok_or_else(|| malformed("it says nothing".to_owned()))?;
    let mut sids = Vec::new();
    if let Some(domain) = info.logon_domain_id.as_ref().map(text) {
        // Zero says that the user is among the others.
        let user = Some(info.user_id).filter(|&id| id != 0).map(|id| format!("{domain}-{id}"));
        sids.extend(user);
        sids.extend(groups(&domain, info.group_ids.as_deref()));
    }
    let extra = info.extra_sids.iter().flatten().filter(|extra| counts(extra.attributes));
    sids.extend(extra.filter_map(|extra| extra.sid.as_ref().map(text)));
    if let Some(domain) = info.resource_group_domain_sid.as_ref().map(text) {
        sids.extend(groups(&domain, info.resource_group_ids.as_deref()));
    }
    sids.retain(|sid| !is_local(sid));
    Ok(sids)
}

/// Who is in a group of this host, be it BUILTIN's or the system's own, no KDC has to say.
fn is_local(sid: &str) -> bool {
    ["S-1-5-32-", "S-1-22-"].iter().any(|prefix| sid.starts_with(prefix))
}

fn groups(domain: &str, members: Option<&[GroupMembership]>) -> impl Iterator<Item = String> {
    let members = members.unwrap_or_default().iter().filter(|group| counts(group.attributes));
    members.map(move |group| format!("{domain}-{}", group.relative_id))
}

fn counts(attributes: u32) -> bool {
    attributes & (ENABLED | DENY_ONLY) == ENABLED
}

/// A SID as it is written ([MS-DTYP] 2.4.2.1).
fn text(sid: &RpcSid) -> String {
    let authority = sid.identifier_authority.value.iter().fold(0_u64, |value, &octet| value << 8 | u64::from(octet));
    let mut text = match u32::try_from(authority) {
        Ok(authority) => format!("S-{}-{authority}", sid.revision),
        Err(_) => format!("S-{}-0x{authority:012X}", sid.revision),
    };
    for component in &sid.sub_authority {
        text.push_str(&format!("-{component}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use msrpc_ndr::Encoding;

    use super::*;

    /// The attribute as MIT's library gave it for a ticket of Samba 4.17's KDC: a user with the RID 1104
    /// in Domain Users, a local group of the domain (1105) and a global one (1106), whose identity the
    /// KDC asserts (S-1-18-1).
    const SAMBA: &[u8] = include_bytes!("../../../tests/auth_fixtures/logon_info.bin");

    const DOMAIN: &str = "S-1-5-21-1198922376-2800496677-3990357406";

    fn decoded() -> KerbValidationInfo {
        serialize::from_bytes::<Unique<KerbValidationInfo>>(Bytes::from_static(SAMBA)).unwrap().unwrap()
    }

    fn encoded(info: KerbValidationInfo) -> Vec<u8> {
        serialize::to_bytes::<Unique<KerbValidationInfo>>(&Some(info), Encoding::NDR).unwrap().to_vec()
    }

    #[test]
    fn sambas_kdc_tells_the_users_sids() {
        let expected = [1104, 513, 1105, 1106].map(|rid| format!("{DOMAIN}-{rid}"));
        assert_eq!(sids(SAMBA).unwrap(), [&expected[..], &["S-1-18-1".to_owned()]].concat());
        let info = decoded();
        assert_eq!(info.effective_name.buffer.as_ref().map(ToString::to_string).as_deref(), Some("alice"));
        assert_eq!(info.logon_domain_name.buffer.as_ref().map(ToString::to_string).as_deref(), Some("PEERS"));
    }

    #[test]
    fn what_we_encode_is_what_sambas_kdc_sent() {
        assert_eq!(encoded(decoded()), SAMBA);
    }

    #[test]
    fn groups_that_only_deny_or_are_off_do_not_count_and_resource_groups_do() {
        let mut info = decoded();
        let group = |relative_id, attributes| GroupMembership { relative_id, attributes };
        info.group_ids = Some(vec![group(1, 7), group(2, 0x10 | 7), group(3, 3), group(4, 4)]);
        info.group_count = 4;
        info.extra_sids = None;
        info.sid_count = 0;
        let mut resource = info.logon_domain_id.clone().unwrap();
        resource.identifier_authority.value = [1, 2, 0, 0, 0, 3];
        resource.sub_authority = vec![9];
        info.resource_group_domain_sid = Some(resource);
        info.resource_group_ids = Some(vec![group(7, 7)]);
        info.resource_group_count = 1;
        info.user_id = 0;
        let expected = [format!("{DOMAIN}-1"), format!("{DOMAIN}-4"), "S-1-0x010200000003-9-7".to_owned()];
        assert_eq!(sids(&encoded(info)).unwrap(), expected);
    }

    #[test]
    fn a_kdc_does_not_make_administrators_of_this_host() {
        let mut info = decoded();
        let sid = |authority, sub_authority: &[u32]| {
            let mut sid = info.logon_domain_id.clone().unwrap();
            sid.identifier_authority.value = [0, 0, 0, 0, 0, authority];
            sid.sub_authority = sub_authority.to_vec();
            Some(sid)
        };
        let sids_of = [sid(5, &[32, 544]), sid(22, &[1, 0]), sid(18, &[1])];
        let extra = info.extra_sids.as_ref().unwrap()[0].clone();
        info.extra_sids = Some(
            sids_of
                .map(|sid| {
                    let mut extra = extra.clone();
                    extra.sid = sid;
                    extra
                })
                .to_vec(),
        );
        info.sid_count = 3;
        let told = sids(&encoded(info)).unwrap();
        assert!(told.contains(&"S-1-18-1".to_owned()), "{told:?}");
        assert!(!told.iter().any(|sid| sid == "S-1-5-32-544" || sid == "S-1-22-1-0"), "{told:?}");
    }

    #[test]
    fn a_pac_that_is_cut_or_changed_is_refused_or_read_but_never_a_panic() {
        for len in 0..SAMBA.len() - 1 {
            assert!(sids(&SAMBA[..len]).is_err(), "{len}");
        }
        let mut refused = 0;
        for at in 0..SAMBA.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut octets = SAMBA.to_vec();
                octets[at] = value;
                refused += usize::from(sids(&octets).is_err());
            }
        }
        assert!(refused > 100, "{refused}");
    }
}
