/** Tests of the docs page in a real browser, in phone and desktop size, on the server in `API_URL`. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { chromium } from "playwright-core";

const api = process.env.API_URL ?? "http://127.0.0.1:3000";
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const folder = process.env.SCREENSHOTS;
const skip = !existsSync(executablePath) && !process.env.REQUIRE_ALL && "no chromium: `apt-get install chromium`, or set CHROMIUM to its path";
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 900 } };

const document = JSON.parse(readFileSync(new URL("../openapi.json", import.meta.url), "utf8"));
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));

async function withPage(viewport, use) {
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage({ viewport });
    const requests = [];
    const errors = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`${api}/docs`);
    await page.locator(".opblock").first().waitFor();
    await use(page);
    assert.deepEqual(errors, []);
    assert.deepEqual(requests.filter((url) => !url.startsWith(api) && !url.startsWith("data:")), []);
  } finally {
    await browser.close();
  }
}

async function assertFits(page, viewport) {
  const width = await page.evaluate("globalThis.document.documentElement.scrollWidth");
  assert.ok(width <= viewport.width, `${width} pixels wide on ${viewport.width}`);
}

async function screenshot(page, name) {
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

for (const [name, viewport] of Object.entries(sizes)) {
  test(`the page lists every operation and fits a ${name}`, { skip }, async () => {
    await withPage(viewport, async (page) => {
      assert.equal(await page.locator(".opblock").count(), operations.length);
      for (const { operationId, tags } of operations) {
        assert.ok(await page.locator(`#operations-${tags[0]}-${operationId}`).isVisible(), operationId);
      }
      await assertFits(page, viewport);
      await screenshot(page, `docs-${name}`);
    });
  });

  test(`"Try it out" creates a record with the local key on a ${name}`, { skip }, async () => {
    await withPage(viewport, async (page) => {
      const { operationId, tags } = operations.find(({ operationId }) => operationId.endsWith("_create"));
      const create = page.locator(`#operations-${tags[0]}-${operationId}`);
      await create.locator(".opblock-summary-control").click();
      await create.getByRole("button", { name: "Try it out" }).click();
      await create.getByRole("button", { name: "Execute" }).click();
      const status = create.locator(".live-responses-table td.response-col_status:not(.col_header)");
      await status.waitFor();
      assert.match(await status.innerText(), /^201/);
      await assertFits(page, viewport);
      await screenshot(page, `created-${name}`);
    });
  });
}
