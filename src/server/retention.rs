//! What an operator does with a whole space, beside serving: export it, erase it.

use std::io::Write;

use clap::Subcommand;
use futures_util::{StreamExt, pin_mut};

use crate::error::StoreError;
use crate::event::{InvalidName, SpaceId};
use crate::store::postgres::PostgresConfig;

/// What to do instead of serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Task {
    /// Prints a space as lines of JSON, an event each as it is on the wire, in feed order.
    Export {
        /// The space.
        #[arg(long, value_name = "NAME")]
        space: String,
    },
    /// Erases all that a space holds, for good. Whoever pushes to it or reads it is told SPACE_ERASED from then on.
    Erase {
        /// The space.
        #[arg(long, value_name = "NAME")]
        space: String,
    },
}

/// Why a task was not done.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The name is no space's.
    #[error("no name of a space: {0}")]
    Space(#[from] InvalidName),
    /// The database does not answer, the space is erased, or something else that the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was exported could not be written.
    #[error("cannot write the export: {0}")]
    Write(#[from] std::io::Error),
}

impl Task {
    /// Does it; an export is written to `out`.
    ///
    /// # Errors
    /// [`TaskError`]; an export may be written in part then.
    pub async fn run(self, database: &PostgresConfig, out: &mut impl Write) -> Result<(), TaskError> {
        let spaces = database.spaces()?;
        spaces.initialize().await?;
        match self {
            Self::Export { space } => {
                let pages = spaces.export(&SpaceId::try_new(space)?);
                pin_mut!(pages);
                while let Some(page) = pages.next().await {
                    out.write_all(page?.as_bytes())?;
                }
                out.flush()?;
            }
            Self::Erase { space } => spaces.erase(&SpaceId::try_new(space)?).await?,
        }
        Ok(())
    }
}
