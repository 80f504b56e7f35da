// Renders the dashboard of a stage with sample data, as the picture in the docs.

import type { Template } from 'aws-cdk-lib/assertions';
import * as echarts from 'echarts';
import { at, type Json, list, ofType, rendered, resources } from '../test/template.ts';

/** The size of a dashboard's column and row in pixels; it has 24 columns. */
const CELL = { width: 50, height: 44 };
const COLUMNS = 24;
const POINTS = 60;
/** The series of a graph in the picture: a dashboard shows all. */
const SERIES = 5;

/** Returns the picture of a dashboard in SVG. The data is invented, and the same each time. */
export function dashboardPicture(template: Template, name: string): string {
  const found = ofType(template, 'AWS::CloudWatch::Dashboard').find(
    ({ properties }) => rendered(properties.DashboardName ?? null, resources(template)) === name,
  );
  const body = JSON.parse(rendered(found?.properties.DashboardBody ?? null, resources(template))) as Json;
  const widgets = list(at(body, 'widgets')).map(widgetOf);
  const height = Math.max(...widgets.map(({ y, height }) => y + height));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${COLUMNS * CELL.width}" height="${height}" font-family="sans-serif">`,
    '<rect width="100%" height="100%" fill="#f2f3f3"/>',
    ...widgets.map(({ x, y, picture }) => `<g transform="translate(${x} ${y})">${picture}</g>`),
    '</svg>',
    '',
  ].join('\n');
}

interface Widget {
  readonly x: number;
  readonly y: number;
  readonly height: number;
  readonly picture: string;
}

function widgetOf(widget: Json): Widget {
  const cells = (name: string) => Number(at(widget, name));
  const size = { width: cells('width') * CELL.width - 8, height: cells('height') * CELL.height - 8 };
  const title = String(at(widget, 'properties', 'title'));
  const labels = list(at(widget, 'properties', 'metrics'))
    .flatMap(labelOf)
    .slice(0, SERIES);
  const isChart = at(widget, 'type') === 'metric' && at(widget, 'properties', 'view') === 'timeSeries';
  return {
    x: cells('x') * CELL.width + 4,
    y: cells('y') * CELL.height + 4,
    height: size.height + 4,
    picture: isChart
      ? chart(title, labels, size)
      : text(title, at(widget, 'type') === 'log' ? SAMPLE_TABLE : ['$ 1.27'], size),
  };
}

/** The lines of a query's table. */
const SAMPLE_TABLE = ['items_list      31 of 512', 'items_create    30 of 512', 'audit_append    29 of 512'];

/** Returns the label of a metric, or those of an expression that finds several. */
function labelOf(metric: Json): string[] {
  const parts = list(metric);
  const options = parts.at(-1) ?? null;
  if (at(options, 'visible') === false) {
    return [];
  }
  if (at(options, 'expression') !== null) {
    return ['items_get', 'items_list', 'items_create'];
  }
  const label = at(options, 'label');
  return [label === null ? String(parts[1]) : String(label)];
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function chart(title: string, labels: readonly string[], { width, height }: Size): string {
  const drawn = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  drawn.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, left: 8, top: 6, textStyle: { fontSize: 13, fontWeight: 'normal' } },
    legend: { bottom: 4, type: 'plain', itemHeight: 8, textStyle: { fontSize: 10 } },
    grid: { left: 48, right: 16, top: 36, bottom: 56 },
    xAxis: { type: 'category', data: times(), axisLabel: { fontSize: 9 } },
    yAxis: { type: 'value', axisLabel: { fontSize: 9 } },
    series: labels.map((label) => ({ type: 'line', name: label, showSymbol: false, data: sample(title, label) })),
  });
  const picture = drawn.renderToSVGString();
  drawn.dispose();
  return picture;
}

function text(title: string, lines: readonly string[], { width, height }: Size): string {
  const line = (content: string, row: number) =>
    `<text x="16" y="${54 + 20 * row}" font-size="13" font-family="monospace">${content}</text>`;
  const heading = `<text x="8" y="20" font-size="13">${title}</text>`;
  return `<rect width="${width}" height="${height}" fill="#ffffff"/>${heading}${lines.map(line).join('')}`;
}

function times(): string[] {
  return Array.from({ length: POINTS }, (_, minute) => `12:${String(minute).padStart(2, '0')}`);
}

/** Returns invented values: a level and a wave that depend on the names alone. Errors and throttles are rare. */
function sample(title: string, label: string): number[] {
  const percentile = /p(\d\d)/.exec(`${title} ${label}`)?.[1];
  const scale = percentile === '99' ? 3 : percentile === '90' ? 1.8 : 1;
  const named = `${title} ${label}`.replaceAll(/p\d\d/g, '');
  const seed = [...named].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 9_973, 7);
  const isRare = /error|throttle|failed|retries|409|412|cold/i.test(title);
  return Array.from({ length: POINTS }, (_, minute) => {
    const noise = ((seed * (minute + 3) * 7_919) % 997) / 997;
    const wave = 1 + Math.sin((minute + (seed % 30)) / 9) / 4;
    return isRare ? (noise > 0.96 ? 1 : 0) : Math.round(scale * (10 + (seed % 40)) * wave * (0.9 + noise / 5));
  });
}
