/** Tests of the client itself, on a small API: what it sends, lists page by page, and errors. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "openapi-fetch";
import { all, createClient, data, type Options, ProblemError } from "../src/index.js";

interface Page {
  data: { id: string }[];
  nextCursor: string | null;
}

/** The API of these tests, so that they do not depend on the project's resources. */
interface Paths {
  "/v1/things": {
    get: {
      parameters: { query?: { cursor?: string } };
      responses: { 200: { content: { "application/json": Page } } };
    };
  };
}

const empty: Page = { data: [], nextCursor: null };

function client(options: Pick<Options, "token" | "fetch">): Client<Paths> {
  return createClient({ baseUrl: "http://api.example.com", apiKey: "key", ...options }) as unknown as Client<Paths>;
}

async function refusal(response: Response): Promise<ProblemError> {
  const error: unknown = await data(client({ fetch: async () => response }).GET("/v1/things")).catch((error: unknown) => error);
  assert.ok(error instanceof ProblemError, String(error));
  return error;
}

test("the key is sent with every request", async () => {
  const fetch = async (request: Request): Promise<Response> => {
    assert.equal(request.headers.get("x-api-key"), "key");
    return Response.json(empty);
  };
  assert.deepEqual(await data(client({ fetch }).GET("/v1/things")), empty);
});

test("a token is sent with every request, and asked for each time", async () => {
  const sent: (string | null)[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    sent.push(request.headers.get("authorization"));
    return Response.json(empty);
  };
  const tokens = ["second", undefined, "third"];
  const renewing = client({ token: async () => tokens.shift(), fetch });
  for (const caller of [client({ token: "first", fetch }), client({ fetch }), renewing, renewing, renewing]) {
    await data(caller.GET("/v1/things"));
  }
  assert.deepEqual(sent, ["Bearer first", null, "Bearer second", null, "Bearer third"]);
});

test("a list is read page by page to its end", async () => {
  const pages: Record<string, Page> = {
    "": { data: [{ id: "1" }, { id: "2" }], nextCursor: "a" },
    a: { data: [], nextCursor: "b" },
    b: { data: [{ id: "3" }], nextCursor: null },
  };
  const fetch = async ({ url }: Request): Promise<Response> => Response.json(pages[new URL(url).searchParams.get("cursor") ?? ""]);
  const found: string[] = [];
  for await (const { id } of all((cursor) => client({ fetch }).GET("/v1/things", { params: { query: { ...(cursor !== undefined && { cursor }) } } }))) {
    found.push(id);
  }
  assert.deepEqual(found, ["1", "2", "3"]);
});

test("a problem is an error with the time to wait before a retry", async () => {
  const problem = { type: "about:blank", title: "Too Many Requests", status: 429, detail: "Wait.", requestId: "r" };
  const error = await refusal(Response.json(problem, { status: 429, headers: { "Retry-After": "3" } }));
  assert.deepEqual(error.problem, problem);
  assert.equal(error.retryAfter, 3);
});

test("an answer of an intermediary is a problem with its status", async () => {
  const error = await refusal(new Response("Bad gateway", { status: 502, statusText: "Bad Gateway", headers: { "x-amzn-requestid": "r" } }));
  assert.deepEqual(error.problem, { type: "about:blank", title: "Bad Gateway", status: 502, detail: "Bad gateway", requestId: "r" });
  assert.equal(error.retryAfter, undefined);
});
