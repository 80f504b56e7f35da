// Types for a package without its own.

declare module 'asl-validator' {
  interface Options {
    readonly checkPaths?: boolean;
    readonly checkArn?: boolean;
  }

  interface Result {
    readonly isValid: boolean;
    readonly errors: readonly object[];
  }

  export default function validate(definition: unknown, options?: Options): Result;
}
