//! UNC names and contexts, parsed.

use msrpc_cluster::fsrvp::{Attributes, BadUnc, Context, FileTime, ShareUnc};
use proptest::prelude::*;

#[test]
fn well_formed_names_are_taken_apart() {
    for (text, host, share) in [
        (r"\\server\data", "server", "data"),
        (r"\\server\data\", "server", "data"),
        (r"\\10.0.0.1\a b", "10.0.0.1", "a b"),
        (r"\\fe80::1\x$", "fe80::1", "x$"),
        (r"\\SRV.lab.example\Überblick", "SRV.lab.example", "Überblick"),
        (r"\\s\data@{E1}", "s", "data@{E1}"),
    ] {
        let unc = ShareUnc::parse(text).unwrap();
        assert_eq!((unc.host(), unc.share(), unc.as_str()), (host, share, text));
    }
}

#[test]
fn malformed_names_are_refused_with_the_reason() {
    let long_host = format!(r"\\{}\x", "h".repeat(256));
    let long_share = format!(r"\\h\{}", "s".repeat(81));
    for (text, error) in [
        ("", BadUnc::Prefix),
        (r"\", BadUnc::Prefix),
        (r"data", BadUnc::Prefix),
        (r"\server\data", BadUnc::Prefix),
        ("//server/data", BadUnc::Prefix),
        (r"C:\data", BadUnc::Prefix),
        (r" \\server\data", BadUnc::Prefix),
        (r"\\", BadUnc::Host),
        (r"\\\data", BadUnc::Host),
        (r"\\.\pipe", BadUnc::Host),
        (r"\\?\UNC\server\data", BadUnc::Host),
        (r"\\ser ver\data", BadUnc::Host),
        (&long_host, BadUnc::Host),
        (r"\\server", BadUnc::Share),
        (r"\\server\", BadUnc::Share),
        (r"\\server\\", BadUnc::Share),
        (r"\\server\..", BadUnc::Share),
        (r"\\server\a/b", BadUnc::Share),
        (r"\\server\a:b", BadUnc::Share),
        ("\\\\server\\a\0b", BadUnc::Share),
        (&long_share, BadUnc::Share),
        (r"\\server\data\folder", BadUnc::Rest),
        (r"\\server\data\\", BadUnc::Rest),
    ] {
        assert_eq!(ShareUnc::parse(text), Err(error), "{text:.40}");
    }
}

#[test]
fn the_longest_names_are_taken() {
    let text = format!(r"\\{}\{}", "h".repeat(255), "s".repeat(80));
    assert_eq!(ShareUnc::parse(&text).unwrap().share().len(), 80);
}

#[test]
fn names_of_one_share_differ_in_case_and_host() {
    let one = ShareUnc::new("a", "Übung").unwrap();
    assert!(one.is_same_share(&ShareUnc::parse(r"\\b\üBUNG\").unwrap()));
    assert!(!one.is_same_share(&ShareUnc::parse(r"\\a\Übungen").unwrap()));
}

#[test]
fn a_context_can_switch_its_recovery_attribute() {
    let context = Context::BACKUP.with_auto_recovery();
    assert_eq!(context.to_wire(), 0x0040_0000);
    assert_eq!(context.with_no_auto_recovery().attributes(), Attributes::NO_AUTO_RECOVERY);
    assert_eq!(Context::NAS_ROLLBACK.to_wire(), 0x19);
    assert_eq!(Context::APP_ROLLBACK.to_wire(), 0x09);
}

#[test]
fn times_travel_as_filetimes() {
    let unix = std::time::SystemTime::UNIX_EPOCH;
    assert_eq!(FileTime::from(unix).0, 116_444_736_000_000_000, "MS-DTYP 2.3.3's well-known offset");
    let time = unix + std::time::Duration::new(1_500_000_000, 123_456_700);
    assert_eq!(std::time::SystemTime::from(FileTime::from(time)), time);
    assert!(std::time::SystemTime::from(FileTime(-1)) < unix);
}

proptest! {
    #[test]
    fn what_is_parsed_is_put_together_again(text in r"\\\\[^\x00]{0,12}\\[^\x00]{0,12}") {
        if let Ok(unc) = ShareUnc::parse(&text) {
            let again = ShareUnc::new(unc.host(), unc.share()).unwrap();
            prop_assert_eq!(again.share(), unc.share());
            prop_assert_eq!(unc.as_str(), text);
        }
    }

    #[test]
    fn a_context_is_one_of_twelve(value: u32) {
        let base = value & !0x0040_0002;
        let valid = [0, 0x10, 0x19, 0x09].contains(&base) && value & 0x0040_0002 != 0x0040_0002;
        prop_assert_eq!(Context::from_wire(value).is_some(), valid);
    }
}
