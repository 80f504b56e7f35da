// Runs every test in one process, so that they share the templates.

import { readdirSync } from 'node:fs';

for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'))) {
  await import(`./${file}`);
}
