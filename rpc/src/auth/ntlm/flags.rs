//! The flags that the two sides negotiate with.

use bitflags::bitflags;

bitflags! {
    /// `NEGOTIATE` ([MS-NLMP] 2.2.2.5). Unknown bits are kept.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct NegotiateFlags: u32 {
        /// Strings are UTF-16.
        const UNICODE = 0x0000_0001;
        /// Strings may be in the OEM character set.
        const OEM = 0x0000_0002;
        /// The challenge names the target.
        const REQUEST_TARGET = 0x0000_0004;
        /// Signing.
        const SIGN = 0x0000_0010;
        /// Sealing.
        const SEAL = 0x0000_0020;
        /// Connectionless.
        const DATAGRAM = 0x0000_0040;
        /// LAN Manager session keys; never negotiated here.
        const LM_KEY = 0x0000_0080;
        /// NTLM.
        const NTLM = 0x0000_0200;
        /// Anonymous.
        const ANONYMOUS = 0x0000_0800;
        /// The negotiate message has a domain.
        const OEM_DOMAIN_SUPPLIED = 0x0000_1000;
        /// The negotiate message has a workstation.
        const OEM_WORKSTATION_SUPPLIED = 0x0000_2000;
        /// A session key in any case.
        const ALWAYS_SIGN = 0x0000_8000;
        /// The target is a domain.
        const TARGET_TYPE_DOMAIN = 0x0001_0000;
        /// The target is a server.
        const TARGET_TYPE_SERVER = 0x0002_0000;
        /// Extended session security: what makes signing with HMAC-MD5.
        const EXTENDED_SESSION_SECURITY = 0x0008_0000;
        /// Identification only.
        const IDENTIFY = 0x0010_0000;
        /// LAN Manager session keys.
        const REQUEST_NON_NT_SESSION_KEY = 0x0040_0000;
        /// The challenge has target information.
        const TARGET_INFO = 0x0080_0000;
        /// The version field counts.
        const VERSION = 0x0200_0000;
        /// 128-bit keys.
        const KEY_128 = 0x2000_0000;
        /// The client chooses the session key.
        const KEY_EXCHANGE = 0x4000_0000;
        /// 56-bit keys.
        const KEY_56 = 0x8000_0000;
    }
}

impl NegotiateFlags {
    /// Whether PDUs will be protected.
    pub(super) fn protects(self) -> bool {
        self.intersects(Self::SIGN | Self::SEAL)
    }

    /// What an authenticate message must carry on from the challenge: everything that decides how
    /// PDUs are protected.
    pub(super) const PROTECTION: Self = Self::SIGN
        .union(Self::SEAL)
        .union(Self::EXTENDED_SESSION_SECURITY)
        .union(Self::KEY_128)
        .union(Self::KEY_EXCHANGE);
}
