//! Compiles what is needed of the remote registry (`idl/registry.idl`).

fn main() -> Result<(), Box<dyn std::error::Error>> {
    midlc::Builder::new()
        .include_dir("../idl")
        .extern_path("ms-dtyp.idl", "::msrpc_protocols::ms_dtyp")
        .build_server(false)
        .compile(["idl/registry.idl"])?;
    Ok(())
}
