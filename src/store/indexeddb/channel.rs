//! Wakes the other connections to a database, in this tab and in others, when something was written.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::BroadcastChannel;

use super::Signals;

/// A channel of the database's name. A sender does not hear itself.
pub(super) struct Channel {
    inner: BroadcastChannel,
    _heard: Closure<dyn FnMut()>,
}

impl Channel {
    /// None where the platform has no such channels: then other tabs see what is new when they read.
    pub(super) fn open(name: &str, signals: &Rc<Signals>) -> Option<Self> {
        let inner = BroadcastChannel::new(&format!("eventcore-web:{name}")).ok()?;
        let signals = Rc::clone(signals);
        let heard = Closure::<dyn FnMut()>::new(move || {
            signals.heard.set(true);
            signals.changed.notify(usize::MAX);
        });
        inner.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        Some(Self { inner, _heard: heard })
    }

    pub(super) fn tell(&self) {
        // It fails on a closed channel, when nobody is to be told any more.
        let _ = self.inner.post_message(&JsValue::NULL);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.inner.set_onmessage(None);
        self.inner.close();
    }
}
