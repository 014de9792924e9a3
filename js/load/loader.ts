// Loading a wasm module: once, when it is first needed, from beside this package or from where the app says.

import { NotLoaded } from '../errors.js';
import { once } from './once.js';

/** Where a wasm module comes from: compiled, as bytes, as an answer to stream from, or the address of one. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string;

type Source = WasmSource | Promise<WasmSource>;

/** A module of this package. */
export interface Loader<T> {
  /** Loads it, from `source` where that is given and nothing was loaded yet. @throws NotLoaded */
  load(source?: Source): Promise<T>;
  /** The module. @throws NotLoaded */
  loaded(): T;
  /** Where this runtime has it; called when it is first needed. */
  provide(source: () => Source): void;
}

/** `init` is the generated function that instantiates `module`; `file` lies beside this package. */
export function loader<T>(
  init: (options: { module_or_path: Source }) => Promise<unknown>,
  module: T,
  file: () => URL,
): Loader<T> {
  let ready = false;
  let given: Source | undefined;
  let provided: () => Source = () => read(file());
  const load = once(async () => {
    try {
      await init({ module_or_path: given ?? provided() });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new NotLoaded(`the wasm module was not loaded: ${reason}`, 'NOT_LOADED', { cause });
    }
    ready = true;
    return module;
  });
  return {
    load(source) {
      given = source;
      return load();
    },
    loaded() {
      if (ready) return module;
      throw new NotLoaded(
        "the wasm module is not loaded yet: await loadWasm() of 'eventcore-web/wasm' first, or await EventStore.open()",
        'NOT_LOADED',
      );
    },
    provide(source) {
      provided = source;
    },
  };
}

/** Streamed where it is served, read where it is a file; without an import, so that no bundler looks for one. */
async function read(file: URL): Promise<WasmSource> {
  if (file.protocol === 'file:' && typeof process === 'object') {
    return process.getBuiltinModule('node:fs/promises').readFile(file);
  }
  const response = await fetch(file);
  if (response.ok) return response;
  throw new Error(
    `${file} answers ${response.status}; serve it, or pass loadWasm() of 'eventcore-web/wasm' another source`,
  );
}
