//! What a `build.rs` prints that returns the builder's error from its `main`.

use std::{fs, path::Path};

use midlc::{BuildError, Builder};

#[test]
fn the_error_of_a_build_prints_the_messages_line_by_line() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build_error");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("bad.idl");
    fs::write(
        &file,
        "[uuid(00000000-0000-0000-0000-000000000001), version(1.0)]\ninterface bad { void Put([in] PLACE p); }",
    )
    .unwrap();
    let error = Builder::new().out_dir(&folder).compile([&file]).unwrap_err();
    let printed = format!("{error:?}");
    assert!(printed.contains("error[unknown-type]: unknown type PLACE\n"), "{printed}");
    assert!(printed.contains("interface bad { void Put([in] PLACE p); }\n"), "{printed}");
    assert!(matches!(error, BuildError::Messages(_)));
    assert_eq!(std::io::Error::from(error).to_string(), printed);
}
