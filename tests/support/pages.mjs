// Pages that have the wasm module for tests loaded, as `globalThis.module`.

/**
 * Opens a page of the site and loads the module into it. What goes wrong outside of a promise fails the test.
 * @param {import('playwright-core').BrowserContext} context @param {string} url
 */
export async function openPage(context, url) {
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.stack ?? error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  await page.goto(url);
  await loadModule(page);
  return Object.assign(page, { faults });
}

/** Loads the module again, as after a reload. @param {import('playwright-core').Page} page */
export async function loadModule(page) {
  await page.evaluate(async () => {
    const module = await import('/eventcore.js');
    await module.default();
    globalThis.module = module;
  });
}

/**
 * Calls in the page, and answers what it threw as a plain object, so that its code is not lost on the way.
 * @template T
 * @param {import('playwright-core').Page} page
 * @param {(argument: any) => Promise<T>} work @param {unknown} [argument]
 * @returns {Promise<{ value?: T, error?: { message: string, code?: string, details?: any } }>}
 */
export function outcome(page, work, argument) {
  return page.evaluate(
    ([source, argument]) =>
      // The source is a function of this very test.
      new Function(`return (${source})`)()(argument).then(
        (value) => ({ value }),
        (error) => ({
          error: {
            message: String(error.message ?? error),
            code: error.code,
            details: error.details && JSON.parse(error.details),
          },
        }),
      ),
    [work.toString(), argument],
  );
}
