//! Interfaces by name.

use std::{fmt, str::FromStr};

use msrpc_ndr::{AuthLevel, HandleStrictness, Interface, Level, Uuid};
use uuid::uuid;

/// Interfaces that people know by name.
const KNOWN: &[(&str, Uuid, (u16, u16))] = &[
    ("epmapper", uuid!("e1af8308-5d1f-11c9-91a4-08002b14a0fa"), (3, 0)),
    ("mgmt", uuid!("afa8bd80-7d8a-11c9-bef4-08002b102989"), (1, 0)),
    ("clusapi", uuid!("b97db8b2-4c63-11cf-bff6-08002be23f2f"), (3, 0)),
    ("fsrvp", uuid!("a8e0653c-2744-4389-a61d-7373df8b2292"), (1, 0)),
    ("IObjectExporter", uuid!("99fcfec4-5260-101b-bbcb-00aa0021347a"), (0, 0)),
    ("IRemoteSCMActivator", uuid!("000001a0-0000-0000-c000-000000000046"), (0, 0)),
    ("IActivation", uuid!("4d9f4ab8-7d1c-11cf-861e-0020af6e7c57"), (0, 0)),
    ("atsvc", uuid!("1ff70682-0a51-30e8-076d-740be8cee98b"), (1, 0)),
    ("dssetup", uuid!("3919286a-b10c-11d0-9ba8-00c04fd92ef5"), (0, 0)),
    ("drsuapi", uuid!("e3514235-4b06-11d1-ab04-00c04fc2dcd2"), (4, 0)),
    ("eventlog", uuid!("82273fdc-e32a-18c3-3f78-827929dc23ea"), (0, 0)),
    ("lsarpc", uuid!("12345778-1234-abcd-ef00-0123456789ab"), (0, 0)),
    ("netdfs", uuid!("4fc742e0-4a10-11cf-8273-00aa004ae673"), (3, 0)),
    ("netlogon", uuid!("12345678-1234-abcd-ef00-01234567cffb"), (1, 0)),
    ("samr", uuid!("12345778-1234-abcd-ef00-0123456789ac"), (1, 0)),
    ("spoolss", uuid!("12345678-1234-abcd-ef00-0123456789ab"), (1, 0)),
    ("srvsvc", uuid!("4b324fc8-1670-01d3-1278-5a47bf6ee188"), (3, 0)),
    ("svcctl", uuid!("367abb81-9844-35f1-ad32-98f038001003"), (2, 0)),
    ("winreg", uuid!("338cd001-2244-31f1-aaaa-900038001003"), (1, 0)),
    ("wkssvc", uuid!("6bffd098-a112-3610-9833-46c3f87e345a"), (1, 0)),
];

/// The name of an interface, if it has one here.
pub(crate) fn name(interface: Uuid) -> Option<&'static str> {
    KNOWN.iter().find(|(_, uuid, _)| *uuid == interface).map(|(name, ..)| *name)
}

/// An interface as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) uuid: Uuid,
    /// Where none is given, what the name stands for.
    pub(crate) version: Option<(u16, u16)>,
}

impl Named {
    /// A descriptor to bind with. It lives as long as the command.
    pub(crate) fn interface(self) -> Result<&'static Interface, String> {
        let version = self.version.ok_or("which version? write UUID,MAJOR.MINOR")?;
        Ok(Box::leak(Box::new(Interface {
            name: name(self.uuid).unwrap_or_else(|| Box::leak(self.uuid.to_string().into_boxed_str())),
            uuid: self.uuid,
            version,
            operations: &[],
            minimum_auth_level: AuthLevel::None,
            level: Level::V6,
            handles: HandleStrictness::Strict,
            wrong_handle: None,
            null_handle: None,
            endpoints: &[],
        })))
    }
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, given) = match text.split_once(',') {
            Some((id, given)) => (id, Some(version(given)?)),
            None => (text, None),
        };
        if let Some(&(_, uuid, default)) = KNOWN.iter().find(|(name, ..)| name.eq_ignore_ascii_case(id)) {
            return Ok(Self { uuid, version: given.or(Some(default)) });
        }
        match Uuid::parse_str(id) {
            Ok(uuid) => Ok(Self { uuid, version: given }),
            Err(_) => {
                let names: Vec<_> = KNOWN.iter().map(|(name, ..)| *name).collect();
                Err(format!("neither a UUID nor one of {}", names.join(", ")))
            }
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match name(self.uuid) {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", self.uuid)?,
        }
        self.version.map_or(Ok(()), |(major, minor)| write!(f, " {major}.{minor}"))
    }
}

fn version(text: &str) -> Result<(u16, u16), String> {
    let number = |part: &str| part.parse().map_err(|_| format!("{text:?} is no version: write 3.0"));
    match text.strip_prefix('v').unwrap_or(text).split_once('.') {
        Some((major, minor)) => Ok((number(major)?, number(minor)?)),
        None => Ok((number(text)?, 0)),
    }
}
