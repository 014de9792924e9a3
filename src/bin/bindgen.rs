//! `bindgen <input.wasm> <out-dir> <out-name>`: writes the JavaScript and TypeScript glue of a compiled module.
//!
//! The generator's version must equal that of the `wasm-bindgen` inside the module: as a program of this
//! package it is held equal by the lock file, where a tool installed by hand would drift.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "usage: bindgen <input.wasm> <out-dir> <out-name>";

fn main() -> ExitCode {
    let Some(order) = Order::parse(env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match order.carry_out() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bindgen: {}: {}", order.input.display(), reasons(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

struct Order {
    input: PathBuf,
    out_dir: PathBuf,
    out_name: String,
}

impl Order {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let order = Self {
            input: args.next()?.into(),
            out_dir: args.next()?.into(),
            out_name: args.next()?.into_string().ok()?,
        };
        args.next().is_none().then_some(order)
    }

    fn carry_out(&self) -> Result<(), Box<dyn Error>> {
        require_file(&self.input)?;
        let mut bindgen = Bindgen::new();
        bindgen.input_path(&self.input).out_name(&self.out_name).typescript(true).web(true)?;
        // So that `init()` finds the module beside the glue by `import.meta.url`.
        bindgen.omit_default_module_path(false);
        bindgen.generate(&self.out_dir)?;
        Ok(())
    }
}

fn require_file(path: &Path) -> Result<(), Box<dyn Error>> {
    if path.is_file() { Ok(()) } else { Err("there is no such file; build the module first".into()) }
}

/// The error and what caused it, on one line.
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
