//! Names on the command line: shares, exposed shares, identifiers.

use std::str::FromStr;

use msrpc_cluster::fsrvp::{BadUnc, ShareUnc};
use uuid::Uuid;

/// How names of shares are written.
const FORM: &str = r"write \\SERVER\SHARE, or //SERVER/SHARE which needs no quotes in a shell";

/// A share's name, its slashes leaning either way.
pub(crate) fn share(text: &str) -> Result<ShareUnc, String> {
    ShareUnc::parse(&text.replace('/', r"\")).map_err(|error| match error {
        BadUnc::Rest => "shadow copies are made of whole shares, and not of a folder in one".to_owned(),
        error => format!("{error}: {FORM}"),
    })
}

/// A share, an exposed share, or an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Share(ShareUnc),
    /// The share that was copied, and the identifier in the name of the one that exposes the copy.
    Exposed(ShareUnc, Uuid),
    Id(Uuid),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = Uuid::parse_str(text) {
            return Ok(Self::Id(id));
        }
        let text = text.replace('/', r"\");
        let Some((server, Some((base, id)))) =
            text.rsplit_once('\\').map(|(server, name)| (server, exposed_name(name)))
        else {
            return share(&text)
                .map(Self::Share)
                .map_err(|error| format!("this is no identifier (a GUID); as a share, {error}"));
        };
        Ok(Self::Exposed(share(&format!(r"{server}\{base}"))?, id))
    }
}

/// Takes the name of an exposed share apart: `SHARE@{ID}`, with `$` behind it where the share has one
/// too (\[MS-FSRVP\] 3.1.4.6).
pub(crate) fn exposed_name(share: &str) -> Option<(&str, Uuid)> {
    let (base, id) = share.rsplit_once('@')?;
    let id = Uuid::parse_str(id.trim_end_matches('$')).ok()?;
    (!base.is_empty()).then_some((base, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

    #[test]
    fn exposed_shares_tell_the_shadow_copy() {
        let id = Uuid::parse_str(ID).unwrap();
        assert_eq!(exposed_name(&format!("data@{{{ID}}}")), Some(("data", id)));
        assert_eq!(exposed_name(&format!("data$@{{{ID}}}$")), Some(("data$", id)));
        assert_eq!(exposed_name(&format!("a@b@{{{ID}}}")), Some(("a@b", id)));
        assert_eq!(exposed_name(&format!("data@{{{}}}", ID.to_uppercase())), Some(("data", id)));
        for name in ["data", "data@home", "@{6f9619ff-8b86-d011-b42d-00c04fc964ff}", "data@{1}"] {
            assert_eq!(exposed_name(name), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_share_is_refused_with_what_to_write() {
        assert_eq!(share("//fs1/data").unwrap().as_str(), r"\\fs1\data");
        for text in ["data", "fs1/data", "//fs1", "///data", "//fs1/a:b", ""] {
            assert!(share(text).unwrap_err().contains(r"\\SERVER\SHARE"), "{text}");
        }
        assert!(share("//fs1/data/folder").unwrap_err().contains("whole shares"));
    }

    #[test]
    fn targets_are_told_apart() {
        let id = Uuid::parse_str(ID).unwrap();
        assert_eq!(ID.parse(), Ok(Target::Id(id)));
        assert_eq!(format!("{{{ID}}}").parse(), Ok(Target::Id(id)));
        assert_eq!(format!("//fs1/data@{{{ID}}}").parse(), Ok(Target::Exposed(share("//fs1/data").unwrap(), id)));
        assert_eq!("//fs1/data".parse(), Ok(Target::Share(share("//fs1/data").unwrap())));
        assert!("data".parse::<Target>().unwrap_err().contains("no identifier"));
    }
}
