//! Upcasters: old events read as if they had been written today.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::EventType;

#[cfg(not(target_family = "wasm"))]
type Step = Arc<dyn Fn(Value) -> Result<Value, String> + Send + Sync>;
#[cfg(target_family = "wasm")]
type Step = Arc<dyn Fn(Value) -> Result<Value, String>>;

/// For each event type, the chain of steps that turn its payload's schema 1 into 2, 2 into 3, and so on.
///
/// Writes are stamped with the newest schema of their type (`metadata.schemaVersion`, absent for 1); reads run
/// the steps that the stored schema lacks. What is stored never changes.
#[derive(Clone, Default)]
pub struct Upcasters(Arc<HashMap<EventType, Vec<Step>>>);

impl Upcasters {
    /// No upcasters: every type is at schema 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next step for a type: the first call turns schema 1 into 2, the second 2 into 3.
    #[must_use]
    pub fn with(
        mut self,
        event_type: EventType,
        step: impl Fn(Value) -> Result<Value, String> + crate::MaybeSend + crate::MaybeSync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.0).entry(event_type).or_default().push(Arc::new(step));
        self
    }

    /// The newest schema of a type, from 1.
    pub fn latest(&self, event_type: &EventType) -> u32 {
        self.0.get(event_type).map_or(1, |steps| u32::try_from(steps.len()).unwrap_or(u32::MAX - 1) + 1)
    }

    /// Whether no type has a step, so that reads need not look.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The payload at the newest schema of its type.
    ///
    /// # Errors
    /// What the step said, or that the stored schema is newer than any known here.
    pub fn upcast(
        &self,
        event_type: &EventType,
        schema_version: u32,
        payload: Value,
    ) -> Result<Value, String> {
        let latest = self.latest(event_type);
        if schema_version > latest {
            return Err(format!(
                "its schema is {schema_version}, the newest known here is {latest}; update the app"
            ));
        }
        let steps = self.0.get(event_type).map_or(&[][..], Vec::as_slice);
        let done = usize::try_from(schema_version.saturating_sub(1)).unwrap_or(usize::MAX);
        steps.iter().skip(done).try_fold(payload, |payload, step| step(payload))
    }
}

impl std::fmt::Debug for Upcasters {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_map().entries(self.0.iter().map(|(name, steps)| (name, steps.len() + 1))).finish()
    }
}
