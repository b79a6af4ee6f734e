//! The file of a server's accounts.

use msrpc::auth::{AccountStore, CredentialsFile, CredentialsFileError, LineError, LineProblem};

fn parse(text: &str) -> CredentialsFile {
    CredentialsFile::parse(text.as_bytes()).unwrap()
}

fn name(file: &CredentialsFile, user: &str, domain: &str) -> Option<String> {
    let account = file.lookup(user, domain).unwrap()?;
    Some(match account.domain {
        Some(domain) => format!("{domain}\\{}", account.name),
        None => account.name,
    })
}

#[test]
fn lines_have_names_flags_and_secrets() {
    let file = parse(
        "\u{feff}# accounts\r\n\
         \r\n\
         root::password:Passw0rd\r\n\
         EXAMPLE\\Backup : sid=S-1-5-32-551 , disabled : nthash : A4F49C406510BDCAB6824EE7C30FD852\n\
         colon::password:a:b: c \n\
         last::password:no newline",
    );
    assert_eq!(file.len(), 4);
    assert!(!file.is_empty() && file.warnings().is_empty());
    let backup = file.lookup("BACKUP", "example").unwrap().unwrap();
    assert_eq!((&*backup.name, backup.domain.as_deref(), backup.disabled), ("Backup", Some("EXAMPLE"), true));
    assert_eq!(backup.sids, ["S-1-5-32-551"]);
    let root = file.lookup("Root", "anything").unwrap().unwrap();
    assert!(!root.disabled && root.sids.is_empty() && root.domain.is_none());
}

#[test]
fn a_line_with_a_domain_goes_before_one_without() {
    let file = parse("bob::password:x\nDOM\\bob::password:y\nDOM\\ann::password:z\n");
    assert_eq!(name(&file, "bob", "dom").as_deref(), Some("DOM\\bob"));
    assert_eq!(name(&file, "bob", "other").as_deref(), Some("bob"));
    assert_eq!(name(&file, "bob", "").as_deref(), Some("bob"));
    assert_eq!(name(&file, "bob@dom", "").as_deref(), Some("DOM\\bob"));
    assert_eq!(name(&file, "ann", "other"), None);
    assert_eq!(name(&file, "ann", ""), None);
    assert_eq!(name(&file, "", ""), None);
}

#[test]
fn every_bad_line_is_reported_and_no_secret_shown() {
    let text = b"good::password:x\n\
        only:two\n\
        :: password:x\n\
        a\\b\\c::password:hunter2\n\
        name:hunter2:password:hunter2\n\
        name:sid=S-1:password:hunter2\n\
        name:sid=S-1-5-x:password:hunter2\n\
        name::plain:hunter2\n\
        name::password:\n\
        name::nthash:hunter2\n\
        \xff::password:hunter2\n\
        GOOD::password:hunter2\n";
    let errors = CredentialsFile::parse(text).unwrap_err();
    let expected = [
        LineProblem::Fields,
        LineProblem::Name,
        LineProblem::Name,
        LineProblem::Flag,
        LineProblem::Sid("S-1".into()),
        LineProblem::Sid("S-1-5-x".into()),
        LineProblem::Kind,
        LineProblem::EmptyPassword,
        LineProblem::Hash,
        LineProblem::NotUtf8,
        LineProblem::Duplicate,
    ];
    let expected: Vec<_> = expected.into_iter().zip(2..).map(|(problem, line)| LineError { line, problem }).collect();
    assert_eq!(errors, expected);
    let shown: String = errors.iter().map(|error| format!("{error} {error:?}")).collect();
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn files_say_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts");
    let missing = CredentialsFile::load(&path).unwrap_err();
    assert!(matches!(missing, CredentialsFileError::Unreadable { .. }));
    assert!(missing.to_string().contains("accounts"));

    std::fs::write(&path, "a::password:x\nb\n").unwrap();
    let bad = CredentialsFile::load(&path).unwrap_err().to_string();
    assert!(bad.ends_with("accounts:2: expected name:flags:kind:secret"), "{bad}");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_read_gets_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("accounts");
    std::fs::write(&path, "a::password:x\n").unwrap();
    for (mode, warnings) in [(0o600, 0), (0o400, 0), (0o640, 1), (0o604, 1), (0o622, 1)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let file = CredentialsFile::load(&path).unwrap();
        assert_eq!(file.warnings().len(), warnings, "{mode:o}: {:?}", file.warnings());
    }
}

#[test]
fn nothing_secret_is_shown() {
    let file = parse("root::password:hunter2\n");
    let shown = format!("{file:?} {:?}", file.lookup("root", "").unwrap());
    assert!(shown.contains("root") && !shown.contains("hunter2") && shown.contains("NtHash(…)"), "{shown}");
}
