//! Hears how requests and transactions of IndexedDB end. One pair of functions hears of all of them, told apart by
//! numbers: a function for each would cost more than the rest of what is done for an append.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_channel::oneshot;
use futures_util::FutureExt;
use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::Event;

#[wasm_bindgen]
extern "C" {
    /// What is waited for: a request or a transaction.
    type Numbered;

    #[wasm_bindgen(method, getter, js_name = eventcoreWeb)]
    fn number(this: &Numbered) -> Option<f64>;

    #[wasm_bindgen(method, setter, js_name = eventcoreWeb)]
    fn set_number(this: &Numbered, number: f64);
}

thread_local!(static HEARING: Hearing = Hearing::new());

struct Hearing {
    last: Cell<u32>,
    waiting: RefCell<Vec<(u32, oneshot::Sender<bool>)>>,
    succeeded: Closure<dyn FnMut(Event)>,
    failed: Closure<dyn FnMut(Event)>,
}

/// How something ends, once it does: true where it succeeds.
pub(super) struct Heard {
    number: u32,
    end: oneshot::Receiver<bool>,
}

impl Heard {
    /// Of a request or a transaction; `listen` is given what to call where it succeeds, and where it fails.
    pub(super) fn of(what: &JsValue, listen: impl FnOnce(Option<&Function>, Option<&Function>)) -> Self {
        HEARING.with(|hearing| {
            let number = hearing.last.get().wrapping_add(1);
            hearing.last.set(number);
            let (ended, end) = oneshot::channel();
            hearing.waiting.borrow_mut().push((number, ended));
            what.unchecked_ref::<Numbered>().set_number(f64::from(number));
            let function = |closure: &Closure<dyn FnMut(Event)>| closure.as_ref().clone().unchecked_into();
            listen(Some(&function(&hearing.succeeded)), Some(&function(&hearing.failed)));
            Self { number, end }
        })
    }
}

impl Future for Heard {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<bool> {
        // Who is waited for is never forgotten before it ends.
        self.end.poll_unpin(context).map(|ended| ended.unwrap_or(false))
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        HEARING.with(|hearing| drop(hearing.take(self.number)));
    }
}

impl Hearing {
    fn new() -> Self {
        let ends =
            |is_success| Closure::<dyn FnMut(Event)>::new(move |event: Event| heard(&event, is_success));
        Self {
            last: Cell::default(),
            waiting: RefCell::default(),
            succeeded: ends(true),
            failed: ends(false),
        }
    }

    fn take(&self, number: u32) -> Option<oneshot::Sender<bool>> {
        let mut waiting = self.waiting.borrow_mut();
        let at = waiting.iter().position(|(other, _)| *other == number)?;
        Some(waiting.swap_remove(at).1)
    }
}

fn heard(event: &Event, is_success: bool) {
    let Some(target) = event.target() else { return };
    let Some(number) = target.unchecked_ref::<Numbered>().number() else { return };
    // Where nobody waits any more nobody is told.
    if let Some(ended) = HEARING.with(|hearing| hearing.take(number as u32)) {
        let _ = ended.send(is_success);
    }
}
