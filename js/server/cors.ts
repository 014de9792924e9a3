// Which pages may use the endpoint, and what a browser is told about it.

const DAY_S = 24 * 60 * 60;

export interface Origins {
  /** Whether the request comes from no page, from a page of this very host, or from an allowed one. */
  admits(request: Request): boolean;
  /** The headers that let an allowed page read an answer. */
  headers(request: Request): Record<string, string>;
  /** The answer to a browser that asks before it sends; none where that is not asked. */
  preflight(request: Request): Response | undefined;
}

/** @throws {TypeError} where a text is neither an origin nor `*`. */
export function origins(allowed: string | readonly string[] = []): Origins {
  const list = new Set([allowed].flat().map(checked));
  const isAllowed = (origin: string | null) => origin !== null && (list.has('*') || list.has(origin));
  const headers = (request: Request): Record<string, string> => {
    const origin = request.headers.get('origin');
    if (list.size === 0) return {};
    if (origin === null || !isAllowed(origin)) return { vary: 'origin' };
    return {
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'retry-after, eventcore-protocol',
      vary: 'origin',
    };
  };
  return {
    admits(request) {
      const origin = request.headers.get('origin');
      return origin === null || isAllowed(origin) || hostOf(origin) === (addressed(request)?.host ?? '');
    },
    headers,
    preflight(request) {
      if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method'))
        return undefined;
      return new Response(null, {
        status: 204,
        headers: {
          ...headers(request),
          'access-control-allow-methods': 'GET, POST',
          'access-control-allow-headers': 'content-type, authorization, eventcore-protocol',
          'access-control-max-age': String(DAY_S),
        },
      });
    },
  };
}

/**
 * The host that a request was sent to, by its header: a framework may put another one into the address (Next.js says
 * `localhost` to everybody). None where the header names none.
 */
export function addressed(request: Request): URL | undefined {
  const { protocol, host } = new URL(request.url);
  const address = `${protocol}//${request.headers.get('host') ?? host}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

function checked(text: string): string {
  const origin = text === '*' ? text : originOf(text);
  if (origin === text) return text;
  throw new TypeError(
    `allowOrigin: ${JSON.stringify(text)} is no origin such as https://app.example.com, and not *`,
  );
}

function originOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}
