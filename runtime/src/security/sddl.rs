//! The text form of security descriptors (SDDL, \[MS-DTYP\] 2.5.1).

use std::{fmt, str::FromStr};

use msrpc_ndr::Bytes;

use super::{AccessMask, Ace, AceBody, Acl, Control, SecurityDescriptor, Sid};

/// Why a text is no security descriptor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {at} of the SDDL text: {expected} is expected")]
pub struct SddlError {
    /// Where, in bytes from 0.
    pub at: usize,
    /// What should be there.
    pub expected: &'static str,
}

/// Abbreviations of SIDs that are the same on all machines.
const SIDS: &[(&str, u64, &[u32])] = &[
    ("WD", 1, &[0]),
    ("CO", 3, &[0]),
    ("CG", 3, &[1]),
    ("OW", 3, &[4]),
    ("NU", 5, &[2]),
    ("IU", 5, &[4]),
    ("SU", 5, &[6]),
    ("AN", 5, &[7]),
    ("ED", 5, &[9]),
    ("PS", 5, &[10]),
    ("AU", 5, &[11]),
    ("RC", 5, &[12]),
    ("SY", 5, &[18]),
    ("LS", 5, &[19]),
    ("NS", 5, &[20]),
    ("WR", 5, &[33]),
    ("BA", 5, &[32, 544]),
    ("BU", 5, &[32, 545]),
    ("BG", 5, &[32, 546]),
    ("PU", 5, &[32, 547]),
    ("AO", 5, &[32, 548]),
    ("SO", 5, &[32, 549]),
    ("PO", 5, &[32, 550]),
    ("BO", 5, &[32, 551]),
    ("RE", 5, &[32, 552]),
    ("RU", 5, &[32, 554]),
    ("RD", 5, &[32, 555]),
    ("NO", 5, &[32, 556]),
    ("LW", 16, &[4096]),
    ("ME", 16, &[8192]),
    ("HI", 16, &[12288]),
    ("SI", 16, &[16384]),
];

/// Abbreviations of rights.
const RIGHTS: &[(&str, u32)] = &[
    ("GA", 0x1000_0000),
    ("GX", 0x2000_0000),
    ("GW", 0x4000_0000),
    ("GR", 0x8000_0000),
    ("WO", 0x0008_0000),
    ("WD", 0x0004_0000),
    ("RC", 0x0002_0000),
    ("SD", 0x0001_0000),
    ("KA", 0x000f_003f),
    ("KR", 0x0002_0019),
    ("KX", 0x0002_0019),
    ("KW", 0x0002_0006),
    ("FA", 0x001f_01ff),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00a0),
    ("CC", 0x01),
    ("DC", 0x02),
    ("LC", 0x04),
    ("SW", 0x08),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
];

/// Rights of labels, which share letters with nothing else.
const LABEL_RIGHTS: &[(&str, u32)] = &[("NW", 1), ("NR", 2), ("NX", 4)];

const KINDS: &[(&str, u8)] = &[("A", Ace::ALLOWED), ("D", Ace::DENIED), ("AU", Ace::AUDIT), ("ML", Ace::LABEL)];

const FLAGS: &[(&str, u8)] =
    &[("OI", 0x01), ("CI", 0x02), ("NP", 0x04), ("IO", 0x08), ("ID", 0x10), ("SA", 0x40), ("FA", 0x80)];

impl FromStr for SecurityDescriptor {
    type Err = SddlError;

    fn from_str(text: &str) -> Result<Self, SddlError> {
        let mut parser = Parser { text, at: 0 };
        let mut descriptor = Self::default();
        if parser.token("O:") {
            descriptor.owner = Some(parser.sid()?);
        }
        if parser.token("G:") {
            descriptor.group = Some(parser.sid()?);
        }
        if parser.token("D:") {
            let bits = [Control::DACL_PROTECTED, Control::DACL_INHERITANCE_REQUIRED, Control::DACL_AUTO_INHERITED];
            descriptor.dacl = parser.acl(&mut descriptor.control, bits)?;
            descriptor.control |= Control::DACL_PRESENT;
        }
        if parser.token("S:") {
            let bits = [Control::SACL_PROTECTED, Control::SACL_INHERITANCE_REQUIRED, Control::SACL_AUTO_INHERITED];
            descriptor.sacl = parser.acl(&mut descriptor.control, bits)?;
            descriptor.control |= Control::SACL_PRESENT;
        }
        if parser.at < text.len() {
            return parser.expected("O:, G:, D:, S: in this order, or the end");
        }
        Ok(descriptor)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn token(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn need(&mut self, token: &str, expected: &'static str) -> Result<(), SddlError> {
        if self.token(token) { Ok(()) } else { self.expected(expected) }
    }

    fn expected<T>(&self, expected: &'static str) -> Result<T, SddlError> {
        Err(SddlError { at: self.at, expected })
    }

    fn one_of<T: Copy>(&mut self, table: &[(&str, T)]) -> Option<T> {
        table.iter().find(|(token, _)| self.token(token)).map(|&(_, value)| value)
    }

    fn sid(&mut self) -> Result<Sid, SddlError> {
        if self.rest().starts_with("S-") || self.rest().starts_with("s-") {
            // The next part begins with a letter and a colon; hexadecimal digits have no colon.
            let end = self
                .rest()
                .find([';', ')', ':'])
                .map_or(self.rest().len(), |end| if self.rest()[end..].starts_with(':') { end - 1 } else { end });
            let text = self.rest().get(..end).unwrap_or_default();
            let Ok(sid) = text.parse() else { return self.expected("a SID like S-1-5-32-544") };
            self.at += end;
            return Ok(sid);
        }
        match SIDS.iter().find(|(token, ..)| self.rest().starts_with(token)) {
            Some((token, authority, subauthorities)) => {
                self.at += token.len();
                Ok(Sid::new(*authority, subauthorities))
            }
            None => self.expected("a SID, or an abbreviation of one that needs no domain"),
        }
    }

    fn acl(&mut self, control: &mut Control, bits: [Control; 3]) -> Result<Option<Acl>, SddlError> {
        if self.token("NO_ACCESS_CONTROL") {
            return Ok(None);
        }
        let [protected, required, inherited] = bits;
        while let Some(bit) = self.one_of(&[("P", protected), ("AR", required), ("AI", inherited)]) {
            *control |= bit;
        }
        let mut aces = Vec::new();
        while self.token("(") {
            aces.push(self.ace()?);
            self.need(")", "a closing parenthesis")?;
        }
        Ok(Some(Acl { revision: 2, aces }))
    }

    fn ace(&mut self) -> Result<Ace, SddlError> {
        const SEMICOLON: &str = "a semicolon";
        // The longer tokens first: "A" begins "AU", too.
        let kind = KINDS.iter().rev().find(|(token, _)| self.rest().starts_with(&format!("{token};")));
        let Some(&(token, kind)) = kind else { return self.expected("the type A, D, AU or ML") };
        self.token(token);
        self.need(";", SEMICOLON)?;
        let mut flags = 0;
        while let Some(flag) = self.one_of(FLAGS) {
            flags |= flag;
        }
        self.need(";", "a flag, or a semicolon")?;
        let mask = self.rights(if kind == Ace::LABEL { LABEL_RIGHTS } else { RIGHTS })?;
        self.need(";", "a right, or a semicolon")?;
        self.need(";", "no GUID, but a semicolon")?;
        self.need(";", "no GUID, but a semicolon")?;
        Ok(Ace { kind, flags, body: AceBody::Plain { mask, sid: self.sid()?, data: Bytes::new() } })
    }

    fn rights(&mut self, table: &[(&str, u32)]) -> Result<AccessMask, SddlError> {
        if self.rest().starts_with(|digit: char| digit.is_ascii_digit()) {
            let end = self.rest().find(';').unwrap_or(self.rest().len());
            let number = self.rest().get(..end).unwrap_or_default();
            let value = match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None if number.len() > 1 && number.starts_with('0') => u32::from_str_radix(number, 8),
                None => number.parse(),
            };
            let Ok(value) = value else { return self.expected("a number of 32 bits") };
            self.at += end;
            return Ok(AccessMask::from_bits_retain(value));
        }
        let mut mask = 0;
        while let Some(right) = self.one_of(table) {
            mask |= right;
        }
        Ok(AccessMask::from_bits_retain(mask))
    }
}

impl fmt::Display for SecurityDescriptor {
    /// The text that `parse` reads. Entries of types that it does not know are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(owner) = &self.owner {
            write!(f, "O:{}", Abbreviated(owner))?;
        }
        if let Some(group) = &self.group {
            write!(f, "G:{}", Abbreviated(group))?;
        }
        let parts = [("D:", Control::DACL_PRESENT, &self.dacl, 0), ("S:", Control::SACL_PRESENT, &self.sacl, 1)];
        for (head, present, acl, shift) in parts {
            if acl.is_none() && !self.control.contains(present) {
                continue;
            }
            f.write_str(head)?;
            let Some(acl) = acl else {
                f.write_str("NO_ACCESS_CONTROL")?;
                continue;
            };
            for (text, bit) in [("P", 0x1000), ("AR", 0x0100), ("AI", 0x0400)] {
                if self.control.bits() & (bit << shift) != 0 {
                    f.write_str(text)?;
                }
            }
            acl.aces.iter().try_for_each(|ace| write_ace(ace, f))?;
        }
        Ok(())
    }
}

fn write_ace(ace: &Ace, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let AceBody::Plain { mask, sid, .. } = &ace.body else { return Ok(()) };
    let Some((kind, _)) = KINDS.iter().find(|(_, kind)| *kind == ace.kind) else { return Ok(()) };
    write!(f, "({kind};")?;
    FLAGS.iter().filter(|(_, flag)| ace.flags & flag != 0).try_for_each(|(text, _)| f.write_str(text))?;
    f.write_str(";")?;
    let table = if ace.kind == Ace::LABEL { LABEL_RIGHTS } else { RIGHTS };
    match table.iter().find(|(_, right)| *right == mask.bits()) {
        Some((text, _)) => f.write_str(text)?,
        None => write!(f, "{:#x}", mask.bits())?,
    }
    write!(f, ";;;{})", Abbreviated(sid))
}

struct Abbreviated<'a>(&'a Sid);

impl fmt::Display for Abbreviated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIDS.iter().find(|(_, authority, subauthorities)| Sid::new(*authority, subauthorities) == *self.0) {
            Some((text, ..)) => f.write_str(text),
            None => self.0.fmt(f),
        }
    }
}
