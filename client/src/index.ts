/** A typed client of the API: `openapi-fetch` with the types of `openapi.json`, and errors as exceptions. */
import createFetchClient, { type Client as FetchClient } from "openapi-fetch";
import type { Problem, paths } from "./schema.js";

export type * from "./schema.js";

/** The client of the API, as in `api.GET("/v1/items/{id}", …)`. */
export type Client = FetchClient<paths>;

export interface Options {
  /** The URL of the API, including the stage if it has one in its path. */
  readonly baseUrl: string;
  /** The value of `x-api-key`. */
  readonly apiKey: string;
  /** The bearer token of a user, or a function that returns it for each request; undefined to send none. */
  readonly token?: Token | (() => Token | Promise<Token>);
  /** A replacement for the platform's `fetch`. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

type Token = string | undefined;

/** Returns a client that sends the API key, and the token if there is one, with every request. */
export function createClient({ baseUrl, apiKey, token, fetch }: Options): Client {
  const headers = { "x-api-key": apiKey };
  const client = createFetchClient<paths>({ baseUrl, headers, ...(fetch && { fetch }) });
  client.use({
    async onRequest({ request }) {
      const current = typeof token === "function" ? await token() : token;
      if (current !== undefined) {
        request.headers.set("authorization", `Bearer ${current}`);
      }
    },
  });
  return client;
}

/** A response that is a problem (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(
    readonly problem: Problem,
    readonly response: Response,
  ) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
  }

  /** The seconds to wait before a retry, from `Retry-After`; undefined if the response has none. */
  get retryAfter(): number | undefined {
    const seconds = this.response.headers.get("Retry-After");
    return seconds === null ? undefined : Number(seconds);
  }
}

/** The part of `openapi-fetch`'s result that this module uses. */
interface Result<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** Returns the data of a response. Throws a `ProblemError` if it is a problem. */
export async function data<Data>(call: Promise<Result<Data>>): Promise<NonNullable<Data>> {
  const { data, response } = await result(call);
  if (data === undefined || data === null) {
    throw new TypeError(`the response ${response.status} has no body`);
  }
  return data;
}

/** Returns the result of a successful request, for callers that need its headers or expect no body. Throws a `ProblemError` otherwise. */
export async function result<Data>(call: Promise<Result<Data>>): Promise<Result<Data>> {
  const settled = await call;
  if (settled.response.status >= 400) {
    throw new ProblemError(asProblem(settled.error, settled.response), settled.response);
  }
  return settled;
}

/** Yields every record of a list, page by page. `read` requests the page that starts at the cursor. */
export async function* all<Item>(
  read: (cursor: string | undefined) => Promise<Result<{ data: Item[]; nextCursor: string | null }>>,
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await data(read(cursor));
    yield* page.data;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** Returns the problem of a response, or one made from its status if an intermediary wrote the response. */
function asProblem(error: unknown, response: Response): Problem {
  if (typeof error === "object" && error !== null && "status" in error && "requestId" in error) {
    return error as Problem;
  }
  const detail = typeof error === "string" && error !== "" ? error : "There is no detail.";
  const requestId = response.headers.get("x-amzn-requestid") ?? "";
  return { type: "about:blank", title: response.statusText, status: response.status, detail, requestId };
}
