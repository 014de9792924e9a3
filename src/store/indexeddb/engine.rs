//! Where browsers differ in what a commit is worth.

use wasm_bindgen::JsValue;

/// Firefox (seen in 153) completes a transaction that was told to commit without a large value for which there was no
/// room: half of it is written, and nobody is told. So it went from values of 900,000 characters on. A small one fails as a
/// whole, but as `UnknownError`, which does not say that there is no room: who writes it again is not to commit.
const SMALL_BYTES: usize = 64 << 10;

enum Engine {
    Chromium,
    Firefox,
    /// In WebKit (seen in 2.50) a transaction that a worker told to commit just before it was terminated stays open, and
    /// whoever wants to write waits for it for ever. Those of a window end with it.
    WebKit {
        is_worker: bool,
    },
    Other,
}

/// Whether a transaction that writes so many bytes is told to commit. One that is not commits by itself, when all of
/// its requests are done: that takes up to half as long again, and is sound everywhere.
pub(super) fn may_commit(bytes: usize) -> bool {
    thread_local!(static ENGINE: Engine = Engine::here());
    ENGINE.with(|engine| match engine {
        Engine::Chromium => true,
        Engine::Firefox => bytes <= SMALL_BYTES,
        Engine::WebKit { is_worker } => !*is_worker,
        Engine::Other => false,
    })
}

impl Engine {
    fn here() -> Self {
        let property = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into());
        let global = js_sys::global().into();
        let agent = property(&global, "navigator").and_then(|navigator| property(&navigator, "userAgent"));
        let agent = agent.ok().and_then(|agent| agent.as_string()).unwrap_or_default();
        // By hand: the standard library's search for a text is large.
        let names = |name: &str| agent.as_bytes().windows(name.len()).any(|bytes| bytes == name.as_bytes());
        // Browsers of other engines call themselves so too, behind what their own is.
        if names("Chrome/") {
            Self::Chromium
        } else if names("Gecko/") && names("Firefox/") {
            Self::Firefox
        } else if names("AppleWebKit/") {
            Self::WebKit {
                is_worker: property(&global, "WorkerGlobalScope").is_ok_and(|scope| !scope.is_undefined()),
            }
        } else {
            Self::Other
        }
    }
}
