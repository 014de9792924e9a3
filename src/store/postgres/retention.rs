//! The end of a space: exported, and erased for good.

use futures_util::stream::{self, Stream};

use crate::error::StoreError;
use crate::event::{Place, SpaceId};
use crate::store::{Backend as _, Query};
use crate::version::Cursor;

use super::client::{SqlClient, SqlSession, Statement};
use super::columns::json;
use super::listener;
use super::spaces::PostgresSpaces;

/// Events that are read at a time.
const PAGE: usize = 1_000;

impl<C: SqlClient> PostgresSpaces<C> {
    /// A space as text: pages of events as they are on the wire, one JSON object a line, in feed order. Appends
    /// while it is read are part of it as far as it has not come yet.
    ///
    /// # Errors
    /// Each page: `SPACE_ERASED`, or a failure of the storage; it is the last one then.
    pub fn export(&self, space: &SpaceId) -> impl Stream<Item = Result<String, StoreError>> + use<C> {
        let log = self.space(space);
        stream::unfold(Some((log, Cursor::ZERO)), |next| async {
            let (log, after) = next?;
            let after = Some(Place::Confirmed(after.into()));
            let page = match log.read_feed(&Query { max_events: PAGE, after, ..Query::default() }).await {
                Ok(page) => page,
                Err(error) => return Some((Err(error), None)),
            };
            let mut lines = String::new();
            for event in &page.events {
                lines.extend([json(event).as_str(), "\n"]);
            }
            Some((Ok(lines), (!page.complete).then_some((log, page.cursor))))
        })
    }

    /// Removes everything that a space holds. From then on appends, reads and followers of any process are told
    /// `SPACE_ERASED`, also where nobody ever wrote to it. Erasing it again changes nothing.
    ///
    /// # Errors
    /// A failure of the storage: then nothing is erased, or it is not known whether it is. It may be repeated.
    pub async fn erase(&self, space: &SpaceId) -> Result<(), StoreError> {
        let session = self.client.acquire().await?;
        let of_space = [space.as_str()];
        let gone = listener::erased(space);
        let told = [space.as_str(), "0", self.listener.channel(), gone.as_str()];
        let erased = session
            .run(&[
                Statement::new(&self.sql.begin, &[]),
                Statement::new(&self.sql.ensure_space, &of_space),
                Statement::new(&self.sql.lock_space, &of_space),
                Statement::new(&self.sql.erase, &of_space),
                Statement::new(&self.sql.commit, &[]),
                Statement::optional(&self.sql.notify, &told),
            ])
            .await;
        // A session that is dropped is not used again: what it began is undone.
        erased?;
        session.release();
        self.space(space).wake();
        Ok(())
    }
}
