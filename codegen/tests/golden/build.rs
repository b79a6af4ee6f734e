//! Generates every case once more, in one run and with type-erased views, and a list of all
//! interfaces: for `tests/roundtrip.rs`.

use std::{env, error::Error, fmt::Write, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let out = env::var("OUT_DIR")?;
    println!("cargo::rerun-if-changed=.");
    let mut files: Vec<_> = fs::read_dir(".")?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "idl"));
    // The one whose imports are elsewhere is in the library only.
    files.retain(|path| !path.ends_with("extern_path.idl"));
    files.sort();
    let compilation = midlc::Compiler::new([""; 0]).compile(&files);
    if !compilation.is_ok() {
        return Err(compilation.render(false).into());
    }
    let mut list = "/// Every interface.\npub static ALL: &[&msrpc_ndr::reflect::Reflection] = &[\n".to_owned();
    for file in &compilation.model.files {
        for interface in &file.interfaces {
            if interface.methods.iter().any(|method| !method.reserved && method.unsupported.is_none()) {
                writeln!(list, "    &midl::{}::{}::REFLECTION,", file.module, interface.module)?;
            }
        }
    }
    list.push_str("];\n");
    fs::write(Path::new(&out).join("list.rs"), list)?;
    let options = midlc::emit::EmitOptions {
        included: true,
        reflect: midlc::emit::Reflect::Always,
        ..midlc::emit::EmitOptions::default()
    };
    let mut all = String::new();
    for module in compilation.emit(&options)? {
        let path = Path::new(&out).join(format!("{}.rs", module.name));
        fs::write(&path, module.text)?;
        writeln!(all, "pub mod {} {{\n    include!({path:?});\n}}", module.name)?;
    }
    fs::write(Path::new(&out).join("midl.rs"), all)?;
    Ok(())
}
