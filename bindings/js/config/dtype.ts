// Dtypes that a pattern of a backend takes, with the constraints on their quantization parameters.
import { Config } from './base.ts';
import { readDef } from './check.ts';
import type {
  BoundedSum,
  ConstrainedDType,
  DType,
  DTypeConfigJson,
  DTypeWithConstraintsJson,
} from './json.ts';

export class DTypeWithConstraints extends Config {
  static override readonly def = 'DTypeWithConstraints';
  declare readonly dtype?: DType;
  declare readonly quantMinLowerBound?: number;
  declare readonly quantMaxUpperBound?: number;
  declare readonly scaleMinLowerBound?: number;
  declare readonly scaleMaxUpperBound?: number;
  declare readonly scaleExactMatch?: number;
  declare readonly zeroPointExactMatch?: number;
  declare readonly boundedSum?: BoundedSum;

  constructor(json: DTypeWithConstraintsJson = {}) {
    super();
    this.assign(json);
  }
}

function constrained(dtype: ConstrainedDType | undefined): DTypeWithConstraints {
  if (dtype instanceof DTypeWithConstraints) return dtype;
  return new DTypeWithConstraints(typeof dtype === 'string' ? { dtype } : dtype);
}

// What has no dtype constrains nothing.
const written = (one: DTypeWithConstraints) => (one.dtype ? one : undefined);

export class DTypeConfig extends Config {
  static override readonly def = 'DTypeConfig';
  declare readonly inputDtypeWithConstraints: DTypeWithConstraints;
  declare readonly outputDtypeWithConstraints: DTypeWithConstraints;
  declare readonly weightDtypeWithConstraints: DTypeWithConstraints;
  declare readonly biasDtype?: DType;
  declare readonly isDynamic?: boolean;

  constructor(json: DTypeConfigJson = {}) {
    super();
    this.assign(json);
  }
  protected override assign(json: unknown): this {
    const { inputDtype, outputDtype, weightDtype, ...rest } = readDef(DTypeConfig.def, json) as {
      [K in keyof DTypeConfigJson]: Exclude<DTypeConfigJson[K], null>;
    };
    return Object.assign(this, rest, {
      inputDtypeWithConstraints: constrained(inputDtype),
      outputDtypeWithConstraints: constrained(outputDtype),
      weightDtypeWithConstraints: constrained(weightDtype),
    });
  }

  get inputDtype(): DType | undefined {
    return this.inputDtypeWithConstraints.dtype;
  }
  get outputDtype(): DType | undefined {
    return this.outputDtypeWithConstraints.dtype;
  }
  get weightDtype(): DType | undefined {
    return this.weightDtypeWithConstraints.dtype;
  }

  override fields(): object {
    return {
      inputDtype: written(this.inputDtypeWithConstraints),
      outputDtype: written(this.outputDtypeWithConstraints),
      weightDtype: written(this.weightDtypeWithConstraints),
      biasDtype: this.biasDtype,
      isDynamic: this.isDynamic,
    };
  }
}
