//! Spaces in memory: for tests, for development, for simulations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::StoreError;
use crate::event::SpaceId;
use crate::store::memory::MemoryBackend;

use super::Spaces;

/// Spaces in memory, gone with the process.
pub struct MemorySpaces {
    backend_id: String,
    spaces: Mutex<HashMap<SpaceId, Arc<MemoryBackend>>>,
}

impl MemorySpaces {
    /// No spaces yet, under this identity.
    pub fn new(backend_id: impl Into<String>) -> Self {
        Self { backend_id: backend_id.into(), spaces: Mutex::default() }
    }
}

impl Spaces for MemorySpaces {
    type Log = MemoryBackend;

    fn space(&self, space: &SpaceId) -> Arc<MemoryBackend> {
        // A panic elsewhere cannot leave the map half changed.
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(spaces.entry(space.clone()).or_default())
    }

    async fn backend_id(&self) -> Result<String, StoreError> {
        Ok(self.backend_id.clone())
    }
}
