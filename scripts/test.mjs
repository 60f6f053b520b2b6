// `npm test`: sets up what is missing, builds, runs every stage and ends with the line "N passed, N failed".
// One or some stages alone: `npm test -- --only native,wasm`.
import { installPackages } from './lib/packages.mjs';
import { dataDir, exists } from './lib/paths.mjs';
import { elapsed, runMain, StepError, say } from './lib/run.mjs';
import { kStages } from './lib/test_stages.mjs';
import { setUp } from './setup.mjs';

/** The stages the command line asks for. */
function chosenStages(args) {
  const at = args.findIndex((arg) => arg === '--only' || arg.startsWith('--only='));
  if (at < 0) return kStages;
  const names = (args[at].split('=')[1] ?? args[at + 1] ?? '').split(',');
  const unknown = names.filter((name) => !kStages.some((stage) => stage.name === name));
  if (unknown.length) {
    const known = kStages.map((stage) => stage.name).join(', ');
    throw new StepError(`no stage "${unknown.join('", "')}"; there are: ${known}`);
  }
  return kStages.filter((stage) => names.includes(stage.name));
}

/** Runs a stage; one that cannot run (a build error, say) is one failure, and the others still run. */
async function runStage(stage, env) {
  say(`\n== ${stage.name}: ${stage.title}`);
  const start = Date.now();
  try {
    return { ...(await stage.run(env)), took: elapsed(start) };
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    say(error.message);
    return { passed: 0, failed: 1, skipped: 0, took: elapsed(start) };
  }
}

function summarize(results) {
  say('\n== summary');
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, passed, failed, skipped, took } of results) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
    const mark = failed ? 'FAIL' : 'ok  ';
    say(
      `  ${mark} ${name.padEnd(10)} ${passed} passed, ${failed} failed, ${skipped} skipped (${took})`,
    );
  }
  const skipped = total.skipped ? `, ${total.skipped} skipped` : '';
  say(`\n${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

await runMain(async () => {
  const stages = chosenStages(process.argv.slice(2));
  const env = await setUp();
  await installPackages();
  if (!exists(dataDir))
    say(`no test data at ${dataDir} (EIGHTFOLD_DATA names it): tests on it are skipped`);
  const results = [];
  for (const stage of stages) results.push({ name: stage.name, ...(await runStage(stage, env)) });
  return summarize(results);
});
