// What went wrong, with all that the core tells: the code, the node and its operator, and what to do next.
import { byId, h, show } from './dom.ts';

export interface Problem {
  message: string;
  code?: string;
  node?: string;
  opType?: string;
  hint?: string;
}

/** Errors of the page itself: the file a user gave does not serve. */
export class PageError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint = '',
  ) {
    super(message);
  }
}

function problemOf(error: unknown): Problem {
  if (error instanceof Error) return error as Problem;
  return { message: String(error) };
}

export function isAbort(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return code === 'aborted' || name === 'AbortError';
}

export function showProblem(error: unknown): void {
  const { message, code, node, opType, hint } = problemOf(error);
  const rows = [
    ['Code', code],
    ['Node', node],
    ['Operator', opType],
    ['Hint', hint],
  ].filter(([, text]) => text);
  const panel = byId('problem');
  panel.replaceChildren(
    h('h2', {}, 'This did not work'),
    h('p', { class: 'message' }, message),
    h(
      'dl',
      { class: 'facts' },
      ...rows.flatMap(([name, text]) => [h('dt', {}, name), h('dd', {}, text)]),
    ),
  );
  show(panel, true);
  panel.scrollIntoView({ block: 'nearest' });
}

export function clearProblem(): void {
  show(byId('problem'), false);
}
