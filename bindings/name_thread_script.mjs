// node name_thread_script.mjs <eightfold.mjs>: lets whoever loads the module start the scripts of its threads.
//
// As it is linked the module starts itself once more, at an address that bundlers follow into a circle and with options
// that they cannot read. load.ts has both spelled out.
import { readFileSync, writeFileSync } from 'node:fs';

const kStart = /new Worker\(new URL\("eightfold\.mjs",import\.meta\.url\),workerOptions\)/g;

const [path] = process.argv.slice(2);
const text = readFileSync(path, 'utf8');
const found = text.match(kStart)?.length ?? 0;
if (found !== 1) throw new Error(`${path} starts threads in ${found} places instead of one`);
writeFileSync(path, text.replace(kStart, 'Module.startThread()'));
