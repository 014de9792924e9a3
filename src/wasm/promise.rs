//! What is answered later: one way from a future to a promise, for every call.

use std::pin::Pin;

use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;

/// A promise of what a call answers. What drives a future is compiled for each type of future, so all are one here.
pub(super) fn promise<T: Into<JsValue>>(call: impl Future<Output = Result<T, JsValue>> + 'static) -> Promise {
    drive(Box::pin(async move { call.await.map(Into::into) }))
}

#[inline(never)]
fn drive(call: Pin<Box<dyn Future<Output = Result<JsValue, JsValue>>>>) -> Promise {
    future_to_promise(call)
}
