//! What the demo prints: calls, stubs octet by octet, results.

use std::{
    fmt::{self, Debug, Display},
    io::{Write as _, stdout},
    process,
};

use msrpc_ndr::{
    Bytes, CallError, DecodeError, Decoder, Encoding, Level,
    reflect::{AnyMessage, Messages, Reflection},
};

type Decode = fn(&mut Decoder) -> Result<Box<dyn AnyMessage>, DecodeError>;

/// A line, unless nobody reads on (`| head`).
fn say(line: fmt::Arguments<'_>) {
    if writeln!(stdout(), "{line}").is_err() {
        process::exit(0);
    }
}

pub(crate) fn title(number: u32, text: &str) {
    say(format_args!("\n{number}. {text}"));
}

pub(crate) fn note(text: &str) {
    say(format_args!("\n   {text}"));
}

/// Announces a call.
pub(crate) fn call(text: &str) {
    say(format_args!("\n   client.{text}"));
}

/// Shows what a client method returned.
pub(crate) fn outcome<R: Debug, S: Debug + Display>(outcome: &Result<R, CallError<R, S>>) {
    match outcome {
        Ok(results) => say(format_args!("   Ok: {}", debug(results).replace('\n', "\n   "))),
        Err(error) => say(format_args!("   Err: {error}")),
    }
}

/// `Debug` on one line if it is short, else on several; what is wrapped stays with its wrapper.
fn debug(value: &impl Debug) -> String {
    let line = format!("{value:?}");
    if line.len() <= 90 {
        return line;
    }
    let pretty = format!("{value:#?}");
    let lines: Vec<&str> = pretty.lines().collect();
    let mut shown = String::new();
    let mut rest = lines.as_slice();
    while let [first, others @ ..] = rest {
        let separator = if shown.is_empty() { "" } else { "\n" };
        match others {
            [inner, close, after @ ..] if first.ends_with('(') && close.trim_start().starts_with(')') => {
                let inner = inner.trim().trim_end_matches(',');
                shown += &format!("{separator}{first}{inner}{}", close.trim_start());
                rest = after;
            }
            _ => {
                shown += &format!("{separator}{first}");
                rest = others;
            }
        }
    }
    shown
}

/// Shows the stubs of each exchange.
pub(crate) fn tap(reflection: &'static Reflection, encoding: Encoding) -> impl Fn(u16, &Bytes, &Bytes) {
    move |opnum, request, response| {
        let Some(Some(messages)) = reflection.messages.get(usize::from(opnum)) else { return };
        let Messages { decode_request, decode_response, .. } = messages;
        let operation = reflection.interface.operation(opnum).map_or("", |operation| operation.name);
        say(format_args!("   {operation}, opnum {opnum}"));
        stub("request", *decode_request, request, encoding);
        stub("response", *decode_response, response, encoding);
    }
}

/// A stub, a line for each parameter or member that stands there, or several.
fn stub(what: &str, decode: Decode, stub: &Bytes, encoding: Encoding) {
    say(format_args!("   {what}, {} octets", stub.len()));
    let owners: Vec<String> = (0..stub.len()).map(|offset| owner(decode, stub, offset, encoding)).collect();
    let mut offset = 0;
    for run in owners.chunk_by(|a, b| a == b) {
        for (line, octets) in stub[offset..offset + run.len()].chunks(16).enumerate() {
            let label = if line == 0 { run[0].as_str() } else { "" };
            let line = format!("     {:04x}  {:<48} {:<16}  {label}", offset + 16 * line, hex(octets), text(octets));
            say(format_args!("{}", line.trim_end()));
        }
        offset += run.len();
    }
}

/// The parameter or member that an octet belongs to: what the decoder misses when the stub ends
/// just before it.
fn owner(decode: Decode, stub: &Bytes, offset: usize, encoding: Encoding) -> String {
    let mut decoder = Decoder::new(stub.slice(..offset), encoding).level(Level::V6);
    match decode(&mut decoder) {
        Ok(_) => String::new(),
        Err(error) if error.offset() > offset => "(padding)".to_owned(),
        Err(error) => error.path().map(member).collect::<Vec<_>>().join("."),
    }
}

/// The member of `TYPE.member`.
fn member(what: &str) -> &str {
    what.rsplit('.').next().unwrap_or(what)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x} ")).collect()
}

fn text(octets: &[u8]) -> String {
    octets
        .iter()
        .map(|&octet| if octet.is_ascii_graphic() || octet == b' ' { char::from(octet) } else { '.' })
        .collect()
}
