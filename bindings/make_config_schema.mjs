// Writes bindings/js/config/schema.ts, the $defs of schema/eightfold-config.schema.json without their descriptions.
// Run it after a change of the schema:  node bindings/make_config_schema.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

// A description is a text; a property of that name would be an object.
const isText = (key, value) => key === 'description' && typeof value === 'string';

/** The text of schema.ts: one line for each type. */
export function configSchemaFile() {
  const { $defs } = JSON.parse(readFileSync(at('../schema/eightfold-config.schema.json'), 'utf8'));
  const lines = Object.entries($defs).map(([name, schema]) => {
    const text = JSON.stringify(schema, (key, value) => (isText(key, value) ? undefined : value));
    return `"${name}":${text}`;
  });
  return `// Made by bindings/make_config_schema.mjs from schema/eightfold-config.schema.json: do not edit.
import type { Schema } from './check.ts';

export const defs: Record<string, Schema> = JSON.parse(String.raw\`{
${lines.join(',\n')}
}\`);
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(at('js/config/schema.ts'), configSchemaFile());
}
