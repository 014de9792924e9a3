//! What an app writes in one turn: batches that are written together, and answered each for itself.

use js_sys::Function;
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::event::json::{Encode, to_text};
use crate::store::Store;
use crate::version::{Outcome, WriteResult};

use super::batch;
use super::error;
use super::local::LocalBackend;

/// What a batch did, or why it did not.
struct Answer(Result<WriteResult, StoreError>);

impl Answer {
    /// Of a run of one batch.
    fn of(outcomes: Result<Vec<Outcome>, StoreError>) -> Self {
        let unanswered = || StoreError::Internal("a log answered without an outcome".into());
        let outcome = outcomes.and_then(|mut run| run.pop().ok_or_else(unanswered));
        Self(outcome.and_then(Outcome::into_result))
    }
}

impl Encode for Answer {
    fn encode(&self, out: &mut String) {
        match &self.0 {
            Ok(result) => result.encode(out),
            Err(error) => error::write(error, out),
        }
    }
}

/// Writes batches, a line of JSON each; `answered` is called with a JSON array.
pub(super) fn write_each(store: &Store<LocalBackend>, batches: &str, answered: Function) {
    let mut runs = Vec::new();
    let mut refused = Vec::new();
    for (number, batch) in batches.split('\n').enumerate() {
        match batch::read(batch).and_then(|batch| store.prepare(batch)) {
            Ok(commit) => runs.push(vec![commit]),
            Err(error) => refused.push((number, error)),
        }
    }
    let answer = move |outcomes: Vec<Result<Vec<Outcome>, StoreError>>| {
        let mut answers: Vec<Answer> = outcomes.into_iter().map(Answer::of).collect();
        for (number, error) in refused {
            answers.insert(number, Answer(Err(error)));
        }
        // What is thrown there is told to nobody.
        let _ = answered.call1(&JsValue::UNDEFINED, &to_text(&answers).into());
    };
    match runs.is_empty() {
        true => answer(Vec::new()),
        false => store.backend().append_each(runs, Box::new(answer)),
    }
}
