//! Events with the context in which they happened.

use std::collections::HashMap;

use super::{EventMetadata, RequestId, SessionId};

/// Where and how an event came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventContext {
    /// The user's session.
    pub session_id: SessionId,
    /// The request that caused the event.
    pub request_id: RequestId,
    /// The feature flags that were in force.
    pub feature_flags: HashMap<String, bool>,
    /// Where the app ran: `production`, `staging`.
    pub environment: String,
}

/// An event and its context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrichedEvent<E> {
    /// The event.
    pub event: E,
    /// The context.
    pub context: EventContext,
}

/// Adds the context that the app is in.
pub trait EventEnricher {
    /// The event with its context.
    fn enrich<E>(&self, event: E) -> EnrichedEvent<E>;
}

impl<E> EnrichedEvent<E> {
    /// Takes the event apart: the payload to write, and metadata that carries the context under
    /// `custom.context`.
    pub fn into_parts(self, metadata: EventMetadata) -> (E, EventMetadata) {
        let EventContext { session_id, request_id, feature_flags, environment } = self.context;
        let context = serde_json::json!({
            "sessionId": session_id.as_str(),
            "requestId": request_id.as_str(),
            "featureFlags": feature_flags,
            "environment": environment,
        });
        (self.event, metadata.with_custom("context", context))
    }
}
