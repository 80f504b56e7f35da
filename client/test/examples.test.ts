/** Tests of every operation of both resources against the running server in `API_URL`, with the key in `API_KEY`. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { all, createClient, data, type ItemsCreate, ProblemError, result, type UsersCreate } from "../src/index.js";

const baseUrl = process.env["API_URL"] ?? "http://127.0.0.1:3000";
const apiKey = process.env["API_KEY"] ?? "local-basic-key-0123456789";
const api = createClient({ baseUrl, apiKey });

const user = (): UsersCreate => ({ name: "Ada", email: `${randomUUID()}@example.com` });
const item: ItemsCreate = { name: "Cup", priceCents: 1250, currency: "EUR", tags: ["kitchen"] };
const at = (id: string) => ({ path: { id } });
const ifAt = (id: string, version: number) => ({ path: { id }, header: { "If-Match": `"${version}"` } });

async function refused(call: Promise<unknown>, status: number): Promise<ProblemError> {
  const error: unknown = await call.then(
    () => assert.fail(`expected ${status}`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof ProblemError, String(error));
  assert.equal(error.problem.status, status);
  return error;
}

test("items support every operation", async () => {
  const header = { "Idempotency-Key": randomUUID() };
  const created = await data(api.POST("/v1/items", { params: { header }, body: item }));
  const repeated = await data(api.POST("/v1/items", { params: { header }, body: item }));
  assert.deepEqual(repeated, created);
  assert.equal(created.status, "draft");

  const params = ifAt(created.id, 1);
  const replaced = await data(api.PUT("/v1/items/{id}", { params, body: { ...item, status: "active" } }));
  assert.equal(replaced.version, 2);
  await refused(data(api.PUT("/v1/items/{id}", { params, body: item })), 412);

  const patch = { description: "Stoneware", tags: null };
  const patched = await data(api.PATCH("/v1/items/{id}", { params: ifAt(created.id, 2), body: patch }));
  assert.deepEqual([patched.description, patched.tags, patched.status], ["Stoneware", [], "active"]);

  assert.deepEqual(await data(api.GET("/v1/items/{id}", { params: at(created.id) })), patched);
  const held = { path: { id: created.id }, header: { "If-None-Match": '"3"' } };
  const unchanged = await result(api.GET("/v1/items/{id}", { params: held }));
  assert.equal(unchanged.response.status, 304);

  await result(api.DELETE("/v1/items/{id}", { params: ifAt(created.id, 3) }));
  await refused(data(api.GET("/v1/items/{id}", { params: at(created.id) })), 404);
});

test("users support every operation", async () => {
  const created = await data(api.POST("/v1/users", { body: user() }));
  // Others do not see it; a key with the role admin does.
  assert.ok(created.email);
  const conflict = await refused(data(api.POST("/v1/users", { body: { ...user(), email: created.email } })), 409);
  assert.deepEqual(conflict.problem.errors?.map((error) => error.pointer), ["/email"]);

  const replaced = await data(api.PUT("/v1/users/{id}", { params: at(created.id), body: { ...user(), phone: "+4912345" } }));
  const patched = await data(api.PATCH("/v1/users/{id}", { params: at(created.id), body: { role: "admin", phone: null } }));
  assert.deepEqual([patched.email, patched.role, patched.phone], [replaced.email, "admin", undefined]);
  assert.deepEqual(await data(api.GET("/v1/users/{id}", { params: at(created.id) })), patched);

  const found = await data(api.GET("/v1/users", { params: { query: { email: replaced.email?.toUpperCase() ?? "" } } }));
  assert.deepEqual(found.data, [patched]);
  await result(api.DELETE("/v1/users/{id}", { params: at(created.id) }));
  await refused(result(api.DELETE("/v1/users/{id}", { params: at(created.id) })), 404);
});

test("a list yields each record once", async () => {
  const owner = await data(api.POST("/v1/users", { body: user() }));
  const made = await Promise.all(
    [1, 2, 3, 4, 5].map(() => data(api.POST("/v1/items", { body: { ...item, ownerId: owner.id } }))),
  );
  const found: string[] = [];
  const query = { ownerId: owner.id, limit: 2, order: "asc" } as const;
  for await (const { id } of all((cursor) => api.GET("/v1/items", { params: { query: { ...query, ...(cursor !== undefined && { cursor }) } } }))) {
    found.push(id);
  }
  assert.deepEqual(found, made.map(({ id }) => id).toSorted());
  await Promise.all(found.map((id) => result(api.DELETE("/v1/items/{id}", { params: at(id) }))));
  await result(api.DELETE("/v1/users/{id}", { params: at(owner.id) }));
});

test("a history yields every entry, newest first", async () => {
  const { id } = await data(api.POST("/v1/items", { body: item }));
  await data(api.PATCH("/v1/items/{id}", { params: at(id), body: { priceCents: 990 } }));
  const read = (cursor: string | undefined) =>
    api.GET("/v1/items/{id}/history", { params: { ...at(id), query: { limit: 2, ...(cursor !== undefined && { cursor }) } } });
  /** Waits until the history has this many actions, since it is eventually consistent, and returns them. */
  const actionsOf = async (count: number): Promise<string[]> => {
    for (let attempts = 100; attempts > 0; attempts -= 1) {
      const actions: string[] = [];
      for await (const entry of all(read)) {
        actions.push(entry.action);
      }
      if (actions.length >= count) {
        return actions;
      }
      await new Promise((done) => setTimeout(done, 100));
    }
    return assert.fail(`the history does not reach ${count} entries`);
  };
  assert.deepEqual(await actionsOf(2), ["updated", "created"]);
  await result(api.DELETE("/v1/items/{id}", { params: at(id) }));
  assert.deepEqual(await actionsOf(3), ["deleted", "updated", "created"]);
});

test("a token that is not valid is refused", async () => {
  const client = createClient({ baseUrl, apiKey, token: "invalid" });
  const error = await refused(data(client.GET("/v1/items")), 401);
  assert.match(error.response.headers.get("www-authenticate") ?? "", /^Bearer error="invalid_token"$/);
});

test("a request without a key is refused", async () => {
  const unauthenticated = createClient({ baseUrl, apiKey: "" });
  const error = await refused(data(unauthenticated.GET("/v1/items")), 403);
  assert.equal(error.retryAfter, undefined);
});
