// Small random QDQ graphs in the manner of the tools that make them. Every value that a layer reads stands between
// QuantizeLinear and DequantizeLinear.
import { Dice, type Dims, type Filled, scalar, Writer } from './both_runtimes.ts';
import type { AttributeValue } from './onnx_builder.ts';

/** How a tool writes its pairs. */
export interface Manner {
  activations: 'uint8' | 'int8';
  /** Zero point 0. */
  symmetric?: boolean;
  perChannel: boolean;
  /** Weights as floats behind QuantizeLinear, or as integers. */
  floatWeights?: boolean;
  /** int32 behind DequantizeLinear, or floats. */
  integerBias: boolean;
  /** Scales and zero points as Constant nodes. */
  constantNodes?: boolean;
}

export const kManners: Record<string, Manner> = {
  'onnxruntime, per tensor': { activations: 'uint8', perChannel: false, integerBias: true },
  'onnxruntime, per channel': { activations: 'uint8', perChannel: true, integerBias: true },
  'PyTorch 2 export': {
    activations: 'int8',
    symmetric: true,
    perChannel: true,
    floatWeights: true,
    integerBias: false,
    constantNodes: true,
  },
  'TensorFlow Lite': { activations: 'int8', perChannel: true, integerBias: true },
};

interface Value {
  /** Behind its DequantizeLinear. */
  name: string;
  dims: Dims;
  scale: number;
  zero: number;
}

export class QdqGraph {
  readonly writer = new Writer();
  readonly dice: Dice;
  readonly manner: Manner;
  /** Operators between the pairs, by name. */
  readonly ops = new Map<string, number>();

  constructor(manner: Manner, seed: number) {
    this.manner = manner;
    this.dice = new Dice(seed);
  }

  #parameter(tensor: Filled): string {
    if (!this.manner.constantNodes) return this.writer.constant(tensor);
    return this.writer.node('Constant', [], { value: tensor });
  }

  #pair(value: string, dims: Dims, scale: number, zero: number): Value {
    const { activations } = this.manner;
    const parameters = [
      this.#parameter(scalar('float32', scale)),
      this.#parameter(scalar(activations, zero)),
    ];
    const quantized = this.writer.node('QuantizeLinear', [value, ...parameters]);
    const name = this.writer.node('DequantizeLinear', [quantized, ...parameters]);
    return { name, dims, scale, zero };
  }

  #zero(): number {
    const { activations, symmetric } = this.manner;
    if (symmetric) return 0;
    const zero = this.dice.between(-28, 28);
    return activations === 'uint8' ? zero + 128 : zero;
  }

  /** An op with its pair; `like` keeps that value's parameters. */
  #op(
    op: string,
    inputs: string[],
    dims: Dims,
    range: number | Value,
    attributes?: Record<string, AttributeValue>,
  ): Value {
    this.ops.set(op, (this.ops.get(op) ?? 0) + 1);
    let value = this.writer.node(op, inputs, attributes);
    if (typeof range !== 'number') return this.#pair(value, dims, range.scale, range.zero);
    const isRelu = this.dice.of(3) === 0 && (op === 'Conv' || op === 'Add' || op === 'Gemm');
    if (isRelu) value = this.writer.node('Relu', [value]);
    const floor = this.manner.activations === 'uint8' ? 0 : -128;
    const folded = isRelu && !this.manner.symmetric && this.dice.of(2) === 0;
    return this.#pair(value, dims, Math.fround(range / 127), folded ? floor : this.#zero());
  }

  input(dims: Dims): Value {
    const fed = this.writer.feed(this.dice.floats(-1, 1, ...dims));
    return this.#pair(fed, dims, Math.fround(1 / 127), this.#zero());
  }

  /** Weights along `axis`, and their scales. */
  #weight(dims: Dims, axis: number): { name: string; scales: number[] } {
    const { perChannel, floatWeights } = this.manner;
    const n = perChannel ? dims[axis]! : 1;
    const scales = this.dice.floats(0.004, 0.012, n);
    const shape = perChannel ? [n] : [];
    const scale = this.#parameter({ ...scales, dims: shape });
    const zero = this.#parameter({ type: 'int8', dims: shape, data: Array(n).fill(0) });
    const attributes: Record<string, AttributeValue> = perChannel ? { axis } : {};
    const data = floatWeights
      ? this.writer.node(
          'QuantizeLinear',
          [this.writer.constant(this.dice.floats(-1, 1, ...dims)), scale, zero],
          attributes,
        )
      : this.writer.constant(this.dice.s8(...dims));
    const name = this.writer.node('DequantizeLinear', [data, scale, zero], attributes);
    return { name, scales: scales.data };
  }

  #bias(n: number, x: Value, scales: number[]): string {
    if (!this.manner.integerBias) return this.writer.constant(this.dice.floats(-0.5, 0.5, n));
    const data = this.writer.constant(this.dice.integers('int32', -1000, 1000, n));
    const products = scales.map((scale) => Math.fround(x.scale * scale));
    const dims = this.manner.perChannel ? [n] : [];
    const scale = this.writer.constant({ type: 'float32', dims, data: products });
    const zero = this.writer.constant({ type: 'int32', dims, data: products.map(() => 0) });
    return this.writer.node(
      'DequantizeLinear',
      [data, scale, zero],
      this.manner.perChannel ? { axis: 0 } : {},
    );
  }

  conv(x: Value, out: number, kernel: number, group = 1): Value {
    const channels = x.dims[1]!;
    const { name, scales } = this.#weight([out, channels / group, kernel, kernel], 0);
    const pad = (kernel - 1) / 2;
    const inputs = [x.name, name, this.#bias(out, x, scales)];
    const attributes = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad], group };
    const dims = [x.dims[0]!, out, ...x.dims.slice(2)];
    return this.#op('Conv', inputs, dims, 2 + this.dice.next(), attributes);
  }

  /** One layer more, on the newest value or an older one of its shape. */
  grow(values: Value[]): Value {
    const dice = this.dice;
    const x = values.at(-1)!;
    const same = values.filter(({ dims }) => String(dims) === String(x.dims));
    const y = dice.pick(same);
    const [n, channels, height, width] = x.dims as [number, number, number, number];
    switch (dice.of(11)) {
      case 0:
        return this.#op('Add', [x.name, y.name], x.dims, 2.2);
      case 1:
        return this.#op('Mul', [x.name, y.name], x.dims, 1.4);
      case 2:
        return this.#op('MaxPool', [x.name], x.dims, x, {
          kernel_shape: [3, 3],
          pads: [1, 1, 1, 1],
        });
      case 3: {
        const scales = this.writer.constant({ dims: [4], data: [1, 1, 2, 2] });
        const dims = [n, channels, height * 2, width * 2];
        return height > 12
          ? x
          : this.#op('Resize', [x.name, '', scales], dims, x, {
              mode: 'nearest',
              coordinate_transformation_mode: 'asymmetric',
              nearest_mode: 'floor',
            });
      }
      case 4: {
        const dims = [n, channels * 2, height, width];
        return channels > 8 ? x : this.#op('Concat', [x.name, y.name], dims, 1.1, { axis: 1 });
      }
      case 5:
        return this.#op('Transpose', [x.name], [n, channels, width, height], x, {
          perm: [0, 1, 3, 2],
        });
      case 6:
        return this.#op('LeakyRelu', [x.name], x.dims, 1, { alpha: { float: 0.1 } });
      case 7:
        return this.conv(x, channels, 3, channels);
      default:
        return this.conv(x, dice.pick([4, 6]), dice.pick([1, 3]));
    }
  }

  averagePool(x: Value): Value {
    return this.#op('AveragePool', [x.name], x.dims, 1, {
      kernel_shape: [3, 3],
      pads: [1, 1, 1, 1],
    });
  }

  /** [N, C, H, W] to scores, by a Gemm or a MatMul. */
  head(x: Value): Value {
    const [n, channels] = x.dims as [number, number];
    const pooled = this.#op('GlobalAveragePool', [x.name], [n, channels, 1, 1], 0.8);
    const flat = this.#op('Flatten', [pooled.name], [n, channels], pooled);
    if (this.dice.of(2) === 0) {
      const { name } = this.#weight([channels, 7], 1);
      return this.#op('MatMul', [flat.name, name], [n, 7], 2);
    }
    const { name, scales } = this.#weight([7, channels], 0);
    return this.#op('Gemm', [flat.name, name, this.#bias(7, flat, scales)], [n, 7], 2, {
      transB: 1,
    });
  }

  finish(value: Value): void {
    this.writer.output(value.name, 'float32');
  }
}

export function randomQdqGraph(manner: Manner, seed: number): QdqGraph {
  const graph = new QdqGraph(manner, seed);
  const values = [graph.conv(graph.input([2, 3, 7, 6]), 4, 3)];
  for (let layers = 2 + graph.dice.of(5); layers > 0; --layers) values.push(graph.grow(values));
  graph.finish(graph.dice.of(2) === 0 ? graph.head(values.at(-1)!) : values.at(-1)!);
  return graph;
}
