// Asserts what docs/RESULTS.md states: one test per model, each bound of its row, on Eightfold's
// Session and on onnxruntime-web. The float figures are held against those the data quotes, so that
// a harness gone wrong is not taken for a good quantizer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { haveData, kDataFolder, kNoData } from './data.ts';
import { measureFloat, measureInt8 } from './measure.ts';
import { kModels } from './models.ts';
import { summary } from './results.ts';

const skip = haveData() ? false : kNoData;
if (skip) console.log(`accuracy: skipped, ${skip}; looked in ${kDataFolder}`);

for (const row of kModels) {
  test(`${row.name} keeps its bounds in int8`, { skip }, async (t) => {
    const float = await measureFloat(row);
    for (const { what, value, bound, ok } of float.quoted)
      assert.ok(ok, `harness: ${what} is ${value}, bound ${bound}`);
    const int8 = await measureInt8(float, 'qdq');
    for (const line of summary({ float, int8: [int8] }).split('\n')) t.diagnostic(line);
    const failed = int8.verdicts.filter(({ ok }) => !ok);
    assert.deepEqual(failed, [], `${failed.length} of ${int8.verdicts.length} bounds fail`);
  });
}
