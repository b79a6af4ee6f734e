//! The cases to begin with, and what becomes of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use msrpc::binding::StringBinding;
use msrpc_ndr::{AuthLevel, Body, Channel as _, reflect::Random};

use super::{Target, kerberos};
use crate::rpc::{
    client::{self, Provider, Security},
    interfaces::trial::trial,
    node::{Demands, Node, PASSWORD, USER},
    proxy::{Direction, Pdu, Proxy},
};

/// Octets beyond which cases do not grow.
const LONGEST: usize = 8192;

fn folder(target: Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target.name())
}

/// The committed cases of a target, in the order of their names.
///
/// # Errors
/// If there are none.
pub fn seeds(target: Target) -> io::Result<Vec<Vec<u8>>> {
    let folder = folder(target);
    let mut paths: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    if paths.is_empty() {
        return Err(io::Error::other(format!("{} is empty", folder.display())));
    }
    paths.iter().map(fs::read).collect()
}

/// A few mutations of one of the cases.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let Some(first) = corpus.get(index(corpus.len(), random)) else { return Vec::new() };
    let mut case = first.clone();
    for _ in 0..=random.below(6) {
        mutate_once(&mut case, corpus, random);
    }
    case.truncate(LONGEST);
    case
}

fn index(len: usize, random: &mut Random) -> usize {
    usize::try_from(random.below(len.max(1) as u64)).unwrap_or_default()
}

fn mutate_once(case: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    const INTERESTING: [u8; 12] = [0, 1, 2, 3, 0x0b, 0x0e, 0x0f, 0x10, 0x12, 0x7f, 0x80, 0xff];
    let len = case.len();
    match random.below(10) {
        0 => case.truncate(index(len + 1, random)),
        1 => {
            // A part of another case.
            let other = &corpus[index(corpus.len(), random)];
            let (from, to) = (index(other.len() + 1, random), index(other.len() + 1, random));
            let at = index(len + 1, random);
            case.splice(at..at, other[from.min(to)..from.max(to)].iter().copied());
        }
        2 => {
            let octets: Vec<u8> = (0..=random.below(16)).map(|_| random.u64().to_le_bytes()[0]).collect();
            let at = index(len + 1, random);
            case.splice(at..at, octets);
        }
        3 if len > 0 => {
            let (from, to) = (index(len, random), index(len, random));
            case.drain(from.min(to)..from.max(to));
        }
        4 if len > 0 => {
            // A part twice.
            let (from, to) = (index(len, random), index(len, random));
            let part: Vec<u8> = case[from.min(to)..from.max(to)].to_vec();
            let at = index(len + 1, random);
            case.splice(at..at, part);
        }
        5 if len > 0 => case[index(len, random)] = random.u64().to_le_bytes()[0],
        6 | 7 if len > 0 => case[index(len, random)] = INTERESTING[index(INTERESTING.len(), random)],
        8 if len > 1 => {
            let at = index(len - 1, random);
            let word = u16::from_le_bytes([case[at], case[at + 1]]);
            let near = if random.one_in(2) { word.wrapping_add(1) } else { word.wrapping_sub(1) };
            case[at..at + 2].copy_from_slice(&near.to_le_bytes());
        }
        _ if len > 0 => case[index(len, random)] ^= 1 << random.below(8),
        _ => {}
    }
}

fn write(target: Target, name: &str, octets: &[u8]) -> io::Result<()> {
    let folder = folder(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), octets)
}

/// Records conversations between our client and our server as cases, and writes them where they are
/// committed. What has an older file of the same name is replaced.
///
/// # Errors
/// If a conversation fails, or the files cannot be written.
pub async fn record() -> io::Result<()> {
    let node = Node::start(Demands::Nothing).await?;
    let ntlm = |level| Some((Provider::Ntlm, level));
    let spnego = |level| Some((Provider::Spnego, level));
    for (name, security) in [
        ("plain", None),
        ("ntlm-connect", ntlm(AuthLevel::Connect)),
        ("ntlm-seal", ntlm(AuthLevel::Privacy)),
        ("spnego-sign", spnego(AuthLevel::Integrity)),
    ] {
        for (flag, order) in [("ndr64", 0), ("bigendian", 1)] {
            let pdus = converse(&node, security, flag).await?;
            let name = format!("{name}-{flag}");
            let of = |direction| pdus.iter().filter(move |pdu| pdu.direction == direction);
            let octets = |direction| of(direction).flat_map(|pdu| pdu.octets.to_vec()).collect::<Vec<_>>();
            write(Target::Pdu, &format!("{name}-requests"), &octets(Direction::Request))?;
            write(Target::Pdu, &format!("{name}-responses"), &octets(Direction::Response))?;
            let mut server = vec![0];
            for pdu in of(Direction::Request) {
                server.extend_from_slice(&u16::try_from(pdu.octets.len()).unwrap_or(u16::MAX).to_le_bytes());
                server.extend_from_slice(&pdu.octets);
                server.push(1);
            }
            write(Target::Server, &name, &server)?;
            let secured = if security.is_some() { 4 } else { 0 };
            let client: Vec<u8> = [order | secured, 0].into_iter().chain(octets(Direction::Response)).collect();
            write(Target::Client, &name, &client)?;
        }
    }
    node.stop().await;
    for (number, how) in (0..32).enumerate() {
        write(Target::Authenticated, &format!("program-{number:02}"), &program(how))?;
    }
    kerberos::record()?;
    for how in 0..16 {
        write(Target::Logins, &format!("logins-{how:02}"), &logins(how))?;
    }
    Ok(())
}

async fn converse(node: &Node, security: Security, flag: &str) -> io::Result<Vec<Pdu>> {
    let proxy = Proxy::recording(node.address()).await?;
    let mut binding = StringBinding::tcp("127.0.0.1", proxy.address().port());
    binding.options.push(msrpc::binding::BindingOption { name: flag.to_owned(), value: None });
    let builder = client::to(binding, security, USER, PASSWORD).configure(|config| config.max_frag = 1432);
    let channel = builder.connect(&trial::INTERFACE).await.map_err(io::Error::other)?;
    let client = trial::Client::new(channel.clone());
    let failed = |error: String| io::Error::other(error);
    client.trial_echo(vec![7; 3000]).await.map_err(|error| failed(error.to_string()))?;
    let counter = client.trial_open(1).await.map_err(|error| failed(error.to_string()))?;
    client.trial_add(&counter, 1).await.map_err(|error| failed(error.to_string()))?;
    // Refused in three ways.
    let _ = client.trial_fail(5).await;
    let _ = client.trial_fault(5).await;
    let _ = channel.call(99, Body::empty()).await;
    let _ = tokio::time::timeout(std::time::Duration::from_millis(20), client.trial_wait(1)).await;
    let _ = channel.bind(&trial::INTERFACE).await;
    Ok(proxy.recorded())
}

/// Requests of every operation in fragments and as a whole, a cancel, PDUs that were changed.
fn program(how: u8) -> Vec<u8> {
    let (wide, whole) = (u8::from(how & 8 == 0), 0x03);
    let mut octets = vec![how, how & 7];
    let mut request = |step: u8, flags: u8, call: u8, opnum: u8, stub: &[u8], behind: &[u8]| {
        let len = u16::try_from(stub.len()).unwrap_or_default().to_le_bytes();
        // NDR64 where there is such a context.
        let context = wide & how & 1;
        octets.extend_from_slice(&[step, flags, call, context, opnum, len[0], len[1]]);
        octets.extend_from_slice(stub);
        octets.extend_from_slice(behind);
    };
    request(0, whole, 2, 3, &[1, 0, 0, 0, 0, 0, 0, 0], &[]);
    request(0, 0x01, 3, 2, &[40; 20], &[]);
    request(1, 0x00, 3, 2, &[0; 33], &[]);
    request(2, 0x02, 3, 2, &[0; 7], &[]);
    request(0, whole, 4, 5, &[0, 0, 0, 0], &[]);
    request(0, whole, 5, 7, &[], &[]);
    request(0, whole, 6, 8, &[9, 0, 0, 0], &[]);
    request(0, whole | 0x80, 7, 6, &[5, 0, 0, 0], &[]);
    // co_cancel of the call that waits, without protection.
    let mut cancel = vec![6, 16, 5, 0, 18, 3, 0x10, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0];
    if how & 8 != 0 {
        cancel[6..].copy_from_slice(&[0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 2]);
    }
    octets.extend_from_slice(&cancel);
    octets.push(15);
    if how & 2 != 0 {
        let mut last = |at: u8| {
            octets.extend_from_slice(&[5, whole, 9, 0, 5, 4, 0, 0, 0, 0, 0, at, 0, 0x10]);
        };
        last(how);
    }
    octets
}

/// Logins in two security contexts, requests under both, Kerberos that is refused, and what goes wrong.
fn logins(how: u8) -> Vec<u8> {
    // Byte order; several contexts; SPNEGO for one of them; fragments.
    let (order, second, spnego, fragments) = (how & 1, how & 2, how & 4, (how & 8) << 1);
    let request = |step: u8, call: u8, opnum: u8, stub: &[u8]| {
        let len = u8::try_from(stub.len()).unwrap_or_default();
        [&[step, 3, call, 0, opnum, len, 0][..], stub].concat()
    };
    let ticket = 0_u32.to_le_bytes();
    let mut octets = vec![order, 0];
    // The first context seals, the second signs. Raw NTLM ends with auth3, SPNEGO with another leg.
    octets.extend_from_slice(&[0, 3 | spnego, 2, fragments]);
    octets.extend_from_slice(&[2, if spnego == 0 { 4 } else { fragments }]);
    octets.extend_from_slice(&request(7, 2, 7, &[]));
    octets.extend_from_slice(&request(8, 3, 8, &ticket));
    if second != 0 {
        octets.extend_from_slice(&[16, 2, 18, 0, 18, 4]);
        octets.extend_from_slice(&request(16 | 7, 4, 7, &[]));
        octets.extend_from_slice(&request(7, 5, 7, &[]));
    }
    octets.extend_from_slice(&request(7, 6, 3, &ticket));
    octets.extend_from_slice(&request(10, 6, 0, &[]));
    // Behind this one nothing is heard any more, or the ticket was none.
    let last = match how & 3 {
        0 => [&[12, 1][..], &request(0, 7, 7, &[])[1..]].concat(),
        1 => [&[13][..], &request(0, 7, 7, &[])[1..], &[40, 1]].concat(),
        2 => [&[5, 0, 9, 1][..]].concat(),
        _ => Vec::new(),
    };
    octets.extend_from_slice(&last);
    let ticket = ap_req();
    let provider = if how & 4 == 0 { 16 } else { 109 };
    octets.extend_from_slice(&[32 | 6, provider, 6, u8::try_from(ticket.len()).unwrap_or_default()]);
    octets.extend_from_slice(&ticket);
    octets
}

/// An AP-REQ (RFC 4120 5.5.1) for `host/node1@FUZZ.TEST` whose ticket nobody made.
fn ap_req() -> Vec<u8> {
    let tlv = |tag: u8, content: &[u8]| {
        let len = u8::try_from(content.len()).unwrap_or(u8::MAX);
        let head = if len < 128 { vec![tag, len] } else { vec![tag, 0x81, len] };
        [head.as_slice(), content].concat()
    };
    let integer = |tag: u8, value: u8| tlv(tag, &[2, 1, value]);
    let text = |text: &str| tlv(0x1b, text.as_bytes());
    let encrypted =
        |tag: u8| tlv(tag, &tlv(0x30, &[integer(0xa0, 18), integer(0xa1, 1), tlv(0xa2, &tlv(4, &[7; 44]))].concat()));
    let name = tlv(0x30, &[integer(0xa0, 1), tlv(0xa1, &tlv(0x30, &[text("host"), text("node1")].concat()))].concat());
    let ticket = [integer(0xa0, 5), tlv(0xa1, &text("FUZZ.TEST")), tlv(0xa2, &name), encrypted(0xa3)].concat();
    let request = [
        integer(0xa0, 5),
        integer(0xa1, 14),
        tlv(0xa2, &[3, 5, 0, 0x20, 0, 0, 0]),
        tlv(0xa3, &tlv(0x61, &tlv(0x30, &ticket))),
        encrypted(0xa4),
    ];
    tlv(0x6e, &tlv(0x30, &request.concat()))
}
