//! What an app writes in one turn: batches that are written together, and answered each for itself.

use crate::error::StoreError;
use crate::event::json::{Encode, to_text};
use crate::store::Store;
use crate::version::{Outcome, WriteResult};

use super::batch;
use super::error;
use super::local::LocalBackend;

/// What a batch did, or why it did not.
struct Answer(Result<WriteResult, StoreError>);

impl Encode for Answer {
    fn encode(&self, out: &mut String) {
        match &self.0 {
            Ok(result) => result.encode(out),
            Err(error) => error::write(error, out),
        }
    }
}

/// Writes batches, a line of JSON each; answers with a JSON array.
pub(super) async fn write_each(store: &Store<LocalBackend>, batches: &str) -> String {
    let mut commits = Vec::new();
    let mut refused = Vec::new();
    for (number, batch) in batches.split('\n').enumerate() {
        match batch::read(batch).and_then(|batch| store.prepare(batch)) {
            Ok(commit) => commits.push(commit),
            Err(error) => refused.push((number, error)),
        }
    }
    let outcomes = store.backend().append_each(commits).await.into_iter();
    let mut answers: Vec<Answer> =
        outcomes.map(|outcome| Answer(outcome.and_then(Outcome::into_result))).collect();
    for (number, error) in refused {
        answers.insert(number, Answer(Err(error)));
    }
    to_text(&answers)
}
