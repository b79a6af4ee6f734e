//! Samba as the other end: `ntlm_auth` as client and server of handshakes, GENSEC (through
//! `auth_peers/gensec.py`) as client and server that sign and seal.
//!
//! Needs the packages `winbind`, `python3-samba` and, for GENSEC as a server, `samba-ad-provision` and
//! `samba-dsdb-modules`.

mod auth_support;
#[path = "peers/missing.rs"]
mod missing;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use auth_support::*;
use missing::missing;
use msrpc::auth::{AuthError, SecurityContext, ntlm::NtlmCredentials};
use msrpc_ndr::AuthLevel;

const PYTHON: &str = "/usr/bin/python3";
const GENSEC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/auth_peers/gensec.py");

/// A peer that answers lines with lines.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _folder: tempfile::TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    /// Starts a program with a configuration of its own; `{conf}` among the arguments stands for it.
    fn start(program: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display();
        let conf = folder.path().join("smb.conf");
        let folders =
            ["private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir"];
        let mut text =
            "[global]\nworkgroup = PEERS\nnetbios name = AUTHPEER\nserver role = standalone server\n".to_owned();
        for name in folders {
            text += &format!("{name} = {root}\n");
        }
        text += &format!("log file = {root}/log\nwinbindd socket directory = {root}/wb\n");
        std::fs::write(&conf, text).unwrap();
        let arguments = arguments.iter().map(|argument| argument.replace("{conf}", conf.to_str().unwrap()));
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output, _folder: folder }
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}

fn ntlm_auth(protocol: &str, user: &str, password: &str) -> Option<Peer> {
    if !Path::new("/usr/bin/ntlm_auth").exists() {
        missing("no /usr/bin/ntlm_auth (Debian package winbind)");
        return None;
    }
    let arguments = [
        "--configfile={conf}".to_owned(),
        format!("--helper-protocol={protocol}"),
        format!("--username={user}"),
        "--domain=DOM".to_owned(),
        format!("--password={password}"),
    ];
    Some(Peer::start("/usr/bin/ntlm_auth", &arguments.each_ref().map(String::as_str)))
}

fn gensec(mechanism: &str, features: &str, account: &[&str]) -> Option<Peer> {
    let usable = Command::new(PYTHON).args(["-c", "import samba.gensec"]).output().is_ok_and(|o| o.status.success());
    if !usable {
        missing("no GENSEC for Python (Debian package python3-samba)");
        return None;
    }
    Some(Peer::start(PYTHON, &[&[GENSEC, "client", "{conf}", mechanism, features][..], account].concat()))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{text}"))).collect()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(octets: &[u8]) -> String {
    let mut text = String::new();
    for chunk in octets.chunks(3) {
        let word = (0..3).fold(0_usize, |word, i| word << 8 | usize::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            text.push(if i <= chunk.len() { char::from(ALPHABET[word >> (18 - 6 * i) & 63]) } else { '=' });
        }
    }
    text
}

fn unbase64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter(|&c| c != b'=');
    let digits: Vec<_> =
        digits.map(|c| ALPHABET.iter().position(|&d| d == c).unwrap_or_else(|| panic!("{text}"))).collect();
    let octets = digits.chunks(4).flat_map(|chunk| {
        let word = (0..4).fold(0, |word, i| word << 6 | chunk.get(i).copied().unwrap_or(0));
        (0..chunk.len() - 1).map(move |i| u8::try_from(word >> (16 - 8 * i) & 255).unwrap())
    });
    octets.collect()
}

fn levels() -> [AuthLevel; 3] {
    [AuthLevel::Connect, AuthLevel::Integrity, AuthLevel::Privacy]
}

#[test]
fn samba_lets_our_raw_client_in() {
    for level in levels() {
        let Some(mut samba) = ntlm_auth("squid-2.5-ntlmssp", "alice", "secret") else { return };
        let mut client = client(Kind::Raw, alice(), level);
        let negotiate = client.step(&[]).unwrap().token.unwrap();
        let answer = samba.ask(&format!("YR {}", base64(&negotiate)));
        let challenge = unbase64(answer.strip_prefix("TT ").unwrap_or_else(|| panic!("{answer}")));
        let authenticate = client.step(&challenge).unwrap();
        assert!(authenticate.done);
        let answer = samba.ask(&format!("KK {}", base64(&authenticate.token.unwrap())));
        assert_eq!(answer, "AF DOM\\alice", "{level:?}");
        let key = samba.ask("GK");
        assert_eq!(
            unbase64(key.strip_prefix("GK ").unwrap_or_else(|| panic!("{key}"))),
            client.session_key().unwrap().as_bytes()
        );
    }
}

#[test]
fn samba_refuses_our_raw_client_with_a_wrong_password() {
    let Some(mut samba) = ntlm_auth("squid-2.5-ntlmssp", "alice", "other") else { return };
    let mut client = client(Kind::Raw, alice(), AuthLevel::Privacy);
    let answer = samba.ask(&format!("YR {}", base64(&client.step(&[]).unwrap().token.unwrap())));
    let authenticate = client.step(&unbase64(answer.strip_prefix("TT ").unwrap())).unwrap();
    let answer = samba.ask(&format!("KK {}", base64(&authenticate.token.unwrap())));
    assert!(answer.starts_with("NA"), "{answer}");
}

#[test]
fn samba_lets_our_spnego_client_in() {
    for level in levels() {
        let Some(mut samba) = ntlm_auth("gss-spnego", "alice", "secret") else { return };
        let mut client = client(Kind::Spnego, alice(), level);
        let mut token = client.step(&[]).unwrap().token.unwrap();
        let mut word = "YR";
        let last = loop {
            let answer = samba.ask(&format!("{word} {}", base64(&token)));
            word = "KK";
            let fields: Vec<_> = answer.splitn(3, ' ').collect();
            let answered = fields.get(1).filter(|text| **text != "*").map_or(Vec::new(), |text| unbase64(text));
            let step = client.step(&answered).unwrap_or_else(|error| panic!("{level:?}: {error}: {answer}"));
            match step.token {
                Some(next) => token = next,
                None => {
                    assert!(step.done, "{answer}");
                    break answer;
                }
            }
        };
        assert!(last.starts_with("AF") && last.contains("alice"), "{level:?}: {last}");
    }
}

/// Lets a helper of Samba's (a client) authenticate to one of our servers.
fn helper_to_server(samba: &mut Peer, server: &mut dyn SecurityContext) -> Result<String, AuthError> {
    let mut line = "YR".to_owned();
    loop {
        let answer = samba.ask(&line);
        let (word, token) = answer.split_once(' ').unwrap_or((&answer, ""));
        if word == "AF" && matches!(token, "" | "*") {
            return Ok(answer);
        }
        assert!(["YR", "KK", "AF"].contains(&word), "{answer}");
        let step = server.step(&unbase64(token))?;
        match step.token {
            Some(token) => line = format!("TT {}", base64(&token)),
            None => return Ok(answer),
        }
    }
}

#[test]
fn our_server_judges_sambas_raw_client() {
    for (user, password, expected) in [
        ("alice", "secret", Ok(())),
        ("alice", "wrong", Err(AuthError::WrongPassword("DOM\\alice".into()))),
        ("mallory", "secret", Err(AuthError::UnknownUser("DOM\\mallory".into()))),
        ("eve", "secret", Err(AuthError::Disabled("DOM\\eve".into()))),
    ] {
        let Some(mut samba) = ntlm_auth("ntlmssp-client-1", user, password) else { return };
        let mut server = server(Kind::Raw, config());
        let outcome = helper_to_server(&mut samba, server.as_mut());
        assert_eq!(outcome.as_ref().map(drop), expected.as_ref().map(drop));
        assert_eq!(server.peer().is_some(), expected.is_ok());
        if expected.is_ok() {
            let key = samba.ask("GK");
            assert_eq!(unbase64(key.strip_prefix("GK ").unwrap()), server.session_key().unwrap().as_bytes());
        }
    }
}

#[test]
fn our_server_lets_sambas_spnego_client_in() {
    let Some(mut samba) = ntlm_auth("gss-spnego-client", "alice", "secret") else { return };
    let mut server = server(Kind::Spnego, config());
    helper_to_server(&mut samba, server.as_mut()).unwrap();
    assert_eq!(server.peer().unwrap().user.as_deref(), Some("alice"));
}

/// Lets GENSEC authenticate to one of our servers.
fn gensec_handshake(samba: &mut Peer, server: &mut dyn SecurityContext) -> Result<usize, AuthError> {
    let mut token = Vec::new();
    for leg in 0..4 {
        let answer = samba.ask(&format!("update {}", hex(&token)));
        let (state, octets) = answer.split_once(' ').unwrap_or((&answer, ""));
        assert!(["more", "done"].contains(&state), "{answer}");
        if state == "done" && octets.is_empty() {
            return Ok(leg);
        }
        match server.step(&unhex(octets))?.token {
            Some(next) => token = next,
            None => return Ok(leg),
        }
    }
    panic!("too many legs");
}

#[test]
fn gensec_signs_and_seals_with_our_server() {
    for (kind, mechanism) in [(Kind::Raw, "ntlmssp"), (Kind::Spnego, "spnego")] {
        for (features, level) in [
            ("sign", AuthLevel::Integrity),
            ("sign,seal", AuthLevel::Privacy),
            ("sign,dce", AuthLevel::Packet),
            ("sign,seal,dce", AuthLevel::Privacy),
        ] {
            let Some(mut samba) = gensec(mechanism, features, &["DOM", "alice", "secret"]) else { return };
            let mut server = server(kind, config());
            gensec_handshake(&mut samba, server.as_mut()).unwrap();
            assert_eq!(unhex(&samba.ask("key")), server.session_key().unwrap().as_bytes());

            exchange(&mut samba, server.as_mut(), level);
        }
    }
}

/// Protected messages in both directions.
fn exchange(samba: &mut Peer, ours: &mut dyn SecurityContext, level: AuthLevel) {
    for round in 0..3_u8 {
        let plain = Pdu { header: vec![], stub: (round..round + 100).collect(), trailer: vec![], token: vec![] };
        let mut received = plain.clone();
        match level {
            AuthLevel::Privacy => {
                let wrapped = unhex(&samba.ask(&format!("wrap {}", hex(&plain.stub))));
                let (signature, sealed) = wrapped.split_at(16);
                (received.token, received.stub) = (signature.to_vec(), sealed.to_vec());
            }
            _ => received.token = unhex(&samba.ask(&format!("sign {}", hex(&plain.stub)))),
        }
        assert_eq!(received.unprotect(ours, level).unwrap(), plain);

        let sent = plain.clone().protect(ours, level);
        match level {
            AuthLevel::Privacy => {
                let answer = samba.ask(&format!("unwrap {}{}", hex(&sent.token), hex(&sent.stub)));
                assert_eq!(answer, hex(&plain.stub));
            }
            _ => {
                let answer = samba.ask(&format!("check {} {}", hex(&sent.stub), hex(&sent.token)));
                assert_eq!(answer, "ok");
            }
        }
    }
}

#[test]
fn our_client_signs_and_seals_with_gensec() {
    let Some((_folder, conf)) = domain_controller() else { return };
    for (kind, mechanism) in [(Kind::Raw, "ntlmssp"), (Kind::Spnego, "spnego")] {
        for (features, level) in [
            ("", AuthLevel::Connect),
            ("dce", AuthLevel::Connect),
            ("sign", AuthLevel::Integrity),
            ("sign,seal", AuthLevel::Privacy),
            ("sign,dce", AuthLevel::Packet),
            ("sign,seal,dce", AuthLevel::Privacy),
        ] {
            let administrator = NtlmCredentials::new("PEERS", "Administrator", "Passw0rd!x");
            let mut client = client(kind, administrator, level);
            let mut samba = Peer::start(PYTHON, &[GENSEC, "server", &conf, mechanism, features]);
            let mut step = client.step(&[]).unwrap();
            while let Some(token) = step.token {
                let answer = samba.ask(&format!("update {}", hex(&token)));
                let (state, octets) = answer.split_once(' ').unwrap_or((&answer, ""));
                assert!(["more", "done"].contains(&state), "{mechanism} {features}: {answer}");
                if octets.is_empty() {
                    break;
                }
                step = client.step(&unhex(octets)).unwrap_or_else(|error| panic!("{mechanism} {features}: {error}"));
            }
            assert!(step.done, "{mechanism} {features}");
            assert_eq!(unhex(&samba.ask("key")), client.session_key().unwrap().as_bytes());
            if level != AuthLevel::Connect {
                exchange(&mut samba, client.as_mut(), level);
            }
        }
    }
    let wrong = NtlmCredentials::new("PEERS", "Administrator", "wrong");
    let mut client = client(Kind::Raw, wrong, AuthLevel::Privacy);
    let mut samba = Peer::start(PYTHON, &[GENSEC, "server", &conf, "ntlmssp", "sign,seal"]);
    let answer = samba.ask(&format!("update {}", hex(&client.step(&[]).unwrap().token.unwrap())));
    let step = client.step(&unhex(answer.strip_prefix("more ").unwrap())).unwrap();
    let answer = samba.ask(&format!("update {}", hex(&step.token.unwrap())));
    assert!(answer.starts_with("bad"), "{answer}");
}

/// A domain controller's files, enough for a server's accounts. Takes four seconds.
fn domain_controller() -> Option<(tempfile::TempDir, String)> {
    if !Path::new("/usr/share/samba/setup/provision.ldif").exists() {
        missing("no provisioning (Debian packages samba-ad-provision, samba-dsdb-modules)");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "domain",
        "provision",
        "--realm=PEERS.TEST",
        "--domain=PEERS",
        "--server-role=dc",
        "--dns-backend=NONE",
        "--adminpass=Passw0rd!x",
        "--host-name=dc1",
        "--host-ip=127.0.0.21",
        "--option=vfs objects=",
        "--configfile=/dev/null",
    ];
    let output = Command::new("samba-tool")
        .args(arguments)
        .arg(format!("--targetdir={}", folder.path().display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let conf = folder.path().join("etc/smb.conf").display().to_string();
    Some((folder, conf))
}

#[test]
fn gensec_at_connect_ends_without_a_code() {
    for (kind, mechanism) in [(Kind::Raw, "ntlmssp"), (Kind::Spnego, "spnego")] {
        let Some(mut samba) = gensec(mechanism, "", &["DOM", "alice", "secret"]) else { return };
        let mut server = server(kind, config());
        gensec_handshake(&mut samba, server.as_mut()).unwrap();
        assert_eq!(server.peer().unwrap().user.as_deref(), Some("alice"));
    }
}

#[test]
fn gensec_with_a_wrong_password_is_refused_at_every_level() {
    for (kind, mechanism) in [(Kind::Raw, "ntlmssp"), (Kind::Spnego, "spnego")] {
        for features in ["", "sign", "sign,seal"] {
            let Some(mut samba) = gensec(mechanism, features, &["DOM", "alice", "wrong"]) else { return };
            let mut server = server(kind, config());
            let outcome = gensec_handshake(&mut samba, server.as_mut());
            assert_eq!(outcome, Err(AuthError::WrongPassword("DOM\\alice".into())));
            assert_eq!(server.peer(), None);
        }
    }
}

/// Samba's anonymous clients fall back to NTLMv1's signatures, which we do not make: they get in, and
/// their PDUs do not.
#[test]
fn gensec_anonymous_is_let_in_where_allowed() {
    for (kind, mechanism) in [(Kind::Raw, "ntlmssp"), (Kind::Spnego, "spnego")] {
        for features in ["", "sign", "sign,seal"] {
            let Some(mut samba) = gensec(mechanism, features, &[]) else { return };
            let mut closed = server(kind, config());
            assert_eq!(gensec_handshake(&mut samba, closed.as_mut()), Err(AuthError::AnonymousRefused));

            let Some(mut samba) = gensec(mechanism, features, &[]) else { return };
            let mut open = config();
            open.allow_anonymous = true;
            let mut server = server(kind, open);
            gensec_handshake(&mut samba, server.as_mut()).unwrap();
            assert_eq!(server.peer().unwrap().user, None);
            assert_eq!(unhex(&samba.ask("key")), server.session_key().unwrap().as_bytes());
            let mut pdu = Pdu::new(0, 16);
            pdu.token = vec![0; 16];
            assert!(pdu.unprotect(server.as_mut(), AuthLevel::Integrity).is_err());
        }
    }
}

#[test]
fn samba_takes_our_anonymous_client_for_what_it_is() {
    let Some(mut samba) = ntlm_auth("squid-2.5-ntlmssp", "alice", "secret") else { return };
    let mut client = client(Kind::Raw, NtlmCredentials::anonymous(), AuthLevel::Connect);
    let answer = samba.ask(&format!("YR {}", base64(&client.step(&[]).unwrap().token.unwrap())));
    let authenticate = client.step(&unbase64(answer.strip_prefix("TT ").unwrap())).unwrap();
    let answer = samba.ask(&format!("KK {}", base64(&authenticate.token.unwrap())));
    // The helper knows alice only; what matters is that it understands the message.
    assert!(answer.starts_with("AF") || answer.contains("NT_STATUS"), "{answer}");
}
