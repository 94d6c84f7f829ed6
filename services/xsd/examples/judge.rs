//! Judges documents by a schema: `cargo run -p xsd --example judge -- SCHEMA.xsd DOCUMENT.xml…`

#![allow(clippy::print_stdout, reason = "it tells people")]

use std::{error::Error, fs, sync::Arc};

use xsd::{Acceptor, CompileLimits, Limits, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let schema = arguments.next().ok_or("the path of a schema is missing")?;
    let tables = Arc::new(xsd::compile_file(&schema, CompileLimits::default())?);
    let mut acceptor = Acceptor::new(tables, Limits::default());
    for path in arguments {
        match acceptor.judge(&fs::read(&path)?) {
            Verdict::Valid => println!("{path}: valid"),
            Verdict::DontKnow(reason) => println!("{path}: ask a full validator ({reason})"),
        }
    }
    Ok(())
}
