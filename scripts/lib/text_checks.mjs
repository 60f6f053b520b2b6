// Checks that read the text of the repository's files: ASCII sources, no address of a package registry, no path of
// somebody's machine, a lock file without addresses.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './paths.mjs';

const kSources = /\.(h|cpp|inc|cmake|ts|mts|js|mjs|css|html|py|sh)$|CMakeLists\.txt$/;
const kText =
  /\.(h|cpp|inc|cmake|ts|mts|js|mjs|css|html|py|sh|txt|md|json)$|(^|\/)(\.npmrc|run|LICENSE)$/;

const kForbidden = [
  [/registry\.(npmjs|npmmirror|yarnpkg)\./, 'the host of a package registry'],
  [
    /\b(deb|security|snapshot)\.debian\.org|\bpypi\.org|\bpythonhosted\.org|\bproxy\.golang\.org|\bcrates\.io/,
    'the host of a package registry',
  ],
  [/\/releases\/download\//, 'a download address'],
  [/(^|[\s"'`(=:])\/(work|root|tmp|home)\/\w/, 'a path of one machine'],
];

function readText(path) {
  return readFileSync(join(root, path), 'utf8');
}

function linesWhere(path, judge) {
  return readText(path)
    .split('\n')
    .flatMap((line, index) => {
      const message = judge(line);
      return message ? [`${path}:${index + 1}: ${message}`] : [];
    });
}

/** Sources hold ASCII only. */
export function checkAscii(files) {
  const judge = (line) =>
    /[^\t\x20-\x7e]/.test(line) ? 'not ASCII (or a control character)' : undefined;
  return files.filter((path) => kSources.test(path)).flatMap((path) => linesWhere(path, judge));
}

/** No text names a registry's host, a download address or a path of one machine. */
export function checkAddresses(files) {
  const judge = (line) => kForbidden.find(([pattern]) => pattern.test(line))?.[1];
  return files.filter((path) => kText.test(path)).flatMap((path) => linesWhere(path, judge));
}

/** The lock file holds versions and hashes, no addresses. */
export function checkLockFile() {
  const judge = (line) =>
    /^\s*"resolved":/.test(line) ? 'an address in the lock file' : undefined;
  return linesWhere('package-lock.json', judge);
}
