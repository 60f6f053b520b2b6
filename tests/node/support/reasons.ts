// Why nodes stay float, as text: a section per model and backend, a line per node. Written by
// tests/golden/explain/make.ts, compared by tests/node/explain_golden.test.ts.
//
//   == zoo, exact8
//   lstm | LSTM | the operator is not known
//   softmax | Softmax, quantized | between its pairs it runs in float: ...
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { haveData, inData, kDataFolder } from '../../accuracy/data.ts';
import { digits, tinyModel } from './digits.ts';
import { eightfold, inRoot } from './eightfold.ts';
import { residualModel } from './residual.ts';
import { zooModel } from './zoo.ts';

export interface Reason {
  node: string;
  opType: string;
  quantized: boolean;
  reason: string;
}

export interface Section {
  model: string;
  backend: string;
  reasons(): Promise<Reason[]>;
}

const sectionOf = (model: string, backend: string, read: () => Uint8Array): Section => ({
  model,
  backend,
  async reasons() {
    const { nodes } = await eightfold.explain(read(), { backend });
    return nodes.filter(({ quantized, reason }) => !quantized || reason);
  },
});

/** Models of the repository, with every preset. */
async function ownSections(): Promise<Section[]> {
  const models = { digits, tiny: tinyModel, residual: residualModel, zoo: zooModel };
  const backends = await eightfold.backendNames();
  return Object.entries(models).flatMap(([name, read]) =>
    backends.map((backend) => sectionOf(name, backend, read)),
  );
}

/** Models of the test data, with the presets that run here and in onnxruntime. */
function dataSections(): Section[] {
  const models = readdirSync(kDataFolder).filter((name) => existsSync(inData(name, 'model.onnx')));
  const read = (name: string) => new Uint8Array(readFileSync(inData(name, 'model.onnx')));
  return models
    .sort()
    .flatMap((name) =>
      ['exact8', 'onnxruntime'].map((backend) => sectionOf(name, backend, () => read(name))),
    );
}

export interface Golden {
  file: string;
  /** Undefined where the models are not there. */
  sections?: Section[];
}

export async function goldens(): Promise<Golden[]> {
  const file = (name: string) => inRoot('tests/golden/explain', name);
  const data = { file: file('data.txt') };
  return [
    { file: file('own.txt'), sections: await ownSections() },
    haveData() ? { ...data, sections: dataSections() } : data,
  ];
}

export const titleOf = ({ model, backend }: Section) => `== ${model}, ${backend}`;

export const linesOf = (reasons: readonly Reason[]): string[] =>
  reasons.map(
    ({ node, opType, quantized, reason }) =>
      `${node} | ${opType}${quantized ? ', quantized' : ''} | ${reason}`,
  );
