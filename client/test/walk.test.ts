/** Walks all verbs of both resources against a running server: `API_URL` and `API_KEY` say which. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { all, answer, createClient, data, type ItemsCreate, ProblemError, type UsersCreate } from "../src/index.js";

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

test("items: every verb", async () => {
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
  const unchanged = await answer(api.GET("/v1/items/{id}", { params: held }));
  assert.equal(unchanged.response.status, 304);

  await answer(api.DELETE("/v1/items/{id}", { params: ifAt(created.id, 3) }));
  await refused(data(api.GET("/v1/items/{id}", { params: at(created.id) })), 404);
});

test("users: every verb", async () => {
  const created = await data(api.POST("/v1/users", { body: user() }));
  const conflict = await refused(data(api.POST("/v1/users", { body: { ...user(), email: created.email } })), 409);
  assert.deepEqual(conflict.problem.errors?.map((fault) => fault.pointer), ["/email"]);

  const replaced = await data(api.PUT("/v1/users/{id}", { params: at(created.id), body: { ...user(), phone: "+4912345" } }));
  const patched = await data(api.PATCH("/v1/users/{id}", { params: at(created.id), body: { role: "admin", phone: null } }));
  assert.deepEqual([patched.email, patched.role, patched.phone], [replaced.email, "admin", undefined]);
  assert.deepEqual(await data(api.GET("/v1/users/{id}", { params: at(created.id) })), patched);

  const found = await data(api.GET("/v1/users", { params: { query: { email: patched.email.toUpperCase() } } }));
  assert.deepEqual(found.data, [patched]);
  await answer(api.DELETE("/v1/users/{id}", { params: at(created.id) }));
  await refused(answer(api.DELETE("/v1/users/{id}", { params: at(created.id) })), 404);
});

test("a list is walked to its end, each record once", async () => {
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
  await Promise.all(found.map((id) => answer(api.DELETE("/v1/items/{id}", { params: at(id) }))));
  await answer(api.DELETE("/v1/users/{id}", { params: at(owner.id) }));
});

test("the history of a record is walked to its start, newest first", async () => {
  const { id } = await data(api.POST("/v1/items", { body: item }));
  await data(api.PATCH("/v1/items/{id}", { params: at(id), body: { priceCents: 990 } }));
  const read = (cursor: string | undefined) =>
    api.GET("/v1/items/{id}/history", { params: { ...at(id), query: { limit: 2, ...(cursor !== undefined && { cursor }) } } });
  /** The actions, once there are so many: what was done is told soon after, not at once. */
  const told = async (count: number): Promise<string[]> => {
    for (let patience = 100; patience > 0; patience -= 1) {
      const actions: string[] = [];
      for await (const entry of all(read)) {
        actions.push(entry.action);
      }
      if (actions.length >= count) {
        return actions;
      }
      await new Promise((done) => setTimeout(done, 100));
    }
    return assert.fail(`the history does not get ${count} entries`);
  };
  assert.deepEqual(await told(2), ["updated", "created"]);
  await answer(api.DELETE("/v1/items/{id}", { params: at(id) }));
  assert.deepEqual(await told(3), ["deleted", "updated", "created"]);
});

test("without its key it is refused", async () => {
  const stranger = createClient({ baseUrl, apiKey: "" });
  const error = await refused(data(stranger.GET("/v1/items")), 403);
  assert.equal(error.retryAfter, undefined);
});
