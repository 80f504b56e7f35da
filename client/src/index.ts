/** A typed client of the API: `openapi-fetch` over the types of `openapi.json`, with its errors as exceptions. */
import createFetchClient, { type Client as FetchClient } from "openapi-fetch";
import type { Problem, paths } from "./schema.js";

export type * from "./schema.js";

/** What every method of the API is called through, as in `api.GET("/v1/items/{id}", …)`. */
export type Client = FetchClient<paths>;

export interface Options {
  /** Where the API is, with the stage where the URL has one. */
  readonly baseUrl: string;
  /** The value of `x-api-key`. */
  readonly apiKey: string;
  /** Another `fetch` than the platform's. */
  readonly fetch?: (request: Request) => Promise<Response>;
}

/** A client that sends the API key with every request. */
export function createClient({ baseUrl, apiKey, fetch }: Options): Client {
  const headers = { "x-api-key": apiKey };
  return createFetchClient<paths>({ baseUrl, headers, ...(fetch && { fetch }) });
}

/** An answer that is a problem (RFC 9457). */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(
    readonly problem: Problem,
    readonly response: Response,
  ) {
    super(`${problem.status} ${problem.title}: ${problem.detail}`);
  }

  /** How many seconds to wait before the request is worth repeating; undefined when it is not. */
  get retryAfter(): number | undefined {
    const seconds = this.response.headers.get("Retry-After");
    return seconds === null ? undefined : Number(seconds);
  }
}

/** What `openapi-fetch` resolves to, as far as this module needs to know. */
interface Result<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The data of an answer; throws a `ProblemError` when it is a problem. */
export async function data<Data>(call: Promise<Result<Data>>): Promise<NonNullable<Data>> {
  const { data, response } = await answer(call);
  if (data === undefined || data === null) {
    throw new TypeError(`the answer ${response.status} has no body`);
  }
  return data;
}

/** An answer that is no problem, for callers that need its headers or expect no body. */
export async function answer<Data>(call: Promise<Result<Data>>): Promise<Result<Data>> {
  const result = await call;
  if (result.response.status >= 400) {
    throw new ProblemError(asProblem(result.error, result.response), result.response);
  }
  return result;
}

/** Every record of a list, page by page: `read` asks for the page that starts at the cursor. */
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

/** The problem in an answer, also where something in front of the API wrote it. */
function asProblem(error: unknown, response: Response): Problem {
  if (typeof error === "object" && error !== null && "status" in error && "requestId" in error) {
    return error as Problem;
  }
  const detail = typeof error === "string" && error !== "" ? error : "There is no detail.";
  const requestId = response.headers.get("x-amzn-requestid") ?? "";
  return { type: "about:blank", title: response.statusText, status: response.status, detail, requestId };
}
