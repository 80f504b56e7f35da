// The executable of all functions that `make build` wrote, checked before it is deployed.

import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { Architecture } from 'aws-cdk-lib/aws-lambda';

/** The ELF header's `e_machine` (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html). */
const MACHINES = new Map([
  [0x3e, Architecture.X86_64.name],
  [0xb7, Architecture.ARM_64.name],
]);

/** The name of the executable and of its folder. */
export const EXECUTABLE = 'functions';

/** The parent of the executable's folder, and the architecture to deploy. */
export interface Binaries {
  readonly directory: string;
  readonly architecture: Architecture;
}

/** Returns the folder of the executable. Throws if it is missing or built for another architecture. */
export function executableFolder({ directory, architecture }: Binaries): string {
  const folder = `${directory}/${EXECUTABLE}`;
  const file = `${folder}/bootstrap`;
  if (!existsSync(file)) {
    throw new Error(`${file} is missing: run \`make build\``);
  }
  const machine = machineOf(file);
  if (machine !== architecture.name) {
    throw new Error(
      `${file} is for ${machine ?? 'no architecture Lambda supports'}, not ${architecture.name}: ` +
        'build it again, or deploy with `-c architecture=…`',
    );
  }
  return folder;
}

/** Returns the architecture of this name, as given in the context. */
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
