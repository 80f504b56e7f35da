/** Tests of the OpenAPI document with other tools: Redocly's rules pass, and Postman imports every operation. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import converter from "openapi-to-postmanv2";

const path = fileURLToPath(new URL("../openapi.json", import.meta.url));
const document = JSON.parse(readFileSync(path, "utf8"));
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

test("the recommended rules of Redocly pass without a warning", async () => {
  const redocly = fileURLToPath(new URL("node_modules/.bin/redocly", import.meta.url));
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const lint = ["lint", path, "--extends", "recommended", "--format", "json"];
  const { stdout } = await promisify(execFile)(redocly, lint, { env }).catch((error) => error);
  const { totals, problems } = JSON.parse(stdout.slice(stdout.indexOf("{")));
  assert.deepEqual([totals.errors, totals.warnings], [0, 0], JSON.stringify(problems, null, 2));
});

test("Postman imports every operation without a warning", async () => {
  const warnings = [];
  const warn = console.warn;
  console.warn = (...parts) => warnings.push(parts.join(" "));
  const convert = promisify(converter.convertV2);
  const { result, reason, output } = await convert({ type: "json", data: document }, {});
  console.warn = warn;
  assert.ok(result, reason);
  assert.deepEqual(warnings, []);
  const requests = (item) => (item.request ? [item.name] : item.item.flatMap(requests));
  const names = requests(output[0].data).sort();
  assert.deepEqual(names, operations.map(({ summary }) => summary).sort());
});
