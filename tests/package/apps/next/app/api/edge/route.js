// An edge function: the client in memory and the endpoint, without a file system.

import { shop } from '../../../../app.js';
import { endpoint } from '../../../../endpoint.js';

export const runtime = 'edge';

export const GET = async () =>
  Response.json({ client: await shop('memory'), endpoint: await endpoint() });
