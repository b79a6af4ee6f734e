//! Compiles the IDL file. Types of `ms-dtyp.idl` come from `msrpc-protocols`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    midlc::Builder::new()
        .include_dir("../../idl")
        .extern_path("ms-dtyp.idl", "::msrpc_protocols::ms_dtyp")
        .compile(["idl/jobs.idl"])?;
    Ok(())
}
