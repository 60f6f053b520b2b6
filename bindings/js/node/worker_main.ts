// The script that runs in a worker thread of Node.
import { parentPort } from 'node:worker_threads';
import { expose } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { makeDesk } from '../worker/desk.ts';

if (parentPort) expose(makeDesk(), nodeEndpoint(parentPort));
