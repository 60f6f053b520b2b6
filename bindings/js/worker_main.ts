// The script that runs in the module worker.
import { expose } from 'comlink';
import { makeDesk } from './worker/desk.ts';

expose(makeDesk());
