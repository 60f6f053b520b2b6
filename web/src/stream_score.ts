// Two runs over one recording compared: p and q are the probabilities of float and int8, window by window.
//   mean error = mean |p - q|,  agreement = share of windows with p and q on the same side of 1/2

export const kThreshold = 0.5;

export interface StreamScore {
  windows: number;
  meanError: number;
  largestError: number;
  agreement: number;
}

export function streamScore(float: Float32Array, int8: Float32Array): StreamScore {
  const windows = float.length;
  let [sum, largestError, same] = [0, 0, 0];
  float.forEach((p, i) => {
    const q = int8[i]!;
    const error = Math.abs(p - q);
    sum += error;
    largestError = Math.max(largestError, error);
    same += Number(p > kThreshold === q > kThreshold);
  });
  return { windows, meanError: sum / windows, largestError, agreement: same / windows };
}

/** Least and greatest sample in each of `columns` equal parts, over the largest of all: -1..1. */
export function envelope(signal: Float32Array, columns: number): { low: number; high: number }[] {
  const peak = signal.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const edge = (column: number) => Math.floor((column * signal.length) / columns);
  return Array.from({ length: columns }, (_, column) => {
    const part = signal.subarray(edge(column), Math.max(edge(column) + 1, edge(column + 1)));
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const value of part) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return { low: low / peak, high: high / peak };
  });
}
