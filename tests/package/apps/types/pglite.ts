// The endpoint takes PGlite's own types.

import { PGlite } from '@electric-sql/pglite';
import { createSyncHandler, fromPGlite } from 'eventcore-web/server';

export const overPGlite = createSyncHandler({ sql: fromPGlite(new PGlite()) });
