//! Kerberos where MIT's library is: a service whose keys nobody else has. Nobody can log in, and any
//! token may come.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use msrpc::{
    association::{Acceptor, AcceptorFn},
    auth::{
        kerberos::{KerberosAcceptor, KerberosServer, KerberosServerConfig},
        spnego::SpnegoServer,
    },
};

/// Kerberos by itself ([MS-RPCE] 2.2.1.1.7).
const KERBEROS: u8 = 16;
/// SPNEGO around it has another number here, so that it is not in the way of SPNEGO around NTLM.
const SPNEGO: u8 = 109;

/// The providers; none where the library is not.
pub(super) fn acceptors() -> Vec<Arc<dyn Acceptor>> {
    static ACCEPTOR: OnceLock<Option<KerberosAcceptor>> = OnceLock::new();
    let Some(acceptor) =
        ACCEPTOR.get_or_init(|| KerberosAcceptor::new(&KerberosServerConfig::keytab(path())).ok()).clone()
    else {
        return Vec::new();
    };
    let inner = acceptor.clone();
    vec![
        Arc::new(AcceptorFn::new(KERBEROS, move |level| Box::new(KerberosServer::new(acceptor.clone(), level)) as _)),
        Arc::new(AcceptorFn::new(SPNEGO, move |level| {
            Box::new(SpnegoServer::new(vec![Box::new(KerberosServer::new(inner.clone(), level))])) as _
        })),
    ]
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz.keytab")
}

/// Writes the keytab.
pub(super) fn record() -> io::Result<()> {
    fs::write(path(), keytab())
}

/// A keytab with a key of AES256 for `host/node1@FUZZ.TEST`, in the format of MIT (0x502).
fn keytab() -> Vec<u8> {
    let counted = |text: &str| [&u16::try_from(text.len()).unwrap_or(0).to_be_bytes()[..], text.as_bytes()].concat();
    let entry = [
        &2_u16.to_be_bytes()[..],
        &counted("FUZZ.TEST"),
        &counted("host"),
        &counted("node1"),
        // The name's type, a time, the key's version.
        &1_u32.to_be_bytes(),
        &0_u32.to_be_bytes(),
        &[1],
        // The key's type and length.
        &18_u16.to_be_bytes(),
        &32_u16.to_be_bytes(),
        &[0x5a; 32],
    ]
    .concat();
    let len = i32::try_from(entry.len()).unwrap_or(0);
    [&[5, 2][..], &len.to_be_bytes(), &entry].concat()
}
