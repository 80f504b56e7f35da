// What `make build` left: a binary for each function, checked before it is deployed.

import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { Architecture } from 'aws-cdk-lib/aws-lambda';

/** The ELF header's `e_machine` (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html). */
const MACHINES = new Map([
  [0x3e, Architecture.X86_64.name],
  [0xb7, Architecture.ARM_64.name],
]);

/** Where the binaries are, and what for. */
export interface Binaries {
  readonly directory: string;
  readonly architecture: Architecture;
}

/** The folder of a function's binary, once it is sure that Lambda can run it. */
export function folderOf(name: string, { directory, architecture }: Binaries): string {
  const file = `${directory}/${name}/bootstrap`;
  if (!existsSync(file)) {
    throw new Error(`${file} is missing: run \`make build\``);
  }
  const machine = machineOf(file);
  if (machine !== architecture.name) {
    throw new Error(
      `${file} is for ${machine ?? 'no machine Lambda has'}, not ${architecture.name}: ` +
        'build it anew, or deploy with `-c architecture=…`',
    );
  }
  return `${directory}/${name}`;
}

/** The architecture of that name, as the context gives it. */
export function architectureNamed(name: unknown): Architecture {
  const found = [Architecture.ARM_64, Architecture.X86_64].find((architecture) => architecture.name === name);
  if (!found) {
    throw new Error(`there is no architecture ${JSON.stringify(name)}: it is arm64 or x86_64`);
  }
  return found;
}

function machineOf(file: string): string | undefined {
  const header = Buffer.alloc(20);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, header);
  closeSync(descriptor);
  return header.toString('latin1', 0, 4) === '\x7fELF' ? MACHINES.get(header.readUInt16LE(18)) : undefined;
}
