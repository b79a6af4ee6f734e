//! The parser that pest makes of `midl.pest`.

// What the derive generates is public and undocumented.
#![allow(missing_docs, unreachable_pub)]

use pest_derive::Parser;

#[derive(Parser)]
#[grammar = "midl.pest"]
pub struct Grammar;
