// `npm start`: sets up what is missing, builds, quantizes the bundled example model in Node and prints the report,
// then serves the page on localhost. With CI=true or --no-serve it ends after the report.
import { join } from 'node:path';
import { buildAll } from './build.mjs';
import { installPackages } from './lib/packages.mjs';
import { root, systemNode } from './lib/paths.mjs';
import { mustRun, runMain, say } from './lib/run.mjs';
import { serve } from './lib/serve.mjs';
import { setUp } from './setup.mjs';

const kPort = 8088;

await runMain(async () => {
  const env = await setUp();
  await installPackages();
  await buildAll(env);
  await mustRun(systemNode(), [join(root, 'examples/digits/run.mjs')], { cwd: root });
  if (process.env.CI === 'true' || process.argv.includes('--no-serve')) return;
  const { url } = await serve(join(root, 'web/dist'), {
    port: Number(process.env.PORT) || kPort,
    peer: join(root, 'node_modules/onnxruntime-web/dist'),
  });
  say(`\nThe page is at ${url} (Ctrl+C ends it).`);
});
