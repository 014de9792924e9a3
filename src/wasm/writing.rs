//! What an app writes in one turn: batches that are written together, and answered each for itself.

use js_sys::{Function, JSON};
use wasm_bindgen::JsValue;

use crate::error::StoreError;
use crate::event::json::{Encode, to_text};
use crate::store::Store;
use crate::store::indexeddb::{Answer, Outcomes};
use crate::version::{Outcome, WriteResult};

use super::batch;
use super::error;
use super::local::LocalBackend;

/// What a batch did, or why it did not.
struct Told(Result<WriteResult, StoreError>);

impl Told {
    /// Of a run of one batch.
    fn of(outcomes: Outcomes) -> Self {
        let unanswered = || StoreError::Internal("a log answered without an outcome".into());
        let outcome = outcomes.and_then(|mut run| run.pop().ok_or_else(unanswered));
        Self(outcome.and_then(Outcome::into_result))
    }
}

impl Encode for Told {
    fn encode(&self, out: &mut String) {
        match &self.0 {
            Ok(result) => result.encode(out),
            Err(error) => error::write(error, out),
        }
    }
}

/// Writes batches, a line of JSON each; `answered` is called with an array.
pub(super) fn write_each(store: &Store<LocalBackend>, batches: &str, answered: Function) {
    let mut runs = Vec::new();
    let mut refused = Vec::new();
    for (number, batch) in batches.split('\n').enumerate() {
        match batch::read(batch).and_then(|batch| store.prepare(batch)) {
            Ok(commit) => runs.push(vec![commit]),
            Err(error) => refused.push((number, error)),
        }
    }
    let answer = Box::new(Answering { refused, answered, foreseen: None });
    match runs.is_empty() {
        true => answer.tell(Vec::new()),
        false => store.backend().append_each(runs, answer),
    }
}

/// Who is to be answered.
struct Answering {
    /// Batches that were not even tried, by their numbers.
    refused: Vec<(usize, StoreError)>,
    answered: Function,
    foreseen: Option<JsValue>,
}

impl Answering {
    /// What is answered.
    fn answers(&self, outcomes: impl Iterator<Item = Outcomes>) -> JsValue {
        let mut answers: Vec<Told> = outcomes.map(Told::of).collect();
        for (number, error) in &self.refused {
            answers.insert(*number, Told(Err(error.clone())));
        }
        // What is written there is JSON.
        JSON::parse(&to_text(&answers)).unwrap_or_default()
    }
}

impl Answer for Answering {
    fn foresee(&mut self, outcomes: &[Vec<Outcome>]) {
        self.foreseen = Some(self.answers(outcomes.iter().cloned().map(Ok)));
    }

    fn forget(&mut self) {
        self.foreseen = None;
    }

    fn tell(mut self: Box<Self>, outcomes: Vec<Outcomes>) {
        let answers = self.foreseen.take().unwrap_or_else(|| self.answers(outcomes.into_iter()));
        // What is thrown there is told to nobody.
        let _ = self.answered.call1(&JsValue::UNDEFINED, &answers);
    }
}
