//! Whether a write failed because there is no more room, where the browser does not say so.

use wasm_bindgen::prelude::*;

/// Where less is left than this, and a write fails for no reason that the browser has a name for, there is no room.
/// Firefox (seen in 153) takes what it has written ahead, half a megabyte, back from what is used when that happens.
const NO_ROOM_BYTES: f64 = 4.0 * 1024.0 * 1024.0;

#[wasm_bindgen]
extern "C" {
    type Estimate;

    #[wasm_bindgen(catch, js_namespace = ["navigator", "storage"], js_name = estimate)]
    async fn estimate() -> Result<Estimate, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn usage(this: &Estimate) -> Option<f64>;

    #[wasm_bindgen(method, getter)]
    fn quota(this: &Estimate) -> Option<f64>;
}

/// Whether the browser says that nearly nothing is left.
pub(super) async fn is_used_up() -> bool {
    let estimate = estimate().await.ok();
    let left = estimate.and_then(|estimate| Some(estimate.quota()? - estimate.usage()?));
    left.is_some_and(|left| left < NO_ROOM_BYTES)
}
