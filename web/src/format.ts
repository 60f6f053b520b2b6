// Numbers as the page shows them.

/** 83330 -> "81.4 KiB". */
export function bytes(count: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  const power = count < 1024 ? 0 : Math.min(3, Math.floor(Math.log2(count) / 10));
  return `${power ? (count / 1024 ** power).toFixed(1) : count} ${units[power]}`;
}

/** 0.9978 -> "99.8 %"; a share that is not exactly all never reads "100 %". */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '-';
  if (share === 1) return '100 %';
  return `${Math.min(99.9, share * 100).toFixed(1)} %`;
}

/** SQNR in dB; no number at all means that the values are equal, bit for bit. */
export function decibels(sqnr: number | null | undefined): string {
  if (sqnr === undefined) return '-';
  return sqnr === null || !Number.isFinite(sqnr) ? 'exact' : `${sqnr.toFixed(1)} dB`;
}

export function milliseconds(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toPrecision(3)} us`;
  return `${ms < 100 ? ms.toPrecision(3) : ms.toFixed(0)} ms`;
}

/** 1234567 -> "1.23 M". */
export function count(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)} ${unit}`;
  }
  return String(value);
}

/** How good an SQNR is, for colours only. */
export function level(sqnr: number | null | undefined): 'good' | 'fair' | 'bad' {
  const value = sqnr ?? Number.POSITIVE_INFINITY;
  return value >= 20 ? 'good' : value >= 10 ? 'fair' : 'bad';
}
