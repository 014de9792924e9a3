//! Waiting: natively on one helper thread, in JavaScript by `setTimeout`.

/// Waits so many milliseconds.
#[cfg(not(target_family = "wasm"))]
pub(crate) async fn sleep(ms: u64) {
    futures_timer::Delay::new(std::time::Duration::from_millis(ms)).await;
}

/// Waits so many milliseconds.
#[cfg(target_family = "wasm")]
pub(crate) async fn sleep(ms: u64) {
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        // A number in browsers and workers, an object in Node.
        #[wasm_bindgen(js_name = setTimeout)]
        fn set_timeout(handler: &js_sys::Function, ms: f64) -> JsValue;
    }

    let promise = js_sys::Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, ms as f64);
    });
    // It is never rejected.
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}
