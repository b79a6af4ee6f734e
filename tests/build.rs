//! Compiles the IDL files of the tests (`idl/`).

fn main() -> Result<(), Box<dyn std::error::Error>> {
    midlc::Builder::new().include_dir("../idl").extern_path("ms-dtyp.idl", "::msrpc_protocols::ms_dtyp").compile([
        "idl/pipes.idl",
        "idl/trial.idl",
        "idl/srvsvc.idl",
        "idl/winreg.idl",
    ])?;
    Ok(())
}
