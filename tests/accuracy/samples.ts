// A set of samples, counted and fetched by index, so that floats exist only while they are fed.
// One sample is a flat Float32Array of the dims its model's row names.

/** Samples by index; labels, names and wanted outputs run parallel to them where the set has any. */
export interface Samples {
  readonly count: number;
  at(index: number): Float32Array;
  readonly labels?: ArrayLike<number>;
  readonly names?: readonly string[];
  readonly wanted?: (index: number) => Float32Array;
}

export function pick(samples: Samples, keep: (index: number) => boolean): Samples {
  const kept = Array.from({ length: samples.count }, (_, i) => i).filter(keep);
  const { labels, names, wanted } = samples;
  return {
    count: kept.length,
    at: (i) => samples.at(kept[i]!),
    ...(labels && { labels: kept.map((i) => labels[i]!) }),
    ...(names && { names: kept.map((i) => names[i]!) }),
    ...(wanted && { wanted: (i: number) => wanted(kept[i]!) }),
  };
}

export function chain(a: Samples, b: Samples): Samples {
  return {
    count: a.count + b.count,
    at: (i) => (i < a.count ? a.at(i) : b.at(i - a.count)),
    names: [...(a.names ?? []), ...(b.names ?? [])],
  };
}
