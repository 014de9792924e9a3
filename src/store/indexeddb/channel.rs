//! Wakes the other connections to a database, in this tab and in others, when something was written.
//!
//! Telling costs as much as a fifth of an append, and mostly there is nobody to tell. So a connection greets the others
//! when it is opened, and tells of what it writes from when it first heard of another on. Whoever hears for the first
//! time answers: what it wrote while it took itself to be alone may have been missed.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

use super::Signals;

/// What a connection says when it is opened, so that the others answer; anything else tells of a change.
const GREETING: &str = "here";

/// A channel of the database's name. A sender does not hear itself.
pub(super) struct Channel {
    inner: BroadcastChannel,
    /// Whether anybody was heard.
    has_others: Rc<Cell<bool>>,
    _heard: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    /// None where the platform has no such channels: then other tabs see what is new when they read.
    pub(super) fn open(name: &str, signals: &Rc<Signals>) -> Option<Self> {
        let inner = BroadcastChannel::new(&format!("eventcore-web:{name}")).ok()?;
        let has_others = Rc::<Cell<bool>>::default();
        let (signals, others, channel) = (Rc::clone(signals), Rc::clone(&has_others), inner.clone());
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
            let is_greeting = message.data().as_string().is_some_and(|data| data == GREETING);
            if !others.replace(true) || is_greeting {
                post(&channel, &JsValue::NULL);
            }
            signals.heard.set(true);
            signals.changed.notify(usize::MAX);
        });
        inner.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        post(&inner, &GREETING.into());
        Some(Self { inner, has_others, _heard: heard })
    }

    pub(super) fn tell(&self) {
        if self.has_others.get() {
            post(&self.inner, &JsValue::NULL);
        }
    }
}

/// It fails on a closed channel, when nobody is to be told any more.
fn post(channel: &BroadcastChannel, message: &JsValue) {
    let _ = channel.post_message(message);
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.inner.set_onmessage(None);
        self.inner.close();
    }
}
