// Writes bindings/js/error_codes.ts from the one list of codes, EIGHTFOLD_ERROR_CODES in src/core/error.h.
// Run it after a change of that list:  node bindings/make_error_codes.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The text of error_codes.ts. */
export function errorCodesFile() {
  const header = readFileSync(at('../src/core/error.h'), 'utf8');
  const list = /#define EIGHTFOLD_ERROR_CODES\(X\)([\s\S]*?)\n\n/.exec(header)[1];
  const rows = [...list.matchAll(/X\(\w+, "(\w+)",\s*\\?\s*"([^"]*)"\)/g)];
  const lines = rows.map(([, code, meaning]) => `  ${code}: '${meaning}',`);
  return `// Made by bindings/make_error_codes.mjs from src/core/error.h: do not edit.

/** Every code an \`EightfoldError\` can carry, and what it means. */
export const errorCodes = {
${lines.join('\n')}
} as const;

export type ErrorCode = keyof typeof errorCodes;
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(at('js/error_codes.ts'), errorCodesFile());
}
