//! The crate `sspi`, another implementation of NTLM and SPNEGO, as a peer of ours. There is nothing
//! but tests here, in `tests/`.
