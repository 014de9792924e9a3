// Nothing but where the project is: the package needs no setting of its own.

import path from 'node:path';

export default { turbopack: { root: path.resolve(import.meta.dirname, '../..') } };
