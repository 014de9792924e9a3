// Holds answers to the endpoint's OpenAPI document.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { ROOT } from '../../js/tools/run.mjs';

const text = await readFile(path.join(ROOT, 'src', 'endpoint', 'openapi.json'), 'utf8');
export const DOCUMENT = JSON.parse(text);

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema(DOCUMENT, 'openapi');

const pointer = (...keys) =>
  keys.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
const encoded = (text) => encodeURIComponent(text).replaceAll('%2F', '/');

/** Whether a value is what a schema of the document says; why not, as text. */
export function problems(at, value) {
  const validate = ajv.getSchema(`openapi#${encoded(at)}`) ?? ajv.compile({ $ref: `openapi#${encoded(at)}` });
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

/** Holds an answer to what the document says of its path, method and status. */
export function assertDocumented(method, address, { status, headers, json }) {
  const { pathname } = new URL(address, 'http://endpoint');
  const template = Object.keys(DOCUMENT.paths).find((each) =>
    new RegExp(`^${each.replaceAll('.', '\\.').replace('{space}', '[^/]*')}$`).test(pathname),
  );
  const name = `${method} ${address} ${status}`;
  if (template === undefined) {
    assert.equal(problems('/components/schemas/ErrorAnswer', json), '', name);
    return;
  }
  const operation = DOCUMENT.paths[template][method.toLowerCase()];
  const errorOnly = operation === undefined;
  const documented = errorOnly ? { $error: true } : operation.responses[status];
  assert.ok(documented, `${name} is not documented`);
  assert.equal(headers['eventcore-protocol'], DOCUMENT.info.version, name);
  const at = errorOnly
    ? '/components/schemas/ErrorAnswer'
    : pointer(
        'paths',
        template,
        method.toLowerCase(),
        'responses',
        String(status),
        'content',
        'application/json',
        'schema',
      );
  assert.equal(problems(at, json), '', name);
}
