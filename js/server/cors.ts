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
      if (origin === null || isAllowed(origin)) return true;
      return URL.canParse(origin) && new URL(origin).host === addressed(request, hostOf(request))?.host;
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
 * The first host that a request names which is not this machine; none where all are. A proxy on this machine may name
 * itself, and whom it was asked for beside that.
 */
export function stranger(request: Request): string | undefined {
  const passedOn = request.headers.get('x-forwarded-host')?.split(',') ?? [];
  return [hostOf(request), ...passedOn].find((host) => !isLoopback(addressed(request, host)?.hostname));
}

/**
 * The host that a request was sent to, by its header: a framework may put another one into the address (Next.js says
 * `localhost` to everybody).
 */
function hostOf(request: Request): string {
  return request.headers.get('host') ?? new URL(request.url).host;
}

/** The host as an address; none where it is no host. */
function addressed(request: Request, host: string): URL | undefined {
  const address = `${new URL(request.url).protocol}//${host.trim()}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

function isLoopback(hostname = ''): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
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
