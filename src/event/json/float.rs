//! 64-bit floats as text: read to the nearest, printed as ECMAScript prints them.
//!
//! In JavaScript the engine does both, by the very definition that RFC 8785 refers to; the tables that it takes
//! natively would be a tenth of the browser's module.

#[cfg(not(target_family = "wasm"))]
mod platform {
    use std::fmt::{self, Write};

    pub(in super::super) fn read(literal: &str) -> f64 {
        literal.parse().unwrap_or(f64::NAN)
    }

    pub(in super::super) fn print(value: f64) -> String {
        ryu_js::Buffer::new().format_finite(value).to_owned()
    }

    pub(in super::super) fn is_exactly(value: f64, integer: &str) -> bool {
        let mut same = Same { rest: integer };
        write!(same, "{value:.0}").is_ok() && same.rest.is_empty()
    }

    /// Compares what is formatted with a text, without keeping it.
    struct Same<'a> {
        rest: &'a str,
    }

    impl fmt::Write for Same<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.rest = self.rest.strip_prefix(text).ok_or(fmt::Error)?;
            Ok(())
        }
    }
}

#[cfg(target_family = "wasm")]
mod platform {
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_name = Number)]
        fn number(literal: &str) -> f64;

        #[wasm_bindgen(js_name = String)]
        fn string_of_number(value: f64) -> String;

        #[wasm_bindgen(js_name = String)]
        fn string_of_integer(value: JsValue) -> String;

        #[wasm_bindgen(js_name = BigInt)]
        fn big_int(value: f64) -> JsValue;
    }

    pub(in super::super) fn read(literal: &str) -> f64 {
        number(literal)
    }

    pub(in super::super) fn print(value: f64) -> String {
        string_of_number(value)
    }

    pub(in super::super) fn is_exactly(value: f64, integer: &str) -> bool {
        // An integer of more than fifteen digits is a whole number as a float too.
        string_of_integer(big_int(value)) == integer
    }
}

/// The float that is nearest to a literal of JSON; an infinity where it is out of range.
pub(super) use platform::read;

/// A finite float, as ECMAScript prints it.
pub(super) use platform::print;

/// Whether a whole number is just what the digits of an integer say.
pub(super) use platform::is_exactly;
