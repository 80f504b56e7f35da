// The templates of a stage's stacks as one, in which references between stacks are references to the resources.

import type { Json } from './template.ts';

export interface StackTemplate {
  readonly name: string;
  readonly template: Body;
}

interface Body {
  readonly Resources: Members;
  readonly Outputs?: Members;
}

type Members = Readonly<Record<string, Json>>;

/** The intrinsic functions that refer to a resource of the same template by its logical id. */
const REFERENCES = ['Ref', 'Fn::GetAtt', 'DependsOn'];

/** Returns the union. Logical ids begin with the name of their stack; outputs that only other stacks read are left out. */
export function union(stacks: readonly StackTemplate[]): Body {
  const outputs = new Map(
    stacks.flatMap(({ name, template }) =>
      Object.entries(template.Outputs ?? {}).map(([output, definition]) => {
        const { Value } = definition as { readonly Value: Json };
        return [`${name} ${output}`, renamed(Value, name, template)] as const;
      }),
    ),
  );
  const all = stacks.flatMap(({ name, template }) =>
    Object.entries(template.Resources).map(([id, resource]) => {
      return [unique(name, id), resolved(renamed(resource, name, template), outputs)] as const;
    }),
  );
  const own = [...outputs].filter(([output]) => !output.includes(' PublishOutput'));
  return {
    Resources: Object.fromEntries(all),
    Outputs: Object.fromEntries(
      own.map(([output, value]) => [output.split(' ')[1] ?? '', { Value: resolved(value, outputs) }]),
    ),
  };
}

function unique(stack: string, id: string): string {
  return `${stack.replaceAll(/\W/g, '')}${id}`;
}

/** Replaces the logical ids of a template's resources. */
function renamed(value: Json, stack: string, template: Body): Json {
  const name = (id: Json): Json => (typeof id === 'string' && id in template.Resources ? unique(stack, id) : id);
  return mapped(value, (key, member) => {
    if (!REFERENCES.includes(key)) {
      return undefined;
    }
    if (!Array.isArray(member)) {
      return name(member);
    }
    return key === 'DependsOn' ? member.map(name) : [name(member[0] ?? null), ...member.slice(1)];
  });
}

/** Replaces references to other stacks by what the outputs refer to. */
function resolved(value: Json, outputs: ReadonlyMap<string, Json>): Json {
  return mapped(value, (key, member) => {
    if (key !== 'Fn::GetStackOutput') {
      return undefined;
    }
    const { StackName, OutputName } = member as Readonly<Record<string, string>>;
    const found = outputs.get(`${StackName} ${OutputName}`);
    if (found === undefined) {
      throw new Error(`${StackName} has no output ${OutputName}`);
    }
    return new Replacement(found);
  });
}

/** A value that takes the place of the object with the member. */
class Replacement {
  constructor(readonly value: Json) {}
}

function mapped(value: Json, replace: (key: string, member: Json) => Json | Replacement | undefined): Json {
  if (Array.isArray(value)) {
    return value.map((item: Json) => mapped(item, replace));
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    const replaced = replace(key, member);
    if (replaced instanceof Replacement) {
      return replaced.value;
    }
    members.push([key, replaced ?? mapped(member, replace)]);
  }
  return Object.fromEntries(members);
}
