// eightfold inspect MODEL --backend NAME: what would become of each node, and why.
import { styleText } from 'node:util';
import type { Explanation, NodeExplanation, ObservedValue } from '../types.ts';
import { UsageError } from './options.ts';
import { table } from './text.ts';

type Style = Parameters<typeof styleText>[0];
type Paint = (style: Style, text: string) => string;

/** Colours for people at a terminal, none for pipes and files. */
export const paintFor = (stream: { isTTY?: boolean }, env = process.env): Paint =>
  stream.isTTY && !env.NO_COLOR
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_, text) => text;

const indent = (text: string, by = '  ') => text.replace(/^(?=.)/gm, by);
const count = (nodes: readonly unknown[]) => `${nodes.length} node${nodes.length === 1 ? '' : 's'}`;

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}

const kColumns = 96;

/** `op  name, name, ...` in lines of a readable length, the op once. */
function namesOf(op: string, names: readonly string[], wide: number, paint: Paint): string {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last !== undefined && wide + last.length + name.length < kColumns) {
      lines[lines.length - 1] = `${last}, ${name}`;
    } else {
      lines.push(name);
    }
  }
  const start = paint('dim', op.padEnd(wide));
  return lines.map((line, i) => (i ? ' '.repeat(wide) : start) + line).join(',\n');
}

const kOperand = /(its (?:input|weight|bias)) '([^']*)'/g;

/** The reason without the names of the operands it is about, so that nodes share it. */
const commonReason = ({ reason }: NodeExplanation) => reason.replace(kOperand, '$1');

/** The node, and the operand its reason is about. */
function nameOf({ node, reason }: NodeExplanation): string {
  const operand = [...reason.matchAll(kOperand)].at(-1)?.[2];
  return operand === undefined ? node : `${node} (${operand})`;
}

/** The nodes that share a reason, under it, by op; what nearly matched, under those it is true of. */
function reasonGroup(reason: string, nodes: NodeExplanation[], paint: Paint): string {
  const wide = Math.max(...nodes.map(({ opType }) => opType.length)) + 2;
  const nearOf = ({ nearMisses }: NodeExplanation) =>
    nearMisses.map((near) => `\n  nearly ${near.pattern}: ${near.reason}`).join('');
  const groups = groupBy(nodes, (one) => `${one.opType}${nearOf(one)}`);
  const lines = groups.map(([, members]) => {
    const [first] = members as [NodeExplanation];
    const names = members.map(nameOf);
    return namesOf(first.opType, names, wide, paint) + paint('dim', nearOf(first));
  });
  return `  ${paint('yellow', reason || 'no reason given')}\n${indent(lines.join('\n'), '    ')}`;
}

/** The nodes that run on an operator; those that are alike in all else share a line. */
function integerGroup(title: string, nodes: NodeExplanation[], paint: Paint): string {
  const alike = groupBy(nodes, ({ pattern, dtypes, kernel }) => [pattern, dtypes, kernel].join());
  const blocks = alike.map(([, members]) => {
    const { pattern, dtypes, kernel } = members[0]!;
    const facts = [pattern && `by ${pattern}`, dtypes, kernel].filter((fact) => fact).join('; ');
    const names = members.map(({ node }) => node);
    return `${paint('dim', facts)}\n${indent(namesOf('', names, 0, paint))}`;
  });
  const body = indent(blocks.join('\n'), '    ');
  return `  ${paint('green', title)}, ${count(nodes)}\n${body}`;
}

/** Shapes, indexes and the like: nothing that a quantizer could do anything about. */
const isPlumbing = ({ makesData }: NodeExplanation) => !makesData;

function byReason(title: string, nodes: NodeExplanation[], paint: Paint): string[] {
  if (!nodes.length) return [];
  const groups = groupBy(nodes, commonReason);
  return [
    paint('bold', title),
    ...groups.map(([reason, members]) => reasonGroup(reason, members, paint)),
  ];
}

/** First what stays float, by its reason; then what runs in float all the same; then the rest. */
export function describeExplanation(explanation: Explanation, paint: Paint): string {
  const { backend, nodes, quantized, floatNodes } = explanation;
  const left = nodes.filter((node) => !node.quantized && !isPlumbing(node));
  const others = nodes.filter((node) => !node.quantized && isPlumbing(node));
  const between = nodes.filter((node) => node.quantized && node.reason);
  const done = nodes.filter((node) => node.quantized && !node.reason);
  const all = quantized + floatNodes;
  const verb = between.length === 1 ? 'runs' : 'run';
  const aside = between.length ? `, but ${between.length} of them ${verb} in float here` : '';
  const parts = [
    `${paint('bold', backend)}: ${quantized} of ${all} nodes are quantized${aside}`,
    ...byReason('Stay float', left, paint),
    ...byReason('Quantized, but run in float here', between, paint),
  ];
  if (done.length) {
    const groups = groupBy(done, ({ runsAs, mode }) => `${runsAs} (${mode})`);
    parts.push(paint('bold', 'Quantized, by what they run as'));
    parts.push(...groups.map(([title, members]) => integerGroup(title, members, paint)));
  }
  if (others.length) {
    const names = groupBy(others, ({ opType }) => opType).map(([op, of]) => `${op} ${of.length}`);
    parts.push(`${paint('bold', 'Shapes and indexes')}\n  ${names.join(', ')}`);
  }
  parts.push(paint('dim', '--node NAME tells all about one node.'));
  return parts.join('\n\n');
}

function observedRow(value: ObservedValue): string[] {
  const { role, value: name, observer, dtype, quantMin, quantMax, slot, sharedWith } = value;
  if (!observer) return [role, name, 'not observed', '', ''];
  const shared = sharedWith?.length ? `, shared with ${sharedWith.join(', ')}` : '';
  const where = slot === undefined ? '' : `slot ${slot}${shared}`;
  return [role, name, observer, `${dtype} ${quantMin}..${quantMax}`, where];
}

/** All about one node. */
export function describeNode(explained: NodeExplanation, paint: Paint): string {
  const { node, opType, quantized, mode, pattern, members, observed, nearMisses } = explained;
  const { reason, dtypes, runsAs, kernel } = explained;
  const facts: [string, string][] = [
    [quantized ? 'but' : 'stays float', reason && paint('yellow', reason)],
    ['runs as', kernel ? `${runsAs}, kernel ${kernel}` : runsAs],
    ['mode', quantized ? paint('green', mode) : mode],
    ['claimed by', pattern],
    ['fused from', members.length > 1 ? members.join(', ') : ''],
    ['dtypes', dtypes],
  ];
  const wide = 'stays float'.length + 2;
  const lines = facts
    .filter(([, text]) => text)
    .map(([name, text]) => `${paint('dim', name.padEnd(wide))}${text}`);
  const blocks = [`${paint('bold', node)}  ${opType}`, indent(lines.join('\n'))];
  if (observed.length) {
    const rows = observed.map(observedRow);
    blocks.push(indent(table(['', 'value', 'observer', 'range', ''], rows)));
  }
  if (nearMisses.length) {
    const near = nearMisses.map((miss) => `${miss.pattern}: ${miss.reason}`);
    blocks.push(`  ${paint('dim', 'nearly matched')}\n${indent(near.join('\n'), '    ')}`);
  }
  return blocks.join('\n');
}

/** The nodes of that name, or those that were fused into another one under it. */
export function nodesNamed(explanation: Explanation, name: string): NodeExplanation[] {
  const { nodes } = explanation;
  const found = nodes.filter(({ node, members }) => node === name || members.includes(name));
  if (found.length) return found;
  const close = nodes.map(({ node }) => node).filter((node) => node.includes(name));
  const known = (close.length ? close : nodes.map(({ node }) => node)).slice(0, 8);
  throw new UsageError(`error: no node '${name}' (there is: ${known.join(', ')})`);
}
