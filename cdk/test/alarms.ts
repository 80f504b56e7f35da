// Evaluates the alarms of a template as CloudWatch does, over the metrics of recorded invocations.

import type { Template } from 'aws-cdk-lib/assertions';
import { at, type Json, list, ofType, type Resource, rendered, resources } from './template.ts';

/** The newest version, to which the template's references resolve, and the previous one. */
export const NEW = '7';
export const OLD = '6';

const MINUTE = 60;

export type Line = Readonly<Record<string, unknown>>;

/** An invocation of a function, with its log line if it wrote one. */
export interface Call {
  readonly second: number;
  readonly function: string;
  readonly version: string;
  readonly line?: Line;
  readonly isError?: boolean;
}

/**
 * The delays of metrics in seconds after an invocation: assumptions, since AWS guarantees none. Lambda publishes its metrics
 * every minute, and metric filters follow the log by a minute or two.
 */
export const LAMBDA_DELAY = 60;
export const FILTER_DELAY = 120;

interface Point {
  readonly second: number;
  readonly visibleFrom: number;
}

/** The end of a period, and the time at which it is evaluated. */
interface Evaluation {
  readonly end: number;
  readonly now: number;
}

/** The alarms of a template, with recorded invocations. */
export class Alarms {
  private readonly all: ReadonlyMap<string, Resource>;
  private readonly filters: readonly Resource[];
  private readonly groups: readonly Resource[];
  private readonly points = new Map<string, Point[]>();

  constructor(template: Template) {
    this.all = resources(template);
    this.filters = ofType(template, 'AWS::Logs::MetricFilter');
    this.groups = ofType(template, 'AWS::CodeDeploy::DeploymentGroup');
  }

  /** Returns the alarms that the deployment of a function watches. */
  watchedBy(name: string): Resource[] {
    const group = this.groups.find(({ properties }) => properties.DeploymentGroupName === name);
    const alarms = list(at(group?.properties.AlarmConfiguration, 'Alarms')).map((alarm) => at(alarm, 'Name', 'Ref'));
    return alarms.flatMap((id) => this.all.get(String(id)) ?? []);
  }

  /** Counts an invocation as Lambda and the metric filters of its log group do. */
  record({ second, function: name, version, line, isError = false }: Call): void {
    const dimensions: Readonly<Record<string, string>>[] = [
      { FunctionName: name },
      { FunctionName: name, Resource: `${name}:live` },
      { FunctionName: name, Resource: `${name}:live`, ExecutedVersion: version },
    ];
    for (const set of dimensions) {
      this.count(key('AWS/Lambda', 'Invocations', set), second, LAMBDA_DELAY);
      if (isError) {
        this.count(key('AWS/Lambda', 'Errors', set), second, LAMBDA_DELAY);
      }
    }
    if (line) {
      this.filter({ ...line, function: name, version }, second);
    }
  }

  /** Returns true if the alarm is in the state ALARM at that second: enough of its last periods exceed the threshold. */
  isInAlarm({ properties }: Resource, second: number): boolean {
    const metrics = list(properties.Metrics ?? null);
    const stats = metrics.length > 0 ? metrics.map((metric) => at(metric, 'MetricStat')) : [properties];
    const period = Math.max(...stats.map((stat) => Number(at(stat, 'Period'))));
    const ends = Array.from({ length: Number(properties.EvaluationPeriods) }, (_, index) => second - index * period);
    const over = ends.filter((end) => {
      const read = { end, now: second };
      const value = metrics.length > 0 ? this.expression(metrics, read) : this.stat(properties, read);
      // Missing data is not breaching.
      return value !== null && value > Number(properties.Threshold);
    });
    return over.length >= Number(properties.DatapointsToAlarm ?? properties.EvaluationPeriods);
  }

  private count(metric: string, second: number, delay: number): void {
    const points = this.points.get(metric) ?? [];
    points.push({ second, visibleFrom: second + delay });
    this.points.set(metric, points);
  }

  private filter(line: Line, second: number): void {
    for (const { properties } of this.filters) {
      const group = rendered(properties.LogGroupName ?? null, this.all);
      if (group === `/aws/lambda/${line.function}` && matches(String(properties.FilterPattern), line)) {
        const [transformation] = list(properties.MetricTransformations ?? null);
        const fields = list(at(transformation, 'Dimensions')).map((dimension) => [
          at(dimension, 'Key'),
          field(String(at(dimension, 'Value')), line),
        ]);
        const named = Object.fromEntries(fields) as Record<string, string>;
        this.count(
          key(String(at(transformation, 'MetricNamespace')), String(at(transformation, 'MetricName')), named),
          second,
          FILTER_DELAY,
        );
      }
    }
  }

  /** Returns the sum of a metric over its period, or null without data. */
  private stat(stat: Json, { end, now }: Evaluation): number | null {
    const metric = at(stat, 'MetricName') === null ? at(stat, 'Metric') : stat;
    const dimensions = list(at(metric, 'Dimensions')).map((dimension) => [
      at(dimension, 'Name'),
      this.value(at(dimension, 'Value')),
    ]);
    const named = key(
      String(at(metric, 'Namespace')),
      String(at(metric, 'MetricName')),
      Object.fromEntries(dimensions),
    );
    const start = end - Number(at(stat, 'Period'));
    const points = this.points.get(named) ?? [];
    const visible = points.filter((point) => point.second >= start && point.second < end && point.visibleFrom <= now);
    return visible.length > 0 ? visible.length : null;
  }

  private value(value: Json): string {
    const [id, attribute] = list(at(value, 'Fn::GetAtt'));
    const isVersion = this.all.get(String(id))?.type === 'AWS::Lambda::Version' && attribute === 'Version';
    return isVersion ? NEW : rendered(value, this.all);
  }

  private expression(metrics: readonly Json[], period: Evaluation): number | null {
    const named = new Map(metrics.map((metric) => [String(at(metric, 'Id')), metric]));
    const read = (id: string): number | null => {
      const metric = named.get(id) ?? null;
      const expression = at(metric, 'Expression');
      return expression === null
        ? this.stat(at(metric, 'MetricStat'), period)
        : new Expression(String(expression), read).value();
    };
    const returned = metrics.filter((metric) => at(metric, 'ReturnData') !== false);
    return read(String(at(returned[0], 'Id')));
  }
}

/** Returns the minutes of the bake time at which CodeDeploy checks the alarms, in seconds. */
export function minutes(bake: number): number[] {
  return Array.from({ length: bake }, (_, minute) => (minute + 1) * MINUTE);
}

function key(namespace: string, name: string, dimensions: Readonly<Record<string, string>>): string {
  return JSON.stringify([namespace, name, ...Object.entries(dimensions).sort()]);
}

/** Returns true if the line matches the filter pattern. Supports the forms that the stack uses. */
function matches(pattern: string, line: Line): boolean {
  const inner = pattern.replace(/^\{ (.*) \}$/, '$1');
  const parts = inner.startsWith('(') ? inner.slice(1, -1).split(') && (') : [inner];
  return parts.every((part) => holds(part, line));
}

function holds(condition: string, line: Line): boolean {
  const [, name = '', operator, operand] = /^(\S+) (>=|IS|NOT EXISTS)(?: (\S+))?$/.exec(condition) ?? [];
  const value = field(name, line);
  switch (operator) {
    case '>=':
      return typeof value === 'number' && value >= Number(operand);
    case 'IS':
      return value === (operand === 'TRUE');
    case 'NOT EXISTS':
      return value === undefined;
    default:
      throw new Error(`unsupported condition of a filter pattern: ${condition}`);
  }
}

function field(path: string, line: Line): unknown {
  return line[path.replace(/^\$\./, '')];
}

type Value = number | null;

/** The subset of metric math that the stack uses (CloudWatch user guide, "Using math expressions"): null is missing data. */
class Expression {
  private readonly tokens: string[];

  constructor(
    text: string,
    private readonly read: (id: string) => Value,
  ) {
    this.tokens = text.match(/[A-Za-z]\w*|\d+(?:\.\d+)?|>=|[-+*/>(),]/g) ?? [];
  }

  value(): Value {
    const value = this.compared();
    if (this.tokens.length > 0) {
      throw new Error(`unsupported rest of an expression: ${this.tokens.join(' ')}`);
    }
    return value;
  }

  private compared(): Value {
    return this.chain(['>', '>='], () => this.sum());
  }

  private sum(): Value {
    return this.chain(['+', '-'], () => this.product());
  }

  private product(): Value {
    return this.chain(['*', '/'], () => this.operand());
  }

  private chain(operators: readonly string[], next: () => Value): Value {
    let left = next();
    while (operators.includes(this.tokens[0] ?? '')) {
      const operator = String(this.tokens.shift());
      const right = next();
      left = left === null || right === null ? null : apply(operator, left, right);
    }
    return left;
  }

  private operand(): Value {
    const token = String(this.tokens.shift());
    if (token === '(') {
      const value = this.compared();
      this.tokens.shift();
      return value;
    }
    if (/^\d/.test(token)) {
      return Number(token);
    }
    return this.tokens[0] === '(' ? this.call(token) : this.read(token);
  }

  private call(name: string): Value {
    const given: Value[] = [];
    do {
      this.tokens.shift();
      given.push(this.compared());
    } while (this.tokens[0] === ',');
    this.tokens.shift();
    const [first = null, second = null, third = null] = given;
    switch (name) {
      case 'FILL':
        return first ?? second;
      case 'IF':
        return first === null ? null : first !== 0 ? second : third;
      default:
        throw new Error(`unsupported metric math function ${name}`);
    }
  }
}

function apply(operator: string, left: number, right: number): Value {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return right === 0 ? null : left / right;
    default:
      return Number(operator === '>' ? left > right : left >= right);
  }
}
